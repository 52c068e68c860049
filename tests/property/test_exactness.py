"""The spatial index against brute force: every answer equal to the last bit, under any metric and filter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from ng_engine import RuntimeStorage

Floats = npt.NDArray[np.float64]

SCALES = {
    "uniform": [1.0] * 8,
    "skewed": [0.1, 1, 1.5, 2, 3, 5, 8, 34],
    "three axes": [0, 1, 0, 0.5, 0, 0, 2, 0],
    "one axis": [0, 0, 0, 0, 1, 0, 0, 0],
    "hundredfold": [100.0] * 8,
}
PERIODS = {"linear": [0.0] * 8, "circular": [0, 1, 0, 0, 0.5, 0, 0, 0]}
TYPES = np.array(["word", "event", "object"])


def distances(
    points: Floats, query: Floats, scale: list[float], period: list[float], norm: str = "l2"
) -> Floats:
    """The definition of docs/LANGUAGE.md, written out once more."""
    total = np.zeros(len(points))
    for axis in range(8):
        delta = np.abs(points[:, axis] - query[axis])
        if period[axis]:
            delta = np.where(delta > period[axis], np.mod(delta, period[axis]), delta)
            delta = np.minimum(delta, period[axis] - delta)
        if scale[axis]:
            part = scale[axis] * delta
            total = total + (part if norm == "l1" else part * part)
    return total if norm == "l1" else np.sqrt(total)


class World:
    """A store and the same rows in numpy."""

    def __init__(self, points: npt.NDArray[np.float32], seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.points = points.astype(np.float64)
        self.types = TYPES[rng.integers(0, 3, len(points))]
        self.weights = rng.random(len(points), dtype=np.float32)
        self.storage = RuntimeStorage.memory()
        flat = pa.FixedSizeListArray.from_arrays(pa.array(points.ravel()), 8)
        table = pa.table({"coords": flat, "type": self.types, "weight": self.weights})
        self.ids = self.storage.create_tokens(table)
        self.live = np.ones(len(points), dtype=bool)

    def move(self, rng: np.random.Generator, count: int) -> None:
        """New coordinates for some tokens, as one update."""
        rows = np.flatnonzero(self.live)
        rows = rng.choice(rows, count, replace=False)
        points = rng.random((count, 8), dtype=np.float32)
        coords = pa.FixedSizeListArray.from_arrays(pa.array(points.ravel()), 8)
        self.storage.update_tokens(pa.table({"id": self.ids[rows], "coords": coords}))
        self.points[rows] = points

    def delete(self, rng: np.random.Generator, count: int) -> None:
        rows = rng.choice(np.flatnonzero(self.live), count, replace=False)
        assert self.storage.delete_tokens(self.ids[rows]) == count
        self.live[rows] = False

    def filters(self) -> list[tuple[tuple[Any, ...] | None, npt.NDArray[np.bool_]]]:
        half, few = np.float32(0.5), np.float32(0.02)
        return [
            (None, self.live),
            (("=", "type", "word"), self.live & (self.types == "word")),
            (("<", "weight", 0.02), self.live & (self.weights < few)),
            (
                ("or", (">", "weight", 0.5), ("in", "type", ["event", "nothing"])),
                self.live & ((self.weights > half) | (self.types == "event")),
            ),
        ]

    def expected(
        self, query: Floats, scale: list[float], period: list[float], norm: str, keep: npt.NDArray[np.bool_]
    ) -> Any:
        """(ids, distances) of every row kept, nearest first, ties by id."""
        found = distances(self.points[keep], query, scale, period, norm)
        ids = self.ids[keep]
        order = np.lexsort((ids, found))
        return ids[order], found[order]


def clustered(rng: np.random.Generator, count: int) -> npt.NDArray[np.float32]:
    centers = rng.random((20, 8))
    return (centers[rng.integers(0, 20, count)] + rng.normal(0, 0.02, (count, 8))).astype(np.float32)


def points_of(kind: str) -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(11)
    if kind == "uniform":
        return rng.random((20_000, 8), dtype=np.float32)
    if kind == "clustered":
        return clustered(rng, 20_000)
    return rng.integers(0, 3, (20_000, 8)).astype(np.float32)  # many ties and equal points


@pytest.fixture(scope="module", params=["uniform", "clustered", "ties"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    world = World(points_of(request.param), seed=5)
    world.storage.settle()
    yield world


def check(
    world: World,
    rng: np.random.Generator,
    queries: int,
    scale_name: str,
    period_name: str,
    norm: Literal["l1", "l2"] = "l2",
) -> None:
    metric = scale, period = SCALES[scale_name], PERIODS[period_name]
    filters = world.filters()
    for number in range(queries):
        query = rng.random(8, dtype=np.float32).astype(np.float64)
        predicate, keep = filters[number % len(filters)]
        ids, found = world.expected(query, scale, period, norm, keep)
        assert len(ids) > 50
        k = [1, 10, 200][number % 3]
        nearest = world.storage.nearest(
            query, k, metric=metric, norm=norm, filter=predicate, columns=["id", "distance"]
        )
        assert nearest.rows() == list(zip(ids[:k].tolist(), found[:k].tolist(), strict=True))
        radius = float(found[40])
        within = world.storage.within(
            query, radius, metric=metric, norm=norm, filter=predicate, columns=["id", "distance"]
        )
        hits = found <= radius
        assert within.rows() == list(zip(ids[hits].tolist(), found[hits].tolist(), strict=True))


@pytest.mark.parametrize("norm", ["l2", "l1"])
@pytest.mark.parametrize("period", PERIODS)
@pytest.mark.parametrize("scale", SCALES)
def test_equals_brute_force(world: World, scale: str, period: str, norm: Literal["l1", "l2"]) -> None:
    check(world, np.random.default_rng(3), 20, scale, period, norm)


def test_equals_brute_force_while_rows_come_move_and_go() -> None:
    rng = np.random.default_rng(8)
    world = World(points_of("uniform"), seed=6)
    for step in range(6):
        world.move(rng, 300)
        world.delete(rng, 200)
        if step % 2:
            world.storage.settle()
        for scale in SCALES:
            check(world, rng, 4, scale, "linear", "l1" if step % 3 == 0 else "l2")
    stats = world.storage.stats()
    assert stats["spatial_rows_indexed"] > 0


def test_batch_equals_single_queries(world: World) -> None:
    queries = np.random.default_rng(4).random((50, 8), dtype=np.float32)
    batch = world.storage.nearest(queries, 7, filter=("=", "type", "word"))
    assert (batch.columns, len(batch)) == (["query", "id", "distance"], 350)
    single = [
        (number, *row)
        for number, query in enumerate(queries)
        for row in world.storage.nearest(
            query, 7, filter=("=", "type", "word"), columns=["id", "distance"]
        ).rows()
    ]
    assert batch.rows() == single


@pytest.mark.parametrize(
    "bounds", [([0.2] * 8, [0.8] * 8), ([None] * 8, [None] * 8), ([0.5, *[None] * 7], [0.6, *[None] * 7])]
)
def test_box_equals_brute_force(world: World, bounds: tuple[list[float | None], list[float | None]]) -> None:
    low, high = (
        np.array([np.float32(sign * np.inf if x is None else x) for x in corner])
        for corner, sign in zip(bounds, (-1, 1), strict=True)
    )
    predicate, keep = world.filters()[1]
    inside = keep & ((world.points >= low) & (world.points <= high)).all(axis=1)
    found = world.storage.box(*bounds, filter=predicate, columns=["id"])
    assert found.rows() == [(int(token),) for token in world.ids[inside]]


def test_the_index_saves_work() -> None:
    world = World(np.random.default_rng(1).random((100_000, 8), dtype=np.float32), seed=1)
    world.storage.settle()
    queries = np.random.default_rng(2).random((50, 8), dtype=np.float32)

    def share(name: str, **options: Any) -> float:
        works = [world.storage.nearest(query, 10, **options).work for query in queries]
        assert all(work["leaves_total"] > 3_000 for work in works)
        whole = {"leaves_visited": works[0]["leaves_total"], "rows_examined": 100_000}[name]
        return float(np.median([work[name] for work in works])) / whole

    assert share("leaves_visited") < 0.1
    assert share("rows_examined") < 0.1
    assert share("leaves_visited", metric=(SCALES["skewed"], PERIODS["linear"])) < 0.3
    assert share("leaves_visited", filter=("=", "type", "word")) < 0.2
