"""DuckDB."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from benchmarks.data import coords
from benchmarks.durable.store import Ids, Points, Session, Store, Weights

SCHEMA = """id BIGINT {key}, type SMALLINT, coords FLOAT[8], weight FLOAT, flags UINTEGER,
created_at BIGINT, updated_at BIGINT"""
INSERT = "INSERT INTO tokens VALUES (?, 0, ?, 0.5, 5, 0, 0)"


class DuckDB(Store):
    """Without a key on tokens, which makes its writes fastest; `KeyedDuckDB` has one."""

    name = "DuckDB"
    key = ""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.con = duckdb.connect(path)
        self.con.execute(f"CREATE TABLE IF NOT EXISTS tokens ({SCHEMA.format(key=self.key)})")
        self.con.execute(
            "CREATE TABLE IF NOT EXISTS connections (source BIGINT, target BIGINT, type SMALLINT, weight FLOAT)"
        )
        self.number_from(self.count())

    def session(self) -> DuckDBSession:
        """With a cursor of its own, which is a connection."""
        return DuckDBSession(self)

    def count(self) -> int:
        """Number of tokens."""
        return int(self.con.execute("SELECT count(*) FROM tokens").fetchall()[0][0])

    def prepare(self, points: Points, first: int) -> pa.Table:
        """An Arrow table."""
        n = len(points)
        return pa.table(
            {
                "id": np.arange(first, first + n),
                "type": np.zeros(n, dtype=np.int16),
                "coords": coords(points),
                "weight": np.full(n, 0.5, dtype=np.float32),
                "flags": np.full(n, 5, dtype=np.uint32),
                "created_at": np.zeros(n, dtype=np.int64),
                "updated_at": np.zeros(n, dtype=np.int64),
            }
        )

    def load(self, rows: pa.Table) -> None:
        """One statement."""
        self.con.register("rows", rows)
        self.con.execute("INSERT INTO tokens SELECT * FROM rows")
        self.con.unregister("rows")
        self.number_from(self.count())

    def connect(self, sources: Ids, targets: Ids) -> None:
        """One statement."""
        self.con.register("rows", pa.table({"source": sources, "target": targets}))
        self.con.execute("INSERT INTO connections SELECT source, target, 0, 0.5 FROM rows ORDER BY source")
        self.con.unregister("rows")

    def copy(self, to: Path) -> None:
        """Another database, filled from this one."""
        mine = self.con.execute("SELECT current_database()").fetchall()[0][0]
        self.con.execute(f"ATTACH '{to}' AS fresh")
        self.con.execute(f"COPY FROM DATABASE {mine} TO fresh")
        self.con.execute("DETACH fresh")

    def close(self) -> None:
        """Writes a checkpoint."""
        self.con.close()


class KeyedDuckDB(DuckDB):
    """With an index to find tokens by."""

    key = "PRIMARY KEY"


class DuckDBSession(Session):
    """A cursor."""

    def __init__(self, store: DuckDB) -> None:
        self._con = store.con.cursor()
        self._fresh = store.fresh

    def create(self, point: list[float]) -> None:
        """In autocommit mode."""
        self._con.execute(INSERT, [next(self._fresh), point])

    def get(self, token: int) -> object:
        """A tuple."""
        return self._con.execute("SELECT * FROM tokens WHERE id = ?", [token]).fetchone()

    def outgoing(self, token: int) -> int:
        """By a scan that skips what the ranges of its row groups rule out."""
        found = self._con.execute("SELECT count(*) FROM connections WHERE source = ?", [token]).fetchall()
        return int(found[0][0])

    def update(self, tokens: Ids, weights: Weights) -> None:
        """A join with an Arrow table."""
        self._con.register("changes", pa.table({"id": tokens, "weight": weights}))
        self._con.execute("UPDATE tokens SET weight = c.weight FROM changes AS c WHERE tokens.id = c.id")
        self._con.unregister("changes")

    def close(self) -> None:
        """Close the cursor."""
        self._con.close()
