"""Ways through a graph by brute force, and what spreads along them.

`steps` gives every token's (next token, connection), `price` what a hop costs: (token, next token, connection) → cost.
"""

from __future__ import annotations

from collections.abc import Callable

Steps = dict[int, list[tuple[int, int]]]
Price = Callable[[int, int, int], float]
Shares = dict[int, list[tuple[int, float]]]
"""Token → (next token, strength of the connection), in the order of the connections' ids."""
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


def activation(
    onward: Shares, seeds: dict[int, float], steps: int = 3, decay: float = 0.6, threshold: float = 0.0
) -> list[tuple[int, float]]:
    """What comes to each token, the most active first: summed by the ids of the tokens that pass on."""
    total, level = dict(seeds), dict(seeds)
    for _ in range(steps):
        came: dict[int, float] = {}
        for u in sorted(level):
            if level[u] == 0 or abs(level[u]) < threshold:
                continue
            strengths = sum((abs(strength) for _, strength in onward.get(u, [])), 0.0)
            for v, strength in onward.get(u, []):
                if strength:
                    came[v] = came.get(v, 0.0) + decay * level[u] * (strength / strengths)
        for v, x in came.items():
            total[v] = total.get(v, 0.0) + x
        level = came
    return sorted(total.items(), key=lambda row: (-row[1], row[0]))


def pagerank(
    steps: Steps, tokens: list[int], starts: dict[int, float], damping: float, tolerance: float, most: int
) -> dict[int, float]:
    """How often a walker is at each token: `starts` is where it starts anew, and where nothing leads on."""
    scores = {token: starts.get(token, 0.0) for token in tokens}
    for _ in range(most):
        stuck = sum(score for token, score in scores.items() if token not in steps)
        after = {t: (1.0 - damping + damping * stuck) * starts.get(t, 0.0) for t in tokens}
        for token, score in scores.items():
            for to, _ in steps.get(token, []):
                after[to] += damping * score / len(steps[token])
        change = sum(abs(after[token] - scores[token]) for token in tokens)
        scores = after
        if change <= tolerance:
            break
    return scores


def components(steps: Steps, tokens: list[int]) -> dict[int, int]:
    """The least token that each hangs together with; `steps` lead both ways."""
    found: dict[int, int] = {}
    for token in sorted(tokens):
        pending = [] if token in found else [token]
        while pending:
            at = pending.pop()
            if at not in found:
                found[at] = token
                pending += [to for to, _ in steps.get(at, [])]
    return found
