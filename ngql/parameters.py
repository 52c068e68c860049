"""Parameters: the kinds a statement is compiled for, and the values of one run.

A statement is compiled for the kinds of its parameters (`NEAR $q` is another plan for a point than for a key) and run
with their values; a value never becomes text.
"""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from ngql import types

__all__ = ["Kinds", "Parameters", "kind_of", "kinds_of", "type_of"]

Parameters = Mapping[str, Any] | Sequence[Any] | None
"""`{"name": value}` for `$name`; a sequence for `?` and `$1`."""

Kinds = tuple[Any, ...]
"""Hashable: `(name, kind)` pairs for a mapping, kinds for a sequence."""

_KINDS: dict[type, str] = {
    type(None): "null",
    bool: "bool",
    int: "int",
    float: "float",
    str: "text",
    tuple: "list",
    list: "list",
    dict: "partial",
    bytes: "blob",
    bytearray: "blob",
    datetime.datetime: "timestamp",
    datetime.date: "date",
    datetime.time: "time",
    datetime.timedelta: "interval",
    decimal.Decimal: "decimal",
    uuid.UUID: "uuid",
}
_TYPES = {
    "bool": types.BOOLEAN,
    "int": types.BIGINT,
    "float": types.DOUBLE,
    "text": types.TEXT,
    "timestamp": types.TIMESTAMPTZ,
}


def kind_of(value: Any) -> str:
    """The kind of one value.

    A list is `list` (a point where one is expected), with a None entry `starred` (a partial point); a dict is
    `partial`; a numpy array is `list`; anything with an Arrow stream is `stream`.

    >>> kind_of(3), kind_of([0.5] * 8), kind_of({"emotional": 1.0})
    ('int', 'list', 'partial')
    """
    kind = _KINDS.get(type(value))
    if kind is None:
        return _kind_of_other(value)
    if kind == "list" and None in value:
        return "starred"
    return kind


def _kind_of_other(value: Any) -> str:
    """Subclasses, numpy's scalars and arrays, tables."""
    if hasattr(value, "__arrow_c_stream__"):
        return "stream"
    dtype = getattr(value, "dtype", None)
    if dtype is not None and hasattr(value, "shape"):
        if value.shape:
            return "list"
        letter = getattr(dtype, "kind", "")
        return {"b": "bool", "i": "int", "u": "int", "f": "float", "U": "text", "M": "timestamp"}.get(
            letter, "other"
        )
    for base, kind in _KINDS.items():
        if isinstance(value, base):
            return "starred" if isinstance(value, (list, tuple)) and None in value else kind
    return "stream" if hasattr(value, "__dataframe__") else "other"


def kinds_of(parameters: Parameters) -> Kinds:
    """The kinds of all parameters: what a plan is compiled for and cached by.

    >>> kinds_of({"q": [0.0] * 8, "k": 3}), kinds_of([1, "a"]), kinds_of(None)
    ((('q', 'list'), ('k', 'int')), ('int', 'text'), ())
    """
    if not parameters:
        return ()
    if isinstance(parameters, Mapping):
        return tuple([(name, kind_of(value)) for name, value in parameters.items()])
    if isinstance(parameters, (str, bytes)):
        raise TypeError("parameters are a dict for $name, or a sequence for ? and $1")
    return tuple([kind_of(value) for value in parameters])


def type_of(kind: str) -> str:
    """The NGQL type of a parameter of this kind, UNKNOWN where only its use tells."""
    return _TYPES.get(kind, types.UNKNOWN)
