"""Reads of four threads, alone and beside a writer whose every commit is synced."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import dataclass
from time import perf_counter, perf_counter_ns, sleep

import numpy as np

from benchmarks.data import SEED, world
from benchmarks.durable.child import Child
from benchmarks.durable.disk import filesystem, scratch
from benchmarks.durable.store import Store
from benchmarks.durable.stores import Lmdb, NeuroGraph, Sqlite
from benchmarks.durable.stores.duckdb import KeyedDuckDB
from benchmarks.options import Options
from benchmarks.report import Section, Table, micro

TEXT = """A token by its id with all its fields as Python values, each read by itself and of the newest commit, by four
threads of one process (which share Python's lock, so that they are about as fast as one). Beside them nobody, a
thread of the same process, or another process creates tokens, one durable commit after the other. sqlite3: WAL
and FULL, a connection for each thread; LMDB: a transaction for each read, the value unpacked; DuckDB: a cursor for
each thread, a primary key. p99: of every 64th read. DuckDB lets no other process in. The file system:
{filesystem}."""

KINDS: tuple[type[Store], ...] = (NeuroGraph, Lmdb, Sqlite, KeyedDuckDB)
MODES = ("alone", "beside a thread that writes", "beside a process that writes")
THREADS = 4
BATCH = 64


@dataclass(frozen=True, slots=True)
class Turn:
    """What was done in one turn, by the second."""

    reads: float
    p99: float
    writes: float


def section(options: Options) -> Section:
    """Modes by turns."""
    n, rounds, seconds = (10_000, 2, 0.3) if options.quick else (1_000_000, 5, 1.5)
    turns: dict[str, dict[str, list[Turn]]] = {kind.name: {mode: [] for mode in MODES} for kind in KINDS}
    with scratch(options.directory) as parent, ExitStack() as stack:
        children = {}
        for kind in KINDS:
            home = parent / kind.__name__
            home.mkdir()
            path = home / "store"
            reader = stack.enter_context(Child(kind, path))
            reader.run(fill, n)
            children[kind] = reader, stack.enter_context(Child(kind, path)) if kind.shared else None
        for turn in range(-1, rounds):
            for mode in MODES:
                for kind, (reader, writer) in children.items():
                    if mode != MODES[2]:
                        done = reader.run(read, n, seconds, mode == MODES[1])
                    elif writer is None:
                        continue
                    else:
                        writer.start(write, seconds + 0.4)
                        sleep(0.2)
                        alone = reader.run(read, n, seconds, False)
                        done = Turn(alone.reads, alone.p99, writer.result())
                    if turn >= 0:
                        turns[kind.name][mode].append(done)
        text = TEXT.format(filesystem=filesystem(parent))
    return Section("Reads beside a writer", text, [_table(mode, turns, n) for mode in MODES])


def _table(mode: str, turns: dict[str, dict[str, list[Turn]]], n: int) -> Table:
    ours = _median(turns[NeuroGraph.name][mode])
    rows = []
    for name, by_mode in turns.items():
        if not by_mode[mode]:
            continue
        rates = [turn.reads for turn in by_mode[mode]]
        rate = _median(by_mode[mode])
        row = [
            name,
            f"{rate:,.0f}",
            micro(float(np.median([turn.p99 for turn in by_mode[mode]]))),
            f"{float(np.ptp(rates)) / rate:.0%}",
            "1" if name == NeuroGraph.name else f"{rate / ours:.2f} ×",
        ]
        if mode != MODES[0]:
            change = rate / _median(by_mode[MODES[0]]) - 1
            commits = float(np.median([turn.writes for turn in by_mode[mode]]))
            row += [f"{change:+.0%}", f"{commits:,.0f}"]
        rows.append(row)
    columns = ["", "reads/s", "p99 µs", "spread", "to ours"]
    if mode != MODES[0]:
        columns += ["to alone", "commits/s beside"]
    return Table(f"{THREADS} threads read {n:,} tokens, {mode}", columns, rows)


def _median(turns: list[Turn]) -> float:
    return float(np.median([turn.reads for turn in turns]))


def fill(store: Store, n: int) -> None:
    """Tokens to read."""
    store.load(store.prepare(world("uniform", n, 1).points, 1))


def read(store: Store, n: int, seconds: float, writing: bool) -> Turn:
    """Read with four threads for a while."""
    ids = np.random.default_rng(SEED).integers(1, n + 1, (THREADS, 64 * BATCH))
    ready = threading.Barrier(THREADS + writing + 1)
    done = [0] * THREADS
    times: list[int] = []
    commits: list[float] = []
    failed: list[BaseException] = []
    until = 0.0

    def reader(number: int) -> None:
        session = store.session()
        get, mine, turn = session.get, ids[number].tolist(), 0
        batches = [mine[i : i + BATCH] for i in range(0, len(mine), BATCH)]
        ready.wait()
        try:
            while perf_counter() < until:
                first, *others = batches[turn % len(batches)]
                start = perf_counter_ns()
                found = get(first)
                times.append(perf_counter_ns() - start)
                for token in others:
                    found = get(token)
                turn += 1
                if found is None:
                    raise AssertionError("a token is gone")
        except BaseException as error:
            failed.append(error)
        done[number] = turn * BATCH
        session.close()

    def writer() -> None:
        ready.wait()
        try:
            commits.append(write(store, seconds))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=reader, args=(number,)) for number in range(THREADS)]
    if writing:
        threads.append(threading.Thread(target=writer))
    for thread in threads:
        thread.start()
    until = perf_counter() + seconds
    start = perf_counter()
    ready.wait()
    for thread in threads[:THREADS]:
        thread.join()
    elapsed = perf_counter() - start
    for thread in threads[THREADS:]:
        thread.join()
    if failed:
        raise failed[0]
    return Turn(sum(done) / elapsed, float(np.percentile(times, 99)) / 1e9, commits[0] if writing else 0.0)


def write(store: Store, seconds: float) -> float:
    """Commit single tokens for a while; commits a second."""
    session, point, commits = store.session(), [0.5] * 8, 0
    start = perf_counter()
    while perf_counter() < start + seconds:
        session.create(point)
        commits += 1
    elapsed = perf_counter() - start
    session.close()
    return commits / elapsed
