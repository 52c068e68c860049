"""Searches among writes: what an index that is never stale costs."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns

import numpy as np

import neurograph as ng
from benchmarks.data import World, world
from benchmarks.report import Section, Table, comparison, micro
from benchmarks.space import K, store_of
from benchmarks.timing import Timing, interleave, pinned, summary

TEXT = f"""Writes through Python, one token at a time, each a commit of its own in memory, and the {K} nearest of a
point between them. Nothing is rebuilt by hand: what the index does in the background is in the figures. In the table of
turns a write (half of them new tokens, a quarter moves, a quarter deletions) and a query follow each other; idle is the
same query with no write before or beside it."""


def section(quick: bool) -> Section:
    """Single updates, then turns of writes and queries."""
    small, large = (10_000, 20_000) if quick else (100_000, 1_000_000)
    turns = 2_000 if quick else 100_000
    tables = [_single(world("uniform", small, 2_000), quick), _turns(world("uniform", large, 1_000), turns)]
    return Section("Updates", TEXT, tables)


def _single(w: World, quick: bool) -> Table:
    db = store_of(w)
    storage, queries = db.runtime, w.queries.tolist()
    ids = iter(range(1, len(w.points)))
    calls: dict[str, Callable[[int], object]] = {
        "1 insert + 1 query": lambda i: (
            storage.create_token(coords=queries[i]),
            storage.nearest(queries[-1 - i], K),
        ),
        "move": lambda i: storage.update_token(next(ids), coords=queries[i]),
        "delete": lambda i: storage.delete_token(next(ids)),
    }
    with pinned():
        timings = interleave(calls, calls=200 if quick else 1_000, rounds=3 if quick else 7)
    rows = [[name, micro(t.median), micro(t.p99), f"{t.spread:.0%}"] for name, t in timings.items()]
    db.close()
    return Table(f"{len(w.points):,} tokens there", ["", "median µs", "p99 µs", "spread"], rows)


def _turns(w: World, turns: int) -> Table:
    db = store_of(w)
    storage, queries = db.runtime, w.queries.tolist()
    search: Callable[[int], object] = lambda i: storage.nearest(queries[i % len(queries)], K)  # noqa: E731
    idle = interleave({"idle": search}, calls=len(queries), rounds=7)["idle"]
    random = np.random.default_rng(3)
    kinds, points = random.integers(0, 4, turns), random.random((turns, 8)).tolist()
    order = random.permutation(len(w.points))[:turns] + 1
    times = np.empty((2, turns), dtype=np.int64)
    for i, (kind, token) in enumerate(zip(kinds.tolist(), order.tolist(), strict=True)):
        start = perf_counter_ns()
        _write(storage, kind, token, points[i])
        written = perf_counter_ns()
        search(i)
        times[:, i] = written - start, perf_counter_ns() - written
    storage.settle()
    timings: dict[str, Timing] = {
        "query, idle": idle,
        "query, between writes": summary(times[1].reshape(10, -1)),
        "write": summary(times[0].reshape(10, -1)),
    }
    rows = comparison(timings, "query, idle")
    for row, timing in zip(rows, timings.values(), strict=True):
        row.append(f"{timing.p99 / idle.p99:.2f} ×")
    db.close()
    columns = ["", "median µs", "p99 µs", "spread", "median to idle", "p99 to idle"]
    return Table(f"{turns:,} turns of a write and a query, {len(w.points):,} tokens", columns, rows)


def _write(storage: ng.RuntimeStorage, kind: int, token: int, point: list[float]) -> None:
    if kind < 2:
        storage.create_token(coords=point)
    elif kind == 2:
        storage.update_token(token, coords=point)
    else:
        storage.delete_token(token)
