"""The engine against dicts: random histories of writes, transactions and index building, compared after every step."""

from __future__ import annotations

import copy
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ng_engine import RuntimeStorage
from ng_engine.errors import Error

KEYS = st.sampled_from(["a", "b", "c", "d"])
POINTS = st.lists(st.integers(-3, 3).map(float), min_size=8, max_size=8)
IDS = st.integers(1, 12)
TYPES = st.sampled_from(["cause", "similar", "mine"])


class Model:
    """What the store should hold: plain dicts and brute force."""

    def __init__(self) -> None:
        self.tokens: dict[int, dict[str, Any]] = {}
        self.connections: dict[int, tuple[int, int, str]] = {}
        self.next_token = 1
        self.next_connection = 1

    def key_taken(self, key: str | None) -> bool:
        return key is not None and any(t["key"] == key for t in self.tokens.values())

    def nearest(self, query: list[float]) -> list[tuple[int, float]]:
        found = [
            (sum((x - q) ** 2 for x, q in zip(t["coords"], query, strict=True)) ** 0.5, i)
            for i, t in self.tokens.items()
        ]
        return [(i, d) for d, i in sorted(found)]

    def reach(self, start: int, depth: int) -> list[tuple[int, int]]:
        seen, level, found = {start}, [start], []
        for hops in range(1, depth + 1):
            level = sorted({t for s, t, _ in self.connections.values() if s in level} - seen)
            seen.update(level)
            found += [(token, hops) for token in level]
        return found


