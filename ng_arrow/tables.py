"""Tables in and out: whatever the user brings becomes an Arrow table, and Arrow becomes Python rows."""

from __future__ import annotations

import datetime
import decimal
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import RecordBatchReader, Table

from ng_arrow.types import schema_types

__all__ = [
    "RecordBatchReader",
    "Table",
    "empty_table",
    "python_rows",
    "schema_of",
    "stream_to_reader",
    "stream_to_table",
    "table_from_any",
]

_UTC = datetime.UTC
_ROWS_AT_ONCE = 4096


def stream_to_reader(stream: Any) -> pa.RecordBatchReader:
    """Open anything with ``__arrow_c_stream__`` as a batch reader; its buffers are shared, not copied."""
    if isinstance(stream, pa.RecordBatchReader):
        return stream
    return pa.RecordBatchReader.from_stream(stream)


def stream_to_table(stream: Any) -> pa.Table:
    """Read anything with ``__arrow_c_stream__`` into a table; its buffers are shared, not copied."""
    return stream if isinstance(stream, pa.Table) else stream_to_reader(stream).read_all()


def schema_of(stream: Any) -> pa.Schema:
    """The Arrow schema of a table or stream, without opening the stream where it can tell."""
    if isinstance(stream, (pa.Table, pa.RecordBatch, pa.RecordBatchReader)):
        return stream.schema
    if hasattr(stream, "__arrow_c_schema__"):
        return pa.schema(stream)
    return stream_to_reader(stream).schema


def empty_table() -> pa.Table:
    """A table without columns and rows."""
    return pa.table({})


def table_from_any(data: Any, json_columns: Sequence[str] = ("props",)) -> pa.Table:
    """Turn rows or columns of any make into an Arrow table.

    Args:
        data: a table (pyarrow, pandas, Polars, a DuckDB relation, a `Result`, anything with
            ``__arrow_c_stream__`` or ``__arrow_c_array__``), a mapping of column name to values, or an
            iterable of mappings (rows; a name missing in a row is NULL). A two-dimensional numpy array is
            a column of fixed-size lists.
        json_columns: columns whose Python dicts become JSON text, so that each row keeps exactly its own
            keys.

    Returns:
        The table.

    Raises:
        TypeError: `data` is none of these, or a column mixes types.
        ValueError: columns differ in length, or a value does not fit.

    Example:
        >>> table_from_any([{"key": "a"}, {"key": "b", "weight": 0.5}]).to_pydict()
        {'key': ['a', 'b'], 'weight': [None, 0.5]}
    """
    if isinstance(data, pa.Table):
        return data
    if isinstance(data, pa.RecordBatch):
        return pa.Table.from_batches([data])
    if hasattr(data, "__arrow_c_stream__"):
        return stream_to_table(data)
    if hasattr(data, "__arrow_c_array__"):
        return pa.table(data)
    if isinstance(data, Mapping):
        return _from_columns(data, json_columns)
    if isinstance(data, (str, bytes)) or not isinstance(data, Iterable):
        raise TypeError(f"cannot make a table of {type(data).__name__}")
    columns: dict[str, list[Any]] = {}
    count = 0
    for count, row in enumerate(data, start=1):
        if not isinstance(row, Mapping):
            raise TypeError(f"row {count} is {type(row).__name__}, expected a mapping of column to value")
        for name, value in row.items():
            column = columns.get(name)
            if column is None:
                column = columns[name] = [None] * (count - 1)
            column.append(value)
        for column in columns.values():
            if len(column) < count:
                column.append(None)
    return _from_columns(columns, json_columns)


