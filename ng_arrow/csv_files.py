"""CSV as PostgreSQL writes it: an unquoted empty field is NULL, ``""`` is the empty text."""

from __future__ import annotations

import codecs
import csv
import functools
import re
from collections.abc import Mapping
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv

from ng_arrow.budget import Budget
from ng_arrow.text_columns import as_text, first_failure, list_of_text, text_type
from ng_arrow.types import ngql_type
from ng_engine.errors import Error, from_sqlstate

__all__ = ["read", "write"]

_BLOCK = 8 << 20
_LONGEST_LINE = _BLOCK
_COLUMN_FAILED = re.compile(r"In CSV column #(\d+)")


def read(
    file: BinaryIO, types: Mapping[str, pa.DataType], delimiter: str, header: bool, budget: Budget
) -> pa.Table:
    """Read a CSV file; see `ng_arrow.files.read`."""
    _check_text(file)
    names, lines = _names(file, delimiter, header, budget)
    lists = {
        name: kind for name, kind in types.items() if pa.types.is_fixed_size_list(kind) and name in names
    }
    typed = {name: pa.string() if name in lists else kind for name, kind in types.items() if name in names}
    table = _Parser(file, names, lines, delimiter).checked(typed)
    budget.take(table)
    for name, kind in lists.items():
        at, texts = table.schema.get_field_index(name), table.column(name)
        try:
            values = list_of_text(texts, kind)
        except pa.ArrowInvalid:
            row = first_failure(texts, functools.partial(list_of_text, kind=kind))
            where = "" if row is None else f"row {row + 1}, "
            raise from_sqlstate(
                "22P04", f'{where}column "{name}": invalid value for {ngql_type(kind)}'
            ) from None
        table = table.set_column(at, name, values)
    return table


def _check_text(file: BinaryIO) -> None:
    """One pass over the bytes for what the parser lets through: bad UTF-8, NUL, open quotes, giant lines."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    quotes = done = since_break = 0
    while block := file.read(1 << 20):
        try:
            decoder.decode(block)
        except UnicodeDecodeError as error:
            place = max(0, done + error.start)
            raise from_sqlstate("22P04", f"the file is not UTF-8 text: byte {place}") from None
        if (at := block.find(b"\0")) >= 0:
            raise from_sqlstate("22P04", f"the file is not text: NUL at byte {done + at}")
        quotes += block.count(b'"')
        at = block.find(b"\n")
        since_break += len(block) if at < 0 else at
        if since_break > _LONGEST_LINE:
            said = f"a line is longer than {_LONGEST_LINE >> 20} MiB, before byte {done + len(block)}"
            raise from_sqlstate("22P04", said)
        if at >= 0:
            since_break = len(block) - block.rfind(b"\n") - 1
        done += len(block)
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        said = f"the file is not UTF-8 text: it ends within a character, byte {done}"
        raise from_sqlstate("22P04", said) from None
    if quotes % 2:
        raise from_sqlstate("22P04", f"a quoted value has no end before the end of the file, byte {done}")
    file.seek(0)


def _names(file: BinaryIO, delimiter: str, header: bool, budget: Budget) -> tuple[list[str], int]:
    """Column names, and how many lines they take; the width is checked before anything is built for it."""
    lines = (line.decode("utf-8-sig") for line in iter(lambda: file.readline(_LONGEST_LINE), b""))
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        fields = next(reader, [])
    except csv.Error as error:
        raise from_sqlstate("22P04", f"the first line: {error}") from None
    file.seek(0)
    if not fields:
        raise from_sqlstate("22P04", "the file is empty")
    budget.columns(len(fields))
    if not header:
        return [f"column{number}" for number in range(1, len(fields) + 1)], 0
    for name in fields:
        if fields.count(name) > 1:
            raise from_sqlstate("22P04", f'column "{name}" appears twice in the file')
    return fields, reader.line_num


class _Parser:
    """One way of parsing one file, so that it can be asked again for the place of an error."""

    def __init__(self, file: BinaryIO, names: list[str], lines: int, delimiter: str) -> None:
        self._file = file
        self._names = names
        self._lines = lines
        self._delimiter = delimiter

    def parse(
        self, types: Mapping[str, pa.DataType], only: list[str] | None = None, handler: Any = None
    ) -> pa.Table:
        self._file.seek(0)
        return pc_csv.read_csv(
            pa.PythonFile(self._file, mode="r"),
            read_options=pc_csv.ReadOptions(
                block_size=_BLOCK,
                column_names=self._names,
                skip_rows=self._lines,
                use_threads=handler is None,  # only one thread knows the number of a row
            ),
            parse_options=pc_csv.ParseOptions(
                delimiter=self._delimiter, newlines_in_values=True, invalid_row_handler=handler
            ),
            convert_options=pc_csv.ConvertOptions(
                column_types=types,
                include_columns=only,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )

    def checked(self, types: Mapping[str, pa.DataType]) -> pa.Table:
        """The table, or an error that names the row of data, from 1, and the column, and shows no value."""
        try:
            return self.parse(types)
        except pa.ArrowInvalid as error:
            raise self._explained(error, types) from None

    def _explained(self, error: pa.ArrowInvalid, types: Mapping[str, pa.DataType]) -> Error:
        said = str(error)
        if "straddl" in said:
            return from_sqlstate("22P04", f"a row is longer than {_BLOCK >> 20} MiB")
        if "Expected" in said:
            bad: list[Any] = []

            def collect(row: Any) -> str:
                bad.append(row)
                return "skip"

            self.parse(types, only=[], handler=collect)
            if bad:
                row = bad[0]
                found = f"expected {row.expected_columns} columns and found {row.actual_columns}"
                return from_sqlstate("22P04", f"row {row.number - self._lines}: {found}")
        if (failed := _COLUMN_FAILED.search(said)) is not None:
            name = self._names[int(failed[1])]
            if name in types:
                texts = self.parse({name: pa.string()}, only=[name]).column(0)
                row = first_failure(texts, lambda piece: pc.cast(piece, types[name]))
                where = "" if row is None else f"row {row + 1}, "
                return from_sqlstate(
                    "22P04", f'{where}column "{name}": invalid value for {ngql_type(types[name])}'
                )
        return from_sqlstate("22P04", f"not a valid csv file: {said.split(chr(10), 1)[0].split(':')[0]}")


def write(
    file: BinaryIO, schema: pa.Schema, reader: pa.RecordBatchReader, delimiter: str, header: bool
) -> int:
    """Write batches as CSV, lists and objects as JSON text; gives the number of rows."""
    rows = 0
    texts = pa.schema([pa.field(field.name, text_type(field.type)) for field in schema])
    options = pc_csv.WriteOptions(include_header=header, delimiter=delimiter)
    with pc_csv.CSVWriter(file, texts, write_options=options) as writer:
        for batch in reader:
            columns = [as_text(column) for column in batch.columns]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=texts))
            rows += batch.num_rows
    return rows
