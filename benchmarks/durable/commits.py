"""Durable commits of one row: one committer, and sixteen at once."""

from __future__ import annotations

import shutil
import subprocess
import threading
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter, perf_counter_ns

import numpy as np
import numpy.typing as npt

from benchmarks.data import world
from benchmarks.durable.child import Child
from benchmarks.durable.disk import filesystem, scratch
from benchmarks.durable.store import Store
from benchmarks.durable.stores import DuckDB, Ladybug, Lmdb, NeuroGraph, PlainFile, SharedSync, Sqlite
from benchmarks.options import Options
from benchmarks.report import Section, Table, comparison, micro
from benchmarks.timing import pinned, summary

TEXT = """One token created with `db.tokens.create`, safe against a power cut on return. sqlite3: WAL and
`synchronous = FULL`, autocommit. LMDB: a write transaction for each, defaults. DuckDB and Ladybug: autocommit,
defaults. The page is the floor: 4 KiB written in a file that has its size already, and fdatasync; one page for all
threads that wait, and nothing else, is the floor of group commit among threads of Python. Each contender is in a
process of its own. With one committer each call is timed; with sixteen threads, what they got done together within
the turn. Writers of sqlite3 and Ladybug queue at a lock in Python there, which is faster than their own ways to wait.
The file system: {filesystem}."""

KINDS: tuple[type[Store], ...] = (NeuroGraph, Sqlite, Lmdb, DuckDB, Ladybug, PlainFile, SharedSync)
THREADS = 16
ROOT = Path(__file__).resolve().parents[2]


def section(options: Options) -> Section:
    """One committer, then one and sixteen by turns."""
    rounds, calls = (3, 20) if options.quick else (20, 100)
    with scratch(options.directory) as directory, ExitStack() as stack:
        children = {
            kind.name: stack.enter_context(Child(kind, directory / kind.__name__.lower())) for kind in KINDS
        }
        text = TEXT.format(filesystem=filesystem(directory))
        single = _single(children, rounds, calls)
        turns, seconds = (2, 0.1) if options.quick else (8, 0.5)
        threads = _threads(children, turns, seconds)
        engine = _engine(directory, seconds)
    return Section("Durable commits", text, [single, threads, *engine])


def _single(children: dict[str, Child], rounds: int, calls: int) -> Table:
    taken = {name: np.empty((rounds, calls), dtype=np.int64) for name in children}
    for turn in range(-1, rounds):
        for name, child in children.items():
            times = child.run(one_by_one, calls)
            if turn >= 0:
                taken[name][turn] = times
    timings = {name: summary(times) for name, times in taken.items()}
    rates = {name: f"{1 / timing.median:,.0f}" for name, timing in timings.items()}
    columns = ["", "median µs", "p99 µs", "spread", "to ours", "commits/s"]
    return Table("One committer", columns, comparison(timings, NeuroGraph.name, rates))


def _threads(children: dict[str, Child], turns: int, seconds: float) -> Table:
    alone: dict[str, list[float]] = {name: [] for name in children}
    many: dict[str, list[float]] = {name: [] for name in children}
    waits: dict[str, list[npt.NDArray[np.int64]]] = {name: [] for name in children}
    for turn in range(-1, turns):
        for name, child in children.items():
            one, _ = child.run(together, 1, seconds / 2)
            all_of_them, times = child.run(together, THREADS, seconds)
            if turn >= 0:
                alone[name].append(one)
                many[name].append(all_of_them)
                waits[name].append(times)
    ours = float(np.median(many[NeuroGraph.name]))
    rows = []
    for name in children:
        rate, single = float(np.median(many[name])), float(np.median(alone[name]))
        times = np.concatenate(waits[name]) / 1e9
        rows.append(
            [
                name,
                f"{single:,.0f}",
                f"{rate:,.0f}",
                f"{float(np.ptp(many[name])) / rate:.0%}",
                f"{rate / single:.1f} ×",
                "1" if name == NeuroGraph.name else f"{rate / ours:.2f} ×",
                micro(float(np.median(times))),
                micro(float(np.percentile(times, 99))),
            ]
        )
    columns = [
        "",
        "1 thread/s",
        f"{THREADS} threads/s",
        "spread",
        "to its one",
        "to ours",
        "median µs",
        "p99 µs",
    ]
    return Table(f"{THREADS} threads", columns, rows)


def _engine(directory: Path, seconds: float) -> list[Table]:
    """Threads of Rust on the same disk; nothing where there is no cargo."""
    cargo = shutil.which("cargo")
    if cargo is None:
        return []
    command = [
        cargo,
        "run",
        "--quiet",
        "--release",
        "--locked",
        "--package",
        "ng-core",
        "--example",
        "committers",
    ]
    asked = [*command, "--", str(directory), str(seconds)]
    said = subprocess.run(asked, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    rates: dict[str, list[float]] = {}
    for line in said.splitlines():
        threads, rate = line.split()
        rates.setdefault(threads, []).append(float(rate))
    one = float(np.median(rates["1"]))
    rows = []
    for threads, each in rates.items():
        rate = float(np.median(each))
        rows.append([threads, f"{rate:,.0f}", f"{float(np.ptp(each)) / rate:.0%}", f"{rate / one:.1f} ×"])
    return [
        Table("The engine without an interpreter", ["threads", "commits/s", "spread", "to its one"], rows)
    ]


def one_by_one(store: Store, calls: int) -> npt.NDArray[np.int64]:
    """Nanoseconds of each of some commits."""
    points = world("uniform", calls, 1).points.tolist()
    session = store.session()
    times = np.empty(calls, dtype=np.int64)
    with pinned():
        for i, point in enumerate(points):
            start = perf_counter_ns()
            session.create(point)
            times[i] = perf_counter_ns() - start
    session.close()
    return times


def together(store: Store, threads: int, seconds: float) -> tuple[float, npt.NDArray[np.int64]]:
    """Commits a second of some threads, and the nanoseconds of each."""
    points = world("uniform", 1_000, 1).points.tolist()
    ready = threading.Barrier(threads + 1)
    times: list[list[int]] = [[] for _ in range(threads)]
    failed: list[BaseException] = []

    def commit(mine: list[int]) -> None:
        session = store.session()
        ready.wait()
        try:
            while (start := perf_counter_ns()) < until:
                session.create(points[len(mine) % len(points)])
                mine.append(perf_counter_ns() - start)
        except BaseException as error:
            failed.append(error)
        session.close()

    until = 0
    workers = [threading.Thread(target=commit, args=(mine,)) for mine in times]
    for worker in workers:
        worker.start()
    began = perf_counter()
    until = perf_counter_ns() + int(seconds * 1e9)
    ready.wait()
    for worker in workers:
        worker.join()
    elapsed = perf_counter() - began
    if failed:
        raise failed[0]
    return sum(map(len, times)) / elapsed, np.concatenate([np.array(mine, dtype=np.int64) for mine in times])
