"""LMDB through py-lmdb: bytes by key, a process-wide writer's lock, readers that lock nothing."""

from __future__ import annotations

import struct
from pathlib import Path

import lmdb

from benchmarks.durable.store import Ids, Points, Session, Store, Weights

FIELDS = struct.Struct("<8ffIqq")
"""Eight coordinates, weight, flags, two times."""
NUMBER = struct.Struct(">Q")
GIBIBYTES = 16 << 30


class Lmdb(Store):
    """Every commit synced, data and meta page."""

    name = "LMDB"
    shared = True

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.env = lmdb.open(str(path), map_size=GIBIBYTES, subdir=False, max_dbs=2, max_readers=64)
        self.tokens = self.env.open_db(b"tokens")
        self.connections = self.env.open_db(b"connections")
        self.number_from(self.count())

    def session(self) -> LmdbSession:
        """Nothing of its own."""
        return LmdbSession(self)

    def count(self) -> int:
        """Number of tokens."""
        with self.env.begin() as txn:
            return int(txn.stat(self.tokens)["entries"])

    def prepare(self, points: Points, first: int) -> list[tuple[bytes, bytes]]:
        """Keys and values as bytes."""
        pack, key = FIELDS.pack, NUMBER.pack
        return [(key(i), pack(*point, 0.5, 5, 0, 0)) for i, point in enumerate(points.tolist(), first)]

    def load(self, rows: list[tuple[bytes, bytes]]) -> None:
        """In the order of the keys, which packs the pages."""
        with self.env.begin(write=True) as txn, txn.cursor(self.tokens) as cursor:
            cursor.putmulti(rows, append=True)
        self.number_from(self.count())

    def connect(self, sources: Ids, targets: Ids) -> None:
        """The key is source and id."""
        order = sources.argsort(kind="stable").tolist()
        ends = list(zip(sources.tolist(), targets.tolist(), strict=True))
        rows = [(struct.pack(">QQ", ends[i][0], i), struct.pack("<QHf", ends[i][1], 0, 0.5)) for i in order]
        with self.env.begin(write=True) as txn, txn.cursor(self.connections) as cursor:
            cursor.putmulti(rows, append=True)

    def copy(self, to: Path) -> None:
        """Packed."""
        self.env.copy(str(to), compact=True)

    def close(self) -> None:
        """Close."""
        self.env.close()


class LmdbSession(Session):
    """A transaction for each call."""

    def __init__(self, store: Lmdb) -> None:
        self._store = store
        self._begin = store.env.begin
        self._tokens = store.tokens

    def create(self, point: list[float]) -> None:
        """The writer's lock is LMDB's own."""
        with self._begin(write=True) as txn:
            key = NUMBER.pack(next(self._store.fresh))
            txn.put(key, FIELDS.pack(*point, 0.5, 5, 0, 0), db=self._tokens)

    def get(self, token: int) -> object:
        """The fields as a tuple."""
        with self._begin(db=self._tokens) as txn:
            value = txn.get(NUMBER.pack(token))
            return None if value is None else FIELDS.unpack(value)

    def outgoing(self, token: int) -> int:
        """A range of keys."""
        with self._begin() as txn, txn.cursor(self._store.connections) as cursor:
            found, prefix = 0, NUMBER.pack(token)
            more = cursor.set_range(prefix)
            while more and cursor.key().startswith(prefix):
                found += 1
                more = cursor.next()
            return found

    def update(self, tokens: Ids, weights: Weights) -> None:
        """Read, change, put."""
        with self._begin(write=True, db=self._tokens) as txn:
            for token, weight in zip(tokens.tolist(), weights.tolist(), strict=True):
                key = NUMBER.pack(token)
                old = txn.get(key)
                txn.put(key, old[:32] + struct.pack("<f", weight) + old[36:])
