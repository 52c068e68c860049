"""`Database`: what `connect` gives."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, Self

import ngql
from neurograph.cdna import RuntimeCDNAStorage
from neurograph.check import Report, check
from neurograph.connections import RuntimeConnectionStorage
from neurograph.cursor import Cursor
from neurograph.graph import RuntimeGraphStorage
from neurograph.grid import RuntimeGridStorage
from neurograph.result import Result
from neurograph.salvage import Salvaged, salvage
from neurograph.script import located, script_text, statements
from neurograph.session import Parameters, Session
from neurograph.tokens import RuntimeTokenStorage
from ng_arrow.duck import Tail, leak, open_connection
from ng_arrow.tables import Table, table_from_any
from ng_arrow.types import schema_types
from ng_engine.errors import Error, InterfaceError, escape_control, from_sqlstate
from ngql.store import backup, outside_transaction

if TYPE_CHECKING:
    from ng_arrow.duck import DuckDBPyConnection
    from ng_engine import RuntimeStorage

__all__ = ["Database"]

_OPEN: weakref.WeakSet[Database] = weakref.WeakSet()


class Database:
    """An open store.

    Any thread may call anything: each has its own session, so its own transaction. Results are independent of each
    other and of the database. Use it in a ``with`` statement or call `close`.

    Attributes:
        tokens: `RuntimeTokenStorage`, tokens as Python objects.
        connections: `RuntimeConnectionStorage`.
        graph: `RuntimeGraphStorage`, neighbours and paths.
        cdna: `RuntimeCDNAStorage`, the profile: metric and gate.
        grid: `RuntimeGridStorage`, what lies around a point.

    Example:
        >>> import neurograph as ng
        >>> with ng.connect() as db:
        ...     db.execute("INSERT INTO tokens (key, coords) VALUES ($k, $q)", {"k": "a", "q": [0.5] * 8})
        ...     db.execute("SELECT key FROM tokens WHERE weight >= ?", [0.5]).fetchall()
        INSERT 1
        [('a',)]
    """

    def __init__(
        self,
        storage: RuntimeStorage,
        *,
        read_only: bool = False,
        busy_timeout: float = 5.0,
        synchronous: str = "full",
        statement_timeout: float | None = None,
        memory_limit: int | None = None,
        allow_external: bool = False,
        allowed_paths: list[str] | None = None,
    ) -> None:
        """Made by `connect`."""
        self._storage = storage
        self._path = storage.file
        self._read_only = read_only
        self.busy_timeout = busy_timeout
        self.synchronous = synchronous
        self.statement_timeout = statement_timeout
        self.memory_limit = self.first_memory_limit = memory_limit
        self._local = threading.local()
        self._lock = threading.Lock()
        self._catalog: ngql.Catalog | None = None
        self._why_closed = "the database is closed"
        self.closed = False
        self.fixed_settings = {
            "allow_external": allow_external,
            "allowed_paths": allowed_paths,
            "read_only": read_only,
        }
        self.generation = 0
        self.plans = ngql.PlanCache(ngql.compile)
        self.tail = Tail(allow_external=allow_external, memory_left=storage.memory_left)
        if memory_limit is not None:  # the limit is the store's, and another handle may have set it
            storage.set_memory_limit(memory_limit)
        self.tokens = RuntimeTokenStorage(self)
        self.connections = RuntimeConnectionStorage(self)
        self.graph = RuntimeGraphStorage(self)
        self.cdna = RuntimeCDNAStorage(self)
        self.grid = RuntimeGridStorage(self)
        _OPEN.add(self)

    # -- sessions -------------------------------------------------------------------------------------------

    @property
    def session(self) -> Session:
        """The calling thread's session."""
        try:
            session: Session = self._local.session
        except AttributeError:
            session = self._local.session = self.new_session()
        return session

    def new_session(self) -> Session:
        """A session of its own, as each thread and each cursor has.

        Raises:
            InterfaceError: 08003, the database is closed.
        """
        self.require_open()
        # Nobody else writes to a store in memory, so what it holds now is what it holds; a file is followed.
        pinned = self._read_only and self._path is None
        engine = self._storage.snapshot() if pinned else self._storage.session()
        engine.set_busy_timeout(self.busy_timeout)
        engine.set_statement_timeout(self.statement_timeout)
        return Session(self, engine)

    @property
    def engine(self) -> RuntimeStorage:
        """The calling thread's session of the engine; it does not know when the database is closed."""
        return self.session.engine

    @property
    def runtime(self) -> RuntimeStorage:
        """The `RuntimeStorage` of the calling thread's session: the engine's own methods, until `close`."""
        return self.session.runtime

    def catalog(self, engine: RuntimeStorage) -> ngql.Catalog:
        """What statements may name, as this session of the engine sees it; shared while nothing changes."""
        with self._lock:
            generation = self.generation
            catalog = self._catalog
        if catalog is None or catalog.version != (engine.catalog_version, generation):
            registered = {
                name: dict(zip(table.column_names, schema_types(table.schema), strict=True))
                for name, table in self.tail.tables().items()
            }
            catalog = ngql.Catalog.of(engine, registered, generation=generation)
            with self._lock:
                self._catalog = catalog
        return catalog

    def storable(self, table: Literal["tokens", "connections"], data: Any) -> Table:
        """Data of any make as rows for a table of the store, as COPY makes them: columns it lacks go into props."""
        from ngql.copy import KEPT, storable, taken

        columns = self.catalog(self.engine).tables[table]
        rows: Table = storable(table_from_any(data), taken(columns), KEPT[table])
        return rows

    # -- statements -----------------------------------------------------------------------------------------

    def execute(self, text: str, params: Parameters = None) -> Result:
        """Run one NGQL statement.

        Args:
            text: the statement; a final ``;`` is allowed.
            params: a dict for ``$name``, a sequence for ``?`` or ``$1``. Values never become text.

        Returns:
            The result, finished; rows are made into Python or Arrow objects when asked for.

        Raises:
            NgqlSyntaxError: 42601, with the place; also for more than one statement.
            Error: whatever else is wrong, see docs/LANGUAGE.md for the codes.
            TypeError: the statement is no str, or the parameters are neither mapping nor sequence.
        """
        return self.session.execute(text, params)

    def executemany(self, text: str, seq_of_params: Iterable[Parameters]) -> int:
        """Run one statement with each of many parameter sets, in one transaction.

        Args:
            text: the statement.
            seq_of_params: one set of parameters a run.

        Returns:
            The number of rows written (or found) by all of them.

        Raises:
            Error: the statement's, naming the parameter set (from 1); nothing is written then.
            TypeError: `seq_of_params` is no iterable.

        Example:
            >>> import neurograph as ng
            >>> with ng.connect() as db:
            ...     db.executemany("INSERT INTO tokens (key, coords) VALUES (?, ?)",
            ...                    [(f"k{i}", [i / 10] * 8) for i in range(3)])
            3
        """
        return self.session.executemany(text, seq_of_params)

    def script(self, script: str | os.PathLike[str]) -> Result | None:
        """Run many statements, one after the other; the first error ends it.

        Args:
            script: the statements, separated by ``;``, or a path of a file (a string that ends in ``.ngql`` is
                one). Statements before the error stay done, unless the script or the caller has a transaction
                open.

        Returns:
            The last statement's result; None when there was no statement.

        Raises:
            Error: the statement's, with its line in the script.

        Example:
            >>> import neurograph as ng
            >>> with ng.connect() as db:
            ...     db.script("SET CDNA PROFILE explorer; SELECT count(*) AS n FROM tokens;").fetchall()
            [(0,)]
        """
        text = script_text(script)
        result = None
        try:
            for statement, offset in statements(text):
                try:
                    result = self.session.execute(statement)
                except Error as error:
                    raise located(error, text, offset) from None
        except RecursionError:
            raise from_sqlstate("54001", "statement too complex") from None
        return result

    @contextmanager
    def transaction(self, read_only: bool = False) -> Iterator[Self]:
        """Commit what happens within, or roll it back when an exception leaves it. Within another: a savepoint.

        Args:
            read_only: see one version throughout and refuse writes (25006).

        Yields:
            The database.

        Raises:
            Error: 40001 when the store changed after the transaction read it; 55P03 when another writer did not end.

        Example:
            >>> import neurograph as ng
            >>> with ng.connect() as db:
            ...     with db.transaction():
            ...         _ = db.tokens.create(key="a", coords=[0.0] * 8)
            ...     try:
            ...         with db.transaction():
            ...             _ = db.tokens.clear()
            ...             raise ValueError("no")
            ...     except ValueError:
            ...         db.tokens.count()
            1
        """
        with self.session.atomic(read_only):
            yield self

    def cursor(self) -> Cursor:
        """A PEP 249 cursor with a session of its own; each statement commits unless it says BEGIN."""
        return Cursor(self, self.new_session())

    # -- other tables and other engines ---------------------------------------------------------------------

    def register(self, name: str, data: Any) -> None:
        """Make a table that NGQL can name beside `tokens` and `connections`.

        Args:
            name: how statements call it, folded to lower case; a table of that name is replaced.
            data: a table (pyarrow, pandas, Polars, anything with ``__arrow_c_stream__``), a dict of columns, or an
                iterable of row dicts. A stream is read once, here.

        Raises:
            ProgrammingError: 42501, the store has a table of that name; 42601, it is no name.

        Example:
            >>> import neurograph as ng
            >>> with ng.connect() as db:
            ...     db.register("staging", {"key": ["a", "b"], "n": [1, 2]})
            ...     db.execute("SELECT key FROM staging WHERE n > 1").fetchall()
            [('b',)]
        """
        self.require_open()
        if not isinstance(name, str):
            raise TypeError(f"a table's name is text, not {type(name).__name__}")
        folded = name.lower()
        if not folded.isidentifier():
            raise from_sqlstate("42601", "a registered table's name is letters, digits and underscores")
        known = self.catalog(self.engine).tables.get(folded)
        if known is not None and known.kind != "registered":
            raise from_sqlstate("42501", f'"{folded}" is a table of the store')
        self.tail.register(folded, data)
        with self._lock:
            self.generation += 1

    def unregister(self, name: str) -> bool:
        """Forget a registered table; False when there is none of that name."""
        self.require_open()
        known = self.tail.unregister(name)
        with self._lock:
            self.generation += 1
        return known

    def duckdb(self) -> DuckDBPyConnection:
        """A new DuckDB connection of the user's own, nothing locked.

        `tokens` (with a column per axis) and `connections` are there as push-down tables: DuckDB asks the engine only
        for the columns and rows it needs. Both are pinned to the version the calling thread sees now; call again
        for newer data. Tables given to `register` are there too.

        Example:
            >>> import neurograph as ng
            >>> with ng.connect() as db:
            ...     _ = db.tokens.create(key="a", coords=[0.25] * 8)
            ...     db.duckdb().sql("SELECT key, physical FROM tokens WHERE id < 10").fetchall()
            [('a', 0.25)]
        """
        # pyarrow.dataset imports pandas, half a second that only this method needs.
        from ng_arrow.dataset import ConnectionsDataset, TokensDataset

        snapshot = self.engine.snapshot()
        return open_connection(
            {
                **self.tail.tables(),
                "tokens": TokensDataset(snapshot),
                "connections": ConnectionsDataset(snapshot),
            }
        )

    # -- the store ------------------------------------------------------------------------------------------

    def interrupt(self) -> None:
        """Cancel every statement and call that runs now on this database, in whichever thread: 57014.

        A write is undone whole; sessions and open transactions stay, though a statement cancelled within a transaction
        fails it (25P02 until ROLLBACK). What begins later is not concerned.

        Example:
            >>> import threading
            >>> import neurograph as ng
            >>> with ng.connect() as db:
            ...     threading.Timer(0.05, db.interrupt).start()
            ...     try:
            ...         db.execute("SELECT count(*) FROM range(10000000000) a, range(1000) b")
            ...     except ng.OperationalError as error:
            ...         error.sqlstate
            '57014'
        """
        self.require_open()
        self._storage.interrupt()
        self.tail.interrupt()

    def set_memory_limit(self, limit: int | None) -> None:
        """Refuse (53200) what would make the store and DuckDB together hold more than so many bytes; None: no limit.

        `connect` and ``SET memory_limit`` say the same. It holds for every session of the store.
        """
        self.require_open()
        self._storage.set_memory_limit(limit)
        self.memory_limit = limit

    @property
    def path(self) -> str | None:
        """The store's file as an absolute path; None for a store in memory."""
        return self._path

    def check(self) -> Report:
        """Read everything, file and rows, and compare it: checksums, ids, keys, connections' ends, the profile.

        Returns:
            A report; ``report["ok"]`` says whether nothing was found, ``report["replayed"]`` how many commits were
            replayed when this process opened the file.

        Raises:
            Error: 25001 within a transaction; XX001, 58030 when the file cannot be read at all.

        Example:
            >>> import neurograph as ng
            >>> with ng.connect() as db:
            ...     report = db.check()
            >>> report["ok"], report["replayed"], report["findings"]
            (True, 0, [])
        """
        return check(self.engine)

    def stats(self) -> dict[str, int | float]:
        """Counts, sizes and waits, by name; the table ``ng_stats`` has the same.

        Of every store: `tokens`, `connections`, their types and segments, the state of the indexes, and `version`, the
        number of the last commit. Of a file also `file_bytes`, `wal_bytes` and `log_bytes`, `log_commits` (kept in
        the log), `last_checkpoint_version` and `last_checkpoint_at` (µs since 1970), `replayed` (commits replayed
        when this process opened it), and since then `commits`, `syncs`, `checkpoints`, `checkpoint_failures`,
        `followed` and `follow_us` (commits of other processes), `lock_waits` and `lock_wait_us`.
        """
        return dict(self.engine.stats())

    def checkpoint(self) -> None:
        """Write what changed since the last checkpoint to its place in the file, so that opening replays nothing.

        It happens by itself: by the log's size, every few minutes, and on `close`. Readers and the log's followers
        go on meanwhile. Of a store in memory there is nothing to write.

        Raises:
            Error: 25001 within a transaction, 25006 opened read-only, 55P03 another writer did not end, 53100 disk
                full, 58030 I/O.
        """
        engine = self.engine
        outside_transaction(engine, "checkpoint")
        engine.checkpoint()

    def backup(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Copy the store into a new file, complete or absent, while others go on reading and writing.

        The copy is a store of its own. Never copy a store's file by other means while it is open anywhere.

        Args:
            path: the copy's name.
            overwrite: replace a store of that name, which nobody may have open.

        Raises:
            Error: 58P02 there is such a file, 58P01 no such directory, 42501 not allowed or the store's own file,
                25001 within a transaction, 55P03 the store to be replaced is in use, 53100 disk full, 58030 I/O.

        Example:
            >>> import os, tempfile
            >>> import neurograph as ng
            >>> copy = os.path.join(tempfile.mkdtemp(), "copy.ng")
            >>> with ng.connect() as db:
            ...     _ = db.tokens.create(key="a", coords=[0.0] * 8)
            ...     db.backup(copy)
            >>> with ng.connect(copy) as db:
            ...     db.tokens.count()
            1
        """
        backup(self.engine, path, overwrite=overwrite)

    @staticmethod
    def salvage(src: str | os.PathLike[str], dst: str | os.PathLike[str]) -> Salvaged:
        """Copy what is whole of a damaged file into a new store; see `neurograph.salvage`."""
        return salvage(src, dst)

    # -- the end --------------------------------------------------------------------------------------------

    def require_open(self) -> None:
        """Refuse a closed database (08003)."""
        if self.closed:
            raise InterfaceError(self._why_closed)

    def close(self) -> None:
        """Close the database; open transactions are rolled back. Results stay valid. Idempotent.

        The last handle of a file in the process writes a checkpoint.
        """
        if self.closed:
            return
        self._end("the database is closed")
        self.tail.close()
        self._storage.close()

    def _end(self, why: str) -> None:
        self._why_closed = why
        self.closed = True
        self._local = threading.local()  # every thread's session goes, and its transaction with it
        _OPEN.discard(self)

    def __enter__(self) -> Self:
        self.require_open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "read-only" if self._read_only else "open"
        return f"<neurograph.Database {escape_control(self._path or ':memory:')} ({state})>"


def _before_fork() -> None:
    for database in list(_OPEN):
        database.tail.before_fork()


def _in_child() -> None:
    """After a fork the child has none of the threads that a handle needs, and its locks may be held for ever."""
    for database in list(_OPEN):
        database.tail.after_fork_in_child()
        leak(database._local)
        leak(database._storage)
        database._end("this handle belongs to the parent process: open the store again")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_child=_in_child)
