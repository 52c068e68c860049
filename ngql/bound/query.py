"""Queries: sources, blocks, set operations, and the metric's and space's own forms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ngql.ast import Span
from ngql.bound.expression import Call, Expr, MetricSpec, Operation, OrderKey, Point, Window

if TYPE_CHECKING:
    from ngql.plan import Access

__all__ = [
    "AccessSource",
    "Block",
    "Box",
    "Cte",
    "CteSource",
    "DerivedSource",
    "EdgePart",
    "FunctionSource",
    "GraphFunctionSource",
    "Item",
    "Join",
    "Leaf",
    "MatchSource",
    "Near",
    "NeighborsSource",
    "NodePart",
    "PathSource",
    "Query",
    "SetOperation",
    "Source",
    "SpreadSource",
    "TableSource",
    "ValuesQuery",
    "conjuncts",
    "sources",
]


@dataclass(frozen=True, slots=True)
class Item:
    """One column of a result."""

    expr: Expr
    name: str


@dataclass(frozen=True, slots=True)
class Near:
    """`NEAR point [WITHIN radius]`: adds `distance`; a token named by the point is left out.

    With the operator `<+>` the distance is the sum of the axes.
    """

    point: Point
    radius: Expr | None = None
    metric: MetricSpec | None = None
    op: str = "<->"
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Box:
    """`IN BOX low TO high`; a left-out axis is open."""

    low: Point
    high: Point
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class TableSource:
    """A table by its name under an alias: tokens, connections, an information table or a registered one."""

    alias: str
    table: str
    columns: tuple[tuple[str, str], ...]
    """What a `*` shows: (name, type)."""
    form: Near | Box | None = None


@dataclass(frozen=True, slots=True)
class NeighborsSource:
    """`NEIGHBORS OF token …`: the tokens reached, with `depth`, and with NEAR `distance`."""

    alias: str
    columns: tuple[tuple[str, str], ...]
    token: Expr
    depth: tuple[Expr, Expr]
    via: tuple[str, ...] | None = None
    direction: str = "out"
    near: Near | None = None
    box: Box | None = None
    """Where the tokens shown lie; the walk leaves it and comes back."""
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class PathSource:
    """`PATH FROM a TO b …` and `k PATHS FROM a TO b …`: one row a step."""

    alias: str
    columns: tuple[tuple[str, str], ...]
    start: Expr
    goal: Expr
    via: tuple[str, ...] | None = None
    max_depth: Expr | None = None
    direction: str = "out"
    cost: Expr | None = None
    """Of a hop; None counts hops."""
    count: Expr | None = None
    """How many paths, which `path` numbers; None is one, without a number."""
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class SpreadSource:
    """`SPREAD FROM (query) …`: the tokens that activation comes to, with `activation`.

    `seeds` is a query of its own, which names nothing around it: the engine call needs its rows first.
    """

    alias: str
    columns: tuple[tuple[str, str], ...]
    seeds: Query
    via: tuple[str, ...] | None
    steps: Expr
    decay: Expr | None = None
    direction: str = "out"
    span: Span | None = field(default=None, compare=False, repr=False)
    seeds_span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class GraphFunctionSource:
    """`pagerank(…)`, `components(…)`: what the engine tells of every token.

    `arguments` are those given, by name: an expression, or a tuple of them, or of names of types.
    """

    alias: str
    columns: tuple[tuple[str, str], ...]
    function: str
    arguments: tuple[tuple[str, Expr | tuple[Expr, ...] | tuple[str, ...]], ...]
    places: tuple[tuple[str, Span | None], ...] = field(default=(), compare=False, repr=False)
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class NodePart:
    """A token of a pattern: what it passes, the query that gives its ids, the place of the one it is the same as."""

    filter: tuple[Expr, ...] = ()
    query: Query | None = None
    same: int | None = None


@dataclass(frozen=True, slots=True)
class EdgePart:
    """A connection of a pattern, or a walk along `low` to `high` of them; a `high` of None is any number."""

    filter: tuple[Expr, ...]
    via: tuple[str, ...] | None
    direction: str
    low: Expr
    high: Expr | None
    cost: Expr | None = None
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class MatchSource:
    """A path pattern of MATCH: a row a path, the columns of its variables called `variable.column`."""

    alias: str
    columns: tuple[tuple[str, str], ...]
    variables: tuple[tuple[str, int], ...]
    """Names and places: of tokens from 0 on, of connections from -1 down."""
    path: str | None
    """The name of the path itself."""
    nodes: tuple[NodePart, ...]
    edges: tuple[EdgePart, ...]
    mode: str
    selector: str | None
    count: Expr | None
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class AccessSource:
    """What `plan` makes of these: an engine call that gives the rows.

    `near` is a NEAR which the call does not answer (yet): then the tail measures, filters and leaves out.
    """

    alias: str
    access: Access
    columns: tuple[tuple[str, str], ...]
    near: Near | None = None


@dataclass(frozen=True, slots=True)
class DerivedSource:
    """A query in FROM; `columns` is None when only DuckDB knows them."""

    alias: str
    query: Query
    columns: tuple[tuple[str, str], ...] | None
    names: tuple[str, ...] = ()
    lateral: bool = False


@dataclass(frozen=True, slots=True)
class CteSource:
    """A WITH query by its name."""

    alias: str
    name: str
    columns: tuple[tuple[str, str], ...] | None
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FunctionSource:
    """A table function of DuckDB."""

    alias: str
    call: Call
    names: tuple[str, ...] = ()
    columns: None = None


@dataclass(frozen=True, slots=True)
class Join:
    """`left KIND JOIN right`; kind is inner, left, right, full or cross."""

    kind: str
    left: Source
    right: Source
    on: Expr | None = None
    using: tuple[str, ...] = ()
    natural: bool = False


Leaf = (
    TableSource
    | NeighborsSource
    | PathSource
    | MatchSource
    | SpreadSource
    | GraphFunctionSource
    | AccessSource
    | DerivedSource
    | CteSource
    | FunctionSource
)
Source = Leaf | Join


@dataclass(frozen=True, slots=True)
class Cte:
    """One `name [(columns)] AS (query)`."""

    name: str
    query: Query
    names: tuple[str, ...] = ()
    materialized: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tail:
    """What may follow any query."""

    order: tuple[OrderKey, ...] = ()
    limit: Expr | None = None
    offset: Expr | None = None
    ctes: tuple[Cte, ...] = ()
    recursive: bool = False


@dataclass(frozen=True, slots=True)
class Block(_Tail):
    """One SELECT; `where` holds the terms of its conjunction."""

    items: tuple[Item, ...]
    source: Source | None = None
    where: tuple[Expr, ...] = ()
    group: tuple[Expr, ...] = ()
    having: Expr | None = None
    distinct: bool | tuple[Expr, ...] = False
    """False, True, or the expressions of DISTINCT ON."""
    windows: tuple[tuple[str, Window], ...] = ()
    qualify: Expr | None = None
    aggregated: bool = False
    """Whether rows are folded, by GROUP BY, HAVING or an aggregate."""
    implicit_order: bool = False
    """Whether the rows come in the order that the form in FROM promises: no join, grouping or ORDER BY."""


@dataclass(frozen=True, slots=True)
class SetOperation(_Tail):
    """`left UNION | EXCEPT | INTERSECT [ALL] right`."""

    op: str
    all: bool
    left: Query
    right: Query


@dataclass(frozen=True, slots=True)
class ValuesQuery(_Tail):
    """`VALUES (…), …`."""

    rows: tuple[tuple[Expr, ...], ...]


Query = Block | SetOperation | ValuesQuery


def conjuncts(expr: Expr | None) -> tuple[Expr, ...]:
    """The terms of a conjunction, flat."""
    if expr is None:
        return ()
    if isinstance(expr, Operation) and expr.op == "and":
        return tuple(term for arg in expr.args for term in conjuncts(arg))
    return (expr,)


def sources(source: Source | None) -> Iterator[Leaf]:
    """The sources joined in a FROM, left to right."""
    if isinstance(source, Join):
        yield from sources(source.left)
        yield from sources(source.right)
    elif source is not None:
        yield source
