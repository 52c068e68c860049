"""Spreading activation against two oracles: dicts in the order that is promised, and powers of a matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_walks import activation

from ng_engine import RuntimeStorage
from ng_engine.errors import Error

TYPES = ["cause", "similar", "near"]


def world(tokens: int, edges: int, seed: int) -> RuntimeStorage:
    """Weights of both signs, some of them 0; ids that do not rise with their rows; half of the edges by themselves."""
    rng = np.random.default_rng(seed)
    storage = RuntimeStorage.memory()
    ids = rng.permutation(np.arange(1, tokens + 1) * 3)
    storage.create_tokens(pa.table({"id": ids, "coords": rng.random((tokens, 8)).tolist()}))
    table = pa.table(
        {
            "source": rng.choice(ids, edges),
            "target": rng.choice(ids, edges),
            "type": rng.choice(TYPES, edges).tolist(),
            "weight": rng.choice([0, 1, 1, 0.3, -0.7, 7, -10], edges).astype(np.float32),
            "confidence": rng.random(edges).astype(np.float32),
        }
    )
    storage.create_connections(table.slice(0, edges // 2), on_conflict="nothing")
    for row in table.slice(edges // 2).to_pylist():
        try:
            storage.create_connection(row.pop("source"), row.pop("target"), **row)
        except Error as error:
            assert error.sqlstate == "23505"
    return storage


def hops(storage: RuntimeStorage, direction: str, via: Any) -> dict[int, list[tuple[int, int, float]]]:
    """Token → (connection, next token, strength), by connection."""
    columns = ["id", "source", "target", "type", "weight", "confidence"]
    found: dict[int, list[tuple[int, int, float]]] = {}
    for id_, s, t, name, weight, confidence in storage.scan("connections", columns=columns).rows():
        if via is None or name in via:
            strength = float(np.float32(weight)) * float(np.float32(confidence))
            if direction in ("out", "both"):
                found.setdefault(s, []).append((id_, t, strength))
            if direction in ("in", "both"):
                found.setdefault(t, []).append((id_, s, strength))
    return {token: sorted(onward) for token, onward in found.items()}


def naive(
    storage: RuntimeStorage, seeds: dict[int, float], *, via: Any = None, direction: str = "out", steps: int = 3,
    decay: float = 0.6, threshold: float = 0.0,
) -> list[tuple[int, float]]:  # fmt: skip
    onward = {token: [(v, s) for _, v, s in found] for token, found in hops(storage, direction, via).items()}
    return activation(onward, seeds, steps, decay, threshold)


@settings(max_examples=100, deadline=None)
@given(
    tokens=st.integers(1, 40),
    density=st.floats(0, 4),
    seed=st.integers(0, 1000),
    direction=st.sampled_from(["out", "in", "both"]),
    via=st.sampled_from([None, ["cause"], ["similar", "near"]]),
    steps=st.integers(0, 6),
    decay=st.sampled_from([0.0, 0.3, 0.6, 1.0]),
    threshold=st.sampled_from([0.0, 0.0, 0.05]),
    changed=st.booleans(),
    data=st.data(),
)
def test_as_told(
    tokens: int, density: float, seed: int, direction: str, via: Any, steps: int, decay: float, threshold: float,
    changed: bool, data: st.DataObject,
) -> None:  # fmt: skip
    storage = world(tokens, int(tokens * density), seed)
    if changed:
        storage.begin()
        storage.create_connection(3, 3, type="loop", weight=-2.0)
        for (number,) in storage.scan("connections", columns=["id"]).rows()[::4]:
            storage.delete_connection(number)
        for (token,) in storage.scan("tokens", columns=["id"]).rows()[5::7]:
            storage.delete_token(token)
    ids = [row[0] for row in storage.scan("tokens", columns=["id"]).rows()]
    seeds = data.draw(
        st.dictionaries(st.sampled_from(ids), st.sampled_from([1.0, 0.5, -1.0, 0.1, 0.0]), max_size=5)
    )
    options: dict[str, Any] = {"direction": direction, "via": via, "steps": steps, "decay": decay}
    options["threshold"] = threshold
    found = storage.spread(seeds, columns=["id", "activation"], **options).rows()
    assert found == naive(storage, seeds, **options)
    assert (
        storage.spread(seeds, columns=["id", "activation"], limit=3, offset=1, **options).rows() == found[1:4]
    )
    assert sum(abs(x) for _, x in found) <= sum(map(abs, seeds.values())) * (steps + 1) * (1 + 1e-9)


@pytest.mark.parametrize("direction", ["out", "in", "both"])
def test_sums_are_made_in_order(direction: str) -> None:
    storage = world(200, 3000, 9)
    ids = [row[0] for row in storage.scan("tokens", columns=["id"]).rows()]
    found = storage.spread(ids[:50], direction=direction, steps=4, columns=["id", "activation"]).rows()
    assert found == naive(storage, dict.fromkeys(ids[:50], 1.0), direction=direction, steps=4)


@pytest.mark.parametrize("direction", ["out", "in", "both"])
def test_it_is_a_sum_of_powers(direction: str) -> None:
    storage = world(300, 1500, 4)
    ids = [row[0] for row in storage.scan("tokens", columns=["id"]).rows()]
    place = {id_: i for i, id_ in enumerate(ids)}
    matrix = np.zeros((300, 300))
    for u, onward in hops(storage, direction, None).items():
        strengths = sum(abs(s) for _, _, s in onward)
        for _, v, strength in onward:
            matrix[place[v], place[u]] += strength / strengths if strengths else 0.0
    start = np.zeros(300)
    seeds = [ids[7], ids[7], ids[100]]
    start[[7, 100]] = 1
    expected = sum(0.8**t * np.linalg.matrix_power(matrix, t) @ start for t in range(6))
    found = dict(
        storage.spread(seeds, direction=direction, steps=5, decay=0.8, columns=["id", "activation"]).rows()
    )
    assert len(found) > 100
    assert [found.get(id_, 0.0) for id_ in ids] == pytest.approx(expected.tolist(), abs=1e-12)


def test_columns_and_edges_examined() -> None:
    storage = world(50, 200, 1)
    ids = [row[0] for row in storage.scan("tokens", columns=["id"]).rows()]
    found = storage.spread(ids[0], steps=1)
    assert found.columns == [*storage.scan("tokens").columns, "activation"] and found.access == "adjacency"
    assert found.work["edges_examined"] == sum(row[1] == ids[0] for row in storage.scan("connections").rows())
    assert storage.spread([]).rows() == []
    storage.create_token(key="by key", coords=[0.0] * 8)
    assert storage.spread("by key", columns=["key", "activation"]).rows() == [("by key", 1.0)]


@pytest.mark.parametrize(
    ("arguments", "sqlstate"),
    [
        ({"decay": -0.1}, "22003"),
        ({"decay": 1.1}, "22003"),
        ({"decay": float("nan")}, "22003"),
        ({"threshold": -1.0}, "22003"),
        ({"threshold": float("inf")}, "22003"),
        ({"steps": -1}, "22023"),
        ({"direction": "up"}, "22023"),
        ({"via": ["nothing"]}, "42704"),
        ({"seeds": [99]}, "42704"),
        ({"seeds": {1: float("nan")}}, "22003"),
        ({"seeds": {1: 1.0, "one": 2.0}}, "22023"),
        ({"columns": ["nothing"]}, "42703"),
    ],
)
def test_what_is_refused(arguments: dict[str, Any], sqlstate: str) -> None:
    storage = RuntimeStorage.memory()
    storage.create_token(key="one", coords=[0.0] * 8)
    with pytest.raises(Error) as caught:
        storage.spread(**{"seeds": [1], **arguments})
    assert caught.value.sqlstate == sqlstate
    assert storage.spread({1: 1.0, "one": 1.0}, columns=["activation"]).rows() == [(1.0,)]
