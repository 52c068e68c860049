"""Stores to ask in space: points nasty in twelve ways, and a history of writes with what the store must then hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from oracle_space import COLUMNS, Rows

import neurograph as ng
from ng_engine import RuntimeStorage

Rng = np.random.Generator
Singles = npt.NDArray[np.float32]
State = tuple[str, RuntimeStorage | None, Rows]
"""Its name, the session to ask or None for the database's own, and the rows it must see."""


def _uniform(rng: Rng, n: int) -> Any:
    return rng.random((n, 8))


def _clustered(rng: Rng, n: int) -> Any:
    return rng.random((20, 8))[rng.integers(0, 20, n)] + rng.normal(0, 0.02, (n, 8))


def _one_hot_axis(rng: Rng, n: int) -> Any:
    return rng.random((n, 8)) * np.eye(8)[3] + 0.25


def _huge_spread(rng: Rng, n: int) -> Any:
    return rng.choice([-1.0, 1.0], (n, 8)) * 10 ** rng.uniform(-30, 30, (n, 8))


def _denormal(rng: Rng, n: int) -> Any:
    return rng.integers(-40, 40, (n, 8)) * 2.0**-149


def _zeros(rng: Rng, n: int) -> Any:
    return rng.choice([0.0, -0.0, 1.0], (n, 8), p=[0.48, 0.48, 0.04])


def _edge_of_float32(rng: Rng, n: int) -> Any:
    most = float(np.finfo(np.float32).max)
    return rng.choice([most, -most, most / 2, 0.0, 1.0], (n, 8))


POINTS: dict[str, Callable[[Rng, int], Any]] = {
    "uniform": _uniform,
    "clustered": _clustered,
    "grid": lambda rng, n: rng.integers(0, 3, (n, 8)),
    "all equal": lambda rng, n: np.full((n, 8), 0.3),
    "collinear": lambda rng, n: np.repeat(rng.random((n, 1)), 8, axis=1),
    "one hot axis": _one_hot_axis,
    "angles": lambda rng, n: rng.uniform(-20, 20, (n, 8)),
    "far off": lambda rng, n: 1e6 + rng.random((n, 8)),
    "huge spread": _huge_spread,
    "denormal": _denormal,
    "zeros": _zeros,
    "edge of float32": _edge_of_float32,
}

TYPES = np.array(["object", "event", "word", "rare"])
SHARES = [0.9, 0.09, 0.0099, 0.0001]
USER_FLAGS = np.array([0, 0x1000, 0x2000, 0x5000], np.uint16)


