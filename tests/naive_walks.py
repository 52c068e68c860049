"""Ways through a graph by brute force.

`steps` gives every token's (next token, connection), `price` what a hop costs: (token, next token, connection) → cost.
"""

from __future__ import annotations

from collections.abc import Callable

Steps = dict[int, list[tuple[int, int]]]
Price = Callable[[int, int, int], float]
Way = list[tuple[int, int | None, float]]
"""Token, the connection that led there, the cost so far; the start first."""


def cheapest(steps: Steps, price: Price, start: int, goal: int, most: int) -> Way:
    """The cheapest way of at most so many hops, by Bellman and Ford; empty when there is none."""
    ways: dict[int, Way] = {start: [(start, None, 0.0)]}
    for _ in range(0 if start == goal else most):
        longer = dict(ways)
        for at, way in ways.items():
            for to, connection in steps.get(at, []):
                cost = way[-1][2] + price(at, to, connection)
                if to not in longer or cost < longer[to][-1][2]:
                    longer[to] = [*way, (to, connection, cost)]
        if longer == ways:
            break
        ways = longer
    return ways.get(goal, [])


def all_ways(steps: Steps, price: Price, start: int, goal: int, most: int) -> list[Way]:
    """Every way of at most so many hops that meets no token twice: the cheapest first, then those of fewer hops."""
    found: list[Way] = []
    open_ways: list[Way] = [[(start, None, 0.0)]]
    while open_ways:
        way = open_ways.pop()
        at, _, so_far = way[-1]
        if at == goal:
            found.append(way)
        elif len(way) <= most:
            met = {token for token, _, _ in way}
            for to, connection in steps.get(at, []):
                if to not in met:
                    open_ways.append([*way, (to, connection, so_far + price(at, to, connection))])
    return sorted(found, key=lambda way: (way[-1][2], len(way), [step[1] or 0 for step in way]))
