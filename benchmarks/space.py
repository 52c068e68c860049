"""Exact search by distance: the nearest ten, and all within a radius."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import TypeVar

import hnswlib
import numpy as np
import numpy.typing as npt
import pynanoflann
from pykdtree.kdtree import KDTree
from scipy.spatial import cKDTree

import neurograph as ng
from benchmarks.data import AXES, Kind, World, tokens, world
from benchmarks.report import Section, Table, comparison
from benchmarks.timing import interleave, pinned

K = 10
HITS = 50
LEAF = 32
OURS = "RuntimeStorage"
RECALL = 0.99
HNSW_LIMIT = 100_000

T = TypeVar("T")
Answers = Callable[[int], npt.NDArray[np.int64]]

NEAREST = f"""The {K} nearest of a point on eight axes, one query at a time, on one thread. Ours are timed as they
are used: the query has run and the result is in hand, no row of it made a Python object. Everything but hnswlib is
exact (checked against cKDTree in the run). The trees of the peers have leaves of {LEAF}, about the best for each of
them here. hnswlib is built with M = 16 and ef_construction = 200 and asked with the least ef of a power of two that
reaches a recall of {RECALL}; it takes part up to {HNSW_LIMIT:,} points, as building it takes minutes beyond. Index:
seconds to make it from an array or, for ours, to load the tokens from Arrow and index them."""

WITHIN = f"""Every point within a radius that holds {HITS} points in the median, one query at a time, on one thread.
Ours come sorted by distance; the peers' do not. pykdtree has no such search."""


def nearest(quick: bool) -> Section:
    """The k nearest, against exact trees and an approximate graph."""
    return Section("Nearest", NEAREST, [_nearest(w, quick) for w in worlds(quick)])


def within(quick: bool) -> Section:
    """All within a radius."""
    return Section("Within a radius", WITHIN, [_within(w, quick) for w in worlds(quick)])


def worlds(quick: bool) -> Iterator[World]:
    """The data that searches are timed on."""
    kinds: tuple[Kind, ...] = ("uniform", "clustered")
    for n in (20_000,) if quick else (100_000, 1_000_000):
        for kind in kinds:
            yield world(kind, n, 200 if quick else 1_000)


def _nearest(w: World, quick: bool) -> Table:
    seconds: dict[str, float] = {}
    db = _timed(seconds, OURS, lambda: store_of(w))
    storage = db.runtime
    flann = _timed(seconds, "pynanoflann", lambda: flann_of(w.points))
    pykd = _timed(seconds, "pykdtree", lambda: KDTree(w.points, leafsize=LEAF))
    scipy = _timed(seconds, "scipy cKDTree", lambda: cKDTree(w.points, leafsize=LEAF))
    flat, rows = list(w.queries), list(w.queries.reshape(-1, 1, AXES))
    calls: dict[str, Callable[[int], object]] = {
        OURS: lambda i: storage.nearest(flat[i], K),
        "db.tokens": lambda i: db.tokens.nearest(flat[i], K),
        "pynanoflann": lambda i: flann.kneighbors(rows[i]),
        "pykdtree": lambda i: pykd.query(rows[i], k=K),
        "scipy cKDTree": lambda i: scipy.query(flat[i], K),
    }
    # Ids of tokens begin at 1.
    answers: dict[str, Answers] = {
        OURS: lambda i: np.array([row[0] for row in storage.nearest(flat[i], K, columns=["id"]).rows()]) - 1,
        "db.tokens": lambda i: np.array([row[0] for row in db.tokens.nearest(flat[i], K).fetchall()]) - 1,
        "pynanoflann": lambda i: flann.kneighbors(rows[i])[1][0],
        "pykdtree": lambda i: pykd.query(rows[i], k=K)[1][0],
        "scipy cKDTree": lambda i: scipy.query(flat[i], K)[1],
    }
    truth = [set(answers["scipy cKDTree"](i).tolist()) for i in range(len(flat))]
    if len(w.points) <= HNSW_LIMIT:
        graph = _timed(seconds, "hnswlib", lambda: _graph(w.points))
        answers["hnswlib"] = lambda i: graph.knn_query(rows[i], K)[0][0].astype(np.int64)
        calls["hnswlib"] = lambda i: graph.knn_query(rows[i], K)
        for ef in (16, 32, 64, 128, 256, 512):
            graph.set_ef(ef)
            if _recall(answers["hnswlib"], truth) >= RECALL:
                break
    recalls = {name: _recall(answer, truth) for name, answer in answers.items()}
    inexact = [name for name, recall in recalls.items() if recall < 1.0 and name != "hnswlib"]
    if inexact:
        raise AssertionError(f"{w.name}: not exact: {inexact}")
    with pinned():
        timings = interleave(calls, calls=len(flat), rounds=3 if quick else 7)
    more = {name: "exact" if recalls[name] == 1.0 else f"{recalls[name]:.4f}" for name in calls}
    table = comparison(timings, OURS, more)
    for row in table:
        row.append(f"{seconds[row[0]]:.2f}" if row[0] in seconds else "")
    columns = ["", "median µs", "p99 µs", "spread", "to ours", "recall", "index s"]
    return Table(f"{K} nearest of {w.name}", columns, table)


