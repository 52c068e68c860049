"""NGQL's types, the columns of the engine's tables, and what may be compared with what."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from types import MappingProxyType

__all__ = [
    "AXIS_COUNT",
    "BIGINT",
    "BOOLEAN",
    "CONNECTION_COLUMNS",
    "DOUBLE",
    "INTEGER",
    "JSON",
    "POINT",
    "REAL",
    "TEXT",
    "TIMESTAMPTZ",
    "TOKEN_COLUMNS",
    "UNKNOWN",
    "axis_columns",
    "comparable",
    "is_number",
    "to_float32",
]

BIGINT, INTEGER, REAL, DOUBLE = "BIGINT", "INTEGER", "REAL", "DOUBLE"
TEXT, JSON, BOOLEAN, TIMESTAMPTZ, POINT = "TEXT", "JSON", "BOOLEAN", "TIMESTAMPTZ", "FLOAT[8]"
UNKNOWN = "?"
"""Known to DuckDB only; the language checks nothing about it."""

AXIS_COUNT = 8
_NUMBERS = frozenset({BIGINT, INTEGER, REAL, DOUBLE})

TOKEN_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "id": BIGINT,
        "key": TEXT,
        "type": TEXT,
        "coords": POINT,
        "weight": REAL,
        "flags": INTEGER,
        "created_at": TIMESTAMPTZ,
        "updated_at": TIMESTAMPTZ,
        "props": JSON,
    }
)
"""What `SELECT *` shows of a token; the axis columns come only by name."""

CONNECTION_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "id": BIGINT,
        "source": BIGINT,
        "target": BIGINT,
        "type": TEXT,
        "weight": REAL,
        "confidence": REAL,
        "rigidity": REAL,
        "mutability": TEXT,
        "evidence": INTEGER,
        "activations": BIGINT,
        "levels": INTEGER,
        "created_at": TIMESTAMPTZ,
        "updated_at": TIMESTAMPTZ,
        "last_activated_at": TIMESTAMPTZ,
        "props": JSON,
    }
)


def axis_columns(axes: Sequence[str]) -> dict[str, int]:
    """Column name → axis number 0…7: the store's own names and `l1`…`l8`."""
    return {f"l{i + 1}": i for i in range(AXIS_COUNT)} | {name: i for i, name in enumerate(axes)}


def is_number(type_: str) -> bool:
    """Whether values of the type are numbers."""
    return type_ in _NUMBERS


def comparable(left: str, right: str) -> bool:
    """Whether `=` and `<` have a meaning between the types; UNKNOWN is left to DuckDB.

    >>> comparable("REAL", "BIGINT"), comparable("TEXT", "BIGINT"), comparable("TIMESTAMPTZ", "TEXT")
    (True, False, True)
    """
    if UNKNOWN in (left, right) or left == right:
        return True
    if is_number(left) and is_number(right):
        return True
    return {left, right} in ({TIMESTAMPTZ, TEXT}, {JSON, TEXT})


def to_float32(number: float) -> float:
    """The number rounded to float32; one too large for it becomes an infinity of its sign.

    >>> to_float32(0.2), to_float32(-1e300)
    (0.20000000298023224, -inf)
    """
    try:
        return float(struct.unpack("f", struct.pack("f", number))[0])
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")
