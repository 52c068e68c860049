"""The paths of a pattern, by trying them all: what `match_paths` must find."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["LONGEST", "Match", "columns_of", "matches", "selected"]

LONGEST = 8
"""Hops of the paths that are tried where a pattern has no end."""

Hop = tuple[int, int, int]
"""Token left, connection, token reached: ids."""


@dataclass(frozen=True)
class Match:
    """A path: the token of each node, and the hops of each edge."""

    nodes: tuple[int, ...]
    edges: tuple[tuple[Hop, ...], ...]

    @property
    def hops(self) -> list[Hop]:
        return [hop for edge in self.edges for hop in edge]

    @property
    def tokens(self) -> list[int]:
        return [self.nodes[0], *(to for _, _, to in self.hops)]

    @property
    def connections(self) -> list[int]:
        return [connection for _, connection, _ in self.hops]

    def follows(self, mode: str) -> bool:
        """Whether it repeats nothing that the mode forbids."""
        tokens, connections = self.tokens, self.connections
        match mode:
            case "trail":
                return len(set(connections)) == len(connections)
            case "acyclic":
                return len(set(tokens)) == len(tokens)
            case "simple":
                inner = tokens[:-1] if len(tokens) > 1 and tokens[0] == tokens[-1] else tokens
                return len(set(inner)) == len(inner)
        return True


def matches(
    tokens: Sequence[int],
    steps: Callable[[Mapping[str, Any], int], list[tuple[int, int]]],
    nodes: Sequence[Mapping[str, Any]],
    edges: Sequence[Mapping[str, Any]],
    admits: Callable[[Mapping[str, Any], int], bool],
    mode: str,
    longest: int,
) -> list[Match]:
    """All paths of no more than `longest` hops.

    Args:
        tokens: ids.
        steps: (connection, token reached) of each hop that an edge of the pattern may take from a token.
        nodes: as `match_paths` takes them.
        edges: as `match_paths` takes them.
        admits: whether a token can be that node, whatever it has to be the same as.
        mode: what may repeat.
        longest: hops.
    """

    def arrive(match: Match, token: int, hops: tuple[Hop, ...]) -> Iterator[Match]:
        node = nodes[len(match.nodes)]
        same = node.get("same")
        if admits(node, token) and (same is None or match.nodes[same] == token):
            yield from onward(Match((*match.nodes, token), (*match.edges, hops)))

    def onward(match: Match) -> Iterator[Match]:
        if len(match.nodes) == len(nodes):
            yield match
            return
        edge = edges[len(match.edges)]
        low, high = edge.get("hops") or (1, 1)
        yield from walk(match, edge, low, high, ())

    def walk(
        match: Match, edge: Mapping[str, Any], low: int, high: int | None, hops: tuple[Hop, ...]
    ) -> Iterator[Match]:
        at = hops[-1][2] if hops else match.nodes[-1]
        if len(hops) >= low:
            yield from arrive(match, at, hops)
        if len(hops) == high or len(match.hops) + len(hops) == longest:
            return
        for connection, token in steps(edge, at):
            further = (*hops, (at, connection, token))
            if Match(match.nodes, (*match.edges, further)).follows(mode):
                yield from walk(match, edge, low, high, further)

    found = [m for token in tokens if admits(nodes[0], token) for m in onward(Match((token,), ()))]
    return [match for match in found if match.follows(mode)]


def _cheapest_first(
    found: list[Match], price: Callable[[Match], float]
) -> dict[tuple[int, int], list[Match]]:
    """The paths by their first and last token, each list by price."""
    pairs: dict[tuple[int, int], list[Match]] = {}
    for match in sorted(found, key=price):
        pairs.setdefault((match.nodes[0], match.nodes[-1]), []).append(match)
    return pairs


def selected(
    found: list[Match], selector: str | None, k: int, price: Callable[[Match], float]
) -> list[Match]:
    """One of the answers that a selector allows; of paths that weigh the same any may be picked."""
    if selector is None:
        return found
    kept: list[Match] = []
    weigh = price if "cheapest" in selector else (lambda match: float(len(match.hops)))
    for paths in _cheapest_first(found, weigh).values():
        least = weigh(paths[0])
        if selector == "all shortest":
            kept += [match for match in paths if weigh(match) == least]
        else:
            kept += paths[: k if selector in ("shortest", "cheapest") else 1]
    return kept


def columns_of(
    match: Match,
    columns: Mapping[str, tuple[str, int | None, str]],
    token: Callable[[int], Mapping[str, Any]],
    connection: Callable[[int], Mapping[str, Any]],
    price: Callable[[Match], float],
) -> dict[str, Any]:
    """The row of a path, as `columns` names what it has."""
    row: dict[str, Any] = {}
    for name, (kind, place, column) in columns.items():
        match kind, column:
            case "node", _:
                row[name] = token(match.nodes[place or 0])[column]
            case "edge", _:
                row[name] = connection(match.edges[place or 0][0][1])[column]
            case _, "length":
                row[name] = len(match.hops)
            case _, "cost":
                row[name] = price(match)
            case _:
                row[name] = getattr(match, column)
    return row
