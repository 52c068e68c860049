"""Which predicates the engine evaluates itself, and how they become its filter tuples.

The engine compares a column with a constant; everything else is the tail's. A predicate is handed over only where both
give the same answer for every value, NULL and rounding included.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ng_engine.errors import from_sqlstate
from ngql import bound, types, values
from ngql.engine import Engine, Filter
from ngql.values import Late

__all__ = ["COMPARISONS", "FLIPPED", "filter_of", "is_distance", "is_filter", "is_number"]

COMPARISONS = frozenset({"=", "<>", "<", "<=", ">", ">="})
FLIPPED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_NEGATED = {"=": "<>", "<>": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_JOINED = {"and": "or", "or": "and"}
_INT64 = 1 << 63


def is_filter(expr: bound.Expr, alias: str, table: str) -> bool:
    """Whether the engine can evaluate the predicate on rows of the table under this alias."""
    match expr:
        case bound.Constant(value=value):
            return value is None or isinstance(value, bool)
        case bound.Operation(op="and" | "or" | "not", args=args):
            return all(is_filter(arg, alias, table) for arg in args)
        case bound.Operation(op="is null" | "is not null", args=(bound.Column() as column,)):
            return _is_stored(column, alias)
        case bound.Operation(op="in" | "not in", args=(bound.Column() as column, *items)):
            return _is_stored(column, alias) and all(_fits(column, item) for item in items)
        case bound.Operation(op="in list" | "not in list", args=(bound.Column() as column, _)):
            return _is_stored(column, alias) and column.type != types.TIMESTAMPTZ
        case bound.BoxTest(operand=bound.Column() as column):
            return _is_coords(column, alias, table)
        case bound.Operation(op=op, args=(left, right)) if op in COMPARISONS:
            if values.is_constant(left):
                left, right = right, left
            if isinstance(left, bound.Column):
                return _is_stored(left, alias) and _fits(left, right)
            return is_distance(left, alias, table) and is_number(right)
        case _:
            return False


def is_distance(expr: bound.Expr, alias: str, table: str) -> bool:
    """Whether it is the weighted distance of the rows under this alias from a constant point."""
    match expr:
        case bound.Distance(op="<->" | "<+>", left=bound.Column() as column, right=bound.Point()):
            return _is_coords(column, alias, table)
        case _:
            return False


def _is_coords(column: bound.Column, alias: str, table: str) -> bool:
    return column.source == alias and column.name == "coords" and table == "tokens"


def _is_stored(column: bound.Column, alias: str) -> bool:
    kinds = (types.POINT, types.JSON)
    return column.source == alias and column.name != "distance" and column.type not in kinds


def is_number(expr: bound.Expr) -> bool:
    """Whether it is a constant number, or NULL."""
    return values.is_constant(expr) and (types.is_number(expr.type) or _is_null(expr))


def _is_null(expr: bound.Expr) -> bool:
    if isinstance(expr, bound.Parameter):
        return expr.kind == "null"
    return isinstance(expr, bound.Constant) and expr.value is None


def _fits(column: bound.Column, value: bound.Expr) -> bool:
    """Whether the engine compares the column with this constant as the tail does."""
    if not values.is_constant(value):
        return False
    if _is_null(value):
        return True
    match column.type:
        case types.BIGINT | types.INTEGER:
            return value.type in (types.BIGINT, types.INTEGER)
        case types.REAL:
            return types.is_number(value.type)
        case types.TEXT:
            return value.type == types.TEXT
        case types.TIMESTAMPTZ:
            return value.type == types.TIMESTAMPTZ or _timestamp(value) is not None
        case _:
            return False


def _timestamp(expr: bound.Expr) -> datetime | None:
    """The instant that a literal in ISO form stands for."""
    if not isinstance(expr, bound.Constant) or not isinstance(expr.value, str):
        return None
    try:
        return datetime.fromisoformat(expr.value.strip())
    except ValueError:
        return None


def filter_of(conjunction: Sequence[bound.Expr]) -> Any:
    """The engine's filter for predicates that `is_filter` accepts: a tuple, `Late`, or None for no predicate."""
    if not conjunction:
        return None
    parts = [_build(expr, positive=True) for expr in conjunction]
    return parts[0] if len(parts) == 1 else _join("and", parts)


def _join(op: str, parts: Sequence[Any]) -> Any:
    if not any(isinstance(part, Late) for part in parts):
        return (op, *parts)
    return Late(lambda engine, given: (op, *(values.late(part, engine, given) for part in parts)))


