"""Constants of a statement as run-time values: numbers, counts, points and metrics from literals and parameters.

Each reader is either a finished value or a function of the engine and the run's parameters, wrapped in `Late`; so a
plan without parameters computes nothing twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ng_engine.errors import from_sqlstate
from ngql import arithmetic, bound, types
from ngql.engine import Engine, Metric

__all__ = [
    "Late",
    "constant",
    "corner",
    "count",
    "finite",
    "hops",
    "is_constant",
    "late",
    "metric",
    "number",
    "plain",
    "point",
    "radius",
    "stored_point",
    "token",
    "tokens",
]

Values = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Late:
    """A value that only a run knows."""

    read: Callable[[Engine, Values], Any]


def late(value: Any, engine: Engine, values: Values) -> Any:
    """The value of a reader in a run."""
    return value.read(engine, values) if isinstance(value, Late) else value


def is_constant(expr: Any) -> bool:
    """Whether the expression is a literal or a parameter."""
    return isinstance(expr, (bound.Constant, bound.Parameter))


def plain(value: Any) -> Any:
    """A numpy scalar or array as Python's own; anything else as it is."""
    if hasattr(value, "tolist") and hasattr(value, "dtype"):
        return value.tolist()
    return value


def constant(expr: bound.Expr) -> Any:
    """A literal's value; a parameter's, or what arithmetic makes of parameters, when it runs."""
    if isinstance(expr, bound.Constant):
        return expr.value
    if isinstance(expr, bound.Operation):
        op, operands = expr.op, [constant(arg) for arg in expr.args]
        return Late(
            lambda engine, values: arithmetic.compute(op, *(late(each, engine, values) for each in operands))
        )
    assert isinstance(expr, bound.Parameter), expr
    slot = expr.slot
    return Late(lambda engine, values: plain(values[slot]))


def _checked(expr: bound.Expr, check: Callable[[Any], Any]) -> Any:
    """A constant passed through `check`, at once when it is a literal."""
    read = constant(expr)
    if isinstance(read, Late):
        return Late(lambda engine, values: check(read.read(engine, values)))
    return check(read)


def count(expr: bound.Expr | None, what: str) -> Any:
    """A row count, as LIMIT takes it: a whole number ≥ 0, or None for no bound.

    Errors: 42804 for what is no number, 22023 for a fraction or a negative number.
    """
    if expr is None:
        return None

    def check(value: Any) -> int | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise from_sqlstate("42804", f"{what} must be a whole number")
        if isinstance(value, float):
            raise from_sqlstate("22023", f"{what} must be a whole number")
        if value < 0:
            raise from_sqlstate("22023", f"{what} must not be negative")
        if value >= 1 << 63:
            raise from_sqlstate("22003", f"{what} is out of range")
        return value

    return _checked(expr, check)


def hops(expr: bound.Expr | None, what: str = "the number of hops", least: int = 0) -> Any:
    """A number of hops, or of paths; NULL is no number."""
    if expr is None:
        return None
    counted = count(expr, what)
    if not isinstance(counted, Late):
        return counted

    def read(engine: Engine, given: Values) -> int:
        value = counted.read(engine, given)
        if value is None:
            raise from_sqlstate("22023", f"{what} must not be NULL")
        if value < least:
            raise from_sqlstate("22023", f"{what} counts from {least}")
        if value >= 1 << 31:
            raise from_sqlstate("22003", f"{what} is out of range")
        return int(value)

    return Late(read)


def number(expr: bound.Expr, what: str) -> Any:
    """A finite number as a float (42804, 22003)."""

    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
            raise from_sqlstate("42804", f"{what} must be a number")
        return finite(value, what)

    return _checked(expr, check)


def finite(value: int | float | Decimal, what: str) -> float:
    """The number as a float, or 22003."""
    try:
        widened = float(value)
    except (OverflowError, ValueError):  # of an int that is too large, of a signalling NaN
        widened = math.inf
    if not math.isfinite(widened):
        raise from_sqlstate("22003", f"{what} must be a finite number")
    return widened


def radius(expr: bound.Expr | None) -> Any:
    """A search radius: finite, ≥ 0 (22003, 22023); None stays None."""
    if expr is None:
        return None

    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
            raise from_sqlstate("42804", "the radius must be a number")
        checked = finite(value, "the radius")
        if checked < 0:
            raise from_sqlstate("22023", "the radius must not be negative")
        return checked

    return _checked(expr, check)


def token(expr: bound.Expr) -> Any:
    """A token reference: an id or a key (42804 for anything else)."""
    return _checked(expr, _token)


def tokens(expr: bound.Expr) -> Any:
    """A token reference, or a list of them."""

    def check(value: Any) -> Any:
        return [_token(plain(each)) for each in value] if isinstance(value, (list, tuple)) else _token(value)

    return _checked(expr, check)


def _token(value: Any) -> int | str:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise from_sqlstate("42804", "a token is named by its id (a number) or its key (a text)")
    return value


def point(place: bound.Point) -> Any:
    """Eight coordinates, 0 standing for an axis left out; a token's coordinates are read from the engine."""
    if place.items is not None:
        numbers = [0.0 if item is None else number(item, "a coordinate") for item in place.items]
        if not any(isinstance(n, Late) for n in numbers):
            return numbers
        return Late(lambda engine, values: [late(n, engine, values) for n in numbers])
    if place.is_token:
        assert place.value is not None
        name = token(place.value)
        return Late(lambda engine, values: engine.point(late(name, engine, values)))
    assert isinstance(place.value, bound.Parameter), place
    slot = place.value.slot
    if place.value.kind == "list":
        return Late(lambda engine, values: values[slot])
    return Late(
        lambda engine, values: [0.0 if v is None else v for v in spread_out(values[slot], engine.axes)]
    )


