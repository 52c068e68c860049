"""What a statement answers: rows, made into Python or Arrow objects only when asked for."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ng_arrow import display
from ng_arrow.tables import empty_table, python_rows, stream_to_reader, stream_to_table
from ng_engine.errors import NotSupportedError, from_sqlstate
from ngql.execute import Answer

if TYPE_CHECKING:
    import pandas
    import polars

    from ng_arrow.duck import Tail
    from ng_arrow.tables import RecordBatchReader, Table

__all__ = ["Result"]

_SHOWN_ROWS = 20
_FETCHED = 256  # rows that fetchone takes from the engine at once


class Result:
    """The rows of one statement, finished and independent of every other result.

    It is a re-openable Arrow stream: ``pyarrow.table(r)``, ``polars.DataFrame(r)`` and ``duckdb.sql("FROM r")``
    take it as it is, as often as they like, and share its memory. Rows stay valid after the database is closed.

    Iterating gives every row as a tuple, from the first, each time; `fetchone`, `fetchmany` and `fetchall` go on
    where the last of them ended. Values are int, float, str, bool, list (of 8 floats for `coords`), dict (`props`),
    aware UTC datetime, or None. A statement that has no rows to give has no columns, and fetching gives nothing.

    Attributes:
        statement_type: ``"SELECT"``, ``"INSERT"``, ….
        rowcount: rows given, or rows written.
        elapsed: seconds the statement took, compiling included.
        rows_examined: rows the engine looked at.

    Example:
        >>> import neurograph as ng
        >>> db = ng.connect()
        >>> ids = db.tokens.create_many({"key": ["a", "b"], "coords": [[0.0] * 8, [1.0] * 8]})
        >>> r = db.execute("SELECT key, distance FROM tokens NEAR $q", {"q": [0.0] * 8})
        >>> r
         key |      distance
        -----+--------------------
         a   |                0.0
         b   | 2.8284271247461903
        (2 rows)
        >>> r.arrow().column_names, len(r), r.fetchone()
        (['key', 'distance'], 2, ('a', 0.0))
        >>> r.sql("SELECT max(distance) > 1 AS far FROM result").fetchall()
        [(True,)]
        >>> db.close()
    """

    __slots__ = ("_answer", "_at", "_buffer", "_rows", "_tail", "elapsed", "rowcount", "statement_type")

    def __init__(self, answer: Answer, tail: Tail, elapsed: float = 0.0) -> None:
        """Made by the database, not by users.

        Args:
            answer: what the statement gave.
            tail: runs `sql`.
            elapsed: seconds.
        """
        self._answer = answer
        self._rows = answer.relation
        self._tail = tail
        self._at = 0
        self._buffer: list[tuple[Any, ...]] | None = None
        self.statement_type = answer.statement_type
        self.rowcount = answer.rowcount
        self.elapsed = elapsed

    @classmethod
    def of(cls, rows: Any, tail: Tail, began: float) -> Result:
        """A result of rows that no statement asked for, but a call at `began` (`perf_counter`)."""
        return cls(Answer(rows, "SELECT", len(rows)), tail, perf_counter() - began)

    # -- shape ----------------------------------------------------------------------------------------------

    @property
    def columns(self) -> list[str]:
        """Column names, in order."""
        return self._answer.columns

    @property
    def types(self) -> list[str]:
        """NGQL type of each column: ``BIGINT``, ``TEXT``, ``FLOAT[8]``, ``TIMESTAMPTZ``, …."""
        return self._answer.types

    @property
    def rows_examined(self) -> int:
        """How many rows the engine looked at to find these."""
        return int(self._answer.work.get("rows_examined", 0))

    @property
    def _is_relation(self) -> bool:
        return hasattr(self._rows, "rows")

    def __len__(self) -> int:
        return 0 if self._rows is None else len(self._rows)

    def __bool__(self) -> bool:
        return True  # a result without rows is still a result

    # -- Python values --------------------------------------------------------------------------------------

    def _values(self, start: int, count: int | None) -> list[tuple[Any, ...]]:
        if self._rows is None:
            return []
        if self._is_relation:
            values: list[tuple[Any, ...]] = self._rows.rows(start, count)
            return values
        return list(python_rows(self._rows, self.types, start, count))

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row, or None after the last."""
        if not self._buffer:
            self._buffer = self._values(self._at, _FETCHED)[::-1]
            if not self._buffer:
                return None
        self._at += 1
        return self._buffer.pop()

    def fetchmany(self, size: int = 1) -> list[tuple[Any, ...]]:
        """The next `size` rows, fewer at the end."""
        if size < 0:
            raise from_sqlstate("22023", "the number of rows to fetch is not negative")
        values = self._values(self._at, size)
        self._at += len(values)
        self._buffer = None
        return values

    def fetchall(self) -> list[tuple[Any, ...]]:
        """The rows not fetched yet."""
        values = self._values(self._at, None)
        self._at += len(values)
        self._buffer = None
        return values

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        start = 0
        while values := self._values(start, _FETCHED):
            yield from values
            start += len(values)

    def dicts(self) -> list[dict[str, Any]]:
        """Every row as a dict of column name to value.

        Raises:
            ProgrammingError: 42702, two columns have one name.
        """
        names = self.columns
        for name in names:
            if names.count(name) > 1:
                hint = "give one of them another name with AS"
                raise from_sqlstate("42702", f'column "{name}" appears twice in the result', hint)
        return [dict(zip(names, row, strict=True)) for row in self]

    # -- Arrow ----------------------------------------------------------------------------------------------

    def arrow(self) -> Table:
        """The rows as a `pyarrow.Table` that shares the engine's memory."""
        return empty_table() if self._rows is None else stream_to_table(self._rows)

    def reader(self) -> RecordBatchReader:
        """The rows as a `pyarrow.RecordBatchReader`, batch by batch; a new one each time."""
        return stream_to_reader(self)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        rows = empty_table() if self._rows is None else self._rows
        return rows.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        if self._rows is None:
            return empty_table().schema.__arrow_c_schema__()
        rows = self._rows if self._is_relation else self._rows.schema
        return rows.__arrow_c_schema__()

    def df(self) -> pandas.DataFrame:
        """The rows as a pandas data frame (needs pandas)."""
        _require("pandas")
        frame: pandas.DataFrame = self.arrow().to_pandas()
        return frame

    def pl(self) -> polars.DataFrame:
        """The rows as a Polars data frame (needs polars)."""
        frame: polars.DataFrame = _require("polars").DataFrame(self)
        return frame

    # -- on with DuckDB -------------------------------------------------------------------------------------

    def sql(self, query: str, params: Mapping[str, Any] | Sequence[Any] | None = None) -> Result:
        """Query this result with DuckDB's SQL; its name there is ``result``.

        Args:
            query: one SELECT. Tables given to `Database.register` may be named too.
            params: a dict for ``$name``, a sequence for ``?`` or ``$1``.

        Returns:
            Another result.

        Raises:
            Error: DuckDB's error with its place in `query`; 42501 when it reaches for files, settings or the like.

        Example:
            >>> import neurograph as ng
            >>> with ng.connect() as db:
            ...     r = db.execute("SELECT name FROM connection_types WHERE family = $f", {"f": "causal"})
            ...     r.sql("SELECT count(*) FROM result WHERE name LIKE $like", {"like": "c%"}).fetchone()
            (3,)
        """
        began = perf_counter()
        if not isinstance(query, str):
            raise TypeError(f"the statement must be a str, not {type(query).__name__}")
        table = self._tail.run(query, {"result": self}, params, user_sql=True)
        return Result.of(table, self._tail, began)

    def to_duckdb(self, connection: Any, name: str) -> None:
        """Register these rows in a DuckDB connection of the user's own.

        Args:
            connection: a `duckdb.DuckDBPyConnection`.
            name: how SQL there calls them; a view that lives as long as the connection.
        """
        if not hasattr(connection, "register"):
            raise TypeError(f"expected a DuckDB connection, not {type(connection).__name__}")
        connection.register(name, self)

    # -- showing --------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        if self._rows is None:
            return f"{self.statement_type} {self.rowcount}"
        lines = list(display.aligned(self.columns, self.types, self._values(0, _SHOWN_ROWS)))
        more = len(self) - _SHOWN_ROWS
        if more > 0:
            lines[-1] = f"({_SHOWN_ROWS} of {len(self)} rows)"
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        if self._rows is None:
            return f"<p>{self.statement_type} {self.rowcount}</p>"
        more = max(0, len(self) - _SHOWN_ROWS)
        return display.html_table(self.columns, self.types, self._values(0, _SHOWN_ROWS), more=more)


def _require(package: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError:
        raise NotSupportedError(
            f"{package} is not installed", hint=f"pip install neurograph[{package}]"
        ) from None