def _build(expr: bound.Expr, positive: bool) -> Any:
    """A predicate, or its negation pushed down to the leaves."""
    match expr:
        case bound.Constant(value=value):
            return ("const", value is not None and value == positive)
        case bound.Operation(op="not", args=(arg,)):
            return _build(arg, not positive)
        case bound.Operation(op="and" | "or" as op, args=args):
            return _join(op if positive else _JOINED[op], [_build(arg, positive) for arg in args])
        case bound.Operation(op="is null" | "is not null" as op, args=(bound.Column(name=name),)):
            return ("is_null" if (op == "is null") == positive else "is_not_null", name)
        case bound.Operation(op="in" | "not in" as op, args=(bound.Column() as column, *items)):
            return _membership((op == "in") == positive, column, items)
        case bound.Operation(op="in list" | "not in list" as op, args=(bound.Column() as column, items)):
            return _listed((op == "in list") == positive, column, items)
        case bound.BoxTest(low=low, high=high):
            return _box(low, high, positive)
        case bound.Operation(op=op, args=(left, right)):
            if values.is_constant(left):
                left, right, op = right, left, FLIPPED[op]
            op = op if positive else _NEGATED[op]
            return (
                _distance(op, left, right)
                if isinstance(left, bound.Distance)
                else _comparison(op, left, right)
            )
    raise AssertionError(f"not a filter: {expr}")


def _comparison(op: str, column: bound.Expr, value: bound.Expr) -> Any:
    assert isinstance(column, bound.Column), column
    instant = _timestamp(value) if column.type == types.TIMESTAMPTZ else None
    if instant is not None:
        return (op, column.name, instant)
    if isinstance(value, bound.Constant):
        return _leaf(op, column, value.value)
    return _read(value, lambda given: _leaf(op, column, given))


def _read(expr: bound.Expr, make: Any) -> Late:
    read = values.constant(expr)
    return Late(lambda engine, given: make(values.late(read, engine, given)))


def _leaf(op: str, column: bound.Column, value: Any) -> Filter:
    """One comparison; what no value of the column can decide is decided here."""
    if value is None:
        return ("const", False)
    if column.type in (types.BIGINT, types.INTEGER) and not -_INT64 <= value < _INT64:
        holds = op == "<>" or (op in ("<", "<=") if value > 0 else op in (">", ">="))
        return ("is_not_null", column.name) if holds else ("const", False)
    if column.type == types.REAL:
        value = comparable_number(value)
    return (op, column.name, value)


def comparable_number(value: Any) -> float:
    """A number as the engine and the tail compare it with a REAL column: rounded to float32; NaN is 22003."""
    if value != value:
        raise from_sqlstate("22003", "NaN cannot be compared with a column")
    try:
        return types.to_float32(float(value))
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _membership(inside: bool, column: bound.Column, items: Sequence[bound.Expr]) -> Any:
    """IN is an OR of equalities; NOT IN an AND of inequalities, which one NULL makes pass nothing."""
    plain = all(isinstance(item, bound.Constant) for item in items)
    if plain and column.type != types.TIMESTAMPTZ:
        leaves = [_leaf("=", column, item.value) for item in items if isinstance(item, bound.Constant)]
        known = [leaf[2] for leaf in leaves if leaf[0] == "="]
        if inside:
            return ("in", column.name, known)
        if not any(item.value is None for item in items if isinstance(item, bound.Constant)):
            return ("not_in", column.name, known)
    op, joined = ("=", "or") if inside else ("<>", "and")
    return _join(joined, [_comparison(op, column, item) for item in items])


def _listed(inside: bool, column: bound.Column, items: bound.Expr) -> Late:
    """Membership in a list that a parameter holds; in an empty list nothing is, not even NULL."""
    op, joined = ("=", "or") if inside else ("<>", "and")

    def make(given: Sequence[Any]) -> Filter:
        members = [values.plain(member) for member in given]
        for member in members:
            if member is not None and isinstance(member, str) != (column.type == types.TEXT):
                raise from_sqlstate("42804", f'column "{column.name}" is compared with {column.type} only')
        if not members:
            return ("const", not inside)
        return (joined, *(_leaf(op, column, member) for member in members))

    return _read(items, make)


def _box(low: bound.Point, high: bound.Point, inside: bool) -> Late:
    """The axes one by one; an open side asks for nothing."""
    least, most = values.corner(low), values.corner(high, low)
    above, below, joined = (">=", "<=", "and") if inside else ("<", ">", "or")

    def read(engine: Engine, given: Sequence[Any]) -> Filter:
        sides = ((above, least.read(engine, given)), (below, most.read(engine, given)))
        axes = [
            (op, f"l{axis}", side)
            for op, corner in sides
            for axis, side in enumerate(corner, 1)
            if side is not None
        ]
        return (joined, *axes)

    return Late(read)


def _distance(op: str, distance: bound.Distance, value: bound.Expr) -> Any:
    place = distance.right
    assert isinstance(place, bound.Point), distance
    point, metric = values.point(place), values.metric(distance.metric, place)
    bound_at = values.constant(value)
    norm = ("l1",) if distance.op == "<+>" else ()

    def read(engine: Engine, given: Sequence[Any]) -> Filter:
        limit = values.late(bound_at, engine, given)
        if limit is None:
            return ("const", False)
        if limit != limit:
            raise from_sqlstate("22003", "NaN cannot be compared with a distance")
        here = values.late(point, engine, given)
        return ("distance", op, here, values.late(metric, engine, given), float(limit), *norm)

    return Late(read)
