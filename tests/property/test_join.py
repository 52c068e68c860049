"""The index join against brute force: every pair and its distance to the last bit, whatever is filtered or moved."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from ng_engine import RuntimeStorage
from ng_engine.errors import Error

TREE, LATER = 4_200, 400
METRICS = {
    "uniform": ([1.0] * 8, [0.0] * 8),
    "skewed": ([0.1, 1, 1.5, 2, 3, 5, 8, 34], [0.0] * 8),
    "two axes": ([0, 1, 0, 0, 0, 0, 2, 0], [0.0] * 8),
    "circular": ([1.0] * 8, [0, 1, 0, 0, 0.5, 0, 0, 0]),
}
IDS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "<>": operator.ne,
    ">=": operator.ge,
    ">": operator.gt,
}
FEW, MOST, ONE = ("<", "weight", 0.04), (">", "weight", 0.1), ("=", "key", "k77")


def measured(a: Any, b: Any, scale: list[float], period: list[float]) -> Any:
    """The distances of every row of a from every row of b, by definition."""
    total = np.zeros((len(a), len(b)))
    for axis in range(8):
        delta = np.abs(a[:, None, axis] - b[None, :, axis])
        if period[axis]:
            delta = np.where(delta > period[axis], np.mod(delta, period[axis]), delta)
            delta = np.minimum(delta, period[axis] - delta)
        if scale[axis]:
            part = scale[axis] * delta
            total = total + part * part
    return np.sqrt(total)


def table(points: npt.NDArray[np.float32], **columns: Any) -> pa.Table:
    return pa.table({"coords": pa.FixedSizeListArray.from_arrays(pa.array(points.ravel()), 8), **columns})


class World:
    """A store and the same rows in numpy: most in a tree, some behind it, some moved, some deleted."""

    def __init__(self, kind: str) -> None:
        rng = np.random.default_rng(4)

        def points(count: int) -> npt.NDArray[np.float32]:
            if kind == "grid":
                return (rng.integers(0, 4, (count, 8)) / 4).astype(np.float32)  # many ties, many equal points
            return rng.random((count, 8), dtype=np.float32)

        self.points = points(TREE + LATER)
        weights = rng.random(TREE + LATER, dtype=np.float32)
        keys = [f"k{i}" for i in range(TREE + LATER)]
        self.storage = RuntimeStorage.memory()
        first, rest = slice(0, TREE), slice(TREE, TREE + LATER)
        self.storage.create_tokens(table(self.points[first], weight=weights[first], key=keys[first]))
        self.storage.settle()
        ids = self.storage.create_tokens(
            table(
                self.points[rest],
                weight=weights[rest],
                key=keys[rest],
                id=rng.permutation(LATER) + 2 * TREE,
            )
        )
        ids = np.concatenate([np.arange(1, TREE + 1), np.asarray(ids)])
        moved = rng.choice(TREE, 60, replace=False)
        self.points[moved] = points(len(moved))
        self.storage.update_tokens(table(self.points[moved], id=ids[moved]))
        kept = np.ones(len(ids), dtype=bool)
        kept[rng.choice(np.arange(100, TREE + LATER), 90, replace=False)] = False
        self.storage.delete_tokens(ids[~kept])
        self.points, self.ids, self.weights = self.points[kept].astype(np.float64), ids[kept], weights[kept]
        self.keys = np.array(keys)[kept]

    def passing(self, filter: Any) -> Any:
        if filter is None:
            return np.ones(len(self.ids), dtype=bool)
        if filter == ONE:
            return self.keys == filter[2]
        return IDS[filter[0]](self.weights, np.float32(filter[2]))

    def expected(
        self, metric: Any, radius: float, strict: bool, a: Any, b: Any
    ) -> list[tuple[int, int, float]]:
        near = operator.lt if strict else operator.le
        left, right, found = np.flatnonzero(self.passing(a)), np.flatnonzero(self.passing(b)), []
        for some in np.array_split(left, max(1, len(left) // 200)):
            distances = measured(self.points[some], self.points[right], *metric)
            i, j = np.nonzero(near(distances, radius))
            found += zip(
                self.ids[some[i]].tolist(), self.ids[right[j]].tolist(), distances[i, j].tolist(), strict=True
            )
        return sorted(found)


@pytest.fixture(scope="module", params=["uniform", "grid"])
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


def radius_of(world: World, metric: Any, share: float) -> float:
    """A distance that occurs, so that `<` and `<=` differ."""
    distances = measured(world.points[:60], world.points, *metric)
    return float(np.quantile(distances[distances > 0], share, method="higher"))


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
@pytest.mark.parametrize(
    "filters",
    [(FEW, None), (None, FEW), (FEW, MOST), (MOST, FEW), (ONE, None), (None, ONE), (ONE, ONE)],
    ids=str,
)
def test_pairs_are_those_of_brute_force(world: World, metric: Any, filters: Any) -> None:
    share = 0.2 if ONE in filters else 0.003
    radius = radius_of(world, metric, share)
    for strict in (False, True):
        expected = world.expected(metric, radius, strict, *filters)
        assert expected
        found = world.storage.join(
            radius, strict=strict, filter_a=filters[0], filter_b=filters[1], metric=metric
        )
        assert found.columns == ["a", "b", "distance"]
        assert sorted(found.rows()) == expected


@pytest.mark.parametrize("metric", [METRICS["skewed"], METRICS["circular"]], ids=["skewed", "circular"])
def test_a_join_with_itself_has_every_pair_both_ways(world: World, metric: Any) -> None:
    radius = radius_of(world, metric, 0.0005)
    found = world.storage.join(radius, metric=metric)
    pairs = found.rows()
    some = set(world.ids[world.passing(FEW)].tolist())
    assert sorted(pair for pair in pairs if pair[0] in some) == world.expected(
        metric, radius, False, FEW, None
    )
    assert sorted((b, a, d) for a, b, d in pairs) == sorted(pairs)
    assert len(set(pairs)) == len(pairs) > len(world.ids)
    # The rows beside the tree are many for so many probes: they get one of their own.
    assert found.access == "kd-tree"
    work = found.work
    assert 0 < work["leaves_visited"] < work["leaves_total"] * len(world.ids) * 3 // 4
    assert work["rows_examined"] < len(world.ids) ** 2


def test_ids_may_have_to_compare(world: World) -> None:
    metric = METRICS["uniform"]
    radius = radius_of(world, metric, 0.004)
    expected = world.expected(metric, radius, False, FEW, MOST)
    counts = set()
    for sign, compare in IDS.items():
        some = world.storage.join(radius, filter_a=FEW, filter_b=MOST, ids=sign, columns=["b", "a"])
        kept = sorted((b, a) for a, b, _ in expected if compare(a, b))
        assert some.columns == ["b", "a"]
        assert sorted(some.rows()) == kept
        counts.add(len(kept))
    assert len(counts) > 2


def test_a_radius_is_any_number_to_compare_with(world: World) -> None:
    def count(radius: float, strict: bool = False) -> int:
        return len(world.storage.join(radius, strict=strict, filter_a=ONE))

    assert count(0) >= 1
    assert count(-0.0) == count(0)
    assert count(0, strict=True) == count(-1) == count(-np.inf) == 0
    assert count(np.inf) == count(1e300, strict=True) == len(world.ids)
    for wrong, sqlstate in (
        ({"radius": np.nan}, "22003"),
        ({"radius": 1, "columns": ["key"]}, "42703"),
        ({"radius": 1, "ids": "!="}, "22023"),
        ({"radius": 1, "filter_b": ("=", "colour", 1)}, "42703"),
        ({"radius": 1, "metric": ([0.0] * 8, [0.0] * 8)}, "22P02"),
    ):
        with pytest.raises(Error) as caught:
            world.storage.join(**wrong)
        assert caught.value.sqlstate == sqlstate, wrong


def test_an_empty_store_has_no_pairs() -> None:
    found = RuntimeStorage.memory().join(1)
    assert (found.rows(), found.columns, found.types) == (
        [],
        ["a", "b", "distance"],
        ["BIGINT", "BIGINT", "DOUBLE"],
    )
