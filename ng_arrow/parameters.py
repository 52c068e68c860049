"""Parameters as plain Python values, which is what DuckDB takes."""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from ng_engine.errors import from_sqlstate

__all__ = ["Parameters", "plain_value", "plain_values"]

Parameters = Mapping[str, object] | Sequence[object] | None
"""A mapping for ``$name``, a sequence for ``$1`` and ``?``."""

_PLAIN_TYPES = (
    bool,
    int,
    float,
    bytes,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    decimal.Decimal,
    uuid.UUID,
)


def plain_values(params: Parameters) -> dict[str, object] | list[object] | None:
    """Parameters as plain Python values, which is what DuckDB takes."""
    if params is None:
        return None
    if isinstance(params, Mapping):
        return {name: plain_value(value, f"${name}") for name, value in params.items()}
    if isinstance(params, (str, bytes)) or not isinstance(params, Sequence):
        raise TypeError(f"parameters are a mapping or a sequence, not {type(params).__name__}")
    return [plain_value(value, f"${number}") for number, value in enumerate(params, start=1)]


def plain_value(value: object, place: str) -> object:
    """One parameter as a plain Python value.

    Args:
        value: the parameter.
        place: what errors call it: ``$name`` or ``?``.

    Raises:
        Error: 22P02, it holds text that is no Unicode.
        TypeError: it is of no type that SQL has.
    """
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, pa.Scalar):
        return value.as_py()
    if isinstance(value, str):
        if not _is_unicode(value):
            raise from_sqlstate("22P02", f"parameter {place} is not valid Unicode text")
        return value
    if value is None or isinstance(value, _PLAIN_TYPES):
        return value
    if isinstance(value, Mapping):
        return {str(name): plain_value(item, place) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_value(item, place) for item in value]
    raise TypeError(f"parameter {place} is {type(value).__name__}, which SQL has no type for")


def _is_unicode(text: str) -> bool:
    """Whether there is no lone surrogate in it."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
