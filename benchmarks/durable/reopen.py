"""Opening a store again: after it was closed, and after its process was killed."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter, sleep

import numpy as np
import numpy.typing as npt

from benchmarks.data import SEED, world
from benchmarks.durable.child import Child
from benchmarks.durable.disk import allocated, filesystem, mebibytes, scratch
from benchmarks.durable.store import Store
from benchmarks.durable.stores import DuckDB, Ladybug, Lmdb, NeuroGraph, Sqlite
from benchmarks.options import Options
from benchmarks.report import Section, Table

TEXT = """Milliseconds from opening to the first answers: a token by its id, and how many connections it has. A new
process each time, everything imported beforehand, the file in the operating system's cache. Before a kill the
process commits three loads of 5 % of the tokens and then single tokens without a pause, and gets SIGKILL while it
does: the log is as long then as it gets without a checkpoint, and every acknowledged token is counted afterwards.
Ours reads and checks the whole file and makes its indexes; the others read pages, mostly unchecked, when they are asked
for them. The file system: {filesystem}."""

KINDS: tuple[type[Store], ...] = (NeuroGraph, Sqlite, DuckDB, Lmdb, Ladybug)
WHENS = ("closed", "killed")


def section(options: Options) -> Section:
    """One store of each kind, closed and killed by turns."""
    n, rounds = (20_000, 2) if options.quick else (1_000_000, 5)
    taken: dict[str, dict[str, list[tuple[float, float]]]] = {
        when: {kind.name: [] for kind in KINDS} for when in WHENS
    }
    sizes = {}
    with scratch(options.directory) as parent:
        paths = {}
        for kind in KINDS:
            home = parent / kind.__name__
            home.mkdir()
            paths[kind] = home / "store"
            with Child(kind, paths[kind]) as child:
                child.run(fill, n)
            sizes[kind.name] = allocated(home)
        for _ in range(rounds):
            for kind, path in paths.items():
                taken["closed"][kind.name].append(_closed(kind, path))
            for kind, path in paths.items():
                taken["killed"][kind.name].append(_killed(kind, path, n // 20))
        text = TEXT.format(filesystem=filesystem(parent))
    tables = []
    for when, by_name in taken.items():
        ours = float(np.median([sum(times) for times in by_name[NeuroGraph.name]]))
        rows = []
        for name, times in by_name.items():
            totals = [sum(both) for both in times]
            total = float(np.median(totals))
            rows.append(
                [
                    name,
                    f"{float(np.median([opened for opened, _ in times])) * 1e3:,.1f}",
                    f"{total * 1e3:,.1f}",
                    f"{max(totals) * 1e3:,.1f}",
                    f"{float(np.ptp(totals)) / total:.0%}",
                    "1" if name == NeuroGraph.name else f"{total / ours:.2f} ×",
                    mebibytes(sizes[name]),
                ]
            )
        columns = ["", "open ms", "first answers ms", "worst ms", "spread", "to ours", "MiB at first"]
        title = f"Reopen {n:,} tokens, {5 * n:,} connections, {when}"
        tables.append(Table(title, columns, rows))
    return Section("Reopening", text, tables)


def _closed(kind: type[Store], path: Path) -> tuple[float, float]:
    with Child(kind, path) as child:
        return child.opened, child.run(first_answers)


def _killed(kind: type[Store], path: Path, batch: int) -> tuple[float, float]:
    child = Child(kind, path)
    known = child.run(work, batch)
    child.start(work_on)
    sleep(0.3)
    child.kill()
    with Child(kind, path) as child:
        answers = child.run(first_answers)
        found = child.run(count)
        if found < known:
            raise AssertionError(
                f"{kind.name}: {found} tokens after a kill, {known} were acknowledged before it"
            )
        return child.opened, answers


def fill(store: Store, n: int) -> None:
    """Tokens, and five times as many connections between random ones."""
    store.load(store.prepare(world("uniform", n, 1).points, 1))
    random = np.random.default_rng(SEED)
    ends: npt.NDArray[np.int64] = random.integers(1, n + 1, (2, 5 * n + n // 10))
    # No connection twice, none of a token with itself.
    _, first = np.unique(ends[0] * (n + 1) + ends[1], return_index=True)
    ends = ends[:, np.sort(first)]
    ends = ends[:, ends[0] != ends[1]][:, : 5 * n]
    store.connect(np.ascontiguousarray(ends[0]), np.ascontiguousarray(ends[1]))


def first_answers(store: Store) -> float:
    """Seconds for a token and its connections."""
    start = perf_counter()
    session = store.session()
    found, outgoing = session.get(4_711), session.outgoing(4_711)
    seconds = perf_counter() - start
    session.close()
    if found is None or not 0 <= outgoing < 50:
        raise AssertionError(f"{found}, {outgoing} connections")
    return seconds


def work(store: Store, batch: int) -> int:
    """Commits that fill the log; how many tokens there are now."""
    points = world("uniform", batch, 1).points
    for _ in range(3):
        store.load(store.prepare(points, store.count() + 1))
    session = store.session()
    for point in points[:100].tolist():
        session.create(point)
    session.close()
    return store.count()


def work_on(store: Store) -> None:
    """Commit until killed."""
    session, point = store.session(), [0.5] * 8
    while True:
        session.create(point)


def count(store: Store) -> int:
    """Number of tokens."""
    return store.count()
