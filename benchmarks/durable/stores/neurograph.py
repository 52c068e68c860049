"""Ours, through what users import."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

import neurograph as ng
from benchmarks.data import tokens
from benchmarks.durable.store import Ids, Points, Session, Store, Weights


class NeuroGraph(Store):
    """`synchronous="full"`, the default."""

    name = "neurograph"
    shared = True

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        super().__init__(path)
        self.db = ng.connect(path, read_only=read_only)

    def session(self) -> NeuroGraphSession:
        """Each thread has its own by itself."""
        return NeuroGraphSession(self.db)

    def count(self) -> int:
        """Number of tokens."""
        return self.db.tokens.count()

    def prepare(self, points: Points, first: int) -> pa.Table:
        """An Arrow table; the store gives the ids."""
        return tokens(points)

    def load(self, rows: pa.Table) -> None:
        """Through the SDK, which takes tables of any make."""
        self.db.tokens.create_many(rows)

    def connect(self, sources: Ids, targets: Ids) -> None:
        """One Arrow table."""
        weights = np.full(len(sources), 0.5, dtype=np.float32)
        self.db.connections.create_many(pa.table({"source": sources, "target": targets, "weight": weights}))

    def copy(self, to: Path) -> None:
        """An online backup."""
        self.db.backup(to)

    def close(self) -> None:
        """Writes a checkpoint."""
        self.db.close()


class NeuroGraphSession(Session):
    """Of the calling thread."""

    def __init__(self, db: ng.Database) -> None:
        self._create = db.tokens.create
        self._runtime = db.runtime
        self.get = self._runtime.get_token

    def create(self, point: list[float]) -> None:
        """A commit by itself."""
        self._create(coords=point)

    def outgoing(self, token: int) -> int:
        """Of the adjacency."""
        return len(self._runtime.get_connections_for_token(token, "out"))

    def update(self, tokens: Ids, weights: Weights) -> None:
        """One Arrow table."""
        self._runtime.update_tokens(pa.table({"id": tokens, "weight": weights}))
