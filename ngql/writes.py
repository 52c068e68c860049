"""Steps that write: each is one atomic change, however many engine calls it takes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from ng_arrow.rows import table_from_columns, with_columns
from ng_arrow.tables import stream_to_table
from ng_engine.errors import Error, from_sqlstate
from ngql import types
from ngql.ast import Span
from ngql.engine import Engine
from ngql.program import Projected, Run, head, placed, placed_at_value, row_place
from ngql.values import late

__all__ = [
    "Conflict",
    "Delete",
    "Insert",
    "Returning",
    "Update",
    "Written",
    "atomic",
    "coerced",
    "first_column",
    "insert",
    "python_ids",
]

Table = Literal["tokens", "connections"]


@dataclass(frozen=True, slots=True)
class Written:
    """What a write gives: the number of rows, and those of RETURNING; `kind` if it did something else than was said."""

    count: int
    relation: Any = None
    kind: str | None = None


@contextmanager
def atomic(engine: Engine) -> Iterator[None]:
    """All engine calls inside become one change: in a transaction all of it stands or falls with that.

    The writer's lock is taken before the first read, so that no other session's commit comes between what is read and
    what is written, and a statement outside a transaction never meets 40001.
    """
    if engine.in_transaction:
        try:
            yield
        except BaseException:
            engine.fail_transaction()
            raise
        return
    engine.begin()
    try:
        engine.delete_tokens([])
        yield
    except BaseException:
        engine.rollback()
        raise
    engine.commit()


def coerced(value: Any, type_: str, column: str) -> Any:
    """A Python value for a column, or 42804 and 22003; the engine checks what it means."""
    if value is None:
        return None
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    match type_:
        case types.REAL if number:
            return _real(value, column)
        case types.BIGINT | types.INTEGER if number and isinstance(value, int):
            if not -(1 << 63) <= value < 1 << 63:
                raise from_sqlstate("22003", f'column "{column}": the number is out of range')
            return value
        case types.TEXT if isinstance(value, str):
            return value
        case types.JSON if isinstance(value, (str, dict)):
            return _json(value, column)
        case types.POINT:
            return value
    raise from_sqlstate("42804", f'column "{column}" takes {type_}')


def _real(value: float, column: str) -> float:
    try:
        narrowed = types.to_float32(float(value))
    except OverflowError:
        narrowed = float("inf")
    if narrowed - narrowed != 0.0:
        raise from_sqlstate("22003", f'column "{column}": the number is out of range')
    return narrowed


def _json(value: Any, column: str) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        raise from_sqlstate("22P02", f'column "{column}": not a JSON object') from None


# ---------------------------------------------------------------- RETURNING


@dataclass(frozen=True, slots=True)
class Returning:
    """RETURNING: which columns of the new and the old rows it needs, and the step over them.

    `step` is None when it shows plain columns of one side: `output` names them.
    """

    new: tuple[str, ...]
    old: tuple[str, ...]
    step: Any = None
    output: tuple[tuple[str, str], ...] = ()

    def keep_old(self, run: Run, table: Table, ids: Sequence[int]) -> None:
        """Read the rows before they change."""
        if self.old:
            run.rows["old"] = run.engine.lookup(table, "id", ids, columns=list(self.old))

    def __call__(self, run: Run, table: Table, ids: Sequence[int]) -> Any:
        """The rows to return."""
        if self.new:
            run.rows["new"] = run.engine.lookup(table, "id", ids, columns=list(self.new))
        if self.step is not None:
            return self.step(run)
        return Projected(run.rows["new" if self.new else "old"], self.output)


def python_ids(ids: Any) -> list[int]:
    """The ids of new rows as Python integers."""
    return [int(i) for i in ids]


# ---------------------------------------------------------------- INSERT


@dataclass(frozen=True, slots=True)
class Conflict:
    """ON CONFLICT DO UPDATE: the unique columns, what is read of the old rows, and the step that computes the new."""

    target: tuple[str, ...]
    old: tuple[str, ...]
    columns: tuple[str, ...]
    step: Any

    def apply(self, run: Run, table: Table, given: Any) -> list[int]:
        """Insert what is new, change what is there; gives the ids of both."""
        wanted = self._keys(given)
        if len(set(wanted)) < len(wanted):
            raise from_sqlstate(
                "21000", "ON CONFLICT DO UPDATE would change a row twice", "a key is given twice"
            )
        existing = self._existing(run.engine, table, wanted)
        there = self._keys(stream_to_table(existing)) if len(existing) else []
        known = set(there)
        fresh = [i for i, key in enumerate(wanted) if key not in known]
        changed: list[int] = []
        if known:
            run.rows["old"], run.rows["excluded"] = existing, given
            patch = stream_to_table(self.step(run)).rename_columns(["id", *self.columns])
            _update(run.engine, table, patch)
            changed = patch.column("id").to_pylist()
        created = _create(run.engine, table, given.take(fresh), None) if fresh else []
        return [*created, *changed]

    def _keys(self, table: Any) -> list[Any]:
        return list(zip(*(table.column(name).to_pylist() for name in self.target), strict=True))

    def _existing(self, engine: Engine, table: Table, keys: list[Any]) -> Any:
        columns = list(dict.fromkeys(("id", *self.target, *self.old)))
        if len(self.target) == 1:
            values = [key for (key,) in keys if key is not None]
            column = self.target[0]
            assert column in ("id", "key")
            return engine.lookup(table, "id" if column == "id" else "key", values, columns=columns)
        ends = [("in", name, sorted({key[i] for key in keys})) for i, name in enumerate(self.target)]
        return engine.scan(table, columns=columns, filter=("and", *ends))


def _create(engine: Engine, table: Table, rows: Any, on_conflict: Literal["nothing"] | None) -> list[int]:
    if rows.num_rows == 0:
        return []
    create = engine.create_tokens if table == "tokens" else engine.create_connections
    return python_ids(create(rows, on_conflict=on_conflict))


def _update(engine: Engine, table: Table, rows: Any) -> int:
    if rows.num_rows == 0:
        return 0
    return engine.update_tokens(rows) if table == "tokens" else engine.update_connections(rows)


def _delete(engine: Engine, table: Table, ids: Sequence[int]) -> int:
    return engine.delete_tokens(ids) if table == "tokens" else engine.delete_connections(ids)


@dataclass(frozen=True, slots=True)
class Insert:
    """INSERT: rows of constants, or of a query; `on_conflict` is nothing, a `Conflict`, or None."""

    table: Table
    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...] | None
    places: tuple[tuple[Span | None, ...], ...]
    query: Any
    on_conflict: Literal["nothing"] | Conflict | None
    returning: Returning | None
    text: str
    span: Span | None

    def __call__(self, run: Run) -> Written:
        """Insert; one engine call when nothing is to be read."""
        if self.query is None and self.returning is None and not isinstance(self.on_conflict, Conflict):
            return self._run(run)
        with atomic(run.engine):
            return self._run(run)

    def _run(self, run: Run) -> Written:
        given = self._constants(run) if self.query is None else self._queried(run)
        try:
            return insert(run, self.table, given, self.on_conflict, self.returning)
        except Error as error:
            raise self._placed(error) from None

    def _placed(self, error: Error) -> Error:
        """The error at the value or the row of VALUES that it is about."""
        # ON CONFLICT DO UPDATE hands over the new rows alone: their numbers are others.
        rows = () if isinstance(self.on_conflict, Conflict) else self.places
        spans, row = row_place(error, rows)
        if row is None:
            return placed(error, self.text, head(self.text, self.span))
        return placed_at_value(error, self.text, row, zip(self.columns, spans, strict=True))

    def _constants(self, run: Run) -> Any:
        assert self.rows is not None
        columns = []
        for i, (name, type_) in enumerate(zip(self.columns, self.types, strict=True)):
            column = []
            for row, places in zip(self.rows, self.places, strict=True):
                try:
                    column.append(coerced(late(row[i], run.engine, run.values), type_, name))
                except Error as error:
                    raise placed(error, self.text, places[i]) from None
            columns.append(column)
        return table_from_columns(self.columns, self.types, columns)

    def _queried(self, run: Run) -> Any:
        return stream_to_table(self.query(run)).rename_columns(list(self.columns))


def insert(
    run: Run,
    table: Table,
    given: Any,
    on_conflict: Literal["nothing"] | Conflict | None,
    returning: Returning | None,
) -> Written:
    """Insert a table of rows; the caller makes it one change."""
    if isinstance(on_conflict, Conflict):
        ids = on_conflict.apply(run, table, given)
    else:
        ids = _create(run.engine, table, given, on_conflict)
    return Written(len(ids), None if returning is None else returning(run, table, ids))


# ---------------------------------------------------------------- UPDATE, DELETE


@dataclass(frozen=True, slots=True)
class Update:
    """UPDATE: the query gives ids and computed columns, the constants are the same for every row."""

    table: Table
    query: Any
    columns: tuple[str, ...]
    constants: tuple[tuple[str, str, Any, Span | None], ...]
    returning: Returning | None
    text: str
    span: Span | None

    def __call__(self, run: Run) -> Written:
        """Read, compute, write."""
        with atomic(run.engine):
            rows = stream_to_table(self.query(run)).rename_columns(["id", *self.columns])
            ids = rows.column("id").to_pylist()
            values = [self._constant(run, *constant) for constant in self.constants]
            names, kinds = [c[0] for c in self.constants], [c[1] for c in self.constants]
            if self.returning is not None:
                self.returning.keep_old(run, self.table, ids)
            try:
                count = _update(run.engine, self.table, with_columns(rows, names, kinds, values))
            except Error as error:
                given = [(name, place) for name, _, _, place in self.constants]
                raise placed_at_value(error, self.text, head(self.text, self.span), given) from None
            shown = None if self.returning is None else self.returning(run, self.table, ids)
            return Written(count, shown)

    def _constant(self, run: Run, name: str, type_: str, value: Any, place: Span | None) -> Any:
        try:
            return coerced(late(value, run.engine, run.values), type_, name)
        except Error as error:
            raise placed(error, self.text, place) from None


@dataclass(frozen=True, slots=True)
class Delete:
    """DELETE: the query gives the ids."""

    table: Table
    query: Any
    returning: Returning | None

    def __call__(self, run: Run) -> Written:
        """Read, delete."""
        with atomic(run.engine):
            ids = first_column(self.query(run))
            if self.returning is not None:
                self.returning.keep_old(run, self.table, ids)
            count = _delete(run.engine, self.table, ids)
            return Written(count, None if self.returning is None else self.returning(run, self.table, ids))


def first_column(relation: Any, index: int = 0) -> list[Any]:
    """One column of a relation or table as Python values."""
    if hasattr(relation, "rows"):
        return [row[index] for row in relation.rows()]
    values: list[Any] = relation.column(index).to_pylist()
    return values
