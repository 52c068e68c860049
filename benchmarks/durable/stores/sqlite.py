"""sqlite3 of the standard library."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from benchmarks.durable.store import Ids, Points, Session, Store, Weights
from benchmarks.rows import COLUMNS, INSERT

LOAD = INSERT.replace("(type", "(id, type").replace("(0,", "(?, 0,")


class Sqlite(Store):
    """WAL and FULL; a connection for each thread, and writers of one process queue at a lock instead of polling."""

    name = "sqlite3"
    shared = True

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._con = self.open()
        self._con.execute(
            f"CREATE TABLE IF NOT EXISTS tokens ({COLUMNS.replace('key TEXT UNIQUE', 'key TEXT')})"
        )
        self._con.execute(
            "CREATE TABLE IF NOT EXISTS connections "
            "(id INTEGER PRIMARY KEY, source INTEGER, target INTEGER, type INTEGER, weight REAL)"
        )
        self.writing = threading.Lock()

    def open(self) -> sqlite3.Connection:
        """A connection in autocommit mode."""
        con = sqlite3.connect(self.path, isolation_level=None, timeout=60, check_same_thread=False)
        con.execute("PRAGMA journal_mode = WAL")
        con.execute("PRAGMA synchronous = FULL")
        return con

    def session(self) -> SqliteSession:
        """With a connection of its own."""
        return SqliteSession(self.open(), self.writing)

    def count(self) -> int:
        """Number of tokens."""
        return int(self._con.execute("SELECT count(*) FROM tokens").fetchone()[0])

    def prepare(self, points: Points, first: int) -> list[list[float]]:
        """Rows of Python values."""
        return [[i, *point] for i, point in enumerate(points.tolist(), first)]

    def load(self, rows: list[list[float]]) -> None:
        """One transaction, one statement for all rows."""
        self._con.execute("BEGIN IMMEDIATE")
        self._con.executemany(LOAD, rows)
        self._con.execute("COMMIT")

    def connect(self, sources: Ids, targets: Ids) -> None:
        """With an index to find a token's connections by."""
        self._con.execute("BEGIN IMMEDIATE")
        pairs = zip(sources.tolist(), targets.tolist(), strict=True)
        insert = "INSERT INTO connections (source, target, type, weight) VALUES (?, ?, 0, 0.5)"
        self._con.executemany(insert, pairs)
        self._con.execute("CREATE INDEX by_source ON connections (source)")
        self._con.execute("COMMIT")

    def copy(self, to: Path) -> None:
        """Packed."""
        self._con.execute("VACUUM INTO ?", (str(to),))

    def close(self) -> None:
        """The last one writes the log back."""
        self._con.close()


class SqliteSession(Session):
    """A connection."""

    def __init__(self, con: sqlite3.Connection, writing: threading.Lock) -> None:
        self._con = con
        self._writing = writing

    def create(self, point: list[float]) -> None:
        """In autocommit mode."""
        with self._writing:
            self._con.execute(INSERT, point)

    def get(self, token: int) -> object:
        """A tuple."""
        return self._con.execute("SELECT * FROM tokens WHERE id = ?", (token,)).fetchone()

    def outgoing(self, token: int) -> int:
        """By the index."""
        found = self._con.execute("SELECT id FROM connections WHERE source = ?", (token,))
        return len(found.fetchall())

    def update(self, tokens: Ids, weights: Weights) -> None:
        """One statement for all rows."""
        with self._writing:
            self._con.execute("BEGIN IMMEDIATE")
            rows = zip(weights.tolist(), tokens.tolist(), strict=True)
            self._con.executemany("UPDATE tokens SET weight = ? WHERE id = ?", rows)
            self._con.execute("COMMIT")

    def close(self) -> None:
        """Close the connection."""
        self._con.close()
