"""The relational tail: one locked-down DuckDB instance a database, a cursor a statement."""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import threading
import weakref
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ng_arrow.duck_errors import LESS, kind_of, map_error
from ng_arrow.parameters import Parameters, plain_values
from ng_arrow.tables import schema_of, table_from_any
from ng_arrow.types import utc
from ng_arrow.worker import Job, Workers
from ng_engine.errors import Error, InterfaceError, from_sqlstate

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

__all__ = ["DuckDBPyConnection", "Tail", "leak", "open_connection"]

_BATCH_ROWS = 1 << 16
_CLOSE_WAIT = 5.0  # seconds; an interrupted statement ends within milliseconds
_LONGEST_STATEMENT = 1 << 20
_MOST_MEMORY = 4 << 30
_LEAST_MEMORY = 16 << 20
_MORE = 1.5  # so many times as much has to be left before another instance is worth its 24 ms


def open_connection(tables: Mapping[str, Any]) -> DuckDBPyConnection:
    """A DuckDB connection of the user's own, nothing locked, with these tables registered.

    Args:
        tables: name → anything DuckDB can register; a `pyarrow.dataset.Dataset` takes part in push-down.
    """
    import duckdb

    connection = duckdb.connect(":memory:")
    for name, table in tables.items():
        connection.register(name, table)
    return connection


