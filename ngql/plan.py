"""Plan nodes: how the rows of a source are found; and the stage that gives every source its plainest access.

The plain plan reads whole tables and leaves everything else to the tail, so it is right by construction. The rules of
`optimize` replace what the engine does better; with all rules off the answer is the same, only later.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from ngql import bound, types
from ngql.ast import Span

__all__ = [
    "Access",
    "Boxed",
    "Count",
    "EngineQuery",
    "GraphFunction",
    "Lookup",
    "Match",
    "Nearest",
    "Neighbors",
    "Pairs",
    "Path",
    "Scan",
    "Spread",
    "Stored",
    "Whole",
    "plan",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One engine call that gives rows; `filter` is a conjunction, `columns=None` stands for all."""

    table: str = "tokens"
    columns: tuple[str, ...] | None = None
    filter: tuple[bound.Expr, ...] = ()
    limit: bound.Expr | None = None
    offset: bound.Expr | None = None
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan(Access):
    """Every row, by id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup(Access):
    """The rows with these ids or keys, by id; a parameter among them may hold a list."""

    column: str
    values: tuple[bound.Expr, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest(Access):
    """The rows by distance from a point, then id; no limit gives all, a radius those within it."""

    near: bound.Near
    within: bound.Expr | None = None
    """A bound that `filter` also checks, so one that is negative or NULL only means no row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs(Access):
    """The pairs of tokens within a radius of each other: `a`, `b` (ids) and `distance`; `filter` is about a."""

    radius: bound.Expr
    """A bound to compare with, so one that is negative or NULL only means no pair."""
    strict: bool
    metric: bound.MetricSpec | None = None
    filter_b: tuple[bound.Expr, ...] = ()
    ids: str | None = None
    """How the id of a compares with the id of b."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boxed(Access):
    """The rows in a box, by id."""

    box: bound.Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbors(Access):
    """Tokens by fewest hops."""

    token: bound.Expr
    depth: tuple[bound.Expr, bound.Expr]
    via: tuple[str, ...] | None
    direction: str
    near: bound.Near | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread(Access):
    """Tokens by activation, falling, then id."""

    seeds: Any
    """The query whose rows begin with activation."""
    via: tuple[str, ...] | None
    direction: str
    steps: bound.Expr
    decay: bound.Expr | None
    seeds_span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole(Access):
    """A call that gives all its rows and columns, whatever is asked of them."""

    shown: tuple[str, ...]
    """The columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphFunction(Whole):
    """What the engine tells of every token, by id; arguments as in `bound.GraphFunctionSource`."""

    function: str
    arguments: tuple[tuple[str, Any], ...]
    places: tuple[tuple[str, Span | None], ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Path(Whole):
    """A way of fewest hops or of the least cost, or several."""

    start: bound.Expr
    goal: bound.Expr
    via: tuple[str, ...] | None
    max_depth: bound.Expr | None
    direction: str
    cost: bound.Expr | None
    count: bound.Expr | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Match(Access):
    """The paths of a pattern; columns are called `variable.column`."""

    pattern: bound.MatchSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored(Access):
    """A registered table, or an information table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Count(Access):
    """How many rows an access would give, as the one row of one column."""

    of: Scan | Nearest | Boxed
    within: bound.Expr | None = None
    """A bound on the distance that nothing else checks, so one that is negative or NULL means no row."""
    strict: bool = False
    """Whether rows exactly at this bound are left out."""


@dataclass(frozen=True, slots=True)
class EngineQuery:
    """A query that one access answers: `output` pairs its columns with the names shown."""

    access: Access
    output: tuple[tuple[str, str], ...]
    order: tuple[()] = ()
    limit: None = None
    offset: None = None
    ctes: tuple[()] = ()
    recursive: bool = False


def plan(statement: Any) -> Any:
    """Give every source of a bound statement its plainest access."""
    return bound.rewrite(statement, _plan_node)


def _plan_node(node: Any) -> Any:
    match node:
        case bound.TableSource():
            return _table(node)
        case bound.NeighborsSource():
            access: Access = Neighbors(
                token=node.token,
                depth=node.depth,
                via=node.via,
                direction=node.direction,
                near=node.near,
                filter=() if node.box is None else (_inside(node.box, node.alias),),
                span=node.span,
            )
            return bound.AccessSource(node.alias, access, node.columns)
        case bound.PathSource():
            access = Path(
                shown=tuple(name for name, _ in node.columns),
                start=node.start,
                goal=node.goal,
                via=node.via,
                max_depth=node.max_depth,
                direction=node.direction,
                cost=node.cost,
                count=node.count,
                span=node.span,
            )
            return bound.AccessSource(node.alias, access, node.columns)
        case bound.MatchSource():
            return bound.AccessSource(node.alias, Match(pattern=node, span=node.span), node.columns)
        case bound.SpreadSource():
            access = Spread(
                seeds=node.seeds,
                via=node.via,
                direction=node.direction,
                steps=node.steps,
                decay=node.decay,
                span=node.span,
                seeds_span=node.seeds_span,
            )
            return bound.AccessSource(node.alias, access, node.columns)
        case bound.GraphFunctionSource():
            access = GraphFunction(
                shown=tuple(name for name, _ in node.columns),
                function=node.function,
                arguments=node.arguments,
                places=node.places,
                span=node.span,
            )
            return bound.AccessSource(node.alias, access, node.columns)
        case bound.Block(source=bound.AccessSource() as source, implicit_order=True):
            return replace(node, order=natural_order(source))
        case bound.Block(implicit_order=True):
            return replace(node, implicit_order=False)
        case _:
            return node


def _table(source: bound.TableSource) -> bound.AccessSource:
    if source.table not in ("tokens", "connections"):
        return bound.AccessSource(source.alias, Stored(table=source.table), source.columns)
    if isinstance(source.form, bound.Box):
        boxed = Boxed(box=source.form, span=source.form.span)
        return bound.AccessSource(source.alias, boxed, source.columns)
    return bound.AccessSource(source.alias, Scan(table=source.table), source.columns, near=source.form)


def _inside(box: bound.Box, alias: str) -> bound.BoxTest:
    coords = bound.Column(alias, "coords", type=types.POINT)
    return bound.BoxTest(coords, box.low, box.high, type=types.BOOLEAN, span=box.span)


def natural_order(source: bound.AccessSource) -> tuple[bound.OrderKey, ...]:
    """The order a form promises: by distance, depth or activation, then id, or by path and step; none for a table."""
    access = source.access
    names: tuple[tuple[str, str], ...] = ()
    if source.near is not None or isinstance(access, Nearest) or getattr(access, "near", None) is not None:
        names = (("distance", types.DOUBLE), ("id", types.BIGINT))
    elif isinstance(access, Neighbors):
        names = (("depth", types.INTEGER), ("id", types.BIGINT))
    elif isinstance(access, Spread):
        active = bound.Column(source.alias, "activation", type=types.DOUBLE)
        by_id = bound.Column(source.alias, "id", type=types.BIGINT)
        return bound.OrderKey(active, descending=True, nulls_first=True), bound.OrderKey(by_id)
    elif isinstance(access, (Boxed, GraphFunction)):
        names = (("id", types.BIGINT),)
    elif isinstance(access, Path):
        names = (("step", types.INTEGER),)
        if access.count is not None:
            names = (("path", types.INTEGER), *names)
    return tuple(bound.OrderKey(bound.Column(source.alias, name, type=type_)) for name, type_ in names)