class History(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.storage = RuntimeStorage.memory()
        self.other = self.storage.session()
        self.model = Model()
        self.committed = self.model
        self.saved: list[tuple[str, Model]] = []
        self.pinned: list[tuple[RuntimeStorage, Model]] = []

    def refused(self, act: Any, sqlstate: str) -> None:
        within = self.storage.in_transaction
        if within:
            self.storage.savepoint("way back")
        with pytest.raises(Error) as error:
            act()
        assert error.value.sqlstate == sqlstate
        assert self.storage.transaction_failed == within
        if within:
            with pytest.raises(Error, match="aborted"):
                self.storage.count_tokens()
            self.storage.rollback_to("way back")
            self.storage.release("way back")

    @rule(key=st.none() | KEYS, coords=POINTS, id_=st.none() | IDS)
    def create(self, key: str | None, coords: list[float], id_: int | None) -> None:
        def act() -> int:
            return self.storage.create_token(key=key, coords=coords, id=id_)

        if id_ in self.model.tokens or self.model.key_taken(key):
            return self.refused(act, "23505")
        created = act()
        assert created == (id_ or self.model.next_token)
        self.model.tokens[created] = {"key": key, "coords": coords}
        self.model.next_token = max(self.model.next_token, created + 1)

    @rule(token=IDS, coords=st.none() | POINTS, key=st.none() | KEYS)
    def update(self, token: int, coords: list[float] | None, key: str | None) -> None:
        fields = {name: value for name, value in (("coords", coords), ("key", key)) if value is not None}
        row = self.model.tokens.get(token)
        if row and key is not None and row["key"] != key and self.model.key_taken(key):
            return self.refused(lambda: self.storage.update_token(token, **fields), "23505")
        assert self.storage.update_token(token, **fields) == (row is not None)
        if row:
            row.update(fields)

    @rule(key=KEYS)
    def fail(self, key: str) -> None:
        """A statement that stores rows before it fails: none may remain, none that others see be overwritten."""
        rows = pa.table({"key": [key + "1", key + "2"], "coords": [[9.0] * 8] * 2, "weight": [0.5, 7.0]})
        self.refused(lambda: self.storage.create_tokens(rows), "23514")

    @rule()
    def pin(self) -> None:
        """What a snapshot shows never changes, not even one of a transaction that was rolled back."""
        self.pinned = [*self.pinned[-3:], (self.storage.snapshot(), copy.deepcopy(self.model))]

    @rule(token=IDS)
    def delete(self, token: int) -> None:
        assert self.storage.delete_token(token) == (self.model.tokens.pop(token, None) is not None)
        ends = self.model.connections
        self.model.connections = {i: c for i, c in ends.items() if token not in c[:2]}

    @rule(tail=IDS, head=IDS, type_=TYPES)
    def connect(self, tail: int, head: int, type_: str) -> None:
        def act() -> int:
            return self.storage.create_connection(tail, head, type=type_)

        if tail not in self.model.tokens or head not in self.model.tokens:
            return self.refused(act, "23503")
        if (tail, head, type_) in self.model.connections.values():
            return self.refused(act, "23505")
        created = act()
        assert created == self.model.next_connection
        self.model.connections[created] = (tail, head, type_)
        self.model.next_connection += 1

    @rule(number=IDS)
    def disconnect(self, number: int) -> None:
        assert self.storage.delete_connection(number) == (
            self.model.connections.pop(number, None) is not None
        )

    @rule()
    def clear(self) -> None:
        assert self.storage.clear_tokens() == len(self.model.tokens)
        self.model.tokens, self.model.connections = {}, {}

    @precondition(lambda self: not self.storage.in_transaction)
    @rule()
    def begin(self) -> None:
        self.storage.begin()
        self.model = copy.deepcopy(self.committed)
        self.saved = []

    @precondition(lambda self: self.storage.in_transaction)
    @rule(name=st.sampled_from(["s", "t"]))
    def savepoint(self, name: str) -> None:
        self.storage.savepoint(name)
        self.saved.append((name, copy.deepcopy(self.model)))

    @precondition(lambda self: self.storage.in_transaction)
    @rule(name=st.sampled_from(["s", "t"]))
    def rollback_to(self, name: str) -> None:
        at = next((i for i in reversed(range(len(self.saved))) if self.saved[i][0] == name), None)
        if at is None:
            return self.refused(lambda: self.storage.rollback_to(name), "3B001")
        self.storage.rollback_to(name)
        self.model = copy.deepcopy(self.saved[at][1])
        del self.saved[at + 1 :]

    @precondition(lambda self: self.storage.in_transaction)
    @rule(commit=st.booleans())
    def end(self, commit: bool) -> None:
        if commit:
            self.storage.commit()
            self.committed = self.model
        else:
            self.storage.rollback()
            self.model = self.committed

    def compare(self, storage: RuntimeStorage, model: Model) -> None:
        rows = storage.scan("tokens", columns=["id", "key", "coords"]).rows()
        assert rows == [(i, t["key"], t["coords"]) for i, t in sorted(model.tokens.items())]
        edges = storage.scan("connections", columns=["id", "source", "target", "type"]).rows()
        assert edges == [(i, *c) for i, c in sorted(model.connections.items())]
        for query in ([0.0] * 8, [3.0] * 8):
            assert storage.nearest(query, 3, columns=["id", "distance"]).rows() == model.nearest(query)[:3]
        for token, row in model.tokens.items():
            assert storage.resolve(token) == token
            assert row["key"] is None or storage.resolve(row["key"]) == token
            assert storage.neighbors(token, (1, 3), columns=["id", "depth"]).rows() == model.reach(token, 3)
            outward = [i for i, c in sorted(model.connections.items()) if c[0] == token]
            assert storage.get_connections_for_token(token, "out") == outward

    @invariant()
    def agrees(self) -> None:
        # Looking exposes uncommitted rows, not looking does not; both ways must roll back.
        if not self.storage.in_transaction or len(self.model.tokens) % 2:
            self.compare(self.storage, self.model)
        self.compare(self.other, self.committed)
        for snapshot, model in self.pinned:
            self.compare(snapshot, model)


History.TestCase.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
test_history = History.TestCase


def test_a_long_history_crosses_segments_trees_and_compressed_rows() -> None:
    """Small histories stay in one segment; this one moves, deletes and connects over many."""
    import numpy as np

    rng = np.random.default_rng(9)
    storage = RuntimeStorage.memory()
    points = rng.random((30_000, 8), dtype=np.float32)
    ids = storage.create_tokens(
        pa.table({"coords": pa.FixedSizeListArray.from_arrays(pa.array(points.ravel()), 8)})
    )
    ends = rng.integers(0, 30_000, (100_000, 2))
    pairs = np.unique(ends, axis=0)
    storage.create_connections(pa.table({"source": ids[pairs[:, 0]], "target": ids[pairs[:, 1]]}))
    storage.settle()
    assert storage.stats()["adjacency_connections_covered"] == len(pairs)
    gone = rng.choice(30_000, 3_000, replace=False)
    storage.delete_tokens(ids[gone])
    alive = np.ones(30_000, dtype=bool)
    alive[gone] = False
    left = pairs[alive[pairs].all(axis=1)]
    assert storage.count_connections() == len(left)
    late = [
        (int(a), int(b))
        for a, b in rng.choice(np.flatnonzero(alive), (500, 2))
        if not ((pairs == [a, b]).all(axis=1)).any()
    ]
    for a, b in late:
        storage.create_connection(int(ids[a]), int(ids[b]), type="cause")
    for token in rng.choice(np.flatnonzero(alive), 300, replace=False):
        expected = {int(ids[b]) for a, b in left[left[:, 0] == token]} | {
            int(ids[b]) for a, b in late if a == token
        }
        found = {row[0] for row in storage.neighbors(int(ids[token]), columns=["id"]).rows()}
        assert found == expected - {int(ids[token])}
