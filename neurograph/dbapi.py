"""PEP 249: `connect`, connections, cursors and type objects.

A connection here is one session on a store of its own. As PEP 249 wants it, its first statement opens a transaction;
`Connection.commit` keeps what was done, `Connection.rollback` and closing undo it.

Example:
    >>> import neurograph.dbapi
    >>> connection = neurograph.dbapi.connect()
    >>> cursor = connection.cursor()
    >>> _ = cursor.execute("INSERT INTO tokens (key, coords) VALUES (?, ?)", ["a", [0.0] * 8])
    >>> connection.rollback()
    >>> cursor.execute("SELECT count(*) FROM tokens").fetchone()
    (0,)
    >>> connection.close()
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

from neurograph.cursor import Cursor
from ng_engine.errors import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Warning,
)

if TYPE_CHECKING:
    from neurograph.database import Database
    from neurograph.session import Parameters

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "Binary",
    "Connection",
    "Cursor",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Warning",
    "apilevel",
    "connect",
    "paramstyle",
    "threadsafety",
]

# BEGIN opens its transaction by itself, and what concerns the store as a whole or the session is part of none.
_OUTSIDE = re.compile(
    r"\s*(?:BEGIN|START|BACKUP|CHECK|VACUUM|SHOW|RESET|SET(?!\s+(?:LOCAL\b|(?:SESSION\s+)?CDNA\b)))\b",
    re.IGNORECASE,
)

apilevel = "2.0"
threadsafety = 2
paramstyle = "qmark"


def connect(*args: Any, **options: Any) -> Connection:
    """Open a store; arguments as `neurograph.connect`."""
    from neurograph.connect import connect as open_database

    return Connection(open_database(*args, **options))


class Connection:
    """A store and one session on it; cursors share the session, and so its transaction."""

    DataError = DataError
    DatabaseError = DatabaseError
    Error = Error
    IntegrityError = IntegrityError
    InterfaceError = InterfaceError
    InternalError = InternalError
    NotSupportedError = NotSupportedError
    OperationalError = OperationalError
    ProgrammingError = ProgrammingError
    Warning = Warning

    def __init__(self, database: Database) -> None:
        """Made by `connect`."""
        self.database = database
        self._session = database.new_session()

    def _before(self, statement: str) -> None:
        self._require_open()
        engine = self._session.engine
        if not engine.in_transaction and not _OUTSIDE.match(statement):
            engine.begin()

    def _require_open(self) -> None:
        if self.database.closed:
            raise InterfaceError("the connection is closed")

    def cursor(self) -> Cursor:
        """A new cursor on this connection's session."""
        self._require_open()
        return Cursor(self, self._session, self._before)

    def execute(self, operation: str, parameters: Parameters = None) -> Cursor:
        """Run one statement on a new cursor."""
        return self.cursor().execute(operation, parameters)

    def executemany(self, operation: str, seq_of_parameters: Iterable[Parameters]) -> Cursor:
        """Run one statement many times on a new cursor."""
        return self.cursor().executemany(operation, seq_of_parameters)

    def commit(self) -> None:
        """Keep what was done since the last commit; nothing happens when nothing was."""
        self._require_open()
        if self._session.engine.in_transaction:
            self._session.engine.commit()

    def rollback(self) -> None:
        """Undo what was done since the last commit; nothing happens when nothing was."""
        self._require_open()
        if self._session.engine.in_transaction:
            self._session.engine.rollback()

    def close(self) -> None:
        """Undo what was not committed and close the store."""
        if not self.database.closed:
            self.rollback()
            self.database.close()

    def __enter__(self) -> Self:
        self._require_open()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if not self.database.closed:
            if kind is None:
                self.commit()
            self.close()


class _TypeObject:
    """Equal to each of a group of NGQL type names; PEP 249's type objects."""

    def __init__(self, *names: str) -> None:
        self._names = names

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str):
            return other.startswith(self._names) and not other.endswith("]")
        return self is other

    def __hash__(self) -> int:
        return hash(self._names)


STRING = _TypeObject("TEXT", "JSON", "UUID")
BINARY = _TypeObject("BYTEA")
NUMBER = _TypeObject(
    "BIGINT",
    "INTEGER",
    "SMALLINT",
    "TINYINT",
    "HUGEINT",
    "UBIGINT",
    "UINTEGER",
    "USMALLINT",
    "UTINYINT",
    "REAL",
    "DOUBLE",
    "DECIMAL",
)
DATETIME = _TypeObject("TIMESTAMP", "DATE", "TIME")
ROWID = _TypeObject("BIGINT")

Date = datetime.date
Time = datetime.time
Timestamp = datetime.datetime
Binary = bytes


def DateFromTicks(ticks: float) -> datetime.date:
    """The local date of seconds since the epoch."""
    return datetime.date.fromtimestamp(ticks)


def TimeFromTicks(ticks: float) -> datetime.time:
    """The local time of day of seconds since the epoch."""
    return datetime.datetime.fromtimestamp(ticks).time()


def TimestampFromTicks(ticks: float) -> datetime.datetime:
    """The instant of seconds since the epoch, in UTC."""
    return datetime.datetime.fromtimestamp(ticks, datetime.UTC)
