r"""`-v name=value` and `\set name value`: values for `$name`."""

from __future__ import annotations

import json
import re
from typing import Any

__all__ = ["assignment", "value"]

_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")


def value(text: str) -> Any:
    """What a text stands for: a number, list, object, true, false or null as in JSON, otherwise the text itself.

    A text that looks like one of those is written as a JSON string: `"42"`.

    Example:
        >>> value("42"), value("[0.5, 1]"), value("beach"), value('"42"')
        (42, [0.5, 1], 'beach', '42')
    """
    try:
        return json.loads(text, parse_constant=_no_constant)
    except ValueError:
        return text


def _no_constant(text: str) -> Any:
    raise ValueError(text)  # NaN and Infinity are texts: JSON has no such numbers


def assignment(text: str) -> tuple[str, Any]:
    """Split `name=value`.

    Raises:
        ValueError: there is no `=`, or what is before it is no name.
    """
    name, equals, rest = text.partition("=")
    if not equals or not _NAME.fullmatch(name):
        raise ValueError(f"expected name=value, not {text!r}")
    return name, value(rest)
