"""One session: the engine's transaction and settings of one thread or cursor, and the statements it runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

import ngql
from neurograph.result import Result
from neurograph.runtime import guarded
from neurograph.settings import Settings
from ng_engine.errors import Error, from_sqlstate
from ngql.execute import run
from ngql.prepared import Prepared

if TYPE_CHECKING:
    from neurograph.database import Database
    from ng_engine import RuntimeStorage

__all__ = ["Parameters", "Session", "require_text"]

Parameters = Mapping[str, Any] | Sequence[Any] | None
"""A mapping for ``$name``, a sequence for ``?`` and ``$1``."""


_ABORTED = "current transaction is aborted, commands ignored until end of transaction block"
_ONLY_ROW = re.compile(r"^row 1: ")


def require_text(statement: Any) -> None:
    """Refuse a statement that is no text.

    Raises:
        TypeError: it is not a str.
    """
    if not isinstance(statement, str):
        raise TypeError(f"the statement must be a str, not {type(statement).__name__}")


def _require_parameters(params: Any) -> None:
    if isinstance(params, (str, bytes, bytearray)) or not isinstance(params, (Mapping, Sequence)):
        raise TypeError(
            f"parameters must be a dict for $name or a sequence for ? and $1, not {type(params).__name__}"
        )


class Session:
    """Runs statements on one session of the engine."""

    __slots__ = ("_database", "catalog", "engine", "prepared", "runtime", "savepoints", "settings")

    def __init__(self, database: Database, engine: RuntimeStorage) -> None:
        self._database = database
        self.engine = engine
        self.runtime = guarded(engine, database)
        self.catalog: ngql.Catalog | None = None
        self.settings = Settings(engine, database)
        self.savepoints = 0
        self.prepared = Prepared()

    def execute(self, text: str, params: Parameters = None) -> Result:
        """Compile (or find compiled) and run one statement."""
        began = perf_counter()
        require_text(text)
        if params is not None and type(params) is not dict:
            _require_parameters(params)
        database = self._database
        if database.closed:
            database.require_open()
        engine = self.engine
        interrupts = engine.interrupts
        catalog = self.catalog
        if catalog is None or catalog.version != (engine.catalog_version, database.generation):
            catalog = self.catalog = database.catalog(engine)
        try:
            program = database.plans.program(text, params, catalog)
        except Error as error:
            if engine.in_transaction:
                self._not_compiled(error)
            raise
        if engine.interrupts != interrupts:
            # It came while the statement was compiled, before the engine knew of it.
            engine.fail_transaction()
            raise from_sqlstate("57014", "canceling statement due to user request")
        settings = self.settings
        answer = run(
            program,
            engine,
            params,
            database.tail,
            settings=settings,
            timeout=settings.statement_timeout,
            prepared=self.prepared,
            compile=self._program,
        )
        return Result(answer, database.tail, perf_counter() - began)

    def _program(self, text: str, values: Sequence[Any]) -> ngql.Program:
        """The program of a prepared statement for these values."""
        catalog = self.catalog
        assert catalog is not None, "EXECUTE was compiled with it"
        return self._database.plans.program(text, values, catalog)

    def _not_compiled(self, error: Error) -> None:
        """A statement that means nothing fails the transaction too; in a failed one only its form is looked at."""
        if self.engine.transaction_failed and error.sqlstate != "42601":
            raise from_sqlstate("25P02", _ABORTED, "ROLLBACK, or ROLLBACK TO a savepoint") from None
        self.engine.fail_transaction()

    def executemany(self, text: str, sets: Iterable[Parameters]) -> int:
        """Run one statement with each of many parameter sets, in one transaction.

        Returns:
            The number of rows of all runs.

        Raises:
            Error: the statement's, naming the parameter set (from 1).
        """
        require_text(text)
        if isinstance(sets, (str, bytes, bytearray, Mapping)) or not isinstance(sets, Iterable):
            raise TypeError(
                f"parameter sets must be an iterable of dicts or sequences, not {type(sets).__name__}"
            )
        rows = 0
        with self.atomic():
            for number, params in enumerate(sets, start=1):
                try:
                    rows += self.execute(text, params).rowcount
                except Error as error:
                    error.message = f"parameter set {number}: {_ONLY_ROW.sub('', error.message)}"
                    raise
        return rows

    @contextmanager
    def atomic(self, read_only: bool = False) -> Iterator[None]:
        """A transaction, or within one a savepoint; see `Database.transaction`."""
        if self.engine.in_transaction:
            if read_only and not self.engine.read_only:
                raise from_sqlstate("25006", "a transaction that may write cannot hold a read-only one")
            with self._savepoint():
                yield
            return
        self.engine.begin(read_only)
        try:
            yield
        except BaseException:
            self._undo(self.engine.rollback)
            raise
        self.engine.commit()

    @contextmanager
    def _savepoint(self) -> Iterator[None]:
        self.savepoints += 1
        name = f"neurograph_{self.savepoints}"
        self.engine.savepoint(name)
        try:
            yield
        except BaseException:
            self._undo(self.engine.rollback_to, name)
            self._undo(self.engine.release, name)
            raise
        finally:
            self.savepoints -= 1
        self.engine.release(name)

    def _undo(self, step: Callable[..., None], *arguments: str) -> None:
        """Unless the block has ended the transaction by itself."""
        if self.engine.in_transaction:
            step(*arguments)