def _within(w: World, quick: bool) -> Table:
    db = store_of(w)
    storage = db.runtime
    flann = flann_of(w.points)
    scipy = cKDTree(w.points, leafsize=LEAF)
    flat, rows = list(w.queries), list(w.queries.reshape(-1, 1, AXES))
    radius = float(np.median(scipy.query(w.queries, HITS)[0][:, -1]))
    # nanoflann's L2 is the squared distance, its radius too.
    calls: dict[str, Callable[[int], object]] = {
        OURS: lambda i: storage.within(flat[i], radius),
        "db.tokens": lambda i: db.tokens.within(flat[i], radius),
        "pynanoflann": lambda i: flann.radius_neighbors(rows[i], radius),
        "scipy cKDTree": lambda i: scipy.query_ball_point(flat[i], radius),
    }
    hits = 0
    for i in range(len(flat)):
        expected = set(scipy.query_ball_point(flat[i], radius))
        hits += len(expected)
        found = {row[0] - 1 for row in storage.within(flat[i], radius, columns=["id"]).rows()}
        of_flann = set(flann.radius_neighbors(rows[i], radius)[1][0].tolist())
        if found != expected or abs(len(of_flann) - len(expected)) > 1:
            raise AssertionError(
                f"{w.name}: query {i}: {len(found)}, {len(of_flann)} and {len(expected)} hits"
            )
    with pinned():
        timings = interleave(calls, calls=len(flat), rounds=3 if quick else 7)
    columns = ["", "median µs", "p99 µs", "spread", "to ours"]
    return Table(
        f"Within a radius of {w.name}, {hits / len(flat):.0f} hits on average",
        columns,
        comparison(timings, OURS),
    )


def store_of(w: World) -> ng.Database:
    """The tokens in a store, indexed."""
    db = ng.connect()
    db.runtime.create_tokens(tokens(w.points))
    db.runtime.settle()
    return db


def flann_of(points: npt.NDArray[np.float32]) -> pynanoflann.KDTree:
    """The tree of pynanoflann."""
    tree = pynanoflann.KDTree(n_neighbors=K, leaf_size=LEAF, metric="L2")
    tree.fit(points)
    return tree


def _graph(points: npt.NDArray[np.float32]) -> hnswlib.Index:
    graph = hnswlib.Index(space="l2", dim=AXES)
    graph.init_index(max_elements=len(points), M=16, ef_construction=200)
    graph.add_items(points)
    graph.set_num_threads(1)
    return graph


def _timed(seconds: dict[str, float], name: str, make: Callable[[], T]) -> T:
    start = perf_counter()
    made = make()
    seconds[name] = perf_counter() - start
    return made


def _recall(answer: Answers, truth: Iterable[set[int]]) -> float:
    found = [len(expected & set(answer(i).tolist())) / len(expected) for i, expected in enumerate(truth)]
    return float(np.mean(found))
