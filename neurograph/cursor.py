"""PEP 249 cursors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

from neurograph.result import Result
from neurograph.session import require_text
from ng_engine.errors import InterfaceError

if TYPE_CHECKING:
    from neurograph.session import Parameters, Session

__all__ = ["Cursor"]

Description = tuple[str, str, None, None, None, None, None]


class Cursor:
    """Runs statements one after the other and gives their rows; see PEP 249.

    Threads may share a database, not a cursor.

    Attributes:
        connection: what made the cursor: a `Database`, or a `neurograph.dbapi.Connection`.
        arraysize: how many rows `fetchmany` gives by default.

    Example:
        >>> import neurograph as ng
        >>> with ng.connect() as db:
        ...     cursor = db.cursor()
        ...     _ = cursor.executemany("INSERT INTO tokens (key, coords) VALUES (?, ?)", [("a", [0.0] * 8)])
        ...     _ = cursor.execute("SELECT key FROM tokens WHERE key = ?", ["a"])
        ...     cursor.description[0][:2], cursor.fetchall()
        (('key', 'TEXT'), [('a',)])
    """

    def __init__(
        self, connection: Any, session: Session, before: Callable[[str], None] | None = None
    ) -> None:
        """Made by the database.

        Args:
            connection: what made it.
            session: what runs its statements.
            before: called with each statement's text before it runs.
        """
        self.connection = connection
        self.arraysize = 1
        self._session: Session | None = session
        self._before = before
        self._result: Result | None = None
        self._rowcount = -1

    def _require_open(self) -> Session:
        if self._session is None:
            raise InterfaceError("the cursor is closed")
        return self._session

    def execute(self, operation: str, parameters: Parameters = None) -> Self:
        """Run one statement.

        Args:
            operation: the statement.
            parameters: a sequence for ``?`` or ``$1``, a dict for ``$name``.
        """
        session = self._require_open()
        require_text(operation)
        self._result, self._rowcount = None, -1
        if self._before is not None:
            self._before(operation)
        self._result = session.execute(operation, parameters)
        self._rowcount = self._result.rowcount
        return self

    def executemany(self, operation: str, seq_of_parameters: Iterable[Parameters]) -> Self:
        """Run one statement with each of many parameter sets, in one transaction; keeps no rows."""
        session = self._require_open()
        require_text(operation)
        self._result, self._rowcount = None, -1
        if self._before is not None:
            self._before(operation)
        self._rowcount = session.executemany(operation, seq_of_parameters)
        return self

    @property
    def description(self) -> Sequence[Description] | None:
        """Seven values a column: name, NGQL type, and five None; None when there are no rows to fetch."""
        if self._result is None or not self._result.columns:
            return None
        pairs = zip(self._result.columns, self._result.types, strict=True)
        return [(name, kind, None, None, None, None, None) for name, kind in pairs]

    @property
    def rowcount(self) -> int:
        """Rows given or written by the last statement; −1 before one."""
        return self._rowcount

    @property
    def lastrowid(self) -> None:
        """Always None: ``RETURNING id`` gives ids."""
        return None

    @property
    def result(self) -> Result | None:
        """The last statement's `Result`, for Arrow and data frames."""
        return self._result

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row, or None."""
        self._require_open()
        return None if self._result is None else self._result.fetchone()

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """The next `size` rows (`arraysize` by default), fewer at the end."""
        self._require_open()
        return (
            [] if self._result is None else self._result.fetchmany(self.arraysize if size is None else size)
        )

    def fetchall(self) -> list[tuple[Any, ...]]:
        """The rows not fetched yet."""
        self._require_open()
        return [] if self._result is None else self._result.fetchall()

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return self

    def __next__(self) -> tuple[Any, ...]:
        row = self.fetchone()
        if row is None:
            raise StopIteration
        return row

    def setinputsizes(self, sizes: Sequence[Any]) -> None:
        """Does nothing, as PEP 249 allows: sizes are not needed."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Does nothing, as PEP 249 allows: columns are never cut."""

    def close(self) -> None:
        """Let go of session and rows; an open transaction of the cursor's own session is rolled back."""
        self._session = None
        self._result = None

    def __enter__(self) -> Self:
        self._require_open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
