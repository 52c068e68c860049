"""Filters that are asked for again: what they chose is kept, and must be what they choose now."""

import numpy as np
import pyarrow as pa
import pytest

from ng_engine import RuntimeStorage

ROWS = 16_000
FILTERS = {
    "few": ("<", "weight", 0.002),
    "one in a hundred": ("<", "weight", 0.01),
    "one in six": ("and", ("<", "weight", 0.2), (">=", "l2", 0.15)),
    "half": (">", "l1", 0.5),
    "type": ("=", "type", "object"),
}


class Model:
    """The same tokens in arrays: id − 1 is the row."""

    def __init__(self, rng):
        self.coords = rng.random((ROWS, 8), dtype=np.float32)
        self.weight = rng.random(ROWS, dtype=np.float32)
        self.object = rng.random(ROWS) < 0.02
        self.live = np.ones(ROWS, bool)

    def copy(self):
        other = object.__new__(Model)
        for name, value in vars(self).items():
            setattr(other, name, value.copy())
        return other

    def passing(self, name):
        return (
            self.live
            & {
                "few": self.weight < np.float32(0.002),
                "one in a hundred": self.weight < np.float32(0.01),
                "one in six": (self.weight < np.float32(0.2)) & (self.coords[:, 1] >= np.float32(0.15)),
                "half": self.coords[:, 0] > np.float32(0.5),
                "type": self.object,
            }[name]
        )

    def distances(self, point):
        delta = np.abs(self.coords.astype(float) - point.astype(np.float32).astype(float))
        total = np.zeros(len(delta))
        for axis in range(8):
            total += delta[:, axis] * delta[:, axis]
        return np.sqrt(total)


def check(engine, model, rng):
    """Every filter, asked near a random point, within a radius and in a box."""
    point = rng.random(8)
    distances = model.distances(point)
    for name, predicate in FILTERS.items():
        rows = np.flatnonzero(model.passing(name))
        order = rows[np.lexsort((rows, distances[rows]))]
        foreseen = engine.explain("nearest", filter=predicate)
        near = engine.nearest(point.tolist(), 7, filter=predicate, columns=["id", "distance"])
        assert (near.access, near.reason) == foreseen
        expected = [(int(row) + 1, float(distances[row])) for row in order[:7]]
        assert near.rows() == expected, (name, near.access)
        foreseen = engine.explain("within", filter=predicate)
        within = engine.within(point.tolist(), 0.6, filter=predicate, columns=["id"])
        assert (within.access, within.reason) == foreseen
        assert [id for (id,) in within.rows()] == [int(r) + 1 for r in order if distances[r] <= 0.6], name
        counted = engine.count_within(point.tolist(), 0.6, filter=predicate, relation=True)
        assert (counted.rows(), counted.access) == (
            [(len(within),)],
            engine.explain("within", filter=predicate)[0],
        )
        low, high = [0.2] * 8, [0.9] * 8
        inside = np.all((model.coords >= np.float32(0.2)) & (model.coords <= np.float32(0.9)), axis=1)
        box = engine.box(low, high, filter=predicate, columns=["id"])
        assert [id for (id,) in box.rows()] == (rows[inside[rows]] + 1).tolist(), name
        assert engine.count("tokens", predicate) == len(rows)
        scan = engine.scan("tokens", filter=predicate, columns=["id"])
        assert (scan.access, scan.reason) == engine.explain("scan", filter=predicate)


def change(engine, model, rng):
    """Something that a filter or a search notices."""
    row = int(rng.choice(np.flatnonzero(model.live)))
    match rng.integers(4):
        case 0:
            model.weight[row] = rng.random(dtype=np.float32) * np.float32(0.02)
            engine.update_token(row + 1, weight=float(model.weight[row]))
        case 1:
            model.coords[row] = rng.random(8, dtype=np.float32)
            engine.update_token(row + 1, coords=model.coords[row].tolist())
        case 2:
            model.object[row] = not model.object[row]
            engine.update_token(row + 1, type="object" if model.object[row] else "undefined")
        case 3:
            model.live[row] = False
            engine.delete_token(row + 1)


@pytest.mark.parametrize("seed", range(3))
def test_what_was_chosen_before_is_what_is_chosen_now(seed):
    rng = np.random.default_rng(seed)
    model, engine = Model(rng), RuntimeStorage.memory()
    engine.create_tokens(
        pa.table(
            {
                "coords": pa.FixedSizeListArray.from_arrays(pa.array(model.coords.ravel()), 8),
                "weight": model.weight,
                "type": np.where(model.object, "object", "undefined"),
            }
        )
    )
    engine.settle()
    seen = set()
    for _ in range(40):
        check(engine, model, rng)
        for _ in range(rng.integers(1, 4)):
            change(engine, model, rng)
        older, before = engine.snapshot(), model.copy()
        engine.begin()
        change(engine, model, rng)
        check(engine, model, rng)
        if rng.integers(2):
            engine.commit()
        else:
            engine.rollback()
            model = before.copy()
        check(engine, model, rng)
        check(older, before, rng)
        # With "+ scan" where tokens have moved.
        found = [engine.nearest([0.5] * 8, 3, filter=predicate).access for predicate in FILTERS.values()]
        seen |= {access.replace(" + scan", "") for access in found}
    engine.vacuum()
    check(engine, model, rng)
    assert {"bitmap scan", "kd-tree + bitmap", "kd-tree"} <= seen
