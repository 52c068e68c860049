"""Many searches in one call: the nearest ten of each of a thousand points."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
from pykdtree.kdtree import KDTree
from scipy.spatial import cKDTree

from benchmarks.data import World
from benchmarks.report import Section, Table, comparison
from benchmarks.space import LEAF, OURS, K, flann_of, store_of, worlds
from benchmarks.timing import interleave, one_core

TEXT = f"""The {K} nearest of each of 1,000 points in one call: the time is that of the whole call, by one thread and
then by all cores. Ours gives columns `query, id, distance`; the peers give arrays of indexes and distances. All
are exact (checked against cKDTree in the run). pykdtree and pynanoflann stay on one thread: here they are the best of
one."""


def section(quick: bool) -> Section:
    """Batches of nearest, on one core and on all."""
    return Section("Batches of searches", TEXT, [table for w in worlds(quick) for table in _tables(w, quick)])


def _tables(w: World, quick: bool) -> list[Table]:
    db = store_of(w)
    storage = db.runtime
    flann, pykd = flann_of(w.points), KDTree(w.points, leafsize=LEAF)
    scipy = cKDTree(w.points, leafsize=LEAF)
    flat = np.ascontiguousarray(w.queries)
    expected = np.sort(scipy.query(flat, K)[0], axis=None)
    rows = storage.nearest(flat, K, columns=["distance"]).rows()
    if not np.allclose(np.sort([distance for (distance,) in rows]), expected, rtol=1e-6):
        raise AssertionError(f"{w.name}: a batch is not exact")
    calls: dict[str, Callable[[int], object]] = {
        OURS: lambda i: storage.nearest(flat, K),
        "pynanoflann": lambda i: flann.kneighbors(flat),
        "pykdtree": lambda i: pykd.query(flat, k=K),
        "scipy cKDTree": lambda i: scipy.query(flat, K),
    }
    rounds = 3 if quick else 9
    columns = ["", "median µs", "p99 µs", "spread", "to ours"]
    with one_core():
        timings = interleave(calls, calls=3, rounds=rounds)
    tables = [Table(f"{len(flat):,} queries of {w.name}, one core", columns, comparison(timings, OURS))]
    cores = os.cpu_count() or 1
    calls |= {"scipy cKDTree": lambda i: scipy.query(flat, K, workers=-1)}
    timings = interleave(calls, calls=3, rounds=rounds)
    tables.append(
        Table(f"{len(flat):,} queries of {w.name}, {cores} cores", columns, comparison(timings, OURS))
    )
    db.close()
    return tables