class Tail:
    """Runs the relational part of a statement over Arrow inputs.

    The DuckDB instance opens with the first run (24 ms), in UTC, and is then locked: no files, no network,
    no extensions, no Python variables, no settings. Every run has its own cursor, which alone sees its
    inputs, and works on a thread of its own while the caller waits, so that Ctrl-C, `interrupt` and a
    timeout are noticed.

    Args:
        memory_limit: bytes that DuckDB and the rows of one result may take, each; None for a quarter of the
            machine's memory, 4 GiB at most.
        allow_external: leave files, extensions and settings open.
        memory_left: called before a run: bytes that others leave for it; None is no limit but the first.

    Example:
        >>> import pyarrow as pa
        >>> tail = Tail()
        >>> tail.run("SELECT sum(n)::BIGINT AS total FROM t WHERE n > $least",
        ...          {"t": pa.table({"n": [1, 2, 3]})}, {"least": 1}).to_pydict()
        {'total': [5]}
        >>> tail.close()
    """

    def __init__(
        self,
        *,
        memory_limit: int | None = None,
        allow_external: bool = False,
        memory_left: Callable[[], int | None] | None = None,
    ) -> None:
        self._most_memory = _default_limit() if memory_limit is None else memory_limit
        self._memory_limit = self._most_memory
        self._memory_left = memory_left
        self._allow_external = allow_external
        self._lock = threading.Lock()
        self._ended = threading.Condition(self._lock)
        self._connection: DuckDBPyConnection | None = None
        self._closer: weakref.finalize[Any, Any] | None = None
        self._closed = False
        self._pid = os.getpid()
        self._workers = Workers("ng-duckdb")
        self._running: set[Job] = set()
        self._registered: dict[str, pa.Table] = {}
        self._functions: list[str] | None = None
        _open_tails.add(self)

    # -- the instance ---------------------------------------------------------------------------------------

    def _begin(self) -> tuple[DuckDBPyConnection, Job]:
        """A cursor and the job that it is for, which runs as soon as there is a cursor: nobody may close under it."""
        with self._lock:
            if self._closed:
                raise InterfaceError("the database is closed")
            if self._pid != os.getpid():
                raise InterfaceError("this handle belongs to the parent process", hint="open the store again")
            self._fit_memory()
            if self._connection is None:
                self._connection = self._open()
                self._closer = weakref.finalize(self, _close, self._connection)
            cursor = self._connection.cursor()
            job = Job(_interrupter(cursor))
            self._running.add(job)
            return cursor, job

    def _open(self) -> DuckDBPyConnection:
        import duckdb

        connection = duckdb.connect(":memory:")
        settings = [
            "SET TimeZone = 'UTC'",
            "SET python_enable_replacements = false",
            "SET temp_directory = ''",
            f"SET memory_limit = '{self._memory_limit}B'",
        ]
        if not self._allow_external:
            settings += [
                "SET autoinstall_known_extensions = false",
                "SET autoload_known_extensions = false",
                "SET allow_community_extensions = false",
                "SET allow_persistent_secrets = false",
                "SET enable_external_access = false",
                "SET lock_configuration = true",
            ]
        for setting in settings:
            connection.execute(setting)
        return connection

    def _fit_memory(self) -> None:
        """Follow what others leave: the instance is locked, so another limit takes another instance.

        Raises:
            Error: 53200, nothing worth beginning with is left.
        """
        left = self._memory_left() if self._memory_left is not None else None
        limit = self._most_memory if left is None else min(left, self._most_memory)
        if limit < _LEAST_MEMORY:
            raise from_sqlstate("53200", "out of memory: memory_limit leaves DuckDB too little", LESS)
        if limit < self._memory_limit or limit > self._memory_limit * _MORE:
            self._memory_limit = limit * 7 // 8 if left is not None else limit
            if not self._running:
                self._connection, closer, self._closer = None, self._closer, None
                if closer is not None:
                    closer()

    def _forget_instance(self) -> None:
        """After an internal error DuckDB refuses everything: the next run opens a new instance."""
        with self._lock:
            self._connection = None
            closer, self._closer = self._closer, None
        if closer is not None:
            closer()

    # -- running --------------------------------------------------------------------------------------------

    def run(
        self,
        sql: str,
        inputs: Mapping[str, Any] | None = None,
        params: Parameters = None,
        *,
        timeout: float | None = None,
        check: Callable[[], object] | None = None,
        user_sql: bool = False,
    ) -> pa.Table:
        """Run one SELECT.

        Args:
            sql: DuckDB's SQL, with ``$name`` or ``$1`` parameters.
            inputs: name → re-openable Arrow stream or table, seen by this run only; registered tables are
                seen too, unless an input has the same name.
            params: a mapping for ``$name``, a sequence for ``$1`` (or ``?``).
            timeout: seconds after which it is cancelled.
            check: called once `interrupt` reaches the run: raises when what the run is part of has been cancelled.
            user_sql: the text is the user's own: it must be one query, and errors show their place in it.

        Returns:
            The rows; zoned timestamps are in ``UTC``.

        Raises:
            Error: DuckDB's error, mapped; 57014 when cancelled or out of time; 53200 above `memory_limit`.
            TypeError: a parameter is of no type SQL has.
        """
        return self._submit(sql, inputs or {}, params, self._fetch, timeout, check, user_sql)

    def describe(
        self, sql: str, inputs: Mapping[str, Any] | None = None, params: Parameters = None
    ) -> list[tuple[str, str]]:
        """Names and DuckDB types of the columns `sql` would give; nothing is run.

        Raises:
            Error: as `run`.
        """

        def columns(relation: DuckDBPyRelation, job: Job) -> list[tuple[str, str]]:
            return [(name, str(kind)) for name, kind in zip(relation.columns, relation.types, strict=True)]

        described: list[tuple[str, str]] = self._submit(sql, inputs or {}, params, columns)
        return described

    def function_names(self) -> list[str]:
        """Every function of DuckDB, sorted; for did-you-mean and completion."""
        if self._functions is None:
            sql = "SELECT DISTINCT function_name AS name FROM duckdb_functions() ORDER BY 1"
            names: list[str] = self.run(sql).column("name").to_pylist()
            self._functions = [name for name in names if name.replace("_", "").isalnum()]
        return self._functions

    def _submit(
        self,
        sql: str,
        inputs: Mapping[str, Any],
        params: Parameters,
        fetch: Any,
        timeout: float | None = None,
        check: Callable[[], object] | None = None,
        user_sql: bool = False,
    ) -> Any:
        values = plain_values(params)
        if user_sql and len(sql) > _LONGEST_STATEMENT:
            raise from_sqlstate("54001", "statement too long: more than 1 MiB")
        tables = self._tables_for(sql, inputs)
        cursor, job = self._begin()

        def work() -> Any:
            try:
                if user_sql and not self._allow_external:
                    _require_query(cursor, sql)
                for name, table in tables.items():
                    cursor.register(name, table)
                job.check()
                relation = cursor.sql(sql, params=values) if values else cursor.sql(sql)
                job.check()
                return fetch(relation, job)
            finally:
                cursor.close()

        try:
            if check is not None:
                check()
            return self._workers.run(job, work, timeout)
        except (Error, TypeError):
            raise
        except Exception as error:
            raise self._mapped(error, tables, sql if user_sql else None) from None
        finally:
            with self._lock:
                self._running.discard(job)
                self._ended.notify_all()

    def _tables_for(self, sql: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs, and the registered tables whose name occurs (registering costs 0.4 ms each)."""
        with self._lock:
            if not self._registered:
                return dict(inputs)
            folded = sql.lower()
            named = {name: table for name, table in self._registered.items() if name in folded}
        return {**named, **inputs}

    def _fetch(self, relation: DuckDBPyRelation | None, job: Job) -> pa.Table:
        if relation is None:
            return pa.table({})
        reader = relation.to_arrow_reader(_BATCH_ROWS)
        batches: list[pa.RecordBatch] = []
        size = 0
        for batch in reader:
            job.check()
            size += batch.nbytes
            if size > self._memory_limit:
                batches.clear()  # or the error would keep them alive
                said = f"out of memory: the result is larger than {self._memory_limit >> 20} MiB"
                raise from_sqlstate("53200", said, LESS)
            batches.append(batch)
        table = pa.Table.from_batches(batches, schema=reader.schema)
        schema = utc(table.schema)
        return table if schema is table.schema else table.cast(schema)

    def _mapped(self, error: Exception, tables: Mapping[str, Any], statement: str | None) -> Exception:
        kind = kind_of(error)
        if kind is None:
            if isinstance(error, MemoryError):
                return from_sqlstate("53200", "out of memory", LESS)
            return error
        if kind == "ConnectionException" and self._closed:
            return InterfaceError("the database is closed")
        if kind in ("InternalException", "FatalException"):
            self._forget_instance()
        functions: list[str] = []
        if kind == "CatalogException" and "Function" in str(error):
            functions = self.function_names()
        columns = {name: schema_of(table).names for name, table in {**self.tables(), **tables}.items()}
        return map_error(error, tables=columns, functions=functions, statement=statement)

    # -- the user's tables ----------------------------------------------------------------------------------

    def register(self, name: str, data: Any) -> pa.Table:
        """Keep a table that every later run sees under `name` (folded to lower case).

        Args:
            name: how SQL calls it.
            data: as `ng_arrow.tables.table_from_any`; a one-shot stream is read here.

        Returns:
            The table as kept.
        """
        table = table_from_any(data, json_columns=())
        with self._lock:
            self._registered[name.lower()] = table
        return table

    def unregister(self, name: str) -> bool:
        """Forget a registered table; False when there was none."""
        with self._lock:
            return self._registered.pop(name.lower(), None) is not None

    def tables(self) -> dict[str, pa.Table]:
        """The registered tables by name."""
        with self._lock:
            return dict(self._registered)

    # -- ending ---------------------------------------------------------------------------------------------

    def interrupt(self) -> None:
        """Cancel every run that is under way, in whichever thread: each raises 57014."""
        with self._lock:
            running = list(self._running)
        for job in running:
            job.cancel("canceling statement due to user request")

    def before_fork(self) -> None:
        """Close an idle instance: a child that inherits one crashes when it ends. The next run opens another."""
        if not self._running:
            self._forget_instance()

    def after_fork_in_child(self) -> None:
        """Refuse everything, and never free an instance that was busy: its threads are the parent's."""
        self._closed = True
        if self._closer is not None:
            self._closer.detach()
        if self._connection is not None:
            leak(self._connection)

    def close(self) -> None:
        """Cancel what runs and close the instance; tables already returned stay valid. Idempotent."""
        with self._lock:
            self._closed = True
        if self._pid != os.getpid():
            return
        self.interrupt()
        with self._lock:
            self._ended.wait_for(lambda: not self._running, _CLOSE_WAIT)
            self._registered.clear()
        self._workers.close()
        self._forget_instance()


_open_tails: weakref.WeakSet[Tail] = weakref.WeakSet()


@atexit.register
def _close_tails() -> None:
    """What daemon threads still run ends here: stopped inside of DuckDB, they would take the process with them."""
    for tail in tuple(_open_tails):
        tail.close()


def _default_limit() -> int:
    """A quarter of the machine's memory, 4 GiB at most: DuckDB and a result may both take as much."""
    return min(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4, _MOST_MEMORY)


def leak(thing: object) -> None:
    """Keep an object until the process ends, past the end of the interpreter, so that it is never freed."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def _close(connection: DuckDBPyConnection) -> None:
    import duckdb

    with contextlib.suppress(duckdb.Error):  # a cursor is still busy: the instance goes when that one ends
        connection.close()


def _interrupter(cursor: DuckDBPyConnection) -> Callable[[], None]:
    import duckdb

    def interrupt() -> None:
        with contextlib.suppress(duckdb.ConnectionException):  # closed: the work has just ended
            cursor.interrupt()

    return interrupt


def _require_query(cursor: DuckDBPyConnection, sql: str) -> None:
    """One SELECT (or EXPLAIN): the instance is shared, so nothing may change it."""
    statements = cursor.extract_statements(sql)
    if len(statements) != 1:
        count = "no statement" if not statements else "more than one statement"
        raise from_sqlstate("42601", f"{count} given, expected one query")
    kind = statements[0].type.name
    if kind not in ("SELECT", "EXPLAIN", "MULTI"):
        raise from_sqlstate("42501", f"not allowed: {kind} in a query over a result, only SELECT is")
