"""The k cheapest ways, all the shortest, and A*, on graphs of several shapes, against networkx and brute force."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from typing import Any

import networkx as nx
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ng_engine import RuntimeStorage
from ng_engine.errors import Error

TYPES = ["cause", "similar", "near"]
Way = tuple[float, tuple[int, ...]]


class World:
    """Tokens and connections, in the store and as a list of hops: from, to, connection."""

    def __init__(self, tokens: int, edges: list[tuple[int, int, str]], seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.storage = RuntimeStorage.memory()
        self.storage.create_tokens(pa.table({"coords": rng.random((tokens, 8)).tolist()}))
        edges = list(dict.fromkeys(edges))
        # Sixteenths: their sums are exact, and often the same.
        weights = (rng.integers(0, 8, len(edges)) / 16).tolist()
        half = len(edges) // 2
        table = pa.table(
            {
                "source": [s for s, _, _ in edges],
                "target": [t for _, t, _ in edges],
                "type": [name for _, _, name in edges],
                "weight": weights,
            }
        )
        if half:
            self.storage.create_connections(table.slice(0, half))
        for row in table.slice(half).to_pylist():
            self.storage.create_connection(
                row["source"], row["target"], type=row["type"], weight=row["weight"]
            )

    def hops(
        self, direction: str = "out", via: list[str] | None = None
    ) -> list[tuple[int, int, dict[str, Any]]]:
        edges = self.storage.scan("connections")
        rows = [dict(zip(edges.columns, row, strict=True)) for row in edges.rows()]
        rows = [row for row in rows if via is None or row["type"] in via]
        out = [(row["source"], row["target"], row) for row in rows]
        back = [(t, s, row) for s, t, row in out]
        return {"out": out, "in": back, "both": out + back}[direction]

    def brute(
        self,
        start: int,
        goal: int,
        price: Callable[[dict[str, Any]], float],
        most: int | None,
        **options: Any,
    ) -> list[Way]:
        """Every way that comes to no token twice, in order."""
        onward: dict[int, list[tuple[int, dict[str, Any]]]] = {}
        for s, t, row in self.hops(**options):
            onward.setdefault(s, []).append((t, row))
        found: list[Way] = []

        def walk(at: int, cost: float, ids: tuple[int, ...], seen: set[int]) -> None:
            if at == goal:
                found.append((cost, ids))
                return
            if most is not None and len(ids) >= most:
                return
            for to, row in onward.get(at, []):
                if to not in seen:
                    walk(to, cost + price(row), (*ids, row["id"]), seen | {to})

        walk(start, 0.0, (), {start})
        return sorted(found, key=lambda way: (way[0], len(way[1]), way[1]))


def ways(relation: Any) -> list[Way]:
    """The ways of an answer, whose form is checked."""
    assert relation.columns == ["path", "step", "id", "key", "type", "connection", "cost"]
    found: dict[int, list[tuple[Any, ...]]] = {}
    for row in relation.rows():
        found.setdefault(row[0], []).append(row)
    assert list(found) == list(range(1, len(found) + 1))
    for steps in found.values():
        assert [row[1] for row in steps] == list(range(len(steps)))
        assert steps[0][5] is None and steps[0][6] == 0.0
        assert len({row[2] for row in steps}) == len(steps)
        assert all(before[6] <= after[6] for before, after in pairwise(steps))
    return [(steps[-1][6], tuple(row[5] for row in steps[1:])) for steps in found.values()]


def prices(cost: Any) -> Callable[[dict[str, Any]], float]:
    return (lambda row: 1.0) if cost is None else (lambda row: float(row["weight"]))


@st.composite
def small(draw: st.DrawFn) -> World:
    tokens = draw(st.integers(1, 7))
    ends = st.integers(1, tokens)
    edges = draw(st.lists(st.tuples(ends, ends, st.sampled_from(TYPES)), max_size=22))
    return World(tokens, edges, draw(st.integers(0, 5)))


@settings(max_examples=120, deadline=None)
@given(
    world=small(),
    k=st.sampled_from([1, 2, 3, 10, 1000, None]),
    cost=st.sampled_from([None, ("e", "weight")]),
    direction=st.sampled_from(["out", "in", "both"]),
    via=st.sampled_from([None, ["cause"], ["similar", "near"]]),
    most=st.sampled_from([None, None, 0, 1, 2, 3, 6]),
    data=st.data(),
)
def test_they_are_the_first_of_all(
    world: World, k: int | None, cost: Any, direction: str, via: Any, most: int | None, data: st.DataObject
) -> None:
    storage = world.storage
    tokens = storage.count_tokens()
    if data.draw(st.booleans(), label="in a transaction"):
        storage.begin()
        a, b = (data.draw(st.integers(1, tokens)) for _ in range(2))
        storage.create_connection(a, b, type="other", weight=0.25)
        for row in storage.scan("connections", columns=["id"]).rows()[::5]:
            storage.delete_connection(row[0])
    start, goal = (data.draw(st.integers(1, tokens)) for _ in range(2))
    options: dict[str, Any] = {"direction": direction, "via": via}
    expected = world.brute(start, goal, prices(cost), most, **options)
    if k is None:
        least = (lambda way: way[0]) if cost is not None else (lambda way: (way[0], len(way[1])))
        expected = [way for way in expected if least(way) == least(expected[0])]
    found = storage.paths(start, goal, k, max_depth=most, cost=cost, **options)
    assert ways(found) == expected[:k]


def power_law(seed: int) -> nx.MultiDiGraph:
    return nx.scale_free_graph(300, seed=seed)


def sparse(seed: int) -> nx.DiGraph:
    return nx.gnp_random_graph(200, 0.015, seed=seed, directed=True)


def grid(_: int) -> nx.DiGraph:
    return nx.convert_node_labels_to_integers(nx.grid_2d_graph(9, 9)).to_directed()


def typed(graph: nx.Graph, seed: int) -> list[tuple[int, int, str]]:
    rng = np.random.default_rng(seed)
    names = rng.choice(TYPES, graph.number_of_edges()).tolist()
    edges = [(s + 1, t + 1, name) for (s, t), name in zip(graph.edges(), names, strict=True)]
    beside = [(s, t, "beside") for s, t, _ in edges[::4]]
    loops = [(s, s, "loop") for s, _, _ in edges[::9]]
    return [*edges, *beside, *loops]


def split(world: World, price: Callable[[dict[str, Any]], float], direction: str) -> nx.DiGraph:
    """Each hop a node of its own, so that networkx takes hops beside each other for different ways."""
    graph = nx.DiGraph()
    graph.add_nodes_from(row[0] for row in world.storage.scan("tokens", columns=["id"]).rows())
    for number, (s, t, row) in enumerate(world.hops(direction)):
        if s != t:
            graph.add_edge(s, ("hop", number, row["id"]), price=price(row))
            graph.add_edge(("hop", number, row["id"]), t, price=0.0)
    return graph


def connections(nodes: list[Any]) -> tuple[int, ...]:
    return tuple(node[2] for node in nodes if isinstance(node, tuple))


def thin_out(storage: RuntimeStorage) -> None:
    for (number,) in storage.scan("connections", columns=["id"]).rows()[::7]:
        storage.delete_connection(number)
    for (token,) in storage.scan("tokens", columns=["id"]).rows()[3::17]:
        storage.delete_token(token)


@pytest.mark.parametrize("shape", [power_law, sparse, grid])
@pytest.mark.parametrize("direction", ["out", "in", "both"])
@pytest.mark.parametrize("weighted", [False, True])
def test_as_networkx_finds_them(shape: Callable[[int], nx.Graph], direction: str, weighted: bool) -> None:
    graph = shape(4)
    world = World(graph.number_of_nodes(), typed(graph, 1), seed=2)
    storage, rng = world.storage, np.random.default_rng(5)
    thin_out(storage)
    cost = ("e", "weight") if weighted else None
    oracle = split(world, prices(cost), direction)
    tokens = [row[0] for row in storage.scan("tokens", columns=["id"]).rows()]
    some = 0
    well_connected = sorted(tokens, key=lambda token: -oracle.out_degree(token))[:8]
    for start, stranger in [*rng.choice(tokens, (6, 2)).tolist(), *zip(well_connected, tokens, strict=False)]:
        near = [t for t in nx.single_source_shortest_path_length(oracle, start, 8) if isinstance(t, int)]
        goal = stranger if start % 4 == 0 else near[-1]
        found = ways(storage.paths(start, goal, 6, direction=direction, cost=cost))
        assert len(set(found)) == len(found)
        assert found == sorted(found, key=lambda way: (way[0], len(way[1]), way[1]))
        if not nx.has_path(oracle, start, goal):
            assert found == [] and ways(storage.paths(start, goal, None, direction=direction)) == []
            continue
        some += len(found) > 1
        expected = list(islice(simple_paths(oracle, start, goal), 6))
        assert [cost for cost, _ in found] == expected
        steps = storage.path(start, goal, direction=direction, cost=cost).rows()
        assert steps[-1][5] == found[0][0]
        if not weighted and len(steps) < 6:
            every = {connections(way) for way in nx.all_shortest_paths(oracle, start, goal)}
            assert [ids for _, ids in ways(storage.paths(start, goal, None, direction=direction))] == sorted(
                every
            )
    assert some > 1


def simple_paths(graph: nx.DiGraph, start: int, goal: int) -> Iterator[float]:
    """What the simple paths cost, the cheapest first."""
    if start == goal:
        yield 0.0
        return
    for way in nx.shortest_simple_paths(graph, start, goal, weight="price"):
        yield sum(graph.edges[a, b]["price"] for a, b in pairwise(way))


def test_a_way_less_than_asked_for() -> None:
    world = World(4, [(1, 2, "cause"), (1, 2, "near"), (2, 3, "cause"), (3, 2, "cause")], seed=0)
    assert [ids for _, ids in ways(world.storage.paths(1, 3, 10))] == [(1, 3), (2, 3)]
    assert ways(world.storage.paths(3, 1, 10)) == [] and ways(world.storage.paths(1, 4, None)) == []
    assert ways(world.storage.paths(1, 1, 10)) == [(0.0, ())] == ways(world.storage.paths(1, 1, None))


def lattice(side: int, **columns: Any) -> RuntimeStorage:
    """A square of tokens, joined to the right and downwards."""
    storage = RuntimeStorage.memory()
    storage.create_tokens(pa.table({"coords": np.zeros((side * side, 8)).tolist()}))
    right = [(n, n + 1) for n in range(1, side * side + 1) if n % side]
    down = [(n, n + side) for n in range(1, side * (side - 1) + 1)]
    edges = right + down
    storage.create_connections(
        pa.table({"source": [s for s, _ in edges], "target": [t for _, t in edges]} | columns)
    )
    return storage


def test_all_of_too_many_are_refused() -> None:
    storage = lattice(16)
    with pytest.raises(Error) as caught:
        storage.paths(1, 256, None)
    assert caught.value.sqlstate == "54000"
    assert len(ways(storage.paths(1, 256, 50))) == 50
    assert len(ways(lattice(6).paths(1, 36, None))) == math.comb(10, 5)
    narrow = lattice(9)
    narrow.set_memory_limit(1)
    with pytest.raises(Error) as caught:
        narrow.paths(1, 81, None)
    assert caught.value.sqlstate == "53200"


def test_all_that_cost_as_little() -> None:
    storage = lattice(5)
    assert len(ways(storage.paths(1, 25, None, cost=0.1))) == math.comb(8, 4)
    assert len(ways(storage.paths(1, 25, None, cost=0.0, direction="both", max_depth=8))) == math.comb(8, 4)


@pytest.mark.parametrize(
    ("arguments", "sqlstate"),
    [
        ({"k": 0}, "22023"),
        ({"k": -1}, "22023"),
        ({"max_depth": -1}, "22023"),
        ({"direction": "up"}, "22023"),
        ({"via": ["nothing"]}, "42704"),
        ({"target": 99}, "42704"),
        ({"cost": ("e", "nothing")}, "42703"),
        ({"cost": ("neg", ("e", "confidence"))}, "22003"),
        ({"cost": ("/", 1, 0)}, "22003"),
    ],
)
def test_what_is_refused(arguments: dict[str, Any], sqlstate: str) -> None:
    world = World(3, [(1, 2, "cause"), (2, 3, "cause")], seed=0)
    with pytest.raises(Error) as caught:
        world.storage.paths(**{"source": 1, "target": 3, **arguments})
    assert caught.value.sqlstate == sqlstate
    for wrong in ({"k": 1.5}, {"k": "2"}, {"via": 3}, {"cost": "weight"}):
        with pytest.raises(TypeError):
            world.storage.paths(**{"source": 1, "target": 3, **wrong})


# ---------------------------------------------------------------- A*

DISTANCE = ("distance", "u", "v")
SPATIAL: list[Any] = [
    DISTANCE,
    ("*", 3.7, DISTANCE),
    ("*", DISTANCE, ("+", 1, ("e", "confidence"))),
    ("+", DISTANCE, ("*", 0.01, ("e", "rigidity"))),
    ("greatest", DISTANCE, ("e", "weight")),
    ("+", ("exp", DISTANCE), ("abs", ("e", "weight"))),
]


def test_in_space_the_cheapest_way_is_found_by_distance() -> None:
    rng = np.random.default_rng(12)
    storage = RuntimeStorage.memory()
    points = rng.random((1500, 8)).astype(np.float32)
    points[::7] = points[0]
    storage.create_tokens(pa.table({"coords": points.tolist()}))
    storage.weave(np.arange(1, 1501), 4)
    flat = ([1.0, 1.0, 1.0, 0, 0, 0, 0, 0], [0.0, 0.25, 0, 0, 0, 0, 0, 0])
    plain = ([1.0] * 8, [0.0] * 8)
    storage.begin()
    for number in rng.integers(1, 5000, 300).tolist():
        if storage.get_connection(number):
            storage.update_connection(number, weight=float(rng.random()), confidence=float(rng.random()))
    for token in range(5, 1500, 50):
        storage.delete_token(token)
    for cost in SPATIAL:
        # Nothing is added, which no proof sees.
        hidden = ("+", cost, ("-", ("e", "weight"), ("e", "weight")))
        for metric in (plain, flat):
            found = 0
            for start, goal in rng.integers(1, 1500, (12, 2)).tolist():
                if storage.get_token(start) is None or storage.get_token(goal) is None:
                    continue
                for direction in ("out", "in", "both"):
                    options: dict[str, Any] = {"direction": direction, "metric": metric}
                    quick = storage.path(start, goal, cost=cost, **options)
                    slow = storage.path(start, goal, cost=hidden, **options)
                    assert (quick.access, slow.access) == ("adjacency, A*", "adjacency")
                    assert len(quick) > 0 or len(slow) == 0
                    if len(slow):
                        found += 1
                        assert quick.rows()[-1][5] == pytest.approx(slow.rows()[-1][5], rel=1e-12, abs=1e-300)
                        assert quick.rows()[0][2:5] == slow.rows()[0][2:5]
                        best = ways(storage.paths(start, goal, 1, cost=cost, **options))
                        assert best[0][0] == pytest.approx(slow.rows()[-1][5], rel=1e-12, abs=1e-300)
            assert found > 9