def corner(place: bound.Point, above: bound.Point | None = None) -> Any:
    """A corner of a box: eight coordinates rounded to float32, None for an axis left open.

    A corner that is not `above` the other on every axis is 22023.
    """
    read = _corner(place)
    if above is None:
        return read
    low = _corner(above)

    def check(engine: Engine, values: Values) -> Any:
        high = read.read(engine, values)
        for axis, (least, most) in enumerate(zip(low.read(engine, values), high, strict=True), 1):
            if least is not None and most is not None and least > most:
                raise from_sqlstate("22023", f"the box is empty on axis {axis}: low is above high")
        return high

    return Late(check)


def _corner(place: bound.Point) -> Late:
    if place.items is not None:
        numbers = [None if item is None else number(item, "a coordinate") for item in place.items]
        return Late(lambda engine, values: [_narrow(late(n, engine, values)) for n in numbers])
    assert isinstance(place.value, bound.Parameter), place
    slot = place.value.slot
    return Late(lambda engine, values: [_narrow(v) for v in spread_out(plain(values[slot]), engine.axes)])


def stored_point(place: bound.Point) -> Any:
    """The point as the tail computes with it: eight finite numbers rounded to float32."""
    read = point(place)

    def check(engine: Engine, values: Values) -> list[float]:
        numbers = plain(late(read, engine, values))
        if len(numbers) != types.AXIS_COUNT:
            message = f"a point has {types.AXIS_COUNT} coordinates, found {len(numbers)}"
            raise from_sqlstate("22P02", message)
        narrowed = [_narrow(v) for v in numbers]
        return [v for v in narrowed if v is not None]

    return Late(check)


def _narrow(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise from_sqlstate("22P02", "a coordinate must be a number")
    narrowed = types.to_float32(finite(value, "a coordinate"))
    return finite(narrowed, "a coordinate")


def spread_out(value: Any, axes: Sequence[str]) -> list[Any]:
    """A partial point given as a dict of axes, or as a list with None for an axis left out, as eight entries."""
    if isinstance(value, Mapping):
        entries: list[Any] = [None] * types.AXIS_COUNT
        numbers = types.axis_columns(axes)
        for name, coordinate in value.items():
            axis = numbers.get(str(name).lower())
            if axis is None:
                raise from_sqlstate("42703", "the point names an axis that does not exist")
            entries[axis] = coordinate
    else:
        entries = list(value)
    if len(entries) != types.AXIS_COUNT:
        raise from_sqlstate("22P02", f"a point has {types.AXIS_COUNT} coordinates, found {len(entries)}")
    if all(entry is None for entry in entries):
        raise from_sqlstate("22P02", "the point leaves out every axis")
    return entries


def _live(place: bound.Point | None) -> Any:
    """Which axes the point has: eight booleans, or None when all."""
    if place is None or not place.is_partial:
        return None
    if place.items is not None:
        return [item is not None for item in place.items]
    assert isinstance(place.value, bound.Parameter), place
    slot = place.value.slot
    return Late(lambda engine, values: [v is not None for v in spread_out(values[slot], engine.axes)])


def metric(spec: bound.MetricSpec | None, place: bound.Point | None = None) -> Any:
    """The metric a distance is taken in, or None for the session's.

    An axis that `place` leaves out gets the scale 0; when all are 0 it is 22P02.
    """
    live = _live(place)
    if spec is None and live is None:
        return None
    base = _base(spec)

    def read(engine: Engine, values: Values) -> Metric:
        scale, period = late(base, engine, values)
        on = [True] * types.AXIS_COUNT if live is None else late(live, engine, values)
        kept = [s if keep else 0.0 for s, keep in zip(scale, on, strict=True)]
        if not any(kept):
            raise from_sqlstate("22P02", "the point has no live axis: every scale is 0")
        return kept, list(period)

    return Late(read)


def _base(spec: bound.MetricSpec | None) -> Any:
    if spec is None:
        return Late(lambda engine, values: engine.metric())
    if spec.profile is not None:
        profile = spec.profile if isinstance(spec.profile, str) else constant(spec.profile)
        return Late(lambda engine, values: engine.metric(late(profile, engine, values)))
    scale, period = _entries(spec.scale, "a scale"), _entries(spec.period, "a period")

    def read(engine: Engine, values: Values) -> Metric:
        active = engine.metric()
        return (
            _filled(late(scale, engine, values), active[0], "a scale"),
            _filled(late(period, engine, values), active[1], "a period"),
        )

    return Late(read)


def _entries(given: Any, what: str) -> Any:
    """Eight numbers or Nones, from expressions or from one parameter."""
    if given is None:
        return [None] * types.AXIS_COUNT
    if isinstance(given, bound.Parameter):
        slot = given.slot
        return Late(lambda engine, values: spread_out(plain(values[slot]), engine.axes))
    numbers = [None if entry is None else number(entry, what) for entry in given]
    return Late(lambda engine, values: [late(n, engine, values) for n in numbers])


def _filled(given: Sequence[Any], active: Sequence[float], what: str) -> list[float]:
    filled = []
    for entry, default in zip(given, active, strict=True):
        if entry is not None and (isinstance(entry, bool) or not isinstance(entry, (int, float))):
            raise from_sqlstate("42804", f"{what} must be a number")
        value = default if entry is None else finite(entry, what)
        if value < 0:
            raise from_sqlstate("22003", f"{what} must not be negative")
        filled.append(float(value))
    return filled
