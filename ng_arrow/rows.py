"""Python rows as Arrow tables whose column types are known beforehand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from ng_arrow.types import arrow_type

__all__ = ["table_from_columns", "with_columns"]


def _array(type_: str, values: Sequence[Any]) -> pa.Array:
    if type_ == "JSON":
        values = [json.dumps(value) if isinstance(value, (Mapping, list)) else value for value in values]
    return pa.array(values, arrow_type(type_))


def table_from_columns(
    names: Sequence[str], types: Sequence[str], columns: Sequence[Sequence[Any]]
) -> pa.Table:
    """A table of columns of Python values.

    Args:
        names: of the columns.
        types: their NGQL types; one without a fixed Arrow type is inferred.
        columns: the values, as many for every column.

    Example:
        >>> table_from_columns(["n", "at"], ["INTEGER", "FLOAT[8]"], [[1], [[0.0] * 8]]).schema.names
        ['n', 'at']
    """
    arrays = [_array(type_, values) for type_, values in zip(types, columns, strict=True)]
    fields = []
    for name, type_, array in zip(names, types, arrays, strict=True):
        metadata = {"ngql:type": type_} if type_ == "JSON" else None
        fields.append(pa.field(name, array.type, metadata=metadata))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def with_columns(
    table: pa.Table, names: Sequence[str], types: Sequence[str], values: Sequence[Any]
) -> pa.Table:
    """The table with more columns, each one value in every row."""
    for name, type_, value in zip(names, types, values, strict=True):
        table = table.append_column(name, _array(type_, [value] * table.num_rows))
    return table
