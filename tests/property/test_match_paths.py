"""Patterns of tokens and connections, against all paths there are, on small graphs of every kind."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive_match import Match, matches, selected

from ng_engine import RuntimeStorage
from ng_engine.errors import Error

TYPES = ["cause", "similar"]
KINDS = ["word", "event"]
LONGEST = 9
"""Hops of the paths that are tried: all shortest ones of these graphs and patterns are shorter."""


class World:
    """A small graph with loops, twins and loose ends, half of it listed after the graph index was built."""

    def __init__(self, seed: int, tokens: int, connections: int) -> None:
        rng = np.random.default_rng(seed)
        self.storage = RuntimeStorage.memory()
        self.kinds = [KINDS[i] for i in rng.integers(0, 2, tokens)]
        # Ids that do not rise with the rows.
        self.tokens = (1 + rng.permutation(2 * tokens)[:tokens]).tolist()
        self.storage.create_tokens(
            pa.table({"id": self.tokens, "type": self.kinds, "coords": rng.random((tokens, 8)).tolist()})
        )
        drawn = {
            (int(s), int(t), TYPES[k]): int(w) / 4
            for s, t, k, w in zip(
                rng.choice(self.tokens, connections),
                rng.choice(self.tokens, connections),
                rng.integers(0, 2, connections),
                rng.integers(0, 5, connections),
                strict=True,
            )
        }
        self.rows: list[dict[str, Any]] = []
        for (source, target, kind), weight in drawn.items():
            id = self.storage.create_connection(source, target, type=kind, weight=weight)
            self.rows.append({"id": id, "source": source, "target": target, "type": kind, "weight": weight})
        gone = self.rows.pop() if len(self.rows) > 3 else None
        if gone:
            self.storage.delete_connection(gone["id"])
        self.storage.settle()

    def admits(self, node: Any, token: int) -> bool:
        if node.get("ids") is not None and token not in node["ids"]:
            return False
        filter = node.get("filter")
        return filter is None or self.kinds[self.tokens.index(token)] == filter[2]

    def steps(self, edge: Any, token: int) -> list[tuple[int, int]]:
        found: set[tuple[int, int]] = set()
        direction = edge.get("direction", "out")
        for row in self.rows:
            if edge.get("via") and row["type"] not in edge["via"]:
                continue
            if edge.get("filter") and not row["weight"] > edge["filter"][2]:
                continue
            if direction != "in" and row["source"] == token:
                found.add((row["id"], row["target"]))
            if direction != "out" and row["target"] == token:
                found.add((row["id"], row["source"]))
        return sorted(found)

    def price(self, edges: list[dict[str, Any]], match: Match) -> float:
        weights = {row["id"]: row["weight"] for row in self.rows}
        total = 0.0
        for edge, hops in zip(edges, match.edges, strict=True):
            for _, connection, _ in hops:
                total += weights[connection] if edge.get("cost") else 1.0
        return total


QUANTIFIERS = [None, None, (0, 1), (1, 2), (2, 2), (0, 3), (1, None), (0, None), (2, None)]


@st.composite
def patterns(draw: Any) -> dict[str, Any]:
    """A pattern, a mode and a selector; token ids are places among the world's."""
    length = draw(st.integers(0, 3))
    selector = draw(
        st.sampled_from(
            [None, None, "any", "any shortest", "all shortest", "shortest", "any cheapest", "cheapest"]
        )
    )
    mode = draw(st.sampled_from(["walk", "walk", "trail", "acyclic", "simple"]))
    nodes: list[dict[str, Any]] = []
    for place in range(length + 1):
        node: dict[str, Any] = {}
        if draw(st.integers(0, 3)) == 0:
            node["ids"] = draw(st.lists(st.integers(0, 5), max_size=3))
        if draw(st.integers(0, 3)) == 0:
            node["filter"] = ("=", "type", draw(st.sampled_from(KINDS)))
        inside = 0 < place < length or length == 0
        if place and draw(st.integers(0, 3)) == 0 and (selector is None or mode != "walk" or not inside):
            same = draw(st.integers(0, place - 1)) if selector is None or mode != "walk" else 0
            node["same"] = same
        nodes.append(node)
    edges = []
    for _ in range(length):
        low, high = draw(st.sampled_from(QUANTIFIERS)) or (1, 1)
        if high is None and selector is None and mode == "walk":
            high = 3
        edge: dict[str, Any] = {
            "hops": (low, high),
            "direction": draw(st.sampled_from(["out", "in", "both"])),
        }
        if draw(st.integers(0, 2)) == 0:
            edge["via"] = [draw(st.sampled_from(TYPES))]
        if draw(st.integers(0, 3)) == 0:
            edge["filter"] = (">", "weight", 0.25)
        if draw(st.booleans()):
            edge["cost"] = ("e", "weight")
        edges.append(edge)
    k = draw(st.integers(1, 3)) if selector in ("shortest", "cheapest") else None
    return {"nodes": nodes, "edges": edges, "mode": mode, "selector": selector, "k": k}


def run(world: World, pattern: dict[str, Any], limit: int | None = None) -> list[dict[str, Any]]:
    columns: dict[str, Any] = {f"n{i}": ("node", i, "id") for i in range(len(pattern["nodes"]))}
    for i, edge in enumerate(pattern["edges"]):
        if edge["hops"] == (1, 1):
            columns[f"e{i}"] = ("edge", i, "id")
    columns |= {name: ("path", None, name) for name in ("tokens", "connections", "length", "cost")}
    relation = world.storage.match_paths(**pattern, columns=columns, limit=limit)
    names = [*columns]
    rows = [dict(zip(names, row, strict=True)) for row in relation.rows()]
    # Arrow says the same.
    assert pa.table(relation).to_pylist() == rows
    return rows


