"""What lies within a radius or in a box, counted: as many as brute force finds, and as the search itself gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st
from naive_engine import NaiveEngine
from naive_store import distance
from space_worlds import coords

from ng_engine import RuntimeStorage
from ng_engine.errors import Error

ROWS = 1_400
FEW = settings(max_examples=settings.default.max_examples // 2)


class World:
    """The same tokens in the native engine, most of them in a tree, and in the naive one."""

    def __init__(self, state: str) -> None:
        rng = np.random.default_rng(6)
        self.native, self.naive = RuntimeStorage.memory(), NaiveEngine.memory()
        # A grid, so that distances tie and boxes have tokens on their sides, and a heap that radii take in whole.
        points = np.where(
            rng.random((ROWS, 1)) < 0.5, rng.integers(0, 4, (ROWS, 8)) / 2, rng.normal(1, 0.05, (ROWS, 8))
        )
        weight = pa.array(rng.integers(0, 11, ROWS) / 10, pa.float32())
        self._both(
            lambda engine: engine.create_tokens(pa.table({"coords": coords(points), "weight": weight}))
        )
        self.native.settle()
        assert self.native.stats()["spatial_rows_indexed"] == ROWS
        if state == "in a transaction":
            self._both(lambda engine: engine.begin())
        if state != "at rest":
            moved = pa.table(
                {"id": rng.permutation(ROWS)[:60] + 1, "coords": coords(rng.integers(0, 4, (60, 8)) / 2)}
            )
            self._both(lambda engine: engine.update_tokens(moved))
        if state in ("changed", "in a transaction"):
            gone = (rng.permutation(ROWS)[:90] + 1).tolist()
            self._both(lambda engine: engine.delete_tokens(gone))
            more = pa.table({"coords": coords(rng.integers(0, 4, (40, 8)) / 2)})
            self._both(lambda engine: engine.create_tokens(more))
        self.points = {
            id: tuple(point) for id, point in self.naive.scan("tokens", columns=["id", "coords"]).rows()
        }

    def _both(self, change: Callable[[Any], object]) -> None:
        change(self.native)
        change(self.naive)


WORLDS = {state: World(state) for state in ("at rest", "moved", "changed", "in a transaction")}
PLAIN = ([1.0] * 8, [0.0] * 8)

coordinate = st.sampled_from([0.0, 0.5, 1.0, 1.5, 0.98, -3.0])
filters = st.sampled_from(
    [
        None,
        None,
        ("<", "weight", 0.5),
        ("=", "weight", 0.0),
        ("in", "id", [3, 7, 700, 1_401, 9_999]),
        ("and", (">", "l1", 0.9), ("<>", "id", 5)),
        ("distance", "<", [1.0] * 8, None, 1.2),
    ]
)


@st.composite
def metrics(draw: st.DrawFn) -> Any:
    """Scales of which at least one is alive, and periods."""
    scale = draw(st.lists(st.sampled_from([1.0, 1.0, 0.0, 0.5, 3.0]), min_size=8, max_size=8))
    period = draw(st.lists(st.sampled_from([0.0, 0.0, 0.0, 1.5, 0.7]), min_size=8, max_size=8))
    return (scale if any(scale) else [1.0] * 8), (period if draw(st.booleans()) else [0.0] * 8)


@FEW
@given(data=st.data(), state=st.sampled_from(list(WORLDS)))
def test_within(data: st.DataObject, state: str) -> None:
    world, draw = WORLDS[state], data.draw
    point = draw(st.lists(coordinate, min_size=8, max_size=8) | st.just([1.0] * 8))
    metric, norm = draw(st.none() | metrics()), draw(st.sampled_from([None, "l2", "l1"]))
    # As often as not a token lies exactly on the radius.
    edge = distance(point, draw(st.sampled_from(list(world.points.values()))), metric or PLAIN, norm)
    radius = draw(
        st.sampled_from([edge, edge, math.nextafter(edge, 0), 0.0, 0.3, 1.5, 3.0, 1e300, math.inf, -1.0])
    )
    given = {
        "metric": metric,
        "norm": norm,
        "filter": draw(filters),
        "exclude": draw(st.none() | st.sampled_from(list(world.points))),
    }
    strict = draw(st.booleans())
    note(f"{point}, {radius}, strict {strict}, {given}")
    found = world.native.count_within(point, radius, strict=strict, **given)
    assert found == world.naive.count_within(point, radius, strict=strict, **given)
    if 0 <= radius < math.inf and not strict:
        assert found == len(world.native.within(point, radius, **given))
    points = np.array([point, [1.0] * 8, *[list(world.points[id]) for id in list(world.points)[:17]]])
    many = world.native.count_within(points, radius, strict=strict, **given)
    assert many[0] == found
    assert many[1:3].tolist() == [
        world.native.count_within(list(at), radius, strict=strict, **given) for at in points[1:3]
    ]


@FEW
@given(data=st.data(), state=st.sampled_from(list(WORLDS)))
def test_in_a_box(data: st.DataObject, state: str) -> None:
    world, side = WORLDS[state], st.lists(coordinate | st.none(), min_size=8, max_size=8)
    low, high, filter = data.draw(side), data.draw(side), data.draw(filters)
    turned = [a is not None and b is not None and a > b for a, b in zip(low, high, strict=True)]
    low, high = (
        [other if turn else own for own, other, turn in zip(corner, opposite, turned, strict=True)]
        for corner, opposite in ((low, high), (high, low))
    )
    found = world.native.count_box(low, high, filter=filter)
    assert found == world.naive.count_box(low, high, filter=filter)
    assert found == len(world.native.box(low, high, filter=filter, columns=["id"]))


def test_a_count_is_a_number_an_array_or_a_relation() -> None:
    native = WORLDS["at rest"].native
    near, everywhere = native.count_within([1.0] * 8, 0.3), native.count_within([1.0] * 8, 99)
    assert isinstance(near, int) and 0 < near < everywhere == ROWS
    both = native.count_within([[1.0] * 8, [77.0] * 8], 0.3)
    assert both.dtype == np.int64 and both.tolist() == [near, 0]
    one = native.count_within([1.0] * 8, 0.3, relation=True)
    many = native.count_within([[1.0] * 8, [77.0] * 8], 0.3, relation=True)
    assert (one.columns, one.types, one.rows()) == (["count"], ["BIGINT"], [(near,)])
    assert (many.columns, many.rows()) == (["query", "count"], [(0, near), (1, 0)])
    assert (one.access, one.reason) == native.explain("count_within")
    assert native.count_within([1.0] * 8, 99, relation=True).work["rows_examined"] == 0
    assert native.count_box([None] * 8, [None] * 8, relation=True).rows() == [(ROWS,)]


@pytest.mark.parametrize(
    ("sqlstate", "ask"),
    [
        ("22003", lambda native: native.count_within([0.0] * 8, math.nan)),
        ("22P02", lambda native: native.count_within([0.0] * 8, 1, metric=([0.0] * 8, [0.0] * 8))),
        ("22023", lambda native: native.count_box([1.0] * 8, [0.0] * 8)),
        ("42703", lambda native: native.count_within([0.0] * 8, 1, filter=("=", "nothing", 1))),
        ("42704", lambda native: native.count_within([0.0] * 8, 1, exclude="nobody")),
        ("22023", lambda native: native.explain("guess")),
        ("22023", lambda native: native.explain("lookup")),
        ("22023", lambda native: native.explain("scan", column="id", values=[1])),
        ("42703", lambda native: native.explain("lookup", column="weight", values=[1])),
        ("42703", lambda native: native.explain("nearest", filter=("=", "nothing", 1))),
    ],
)
def test_what_cannot_be_counted_or_explained_is_refused(sqlstate: str, ask: Callable[[Any], Any]) -> None:
    with pytest.raises(Error) as refused:
        ask(WORLDS["at rest"].native)
    assert refused.value.sqlstate == sqlstate
