"""Expressions: a value of every row, or of the whole statement."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ngql import types
from ngql.ast import Span

if TYPE_CHECKING:
    from ngql.bound.query import Query

__all__ = [
    "BoxTest",
    "Call",
    "Case",
    "Cast",
    "Column",
    "Constant",
    "Distance",
    "Expr",
    "Frame",
    "FrameBound",
    "GroupingSets",
    "HopColumn",
    "ListValue",
    "MetricSpec",
    "Operation",
    "OrderKey",
    "Output",
    "Parameter",
    "Point",
    "Star",
    "Subquery",
    "Window",
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
class HopColumn(Expr):
    """In COST, a column of the connection `e`, of the token left `u` or of the token reached `v`."""

    of: str
    name: str


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

    @property
    def partial(self) -> Point | None:
        """The partial point among the operands, whose axes alone count."""
        points = (side for side in (self.left, self.right) if isinstance(side, Point))
        return next((point for point in points if point.is_partial), None)


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
