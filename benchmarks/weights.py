"""One index under many metrics and filters, beside its own plain search and a scan in NumPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

import neurograph as ng
from benchmarks.data import AXES, World, coords, world
from benchmarks.report import Section, Table, comparison
from benchmarks.space import OURS, K
from benchmarks.timing import interleave, pinned

TEXT = f"""The {K} nearest of a point under metrics chosen with the query, and among the tokens that pass a filter, on
one thread. The first row is the plain search; the ratio is to it. `numpy` computes every distance and takes the least
with `argpartition`: what a scan costs. Filters compare the token's weight, which is uniform and independent of where it
is; each filter has been asked before, as most are."""

STRAIGHT = [0.0] * AXES
METRICS = {
    "skewed weights": ([4.0, 2.0, 1.0, 1.0, 0.5, 0.5, 0.25, 0.25], STRAIGHT),
    "three live axes": ([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0], STRAIGHT),
    "one live axis": ([1.0] + [0.0] * 7, STRAIGHT),
    "two circular axes": ([1.0] * AXES, [1.0, 1.0] + [0.0] * 6),
}
SHARES = (0.5, 0.1, 0.01, 0.001, 0.0001)


def section(quick: bool) -> Section:
    """Metrics, then filters."""
    sizes = (20_000,) if quick else (100_000, 1_000_000)
    return Section(
        "Metrics and filters of a query", TEXT, [_table(world("uniform", n, 200), quick) for n in sizes]
    )


def _table(w: World, quick: bool) -> Table:
    n = len(w.points)
    db = ng.connect()
    storage = db.runtime
    weights = np.random.default_rng(7).random(n, dtype=np.float32)
    storage.create_tokens(pa.table({"coords": coords(w.points), "weight": weights}))
    storage.settle()
    flat = list(w.queries)

    def metric(by: tuple[list[float], list[float]]) -> Callable[[int], object]:
        return lambda i: storage.nearest(flat[i], K, metric=by)

    def share(limit: float) -> Callable[[int], object]:
        return lambda i: storage.nearest(flat[i], K, filter=("<", "weight", limit))

    def scan(i: int) -> object:
        delta = w.points - flat[i]
        distances = np.einsum("ij,ij->i", delta, delta)
        return np.argpartition(distances, K)[:K]

    calls: dict[str, Callable[[int], object]] = {OURS: lambda i: storage.nearest(flat[i], K)}
    calls |= {name: metric(by) for name, by in METRICS.items()}
    calls["the sum of the axes"] = lambda i: storage.nearest(flat[i], K, norm="l1")
    calls |= {f"{limit:.2%} pass a filter": share(limit) for limit in SHARES}
    calls["numpy, a scan"] = scan
    with pinned():
        timings = interleave(calls, calls=20 if quick else 100, rounds=3 if quick else 7)
    rows = comparison(timings, OURS)
    for row, call in zip(rows, calls.values(), strict=True):
        found = call(0)
        row.append(f"{found.work['rows_examined']:,}" if hasattr(found, "work") else f"{n:,}")
    db.close()
    columns = ["", "median µs", "p99 µs", "spread", "to the first", "rows examined"]
    return Table(f"{K} nearest of {w.name}", columns, rows)
