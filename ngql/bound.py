"""The bound statement: names resolved to columns, types known where the engine knows them, nothing of the text left.

`bind` builds these trees, `plan` and the rules rewrite them, `lower` turns them into engine calls and SQL. All nodes
are immutable; `span` (where the node came from) takes no part in equality.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ngql import types
from ngql.ast import Span

if TYPE_CHECKING:
    from ngql.plan import Access

__all__ = [
    "AccessSource",
    "Block",
    "Box",
    "BoxTest",
    "Call",
    "Case",
    "Cast",
    "Column",
    "Constant",
    "Cte",
    "CteSource",
    "DerivedSource",
    "Distance",
    "Expr",
    "Frame",
    "FrameBound",
    "FunctionSource",
    "GroupingSets",
    "Item",
    "Join",
    "Leaf",
    "ListValue",
    "MetricSpec",
    "Near",
    "NeighborsSource",
    "Operation",
    "OrderKey",
    "Output",
    "Parameter",
    "PathSource",
    "Point",
    "Query",
    "SetOperation",
    "Source",
    "Star",
    "Subquery",
    "TableSource",
    "ValuesQuery",
    "Window",
    "children",
    "conjuncts",
    "rewrite",
    "sources",
    "walk",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expr:
    """A value of every row, or of the whole statement."""

    type: str = types.UNKNOWN
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Column(Expr):
    """A column of a source in scope; `source` is the alias, or None when only DuckDB knows whose it is.

    `folded` marks the columns that hold names of the store: those are lower case, and look-up ignores case.
    """

    source: str | None
    name: str
    folded: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Constant(Expr):
    """A literal."""

    value: Any


@dataclass(frozen=True, slots=True)
class Parameter(Expr):
    """The run's value number `slot`, of a kind of `ngql.parameters`."""

    slot: int
    kind: str


@dataclass(frozen=True, slots=True)
class Point(Expr):
    """A constant point.

    `items` are eight coordinates, None for one left out; or `value` is a parameter that holds the point, or a token
    reference whose coordinates are meant.
    """

    items: tuple[Expr | None, ...] | None = None
    value: Expr | None = None

    @property
    def is_token(self) -> bool:
        """Whether the coordinates are those of a token."""
        value = self.value
        return value is not None and (
            isinstance(value, Constant) or getattr(value, "kind", "") in ("int", "text")
        )

    @property
    def is_partial(self) -> bool:
        """Whether axes are left out."""
        if self.items is not None:
            return None in self.items
        return isinstance(self.value, Parameter) and self.value.kind in ("starred", "partial")


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """`USING CDNA`: a profile by name, or eight scales and periods; a None entry is the active profile's."""

    profile: str | Parameter | None = None
    scale: tuple[Expr | None, ...] | Expr | None = None
    period: tuple[Expr | None, ...] | Expr | None = None
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Distance(Expr):
    """`left <-> right` or `left <+> right`; a metric of None is the session's."""

    op: str
    left: Expr
    right: Expr
    metric: MetricSpec | None = None


@dataclass(frozen=True, slots=True)
class BoxTest(Expr):
    """`operand IN BOX low TO high`, both ends included."""

    operand: Expr
    low: Point
    high: Point


@dataclass(frozen=True, slots=True)
class Operation(Expr):
    """An operator over its operands, by its lower-case name: `+`, `and`, `is null`, `not like`, `[]`, ….

    `in` and `not in` hold the operand first, then the list. `detail` is what the operator needs beside operands: a
    field, a unit, a collation, a comparison.
    """

    op: str
    args: tuple[Expr, ...]
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Output(Expr):
    """A column of the select list by its number from 0, in ORDER BY and GROUP BY."""

    index: int


@dataclass(frozen=True, slots=True)
class GroupingSets(Expr):
    """`GROUPING SETS`, `ROLLUP` or `CUBE` in GROUP BY."""

    kind: str
    sets: tuple[tuple[Expr, ...], ...]


@dataclass(frozen=True, slots=True)
class Star(Expr):
    """The `*` of `count(*)`, or all columns of a source whose columns only DuckDB knows."""

    source: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """`OVER name` or `OVER (…)`."""

    name: str | None = None
    partition: tuple[Expr, ...] = ()
    order: tuple[OrderKey, ...] = ()
    frame: Frame | None = None