def shape(match: Match) -> tuple[Any, ...]:
    return (match.nodes, tuple(match.tokens), tuple(match.connections))


def shown(row: dict[str, Any], pattern: dict[str, Any]) -> tuple[Any, ...]:
    nodes = tuple(row[f"n{i}"] for i in range(len(pattern["nodes"])))
    return (nodes, tuple(row["tokens"]), tuple(row["connections"]))


@settings(max_examples=600, deadline=None)
@given(st.integers(0, 1 << 20), st.integers(1, 5), st.integers(0, 7), patterns())
def test_every_path_is_found_and_no_other(
    seed: int, tokens: int, connections: int, pattern: dict[str, Any]
) -> None:
    world = World(seed, tokens, connections)
    for node in pattern["nodes"]:
        if "ids" in node:
            node["ids"] = [world.tokens[i] for i in node["ids"] if i < tokens] + [10_000]
    nodes, edges, selector = pattern["nodes"], pattern["edges"], pattern["selector"]
    found = run(world, pattern)
    got = Counter(shown(row, pattern) for row in found)
    ends_only = selector is not None and pattern["mode"] == "walk"
    longest = LONGEST if ends_only and any(e["hops"][1] is None for e in edges) else 40
    every = matches(world.tokens, world.steps, nodes, edges, world.admits, pattern["mode"], longest)
    possible = Counter(shape(match) for match in every)
    price = lambda match: world.price(edges, match)  # noqa: E731
    expected = selected(every, selector, pattern["k"] or 1, price)
    by_cost = selector is not None and "cheapest" in selector

    def weights(of: list[tuple[tuple[int, int], float]]) -> dict[tuple[int, int], list[float]]:
        pairs: dict[tuple[int, int], list[float]] = {}
        for ends, weight in sorted(of):
            pairs.setdefault(ends, []).append(weight)
        return pairs

    if selector in (None, "all shortest"):
        assert got == Counter(shape(match) for match in expected)
    else:
        assert all(possible[path] >= n for path, n in got.items() if len(path[2]) <= longest)
        # Of longer paths than were tried nothing is known; nor, by cost, of the others between the same ends.
        beyond = {(r["tokens"][0], r["tokens"][-1]) for r in found if by_cost and r["length"] > longest}
        wanted = [((m.nodes[0], m.nodes[-1]), price(m) if by_cost else len(m.hops)) for m in expected]
        given_ = [
            ((r["tokens"][0], r["tokens"][-1]), r["cost"] if by_cost else r["length"])
            for r in found
            if r["length"] <= longest
        ]
        assert weights([pair for pair in wanted if pair[0] not in beyond]) == weights(
            [pair for pair in given_ if pair[0] not in beyond]
        )
    for row in found:
        assert row["length"] == len(row["connections"]) == len(row["tokens"]) - 1
    limited = run(world, pattern, 2)
    assert len(limited) == min(2, len(found)) and all(shown(r, pattern) in got for r in limited)


@pytest.mark.parametrize("seed", range(8))
def test_between_two_tokens_both_searches_find_as_good_a_path(seed: int) -> None:
    """From both ends, and, where every connection has to be asked, from the first."""
    world = World(seed, 12, 30)
    everything = {"filter": (">", "weight", -100.0)}
    for source in world.tokens:
        for target in world.tokens:
            for low, high, cost in [(0, None, None), (1, 3, None), (0, None, ("e", "weight"))]:
                edge = {"hops": (low, high), "direction": ["out", "both"][seed % 2]}
                edge |= {} if cost is None else {"cost": cost}
                selector = "any shortest" if cost is None else "any cheapest"
                pattern = {
                    "nodes": [{"ids": [source]}, {"ids": [target]}],
                    "mode": "walk",
                    "selector": selector,
                }
                one, other = (
                    run(world, {**pattern, "edges": [edge | more], "k": None}) for more in ({}, everything)
                )
                assert [(r["n0"], r["n1"], r["cost"]) for r in one] == [
                    (r["n0"], r["n1"], r["cost"]) for r in other
                ]


def test_bad_patterns_are_refused() -> None:
    world = World(1, 4, 6)
    column = {"a": ("node", 0, "id")}

    def refused(sqlstate: str, nodes: int, edges: list[dict[str, Any]], **more: Any) -> None:
        with pytest.raises(Error) as error:
            world.storage.match_paths([{} for _ in range(nodes)], edges, **({"columns": column} | more))
        assert error.value.sqlstate == sqlstate

    refused("22023", 2, [{"hops": (1, None)}])
    refused("22023", 2, [{"hops": (2, 1)}])
    refused("22023", 2, [{"hops": (0, 0)}])
    refused("54000", 3, [{}])
    refused("22023", 2, [{}], columns={"a": ("node", 2, "id")})
    refused("42703", 2, [{}], columns={"a": ("node", 1, "no")})
    refused("22023", 2, [{"hops": (1, 2)}], columns={"a": ("edge", 0, "id")})
    refused("22023", 2, [{}], selector="shortest", k=0)
    refused("22023", 2, [{}], selector="nearest")
    refused("22023", 2, [{}], mode="run")
    refused("42704", 2, [{"via": ["no such type"]}])
    refused("22023", 2, [{"vai": ["cause"]}])
