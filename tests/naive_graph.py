"""The graph's part of the engine's contract in plain Python."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from naive_match import LONGEST, Match, columns_of, matches, selected
from naive_store import NaiveRelation, Row, State, cost_of
from naive_walks import Price, Shares, Way, activation, all_ways, cheapest, components, pagerank

from ng_engine.errors import from_sqlstate

__all__ = ["NaiveGraph"]


class NaiveGraph:
    """Walks, ways, patterns and scores, over what the rest of the engine knows."""

    _state: State
    _rows: Callable[..., list[Row]]
    _full: Callable[[Row], Row]
    _passes: Callable[[Row, Any], bool]
    _ranked: Callable[..., list[Row]]
    _relation: Callable[..., NaiveRelation]
    metric: Callable[..., Any]
    resolve: Callable[[Any], int]

    def _steps(self, via: Any, direction: str) -> dict[int, list[tuple[int, int]]]:
        """Token → (next token, connection) in connection order."""
        steps: dict[int, list[tuple[int, int]]] = {}
        for row in self._rows("connections"):
            if via is None or row["type"] in via:
                if direction in ("out", "both"):
                    steps.setdefault(row["source"], []).append((row["target"], row["id"]))
                if direction in ("in", "both"):
                    steps.setdefault(row["target"], []).append((row["source"], row["id"]))
        return steps

    def neighbors(
        self, tokens: Any, depth: tuple[int, int] = (1, 1), *, via: Any = None, direction: str = "out",
        filter: Any = None, near: Any = None, radius: float | None = None, metric: Any = None, k: int | None = None,
        offset: int = 0, columns: Any = None,
    ) -> NaiveRelation:  # fmt: skip
        seeds = [
            self.resolve(t) for t in (tokens if isinstance(tokens, (list, tuple, np.ndarray)) else [tokens])
        ]
        steps, hops, frontier = self._steps(via, direction), dict.fromkeys(seeds, 0), seeds
        for level in range(1, depth[1] + 1):
            frontier = list(dict.fromkeys(t for f in frontier for t, _ in steps.get(f, []) if t not in hops))
            hops |= dict.fromkeys(frontier, level)
        reached = [id_ for id_, level in hops.items() if level > 0 and depth[0] <= level <= depth[1]]
        rows = [self._full(self._state.tokens[i]) | {"depth": hops[i]} for i in reached]
        rows = [row for row in rows if filter is None or self._passes(row, filter)]
        extra = ["depth"] if near is None else ["depth", "distance"]
        if near is None:
            rows.sort(key=lambda row: (row["depth"], row["id"]))
        else:
            rows = self._ranked(rows, near, metric, radius)
        return self._relation("tokens", rows, columns, "adjacency", extra, k, offset)

    def path(
        self, source: Any, target: Any, *, via: Any = None, max_depth: int | None = None, direction: str = "out",
        cost: Any = None, metric: Any = None,
    ) -> NaiveRelation:  # fmt: skip
        ends, price = (self.resolve(source), self.resolve(target)), self._price(cost, metric)
        most = len(self._state.tokens) if max_depth is None else max_depth
        return self._ways([cheapest(self._steps(via, direction), price, *ends, most)], [])

    def paths(
        self, source: Any, target: Any, k: int, *, via: Any = None, max_depth: int | None = None,
        direction: str = "out", cost: Any = None, metric: Any = None,
    ) -> NaiveRelation:  # fmt: skip
        if k < 1:
            raise from_sqlstate("22023", "k counts from 1")
        ends, price = (self.resolve(source), self.resolve(target)), self._price(cost, metric)
        most = len(self._state.tokens) if max_depth is None else max_depth
        return self._ways(all_ways(self._steps(via, direction), price, *ends, most)[:k], ["path"])

    def match_paths(
        self, nodes: Any, edges: Any, columns: Any, *, mode: str = "walk", selector: str | None = None,
        k: int | None = None, metric: Any = None, limit: int | None = None,
    ) -> NaiveRelation:  # fmt: skip
        state = self._state

        def admits(node: Any, token: int) -> bool:
            named = node.get("ids") is None or token in set(node["ids"])
            return named and (
                not node.get("filter") or self._passes(self._full(state.tokens[token]), node["filter"])
            )

        def steps(edge: Any, token: int) -> list[tuple[int, int]]:
            hops = self._steps(edge.get("via"), edge.get("direction", "out")).get(token, [])
            return sorted(
                {
                    (c, t)
                    for t, c in hops
                    if not edge.get("filter") or self._passes(state.connections[c], edge["filter"])
                }
            )

        def price(match: Match) -> float:
            prices = [self._price(edge.get("cost"), metric) for edge in edges]
            return sum(p(u, v, c) for p, hops in zip(prices, match.edges, strict=True) for u, c, v in hops)

        found = matches(sorted(state.tokens), steps, nodes, edges, admits, mode, LONGEST)
        token, connection = (lambda id: self._full(state.tokens[id])), state.connections.__getitem__
        kept = selected(found, selector, k or 1, price)[:limit]
        rows = [columns_of(match, columns, token, connection, price) for match in kept]
        return NaiveRelation(list(columns), rows, "adjacency", len(state.connections))

    def _ways(self, ways: list[Way], numbers: list[str]) -> NaiveRelation:
        rows = [
            {"path": number, "step": step, "connection": connection, "cost": cost}
            | {name: self._state.tokens[token][name] for name in ("id", "key", "type")}
            for number, way in enumerate(ways, 1)
            for step, (token, connection, cost) in enumerate(way)
        ]
        columns = [*numbers, "step", "id", "key", "type", "connection", "cost"]
        return NaiveRelation(columns, rows, "adjacency", len(self._state.connections))

    def _price(self, cost: Any, metric: Any) -> Price:
        """What a hop costs: a function of the token left, the token reached and the connection."""

        def price(at: int, to: int, connection: int) -> float:
            u, v = (self._full(self._state.tokens[end]) for end in (at, to))
            hop = {"u": u, "v": v, "e": self._state.connections[connection]}
            total = 1.0 if cost is None else cost_of(cost, hop, metric or self.metric())
            if not 0 <= total < math.inf:
                raise from_sqlstate("22003", f"the cost of connection {connection} is {total}")
            return total

        return price

    def spread(
        self, seeds: Any, *, via: Any = None, direction: str = "out", steps: int = 3, decay: float = 0.6,
        threshold: float = 0.0, limit: int | None = None, offset: int = 0, columns: Any = None,
    ) -> NaiveRelation:  # fmt: skip
        if not 0 <= decay <= 1:
            raise from_sqlstate("22003", "the decay is not a number with 0 ≤ decay ≤ 1")
        given = {self.resolve(t): seeds[t] if isinstance(seeds, dict) else 1.0 for t in seeds}
        edges, onward = self._state.connections, Shares()
        for at, hops in self._steps(via, direction).items():
            onward[at] = [(to, edges[e]["weight"] * edges[e]["confidence"]) for to, e in hops]
        came = activation(onward, given, steps, decay, threshold)
        rows = [self._full(self._state.tokens[id_]) | {"activation": x} for id_, x in came]
        return self._relation("tokens", rows, columns, "adjacency", ["activation"], limit, offset)

    def pagerank(
        self, *, damping: float = 0.85, seeds: Any = None, via: Any = None, tolerance: float = 1e-6,
        max_iterations: int = 100,
    ) -> NaiveRelation:  # fmt: skip
        if not 0 <= damping < 1:
            raise from_sqlstate("22003", "damping is not a number with 0 ≤ damping < 1")
        if not 0 <= tolerance < math.inf:
            raise from_sqlstate("22003", "the tolerance is not a finite number ≥ 0")
        tokens = sorted(self._state.tokens)
        named = [seeds] if isinstance(seeds, (int, str)) else seeds
        starts = tokens if named is None else list(dict.fromkeys(map(self.resolve, named)))
        if named is not None and not starts:
            raise from_sqlstate("22023", "there are no seeds")
        likely = dict.fromkeys(starts, 1.0 / len(starts) if starts else 0.0)
        scores = pagerank(self._steps(via, "out"), tokens, likely, damping, tolerance, max_iterations)
        rows = [{"id": id_, "score": score} for id_, score in scores.items()]
        return NaiveRelation(["id", "score"], rows, "adjacency", len(tokens))

    def components(self, *, via: Any = None) -> NaiveRelation:
        found = components(self._steps(via, "both"), sorted(self._state.tokens))
        rows = [{"id": id_, "component": least} for id_, least in found.items()]
        rows.sort(key=lambda row: row["id"])
        return NaiveRelation(["id", "component"], rows, "adjacency", len(rows))