@dataclass(frozen=True, slots=True)
class Call(Expr):
    """A function call."""

    name: str
    args: tuple[Expr, ...]
    distinct: bool = False
    order: tuple[OrderKey, ...] = ()
    filter: Expr | None = None
    over: Window | None = None
    named: tuple[tuple[str, Expr], ...] = ()


@dataclass(frozen=True, slots=True)
class Case(Expr):
    """`CASE [operand] WHEN … THEN … ELSE … END`."""

    operand: Expr | None
    whens: tuple[tuple[Expr, Expr], ...]
    otherwise: Expr | None


@dataclass(frozen=True, slots=True)
class Cast(Expr):
    """A cast to a DuckDB type, by its text."""

    operand: Expr
    to: str
    safe: bool = False


@dataclass(frozen=True, slots=True)
class ListValue(Expr):
    """A list or a row of values."""

    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Subquery(Expr):
    """A query inside an expression: `scalar`, `exists`, `in` or `not in` (with `operand`)."""

    query: Query
    kind: str = "scalar"
    operand: Expr | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One column of a result."""

    expr: Expr
    name: str


@dataclass(frozen=True, slots=True)
class OrderKey:
    """One sort key; NULLs last when ascending, first when descending, unless said."""

    expr: Expr
    descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True, slots=True)
class FrameBound:
    """One end of a window frame."""

    kind: str
    offset: Expr | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """A window frame: rows, range or groups between two ends."""

    unit: str
    start: FrameBound
    end: FrameBound | None = None
    exclude: str | None = None


@dataclass(frozen=True, slots=True)
class Near:
    """`NEAR point [WITHIN radius]`: adds `distance`; a token named by the point is left out."""

    point: Point
    radius: Expr | None = None
    metric: MetricSpec | None = None
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
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class PathSource:
    """`PATH FROM a TO b …`: one row a step."""

    alias: str
    columns: tuple[tuple[str, str], ...]
    start: Expr
    goal: Expr
    via: tuple[str, ...] | None = None
    max_depth: Expr | None = None
    direction: str = "out"
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class AccessSource:
    """What `plan` makes of the three: an engine call that gives the rows.

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


Source = (
    TableSource
    | NeighborsSource
    | PathSource
    | AccessSource
    | DerivedSource
    | CteSource
    | FunctionSource
    | Join
)
Leaf = TableSource | NeighborsSource | PathSource | AccessSource | DerivedSource | CteSource | FunctionSource


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


_PARTS: dict[type, tuple[str, ...] | None] = {}


def _parts(kind: type) -> tuple[str, ...] | None:
    """The fields of a node's class that may hold nodes; None for what is no node."""
    if kind not in _PARTS:
        parts = tuple(spec.name for spec in fields(kind) if spec.compare) if is_dataclass(kind) else None
        _PARTS[kind] = parts
    return _PARTS[kind]


_PLAIN = frozenset({str, int, float, bool, type(None), Span, datetime})


def children(node: Any) -> Iterator[Any]:
    """The nodes directly inside a node, in the order of its fields."""
    for name in _parts(type(node)) or ():
        value = getattr(node, name)
        if type(value) not in _PLAIN:
            yield from _nodes(value)


def _nodes(value: Any) -> Iterator[Any]:
    if type(value) is tuple:
        for entry in value:
            if type(entry) not in _PLAIN:
                yield from _nodes(entry)
    elif _parts(type(value)) is not None:
        yield value


def walk(node: Any, into_queries: bool = True) -> Iterator[Any]:
    """The node and everything below it, in the order of the text; without recursion, so depth costs no stack."""
    stack = [node]
    while stack:
        at = stack.pop()
        yield at
        if into_queries or not isinstance(at, Subquery):
            below = list(children(at))
            below.reverse()
            stack += below
        elif at.operand is not None:
            stack.append(at.operand)


def rewrite(node: Any, change: Callable[[Any], Any]) -> Any:
    """The tree with `change` applied to every node, children first; parts that stay the same are shared."""
    if type(node) is tuple:
        done = [entry if type(entry) in _PLAIN else rewrite(entry, change) for entry in node]
        return node if all(map(operator.is_, done, node)) else tuple(done)
    names = _parts(type(node))
    if names is None:
        return node
    changed = {}
    for name in names:
        value = getattr(node, name)
        if type(value) not in _PLAIN:
            done = rewrite(value, change)
            if done is not value:
                changed[name] = done
    return change(replace(node, **changed) if changed else node)


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
