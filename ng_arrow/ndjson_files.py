"""NDJSON: one JSON object a line, each row keeping exactly its own keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, BinaryIO, NoReturn

import pyarrow as pa

from ng_arrow.budget import Budget
from ng_arrow.display import json_lines
from ng_arrow.tables import python_rows
from ng_arrow.types import ngql_type, schema_types
from ng_engine.errors import from_sqlstate

__all__ = ["read", "write"]

_LONGEST_LINE = 8 << 20
_ROWS_AT_ONCE = 1 << 14


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def read(file: BinaryIO, types: Mapping[str, pa.DataType], budget: Budget) -> pa.Table:
    """Read an NDJSON file; see `ng_arrow.files.read`. Objects within a row become JSON text."""
    # pyarrow's own reader would merge the objects of a column into one struct and lose which keys a row had.
    tables: list[pa.Table] = []
    columns: dict[str, list[Any]] = {}
    lines: list[int] = []
    for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE + 1), b""), start=1):
        if len(line) > _LONGEST_LINE:
            raise from_sqlstate("22P04", f"line {number} is longer than {_LONGEST_LINE >> 20} MiB")
        if not line.strip():
            continue
        row = _object(line, number)
        for name, value in row.items():
            column = columns.get(name)
            if column is None:
                budget.columns(len(columns) + 1)
                column = columns[name] = [None] * len(lines)
            column.append(json.dumps(value) if isinstance(value, dict) else value)
        lines.append(number)
        for column in columns.values():
            if len(column) < len(lines):
                column.append(None)
        if len(lines) == _ROWS_AT_ONCE:
            tables.append(_table(columns, types, lines))
            budget.take(tables[-1])
            columns, lines = {name: [] for name in columns}, []
    if lines:
        tables.append(_table(columns, types, lines))
        budget.take(tables[-1])
    if not columns:
        raise from_sqlstate("22P04", "the file is empty")
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowTypeError as error:
        raise from_sqlstate("22P04", f"a column changes its type: {error}") from None


def _object(line: bytes, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line, parse_constant=_refuse)
    except UnicodeDecodeError as error:
        raise from_sqlstate("22P04", f"line {number} is not UTF-8 text: byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise from_sqlstate(
            "22P04", f"line {number} is not JSON: {error.msg} at column {error.colno}"
        ) from None
    except RecursionError:
        raise from_sqlstate("54001", f"line {number} nests too deep") from None
    except ValueError as error:
        raise from_sqlstate("22P04", f"line {number} is not JSON: {error}") from None
    if not isinstance(row, dict):
        raise from_sqlstate("22P04", f"line {number} is not a JSON object")
    return row


def _table(columns: Mapping[str, list[Any]], types: Mapping[str, pa.DataType], lines: list[int]) -> pa.Table:
    arrays = []
    for name, values in columns.items():
        kind = types.get(name)
        try:
            arrays.append(pa.array(values, kind))
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, ValueError, TypeError):
            row = next((i for i, value in enumerate(values) if not _fits(value, kind, values)), 0)
            expected = "one type in all rows" if kind is None else ngql_type(kind)
            said = f'line {lines[row]}, column "{name}": invalid value, expected {expected}'
            raise from_sqlstate("22P04", said) from None
    return pa.table(arrays, names=list(columns))


def _fits(value: Any, kind: pa.DataType | None, values: list[Any]) -> bool:
    try:
        if kind is None:
            first = next((other for other in values if other is not None), None)
            pa.array([first, value])
        else:
            pa.array([value], kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, ValueError, TypeError):
        return False
    return True


def write(file: BinaryIO, schema: pa.Schema, reader: pa.RecordBatchReader) -> int:
    """Write batches as NDJSON; gives the number of rows."""
    types = schema_types(schema)
    rows = 0
    for batch in reader:
        table = pa.Table.from_batches([batch])
        for line in json_lines(schema.names, types, python_rows(table, types)):
            file.write(line.encode() + b"\n")
        rows += batch.num_rows
    return rows