def _from_columns(columns: Mapping[str, Any], json_columns: Sequence[str]) -> pa.Table:
    arrays, names = [], []
    for name, values in columns.items():
        if not isinstance(name, str):
            raise TypeError(f"column names are strings, not {type(name).__name__}")
        arrays.append(_array(name, values, name in json_columns))
        names.append(name)
    if len({len(array) for array in arrays}) > 1:
        lengths = ", ".join(f"{name} {len(array)}" for name, array in zip(names, arrays, strict=True))
        raise ValueError(f"columns differ in length: {lengths}")
    return pa.Table.from_arrays(arrays, names=names)


def _array(name: str, values: Any, as_json: bool) -> pa.Array | pa.ChunkedArray:
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return values
    try:
        if isinstance(values, np.ndarray):
            return _from_numpy(values)
        if hasattr(values, "__arrow_c_stream__") or hasattr(values, "__arrow_c_array__"):
            return pa.chunked_array(values) if hasattr(values, "__arrow_c_stream__") else pa.array(values)
        if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
            raise TypeError(f"expected a sequence, not {type(values).__name__}")
        items = [item.tolist() if isinstance(item, (np.ndarray, np.generic)) else item for item in values]
        if as_json:
            items = [json.dumps(item) if isinstance(item, Mapping) else item for item in items]
        return pa.array(items)
    except pa.ArrowTypeError as error:
        raise TypeError(f'column "{name}": {error}') from None
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OverflowError, ValueError) as error:
        raise ValueError(f'column "{name}": {error}') from None


def _from_numpy(values: np.ndarray[Any, Any]) -> pa.Array:
    """A numpy array of one or two dimensions; strides and foreign byte orders are copied into plain order."""
    if values.dtype.kind not in "biufUMO":
        raise TypeError(f"cannot use a numpy array of {values.dtype}")
    values = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))
    if values.ndim == 1:
        return pa.array(values)
    if values.ndim != 2:
        raise ValueError(f"expected one or two dimensions, not {values.ndim}")
    if values.dtype.kind == "O":
        raise TypeError("a two-dimensional object array is not a column of numbers")
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])


def _decimal_to_int(value: decimal.Decimal | None) -> int | None:
    return None if value is None else int(value)


def _in_utc(value: datetime.datetime | None) -> datetime.datetime | None:
    return None if value is None else value.astimezone(_UTC)


def _from_json(value: str | None) -> Any:
    return None if value is None else json.loads(value)


def _timedelta(value: Any) -> Any:
    """An interval without months, whose length the calendar does not change."""
    if isinstance(value, pa.MonthDayNano) and not value.months and not value.nanoseconds % 1000:
        return datetime.timedelta(days=value.days, microseconds=value.nanoseconds // 1000)
    return value


_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "HUGEINT": _decimal_to_int,
    "INTERVAL": _timedelta,
    "TIMESTAMPTZ": _in_utc,
    "JSON": _from_json,
}


def python_rows(
    table: pa.Table, types: Sequence[str] | None = None, start: int = 0, count: int | None = None
) -> Iterator[tuple[Any, ...]]:
    """Rows of a table as tuples of Python values, a few thousand made at a time.

    Args:
        table: the rows.
        types: NGQL type of each column where it says more than Arrow's (JSON text becomes objects).
        start: first row, from 0.
        count: how many rows at most; None for the rest.

    Yields:
        One tuple a row: int, float, str, bool, bytes, list, dict, date, time, timedelta, aware UTC datetime,
        Decimal or None. An interval of months, which no timedelta can say, is a `pyarrow.MonthDayNano`.
    """
    converters = [_CONVERSIONS.get(name) for name in (types or schema_types(table.schema))]
    end = table.num_rows if count is None else min(table.num_rows, start + count)
    if not converters:
        yield from ((),) * max(0, end - start)
        return
    for first in range(start, end, _ROWS_AT_ONCE):
        piece = table.slice(first, min(_ROWS_AT_ONCE, end - first))
        columns = []
        for column, convert in zip(piece.columns, converters, strict=True):
            values = column.to_pylist()
            columns.append(values if convert is None else [convert(value) for value in values])
        yield from zip(*columns, strict=True)
