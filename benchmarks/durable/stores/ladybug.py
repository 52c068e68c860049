"""Ladybug, which goes on from Kùzu."""

from __future__ import annotations

import threading
from pathlib import Path

import ladybug
import numpy as np
import pyarrow as pa

from benchmarks.durable.store import Ids, Points, Session, Store

AXES = [f"l{axis}" for axis in range(1, 9)]
SCHEMA = f"""CREATE NODE TABLE IF NOT EXISTS Token (id INT64 PRIMARY KEY, type INT16, {" FLOAT, ".join(AXES)} FLOAT,
weight FLOAT, flags INT64, created_at INT64, updated_at INT64)"""
CONNECTIONS = "CREATE REL TABLE IF NOT EXISTS Connection (FROM Token TO Token, type INT16, weight FLOAT)"
FIELDS = ", ".join(f"{axis}: ${axis}" for axis in AXES)
INSERT = (
    f"CREATE (:Token {{id: $id, type: 0, {FIELDS}, weight: 0.5, flags: 5, created_at: 0, updated_at: 0}})"
)


class Ladybug(Store):
    """A column per axis: loading lists of eight takes it ten times as long. Writers queue at a lock."""

    name = "Ladybug"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.db = ladybug.Database(path)
        self._con = ladybug.Connection(self.db)
        self._con.execute(SCHEMA)
        self._con.execute(CONNECTIONS)
        self.writing = threading.Lock()
        self.number_from(self.count())

    def session(self) -> LadybugSession:
        """With a connection of its own."""
        return LadybugSession(self)

    def count(self) -> int:
        """Number of tokens."""
        return int(self._con.execute("MATCH (t:Token) RETURN count(*)").get_next()[0])

    def prepare(self, points: Points, first: int) -> pa.Table:
        """An Arrow table."""
        n = len(points)
        columns = {"id": np.arange(first, first + n), "type": np.zeros(n, dtype=np.int16)}
        columns |= {axis: np.ascontiguousarray(points[:, i]) for i, axis in enumerate(AXES)}
        columns |= {"weight": np.full(n, 0.5, dtype=np.float32), "flags": np.full(n, 5)}
        columns |= {"created_at": np.zeros(n, dtype=np.int64), "updated_at": np.zeros(n, dtype=np.int64)}
        return pa.table(columns)

    def load(self, rows: pa.Table) -> None:
        """COPY, its way to load."""
        self._con.execute("COPY Token FROM $rows", {"rows": rows})
        self.number_from(self.count())

    def connect(self, sources: Ids, targets: Ids) -> None:
        """COPY."""
        n = len(sources)
        types, weights = np.zeros(n, dtype=np.int16), np.full(n, 0.5, dtype=np.float32)
        rows = pa.table({"from": sources, "to": targets, "type": types, "weight": weights})
        self._con.execute("COPY Connection FROM $rows", {"rows": rows})

    def close(self) -> None:
        """Writes a checkpoint."""
        self._con.close()
        self.db.close()


class LadybugSession(Session):
    """A connection."""

    def __init__(self, store: Ladybug) -> None:
        self._store = store
        self._con = ladybug.Connection(store.db)

    def create(self, point: list[float]) -> None:
        """In autocommit mode."""
        values = dict(zip(AXES, point, strict=True))
        with self._store.writing:
            self._con.execute(INSERT, {"id": next(self._store.fresh), **values})

    def get(self, token: int) -> object:
        """A list."""
        found = self._con.execute("MATCH (t:Token) WHERE t.id = $id RETURN t.*", {"id": token})
        return found.get_next()

    def outgoing(self, token: int) -> int:
        """Of the adjacency."""
        query = "MATCH (t:Token)-[c:Connection]->() WHERE t.id = $id RETURN count(c)"
        return int(self._con.execute(query, {"id": token}).get_next()[0])

    def close(self) -> None:
        """Close the connection."""
        self._con.close()