def sizes(rng: Rng, world: int) -> int:
    """How many rows the world of this number begins with: few, around a boundary, or many."""
    boundary = [32, 1024, 4096, 12_288][world // 3 % 4] + int(rng.integers(-1, 2))
    return [int(rng.integers(0, 40)), boundary, int(10 ** rng.uniform(2, 4.3))][world % 3]


class World:
    """A store, the rows it must hold, and the writes that change both.

    Attributes:
        rows: what this thread's session sees.
        outside: what every other session sees.
        before: snapshots taken, and what each must go on seeing.
    """

    def __init__(self, kind: str, n: int, rng: Rng, file: Path | None) -> None:
        self.kind, self.rng, self.file = kind, rng, file
        self.db = self._connect()
        self.ids_rise = bool(rng.integers(0, 2))
        none = np.zeros(0, np.int64)
        self.rows = Rows(none, np.zeros((8, 0)), none.astype(np.float32), none.astype("U8"),
                         none.astype(np.uint16), none.astype("U8"), none, none)  # fmt: skip
        self.outside = self.rows
        self.before: list[tuple[RuntimeStorage, Rows]] = []
        self.keys = 0
        self.other = self.storage.session()
        self.insert(n)
        self.published()

    def _connect(self) -> ng.Database:
        return ng.connect(str(self.file), synchronous="off") if self.file else ng.connect()

    @property
    def storage(self) -> RuntimeStorage:
        return self.db.runtime

    def close(self) -> None:
        self.before.clear()
        self.db.close()

    # ---- writes

    def points(self, n: int) -> Singles:
        """New points of this world's kind; some are those of rows there are."""
        points = np.asarray(POINTS[self.kind](self.rng, n), np.float64).astype(np.float32)
        if len(self.rows) and n:
            same = np.flatnonzero(self.rng.random(n) < 0.1)
            points[same] = self.rows.points[:, self.rng.integers(0, len(self.rows), len(same))].T
        return points

    def insert(self, n: int) -> None:
        """Rows of random types, weights, flags and keys; ids may be given in any order."""
        points, rng = self.points(n), self.rng
        table = {
            "coords": coords(points),
            "weight": rng.random(n, dtype=np.float32),
            "type": TYPES[rng.choice(4, n, p=SHARES)],
            "flags": np.uint16(5) | USER_FLAGS[rng.integers(0, 4, n)],
        }
        keys = np.array([f"k{self.keys + i}" for i in range(n)], "U8")
        keys[rng.random(n) < 0.5] = ""
        self.keys += n
        table["key"] = pa.array([key or None for key in keys.tolist()], pa.string())
        if not self.ids_rise:
            table["id"] = int(self.rows.id.max(initial=0)) + 1 + rng.permutation(3 * n)[:n]
        ids = self.storage.create_tokens(pa.table(table))
        assert len(ids) == n
        columns = {"id": ids, "key": keys, "created_at": ids, "updated_at": ids}
        new = Rows(points=_kept(points), **{name: table[name] for name in COLUMNS if name in table} | columns)
        self.rows = self._stamped(self.rows.joined(new))

    def move(self, n: int) -> None:
        """Other coordinates for some rows, in one write or one by one."""
        places = self._some(n)
        points = self.points(len(places))
        ids = self.rows.id[places]
        if len(places) < 4:
            for token, point in zip(ids.tolist(), points.tolist(), strict=True):
                assert self.storage.update_token(token, coords=point)
        else:
            changed = self.storage.update_tokens(pa.table({"id": ids, "coords": coords(points)}))
            assert changed == len(places)
        self.rows = self._stamped(self.rows.moved(places, _kept(points)))

    def reweigh(self, n: int) -> None:
        """Other weights for some rows, which no index heeds."""
        places = self._some(n)
        weights = self.rows.weight.copy()
        weights[places] = self.rng.random(len(places), dtype=np.float32)
        table = pa.table({"id": self.rows.id[places], "weight": weights[places]})
        assert self.storage.update_tokens(table) == len(places)
        self.rows = self._stamped(replace(self.rows, weight=weights))

    def delete(self, n: int) -> None:
        places = self._some(n)
        assert self.storage.delete_tokens(self.rows.id[places]) == len(places)
        keep = np.ones(len(self.rows), dtype=bool)
        keep[places] = False
        self.rows = self.rows.pick(keep)

    def rescale(self) -> None:
        """Another metric for whoever names none."""
        scales = (10 ** self.rng.uniform(-1, 1, 8)).tolist()
        self.storage.update_cdna_scales(scales)
        self.rows = replace(self.rows, metric=(scales, [0.0] * 8))

    def write(self) -> str:
        """One random write; its name."""
        few = int(self.rng.integers(1, 60))
        many = int(self.rng.integers(1, 6000))
        writes: list[tuple[str, Callable[[], None]]] = [
            ("moved", lambda: self.move(few)),
            ("moved", lambda: self.move(many)),
            ("deleted", lambda: self.delete(few)),
            ("deleted", lambda: self.delete(many // 2)),
            ("inserted", lambda: self.insert(few)),
            ("inserted", lambda: self.insert(many)),
            ("reweighed", lambda: self.reweigh(few)),
            ("rescaled", self.rescale),
        ]
        name, write = writes[int(self.rng.integers(len(writes)))]
        write()
        return name

    def _some(self, n: int) -> npt.NDArray[np.int64]:
        return self.rng.choice(len(self.rows), min(n, len(self.rows)), replace=False)

    def _stamped(self, rows: Rows) -> Rows:
        """With the times that the engine has set."""
        seen = pa.table(self.storage.scan("tokens", columns=["id", "created_at", "updated_at"]))
        assert np.array_equal(seen["id"].to_numpy(), rows.id)
        created, updated = (seen[name].cast(pa.int64()).to_numpy() for name in ("created_at", "updated_at"))
        return replace(rows, created_at=created, updated_at=updated)

    # ---- states

    def published(self) -> None:
        """What was written is there for everybody."""
        self.outside = self.rows

    def remember(self) -> None:
        self.before.append((self.storage.snapshot(), self.rows))

    def reopen(self) -> None:
        assert self.file
        self.before.clear()
        if self.rng.integers(0, 2):
            self.db.checkpoint()
        self.db.close()
        self.db = self._connect()
        self.other = self.storage.session()
        self.rows = self.outside = self._stamped(self.rows)

    def states(self) -> Iterator[State]:
        """The states of a history without end."""
        yield "loaded", None, self.rows
        self.storage.settle()
        yield "indexed", None, self.rows
        while True:
            yield from self._turn()
            if self.before:
                snapshot, rows = self.before[int(self.rng.integers(len(self.before)))]
                yield "snapshot", snapshot, rows

    def _turn(self) -> Iterator[State]:
        turn = int(self.rng.integers(0, 12))
        if turn < 5:
            if turn < 2:
                self.remember()
            state = self.write()
            self.published()
            yield state, None, self.rows
        elif turn < 8:
            yield from self._transaction(commit=turn == 5)
        elif turn == 8:
            self.storage.vacuum()
            yield "vacuumed", None, self.rows
        elif turn == 9 and self.file:
            self.reopen()
            yield "reopened", None, self.rows
        else:
            self.storage.settle()
            yield "indexed", None, self.rows

    def _transaction(self, commit: bool) -> Iterator[State]:
        self.storage.begin()
        self.write()
        yield "in a transaction", None, self.rows
        self.storage.savepoint("s")
        saved = self.rows
        self.write()
        yield "beside a transaction", self.other, self.outside
        if self.rng.integers(0, 2):
            self.storage.rollback_to("s")
            self.rows = saved
            yield "rolled back to a savepoint", None, self.rows
        else:
            self.write()
        if commit:
            self.storage.commit()
            self.published()
            yield "committed", None, self.rows
        else:
            self.storage.rollback()
            self.rows = self.outside
            yield "rolled back", None, self.rows


@contextmanager
def opened(kind: str, world: int, directory: Path) -> Iterator[World]:
    """The world of a kind and number; one in four is a file."""
    rng = np.random.default_rng([list(POINTS).index(kind), world])
    n = 60_000 if world % 12 == 11 else sizes(rng, world)
    built = World(kind, n, rng, directory / f"{world}.ng" if world % 4 == 1 else None)
    try:
        yield built
    finally:
        built.close()


def coords(points: npt.ArrayLike) -> pa.Array:
    """The column of n × 8 points."""
    return pa.FixedSizeListArray.from_arrays(pa.array(np.asarray(points, np.float32).ravel()), 8)


def _kept(points: Singles) -> npt.NDArray[np.float64]:
    return np.ascontiguousarray(points.T.astype(np.float64) + 0.0)
