"""What a file takes after many updates, beside a fresh copy of it."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import numpy as np

from benchmarks.data import SEED, world
from benchmarks.durable.child import Child
from benchmarks.durable.disk import allocated, filesystem, mebibytes, scratch
from benchmarks.durable.store import Store
from benchmarks.durable.stores import Lmdb, NeuroGraph, Sqlite
from benchmarks.options import Options
from benchmarks.report import Section, Table

TEXT = """Updates of random tokens' weights, {batch:,} to a commit, each commit synced. Loaded: all files of
the store before that. Peak and after: all its files, its log and whatever else it keeps beside included, while the
store is open. Closed: when it was closed. Copy: a fresh one, by `db.backup`, `VACUUM INTO` (sqlite3) and a packed
copy (LMDB). The peers get a tenth of the updates, as they write a page for nearly every one of them. The file system:
{filesystem}."""

KINDS: tuple[type[Store], ...] = (NeuroGraph, Sqlite, Lmdb)
BATCH = 1_000


def section(options: Options) -> Section:
    """One kind of store after the other."""
    n, updates = (20_000, 100_000) if options.quick else (1_000_000, 10_000_000)
    rows = []
    with scratch(options.directory) as parent:
        for kind in KINDS:
            home = parent / kind.__name__
            home.mkdir()
            copy = parent / f"{kind.__name__}-copy"
            copy.mkdir()
            with Child(kind, home / "store") as child:
                child.run(fill, n)
                loaded = allocated(home)
                mine = updates if kind is NeuroGraph else updates // 10
                seconds, peak = child.run(churn, n, mine, home)
                after = allocated(home)
                child.run(make_copy, copy / "store")
            closed, fresh = allocated(home), allocated(copy)
            sizes = [mebibytes(size) for size in (loaded, peak, after, closed, fresh)]
            rates = [f"{after / fresh:.2f}", f"{closed / fresh:.2f}", f"{mine / seconds:,.0f}"]
            rows.append([kind.name, f"{mine:,}", *sizes, *rates])
        text = TEXT.format(filesystem=filesystem(parent), batch=BATCH)
    columns = ["", "updates", "loaded MiB", "peak MiB", "after MiB", "closed MiB", "copy MiB"]
    columns += ["after : copy", "closed : copy", "updates/s"]
    return Section("Size of a file", text, [Table(f"Random updates of {n:,} tokens", columns, rows)])


def fill(store: Store, n: int) -> None:
    """Tokens to update."""
    store.load(store.prepare(world("uniform", n, 1).points, 1))


def churn(store: Store, n: int, updates: int, home: Path) -> tuple[float, int]:
    """Seconds that the updates took, and the most that the files took on the way."""
    random = np.random.default_rng(SEED)
    session = store.session()
    peak = 0
    start = perf_counter()
    for commit in range(updates // BATCH):
        tokens = np.sort(random.choice(n, BATCH, replace=False, shuffle=False)) + 1
        session.update(tokens, random.random(BATCH, dtype=np.float32))
        if commit % 50 == 0:
            peak = max(peak, allocated(home))
    seconds = perf_counter() - start
    session.close()
    return seconds, max(peak, allocated(home))


def make_copy(store: Store, to: Path) -> None:
    """A fresh copy."""
    store.copy(to)
