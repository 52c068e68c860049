"""COPY: tables from files and Arrow into the store, and query results into files. DuckDB never touches a file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ng_arrow import files
from ng_arrow.rows import table_from_columns
from ng_arrow.tables import table_from_any
from ng_engine.errors import Error, from_sqlstate
from ngql import types
from ngql.ast import Span
from ngql.catalog import Table
from ngql.program import Run, placed
from ngql.store import refuse_store
from ngql.values import late
from ngql.writes import Written

__all__ = ["KEPT", "CopyFrom", "CopyTo", "storable", "taken"]

KEPT = {
    "tokens": frozenset({"created_at", "updated_at"}),
    "connections": frozenset({"evidence", "activations", "created_at", "updated_at", "last_activated_at"}),
}
"""Columns that the engine keeps itself: they are not read from what is copied in."""


def taken(table: Table) -> dict[str, str]:
    """The columns that the engine takes for a table, with their types."""
    columns = {**table.shown, **table.hidden}
    return {name: type_ for name, type_ in columns.items() if name not in KEPT[table.name]}


def storable(rows: Any, known: Mapping[str, str], kept: frozenset[str]) -> Any:
    """Rows as the engine takes them: columns it keeps itself left out, those it lacks put into props.

    Args:
        rows: an Arrow table.
        known: the columns that the engine takes.
        kept: those it keeps itself.

    Raises:
        Error: 22P04, a row's own props is no JSON object.
    """
    names = [name for name in rows.column_names if name not in kept]
    unknown = [name for name in names if name not in known]
    if not unknown:
        return rows if len(names) == rows.num_columns else rows.select(names)
    extra = rows.select(unknown).to_pylist()
    own: Sequence[Any] = [None] * rows.num_rows
    if "props" in names:
        own = rows.column("props").to_pylist()
    merged = [
        _merged(row, props, number) for number, (row, props) in enumerate(zip(extra, own, strict=True), 1)
    ]
    props = table_from_columns(["props"], [types.JSON], [merged])
    rest = rows.select([name for name in names if name in known and name != "props"])
    return rest.append_column("props", props.column("props"))


@dataclass(frozen=True, slots=True)
class CopyFrom:
    """COPY table FROM: one transaction; columns that the table lacks go to props.

    `known` are the columns that the engine takes, with their types; `kept` those it keeps itself, which are not read.
    """

    table: Literal["tokens", "connections"]
    file: Any
    format: str | None
    columns: tuple[str, ...]
    known: Mapping[str, str]
    kept: frozenset[str]
    text: str
    span: Span | None

    def __call__(self, run: Run) -> Written:
        """Read all, then write all or nothing."""
        try:
            table = self._read(run, late(self.file, run.engine, run.values))
            table = storable(table, self.known, self.kept)
            create = run.engine.create_tokens if self.table == "tokens" else run.engine.create_connections
            return Written(len(create(table)))
        except Error as error:
            raise placed(error, self.text, self.span) from None

    def _read(self, run: Run, source: Any) -> Any:
        columns = list(self.columns) or None
        if isinstance(source, str):
            refuse_store(run.engine, source)
            allowed = (run.settings or {}).get("allowed_paths")
            # Ends of connections are ids or keys: the file's own values say which.
            typed = {name: type_ for name, type_ in self.known.items() if name not in ("source", "target")}
            wanted = {name: type_ for name, type_ in typed.items() if not columns or name in columns}
            return files.read(source, self.format, columns=columns, types=wanted, allowed=allowed)
        try:
            table = table_from_any(source)
        except (TypeError, ValueError) as error:
            raise from_sqlstate("22P04", f"not a table: {error}") from None
        if columns is None:
            return table
        missing = [name for name in columns if name not in table.column_names]
        if missing:
            raise from_sqlstate("42703", f'column "{missing[0]}" does not exist in the table given')
        return table.select(columns)


def _merged(row: Mapping[str, Any], props: Any, number: int) -> str | None:
    """The row's extra columns as JSON, beside the props it has; NULLs are left out."""
    extra = {name: value for name, value in row.items() if value is not None}
    if not extra and props is None:
        return None
    try:
        held = json.loads(props) if isinstance(props, str) else dict(props or {})
        return json.dumps({**held, **extra}, default=str)
    except (TypeError, ValueError):
        raise from_sqlstate("22P04", f"row {number}: props is not a JSON object") from None


@dataclass(frozen=True, slots=True)
class CopyTo:
    """COPY (query) TO: the rows in a file, whole or not at all."""

    query: Any
    file: Any
    format: str | None
    overwrite: bool
    text: str
    span: Span | None

    def __call__(self, run: Run) -> Written:
        """Run the query, write its rows."""
        rows = self.query(run)
        path = late(self.file, run.engine, run.values)
        allowed = (run.settings or {}).get("allowed_paths")
        try:
            refuse_store(run.engine, path)
            count = files.write(path, rows, self.format, overwrite=self.overwrite, allowed=allowed)
        except Error as error:
            raise placed(error, self.text, self.span) from None
        return Written(count)
