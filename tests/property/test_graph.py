"""Graphs of several shapes against networkx: reachable sets, depths, fewest hops, components, PageRank."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import networkx as nx
import numpy as np
import pyarrow as pa
import pytest

from ng_engine import RuntimeStorage
from ng_engine.errors import Error

TYPES = ["cause", "similar", "near"]


def power_law(seed: int) -> nx.DiGraph:
    return nx.DiGraph(nx.scale_free_graph(400, seed=seed))


def sparse(seed: int) -> nx.DiGraph:
    return nx.gnp_random_graph(300, 0.006, seed=seed, directed=True)


def grid(_: int) -> nx.DiGraph:
    return nx.convert_node_labels_to_integers(nx.grid_2d_graph(15, 15)).to_directed()


class World:
    """A graph in the store and, with a type on each edge, in networkx."""

    def __init__(self, graph: nx.DiGraph, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.storage = RuntimeStorage.memory()
        nodes = graph.number_of_nodes()
        self.storage.create_tokens(pa.table({"coords": rng.random((nodes, 8)).tolist()}))
        self.graph = nx.MultiDiGraph()
        self.graph.add_nodes_from(range(1, nodes + 1))
        ends = [(s + 1, t + 1) for s, t in graph.edges]
        half = len(ends) // 2
        types = rng.choice(TYPES, len(ends)).tolist()
        table = pa.table({"source": [s for s, _ in ends], "target": [t for _, t in ends], "type": types})
        self.storage.create_connections(table.slice(0, half))
        for row in table.slice(half).to_pylist():
            self.storage.create_connection(row["source"], row["target"], type=row["type"])
        for number, ((s, t), name) in enumerate(zip(ends, types, strict=True), 1):
            self.graph.add_edge(s, t, key=number, type=name)

    def change(self, rng: np.random.Generator) -> None:
        """Loops, edges beside others, and every sixth connection and tenth token gone."""
        nodes = list(self.graph.nodes)
        for token in rng.choice(nodes, 12, replace=False).tolist():
            self.graph.add_edge(token, token, key=self.storage.create_connection(token, token), type="loop")
        for source, target, name in list(self.graph.edges(data="type"))[:40]:
            if name != "other":
                number = self.storage.create_connection(source, target, type="other")
                self.graph.add_edge(source, target, key=number, type="other")
        for source, target, number in list(self.graph.edges(keys=True))[::6]:
            self.storage.delete_connection(number)
            self.graph.remove_edge(source, target, number)
        for token in nodes[::10]:
            self.storage.delete_token(token)
            self.graph.remove_node(token)

    def view(self, direction: str, via: list[str] | None) -> nx.MultiDiGraph | nx.MultiGraph:
        edges = [
            (s, t, k)
            for s, t, k, name in self.graph.edges(keys=True, data="type")
            if via is None or name in via
        ]
        view = nx.MultiDiGraph(self.graph.edge_subgraph(edges))
        view.add_nodes_from(self.graph.nodes)
        return {"out": view, "in": view.reverse(), "both": nx.MultiGraph(view)}[direction]


@pytest.mark.parametrize("shape", [power_law, sparse, grid])
@pytest.mark.parametrize("via", [None, ["cause"], ["similar", "near"]])
@pytest.mark.parametrize("direction", ["out", "in", "both"])
def test_walks(shape: Callable[[int], nx.DiGraph], via: list[str] | None, direction: str) -> None:
    world = World(shape(3), seed=7)
    view = world.view(direction, via)
    rng = np.random.default_rng(1)
    reached = 0
    for start, stranger in rng.integers(1, view.number_of_nodes() + 1, (40, 2)).tolist():
        lengths = dict(nx.single_source_shortest_path_length(view, start))
        expected = sorted((hops, token) for token, hops in lengths.items() if 1 <= hops <= 3)
        found = world.storage.neighbors(start, (1, 3), via=via, direction=direction, columns=["depth", "id"])
        assert found.rows() == expected
        exact = world.storage.neighbors(start, (2, 2), via=via, direction=direction, columns=["depth", "id"])
        assert exact.rows() == [(hops, token) for hops, token in expected if hops == 2]
        goal = stranger if start % 4 == 0 else int(rng.choice(list(lengths)))
        steps = world.storage.path(start, goal, via=via, direction=direction).rows()
        if goal not in lengths:
            assert steps == []
            continue
        reached += 1
        check_path(world, steps, start, goal, lengths[goal], via, direction)
        assert len(
            world.storage.path(start, goal, via=via, direction=direction, max_depth=lengths[goal])
        ) == len(steps)
        if lengths[goal]:
            assert (
                len(
                    world.storage.path(start, goal, via=via, direction=direction, max_depth=lengths[goal] - 1)
                )
                == 0
            )
    assert reached > 3


def check_path(
    world: World, steps: list[tuple], start: int, goal: int, hops: int, via: list[str] | None, direction: str
) -> None:  # fmt: skip
    assert [row[0] for row in steps] == list(range(hops + 1))
    assert [row[5] for row in steps] == [float(step) for step in range(hops + 1)]
    assert (steps[0][1], steps[-1][1], steps[0][4]) == (start, goal, None)
    for before, after in pairwise(steps):
        edge = world.storage.get_connection(after[4])
        assert edge is not None
        assert via is None or edge["type"] in via
        ends = (edge["source"], edge["target"])
        allowed = {"out": [(before[1], after[1])], "in": [(after[1], before[1])]}
        assert ends in allowed.get(direction, allowed["out"] + allowed["in"])


def test_the_nearest_of_the_reachable() -> None:
    world = World(power_law(5), seed=2)
    query = np.full(8, 0.5, dtype=np.float32)
    checked = 0
    for start in range(1, 40):
        reachable = set(nx.single_source_shortest_path_length(world.graph, start, cutoff=2)) - {start}
        if len(reachable) < 4:
            continue
        checked += 1
        everything = world.storage.nearest(query, None, columns=["id", "distance"]).rows()
        expected = [row for row in everything if row[0] in reachable][:3]
        found = world.storage.neighbors(start, (1, 2), near=query, k=3, columns=["id", "distance"])
        assert found.rows() == expected
    assert checked > 5


@pytest.mark.parametrize("shape", [power_law, sparse, grid])
@pytest.mark.parametrize("via", [None, ["cause"], ["similar", "near"]])
@pytest.mark.parametrize("changed", [False, True])
def test_components_and_pagerank(
    shape: Callable[[int], nx.DiGraph], via: list[str] | None, changed: bool
) -> None:
    world = World(shape(11), seed=4)
    rng = np.random.default_rng(6)
    if changed:
        world.change(rng)
    view = world.view("out", via)
    tokens = sorted(view.nodes)

    expected = {token: min(part) for part in nx.weakly_connected_components(view) for token in part}
    assert world.storage.components(via=via).rows() == [(token, expected[token]) for token in tokens]

    for damping, seeds in [(0.85, None), (0.4, rng.choice(tokens, 3, replace=False).tolist())]:
        found = world.storage.pagerank(
            damping=damping, seeds=seeds, via=via, tolerance=1e-13, max_iterations=1000
        )
        likely = None if seeds is None else dict.fromkeys(seeds, 1.0)
        ranks = nx.pagerank(view, damping, likely, max_iter=1000, tol=1e-14, weight="")
        assert [token for token, _ in found.rows()] == tokens
        assert [score for _, score in found.rows()] == pytest.approx(
            [ranks[token] for token in tokens], abs=1e-11
        )
        edges = view.number_of_edges()
        assert edges == 0 or (found.work["edges_examined"] % edges == 0)
    one = world.storage.pagerank(via=via, max_iterations=1)
    assert one.work["edges_examined"] == view.number_of_edges()


def test_nothing_hangs_together_in_an_empty_store() -> None:
    storage = RuntimeStorage.memory()
    assert storage.components().rows() == [] and storage.pagerank().rows() == []
    storage.create_token(coords=[0.0] * 8)
    assert storage.components().rows() == [(1, 1)] and storage.pagerank().rows() == [(1, 1.0)]


@pytest.mark.parametrize(
    ("arguments", "sqlstate"),
    [
        ({"damping": 1.0}, "22003"),
        ({"damping": -0.1}, "22003"),
        ({"damping": float("nan")}, "22003"),
        ({"tolerance": -1.0}, "22003"),
        ({"tolerance": float("inf")}, "22003"),
        ({"seeds": []}, "22023"),
        ({"seeds": [1, 99]}, "42704"),
        ({"via": ["nothing"]}, "42704"),
    ],
)
def test_pagerank_refuses(arguments: dict[str, Any], sqlstate: str) -> None:
    storage = RuntimeStorage.memory()
    storage.create_token(coords=[0.0] * 8)
    with pytest.raises(Error) as caught:
        storage.pagerank(**arguments)
    assert caught.value.sqlstate == sqlstate


COSTS: list[tuple[Any, Callable[[dict, dict, dict], float]]] = [
    (1.0, lambda u, v, e: 1.0),
    (("e", "weight"), lambda u, v, e: e["weight"]),
    (("distance", "u", "v"), lambda u, v, e: math.dist(u["coords"], v["coords"])),
    (
        ("*", ("e", "weight"), ("+", 1, ("sqrt", ("abs", ("-", ("v", "weight"), ("u", "weight")))))),
        lambda u, v, e: e["weight"] * (1 + math.sqrt(abs(v["weight"] - u["weight"]))),
    ),
    (("greatest", 0, ("-", ("e", "weight"), 0.5)), lambda u, v, e: max(0, e["weight"] - 0.5)),
]


@pytest.mark.parametrize("shape", [power_law, sparse, grid])
@pytest.mark.parametrize("direction", ["out", "in", "both"])
@pytest.mark.parametrize(("cost", "told"), COSTS)
def test_the_cheapest_way(
    shape: Callable[[int], nx.DiGraph], direction: str, cost: Any, told: Callable[[dict, dict, dict], float]
) -> None:
    world = World(shape(8), seed=9)
    rng = np.random.default_rng(3)
    storage = world.storage
    world.change(rng)
    for number in storage.list_connections(100_000):
        storage.update_connection(number, weight=float(np.float32(rng.random())))
    tokens = {token: storage.get_token(token) for token in world.graph.nodes}
    for token in tokens:
        storage.update_token(token, weight=float(np.float32(rng.random())))
    tokens = {token: storage.get_token(token) for token in tokens}
    via = ["cause", "similar", "other"]
    graph = nx.DiGraph()
    graph.add_nodes_from(tokens)
    for s, t, number, name in world.graph.edges(keys=True, data="type"):
        edge = storage.get_connection(number)
        assert edge is not None
        ways = {"out": [(s, t)], "in": [(t, s)], "both": [(s, t), (t, s)]}[direction]
        for u, v in ways if name in via else []:
            price = told(tokens[u], tokens[v], edge)
            graph.add_edge(u, v, price=min(price, graph.get_edge_data(u, v, {"price": math.inf})["price"]))
    found_some = 0
    names = sorted(tokens)
    for source, stranger in rng.choice(names, (25, 2)).tolist():
        lengths = nx.single_source_dijkstra_path_length(graph, source, weight="price")
        goal = stranger if source % 3 == 0 else int(rng.choice(list(lengths)))
        steps = storage.path(source, goal, via=via, direction=direction, cost=cost).rows()
        if goal not in lengths:
            assert steps == []
            continue
        found_some += len(steps) > 1
        check_costs(storage, steps, told, tokens, direction)
        assert (steps[0][1], steps[-1][1]) == (source, goal)
        assert steps[-1][5] == pytest.approx(lengths[goal], abs=1e-9)
        most = len(steps) - 1
        least = hop_limited(graph, source, goal, most)
        bounded = storage.path(source, goal, via=via, direction=direction, cost=cost, max_depth=most).rows()
        assert bounded[-1][5] == pytest.approx(least, abs=1e-9)
        fewer = (
            storage.path(source, goal, via=via, direction=direction, cost=cost, max_depth=most - 1).rows()
            if most
            else []
        )
        least = hop_limited(graph, source, goal, most - 1) if most else math.inf
        assert (fewer[-1][5] if fewer else math.inf) == pytest.approx(least, abs=1e-9)
        check_costs(storage, fewer, told, tokens, direction)
    assert found_some > 1


def hop_limited(graph: nx.DiGraph, source: int, goal: int, most: int) -> float:
    """Bellman and Ford, a round a hop."""
    best = {source: 0.0}
    for _ in range(most):
        after = dict(best)
        for u, cost in best.items():
            for v, data in graph.adj[u].items():
                after[v] = min(after.get(v, math.inf), cost + data["price"])
        best = after
    return best.get(goal, math.inf)


def check_costs(
    storage: RuntimeStorage,
    steps: list[tuple],
    told: Callable[[dict, dict, dict], float],
    tokens: dict[int, Any],
    direction: str,
) -> None:
    total = 0.0
    for before, after in pairwise(steps):
        edge = storage.get_connection(after[4])
        assert edge is not None
        ends = (edge["source"], edge["target"])
        forward, backward = (before[1], after[1]), (after[1], before[1])
        assert ends in {"out": [forward], "in": [backward], "both": [forward, backward]}[direction]
        total += told(tokens[before[1]], tokens[after[1]], edge)
        assert after[5] == pytest.approx(total, abs=1e-9)
