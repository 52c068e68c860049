"""Files in and out, by pyarrow and never by DuckDB, which has no access to files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import pyarrow as pa

from ng_arrow import csv_files, ndjson_files
from ng_arrow.binary_files import read_ipc, read_parquet, write_ipc, write_parquet
from ng_arrow.budget import Budget
from ng_arrow.paths import PathLike, file_error, open_source, open_target
from ng_arrow.tables import schema_of, stream_to_reader, table_from_any
from ng_arrow.types import arrow_type
from ng_engine.errors import from_sqlstate

__all__ = ["FORMATS", "format_of", "read", "write"]

FORMATS = ("parquet", "csv", "ndjson", "arrow")
"""The formats `read` and `write` know."""

_SUFFIXES = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".ipc": "arrow",
    ".feather": "arrow",
}


def format_of(path: PathLike, format: str | None = None) -> str:
    """The format of a file: as told, or by its suffix.

    Raises:
        Error: 22023 when neither names one; 0A000 for ``g2o`` pose graphs, which are not built yet.

    Example:
        >>> format_of("words.pq"), format_of("data.txt", "CSV")
        ('parquet', 'csv')
    """
    suffix = os.path.splitext(os.fspath(path))[1].lower()
    chosen = format.lower() if format is not None else _SUFFIXES.get(suffix, suffix.removeprefix("."))
    if chosen in FORMATS:
        return chosen
    if chosen == "g2o":
        raise from_sqlstate("0A000", "g2o files are not supported yet")
    expected = f"expected one of {', '.join(FORMATS)}"
    if format is not None:
        raise from_sqlstate("22023", f'unknown file format "{format}", {expected}')
    raise from_sqlstate("22023", f"cannot tell the file's format by its name, {expected}", hint="give FORMAT")


def read(
    path: PathLike,
    format: str | None = None,
    *,
    columns: Sequence[str] | None = None,
    types: Mapping[str, str] | None = None,
    delimiter: str | None = None,
    header: bool = True,
    allowed: Sequence[PathLike] | None = None,
    max_bytes: int | None = None,
) -> pa.Table:
    """Read a file whole.

    It is read in batches, and reading stops as soon as it holds more than it should: a file that unpacks to
    more than 256 MiB and a hundred times its own size is refused.

    Args:
        path: the file.
        format: one of `FORMATS`; None goes by the suffix.
        columns: which columns to read, all by default.
        types: NGQL type by column, for CSV and NDJSON, whose text does not say; others are inferred.
            A ``FLOAT[8]`` is written ``[0.1, …]`` in CSV.
        delimiter: CSV's, one character; comma by default, tab for ``.tsv``.
        header: CSV only: the first line names the columns; otherwise they are ``column1``, ``column2``, ….
        allowed: directories below which the file must lie.
        max_bytes: another bound on the size in memory.

    Returns:
        The table.

    Raises:
        Error: 58P01 missing or no regular file, 42501 not allowed, 22P04 bad content (with the row or byte
            where known), 54000 too many columns or unpacks too far, 42703 no such column, 58030 I/O.

    Example:
        >>> import tempfile, os
        >>> path = os.path.join(tempfile.mkdtemp(), "t.csv")
        >>> write(path, {"key": ["a", None], "weight": [0.5, 1.0]})
        2
        >>> read(path, types={"weight": "REAL"}).to_pydict()
        {'key': ['a', None], 'weight': [0.5, 1.0]}
    """
    kind = format_of(path, format)
    if kind != "csv" and (delimiter is not None or header is not True):
        raise from_sqlstate("22023", f"DELIMITER and HEADER are options of csv, not of {kind}")
    known = ((name, arrow_type(named)) for name, named in (types or {}).items())
    wanted = {name: kind for name, kind in known if kind is not None}
    separator = _delimiter(path, delimiter)
    with open_source(path, allowed) as file:
        budget = Budget(os.fstat(file.fileno()).st_size, max_bytes)
        try:
            table = _read(kind, file, columns, wanted, separator, header, budget)
        except OSError as error:
            if error.errno is not None and not isinstance(error, pa.ArrowException):
                raise file_error(path, error) from None
            raise from_sqlstate("22P04", f"not a valid {kind} file: {_first_line(error)}") from None
        except MemoryError:
            raise from_sqlstate("53200", f"out of memory while reading a {kind} file") from None
        except pa.ArrowCapacityError as error:
            raise from_sqlstate(
                "54000", f"a {kind} file is beyond Arrow's limits: {_first_line(error)}"
            ) from None
        except (pa.ArrowException, ValueError, UnicodeError) as error:
            raise from_sqlstate("22P04", f"not a valid {kind} file: {_first_line(error)}") from None
    return _checked(table, columns)


def _read(
    kind: str,
    file: BinaryIO,
    columns: Sequence[str] | None,
    types: Mapping[str, pa.DataType],
    delimiter: str,
    header: bool,
    budget: Budget,
) -> pa.Table:
    if kind == "parquet":
        return read_parquet(file, columns, budget)
    if kind == "arrow":
        return read_ipc(file, budget)
    if kind == "ndjson":
        return ndjson_files.read(file, types, budget)
    return csv_files.read(file, types, delimiter, header, budget)


def _checked(table: pa.Table, columns: Sequence[str] | None) -> pa.Table:
    seen: set[str] = set()
    for name in table.column_names:
        if name in seen:
            raise from_sqlstate("22P04", f'column "{name}" appears twice in the file')
        seen.add(name)
    if columns is None:
        return table
    missing = [name for name in columns if name not in seen]
    if missing:
        raise from_sqlstate("42703", f'column "{missing[0]}" does not exist in the file')
    return table.select(list(columns))


def write(
    path: PathLike,
    data: Any,
    format: str | None = None,
    *,
    overwrite: bool = False,
    delimiter: str | None = None,
    header: bool = True,
    allowed: Sequence[PathLike] | None = None,
) -> int:
    """Write rows to a file, whole or not at all.

    Args:
        path: the file; it appears under its name when it is complete and on disk.
        data: anything `table_from_any` takes; a stream is written batch by batch.
        format: one of `FORMATS`; None goes by the suffix.
        overwrite: replace an existing file.
        delimiter: CSV's, one character.
        header: CSV only: write the column names first.
        allowed: directories below which the file must lie.

    Returns:
        The number of rows.

    Raises:
        Error: 58P02 the file exists, 58P01 no such directory or not a regular file, 42501 not allowed,
            53100 disk full, 58030 I/O.
    """
    kind = format_of(path, format)
    if kind != "csv" and (delimiter is not None or header is not True):
        raise from_sqlstate("22023", f"DELIMITER and HEADER are options of csv, not of {kind}")
    stream = data if hasattr(data, "__arrow_c_stream__") else table_from_any(data)
    separator = _delimiter(path, delimiter)
    schema = schema_of(stream)
    with open_target(path, overwrite=overwrite, allowed=allowed) as file:
        reader = stream_to_reader(stream)
        if kind == "parquet":
            return write_parquet(file, schema, reader)
        if kind == "arrow":
            return write_ipc(file, schema, reader)
        if kind == "ndjson":
            return ndjson_files.write(file, schema, reader)
        return csv_files.write(file, schema, reader, separator, header)


def _delimiter(path: PathLike, delimiter: str | None) -> str:
    if delimiter is None:
        return "\t" if os.fspath(path).lower().endswith(".tsv") else ","
    if (
        not isinstance(delimiter, str)
        or len(delimiter) != 1
        or delimiter in '"\r\n'
        or not delimiter.isascii()
    ):
        raise from_sqlstate("22023", "a CSV delimiter is one ASCII character, no quote and no line break")
    return delimiter


def _first_line(error: BaseException) -> str:
    return str(error).split("\n", 1)[0].rstrip(". ")
