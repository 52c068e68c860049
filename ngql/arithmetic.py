"""Arithmetic of constants, done once for a statement or a run: what SQL would compute again for every row."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from ng_engine.errors import from_sqlstate

__all__ = ["OPERATORS", "compute"]

OPERATORS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "+": operator.add,
        "-": operator.sub,
        "*": operator.mul,
        "/": operator.truediv,
        "^": operator.pow,
        "negative": operator.neg,
    }
)
"""The operators by the names that bound operations have; `/` is a floating-point division, as in the tail."""

_LONGEST_INTEGER = 128
"""Bits; what is longer goes on in floating point, or 9^9^9 would never end."""


def compute(op: str, *numbers: int | float | Decimal | None) -> int | float | None:
    """One operation; NULL with NULL gives NULL.

    Raises:
        Error: 22003, the result is no finite number.
    """
    if None in numbers:
        return None
    given = [_narrowed(number) for number in numbers]
    if op == "^":
        given = [float(number) for number in given]
    try:
        made = OPERATORS[op](*given)
    except (ZeroDivisionError, OverflowError):
        made = None
    if made is None or isinstance(made, complex) or made - made != 0:
        raise from_sqlstate("22003", "the result is no finite number")
    return _narrowed(made)


def _narrowed(number: Any) -> int | float:
    """A short integer as it is, anything else in double precision."""
    if isinstance(number, int) and number.bit_length() <= _LONGEST_INTEGER:
        return number
    try:
        return float(number)
    except (OverflowError, ValueError):  # of an int that is too large, of a signalling NaN
        raise from_sqlstate("22003", "the result is no finite number") from None
