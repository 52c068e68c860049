"""One value as text: for terminals (escaped), for CSV and for JSON."""

from __future__ import annotations

import datetime
import decimal
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ng_engine.errors import escape_control

__all__ = ["cell", "cell_formatter", "json_formatter", "plain_formatter"]

Formatter = Callable[[Any], str]


def _real(value: float) -> str:
    """Shortest digits that give the same float32 back."""
    return str(np.float32(value))


def plain_formatter(type_name: str) -> Formatter:
    """How a non-null value of this NGQL type is written as text, nothing escaped.

    Example:
        >>> plain_formatter("REAL")(0.10000000149011612)
        '0.1'
    """
    if type_name == "REAL":
        return _real
    if type_name.startswith("FLOAT["):
        return lambda value: f"[{', '.join('NULL' if item is None else _real(item) for item in value)}]"
    if type_name == "JSON":
        return _compact_json
    return _plain


def _compact_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_nested(item)}" for name, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_nested, value)) + "]"
    return str(value)


def _nested(value: Any) -> str:
    return "NULL" if value is None else _plain(value)


def cell(text: str) -> str:
    """Text in one line of a terminal: control and bidi characters are shown as escapes."""
    if text.isprintable():
        return text
    text = text.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return escape_control(text)


def cell_formatter(type_name: str, null: str = "") -> Formatter:
    """How a value of this NGQL type is shown in a terminal's table."""
    plain = plain_formatter(type_name)
    return lambda value: null if value is None else cell(plain(value))


def json_formatter(type_name: str) -> Formatter:
    """How a value of this NGQL type is written in JSON.

    NULL is null; a NaN or an infinity, which JSON lacks, is the text PostgreSQL uses; times are ISO 8601;
    bytes are hexadecimal text; a REAL has its shortest digits.
    """
    if type_name == "REAL":
        return _json_real
    if type_name.startswith("FLOAT["):
        return lambda value: "null" if value is None else f"[{', '.join(map(_json_real, value))}]"
    return _json


def _json_real(value: float | None) -> str:
    if value is None:
        return "null"
    return _real(value) if math.isfinite(value) else _not_finite(value)


def _not_finite(value: float) -> str:
    return '"NaN"' if value != value else '"Infinity"' if value > 0 else '"-Infinity"'


def _json(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else _not_finite(value)
    if isinstance(value, decimal.Decimal):
        return str(value) if value.is_finite() else _not_finite(float(value))
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return f'"{value.isoformat()}"'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_json(str(name))}: {_json(item)}" for name, item in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return "[" + ", ".join(map(_json, value)) + "]"
    return _json(_plain(value))
