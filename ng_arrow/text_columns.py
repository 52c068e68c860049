"""Columns as text and back, for formats that have nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["as_text", "first_failure", "list_of_text", "text_type"]


def text_type(kind: pa.DataType) -> pa.DataType:
    """The type under which a column is written as text: its own if the writer knows it."""
    if isinstance(kind, pa.DictionaryType):
        return text_type(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return text_type(kind.storage_type)
    return pa.string() if pa.types.is_nested(kind) or pa.types.is_binary(kind) else kind


def as_text(column: pa.Array) -> pa.Array:
    """A column as its `text_type`: lists and structs become JSON text, bytes hexadecimal digits.

    Example:
        >>> as_text(pa.array([[0.5, 0.1], None], pa.list_(pa.float32(), 2))).to_pylist()
        ['[0.5,0.1]', None]
    """
    kind = column.type
    if isinstance(kind, pa.DictionaryType):
        return as_text(column.dictionary_decode())
    if isinstance(kind, pa.BaseExtensionType):
        return as_text(column.storage)
    if pa.types.is_binary(kind):
        return pa.array([None if value is None else value.hex() for value in column.to_pylist()], pa.string())
    if not pa.types.is_nested(kind):
        return column
    if isinstance(kind, pa.FixedSizeListType) and pa.types.is_floating(kind.value_type) and kind.list_size:
        return _float_lists(column, kind)
    return pa.array(
        [None if value is None else json.dumps(value, default=str) for value in column.to_pylist()],
        pa.string(),
    )


def _float_lists(column: pa.Array, kind: pa.FixedSizeListType) -> pa.Array:
    """Arrow prints a float32 with its shortest digits, which json.dumps of a widened float would not."""
    size = kind.list_size
    values = column.values.slice(column.offset * size, len(column) * size)
    texts = pc.cast(values, pa.string())
    offsets = pa.array(range(0, len(column) * size + 1, size), pa.int32())
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, texts), ",")
    bracketed = pc.binary_join_element_wise("[", joined, "]", "")
    return pc.if_else(column.is_valid(), bracketed, pa.scalar(None, pa.string()))


def list_of_text(texts: pa.Array | pa.ChunkedArray, kind: pa.FixedSizeListType) -> pa.Array | pa.ChunkedArray:
    """Fixed-size lists of numbers out of texts like ``[0.1, 2]``; round brackets do as well.

    Raises:
        pyarrow.ArrowInvalid: a text is no list of that many numbers.
    """
    if isinstance(texts, pa.ChunkedArray):
        return pa.chunked_array([list_of_text(chunk, kind) for chunk in texts.chunks], kind)
    valid = texts.is_valid()
    trimmed = pc.utf8_trim_whitespace(texts)
    shaped = pc.match_substring_regex(trimmed, r"^(\[[^\[\]()]*\]|\([^\[\]()]*\))$")
    if not pc.all(shaped, min_count=0).as_py():
        raise pa.ArrowInvalid("not a list of numbers")
    parts = pc.split_pattern(pc.utf8_slice_codeunits(trimmed, 1, -1), ",")
    lengths = pc.list_value_length(parts)
    if not pc.all(pc.equal(lengths, kind.list_size), min_count=0).as_py():
        raise pa.ArrowInvalid("not that many numbers")
    present = parts.filter(valid)
    numbers = pc.cast(pc.utf8_trim_whitespace(present.flatten()), kind.value_type)
    lists = pa.FixedSizeListArray.from_arrays(numbers, kind.list_size)
    if not texts.null_count:
        return lists.cast(kind)
    positions = pc.subtract(pc.cumulative_sum(pc.cast(valid, pa.int64())), 1)
    return lists.take(pc.if_else(valid, positions, None)).cast(kind)


def first_failure(texts: pa.ChunkedArray, convert: Callable[[pa.Array], object]) -> int | None:
    """Index of the first value that `convert` refuses, found by halving; None when it refuses none."""
    start = 0
    for chunk in texts.chunks:
        if not _converts(chunk, convert):
            low, high = 0, len(chunk)
            while high - low > 1:
                middle = (low + high) // 2
                if _converts(chunk.slice(low, middle - low), convert):
                    low = middle
                else:
                    high = middle
            return start + low
        start += len(chunk)
    return None


def _converts(piece: pa.Array, convert: Callable[[pa.Array], object]) -> bool:
    try:
        convert(piece)
    except pa.ArrowInvalid:
        return False
    return True
