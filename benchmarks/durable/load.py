"""A million tokens into a new file."""

from __future__ import annotations

from contextlib import ExitStack
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.data import world
from benchmarks.durable.child import Child
from benchmarks.durable.disk import allocated, filesystem, mebibytes, scratch
from benchmarks.durable.store import Store
from benchmarks.durable.stores import DuckDB, Ladybug, Lmdb, NeuroGraph, Sqlite
from benchmarks.options import Options
from benchmarks.report import Section, Table
from benchmarks.timing import summary

TEXT = """Tokens from memory into a new file, in one commit that is safe on return; opening the new file and closing it
are not in the time. Ours goes through `db.tokens.create_many`, which checks every row against the profile and gives
ids. Each contender gets its rows in the form it loads fastest, made beforehand: ours, DuckDB and Ladybug an
Arrow table (Ladybug a column per axis), sqlite3 a list of rows for `executemany`, LMDB pairs of bytes in the order
of their keys. DuckDB has no key here, ours, sqlite3, LMDB and Ladybug find tokens by id afterwards. The file
system: {filesystem}."""

KINDS: tuple[type[Store], ...] = (NeuroGraph, DuckDB, Ladybug, Lmdb, Sqlite)


def section(options: Options) -> Section:
    """Load by turns, each turn into a new file."""
    n, rounds = (50_000, 2) if options.quick else (1_000_000, 5)
    taken: dict[str, list[float]] = {kind.name: [] for kind in KINDS}
    sizes: dict[str, int] = {}
    with scratch(options.directory) as parent, ExitStack() as stack:
        loaders = {}
        for kind in KINDS:
            home = parent / kind.__name__
            home.mkdir()
            loaders[kind] = stack.enter_context(Child(Loader, home))
            loaders[kind].run(Loader.make_rows, kind, n)
        for turn in range(-1, rounds):
            for kind, loader in loaders.items():
                seconds, size = loader.run(Loader.once)
                sizes[kind.name] = size
                if turn >= 0:
                    taken[kind.name].append(seconds)
        text = TEXT.format(filesystem=filesystem(parent))
    timings = {name: summary(np.array(times)[:, None] * 1e9) for name, times in taken.items()}
    ours = timings[NeuroGraph.name].median
    rows = [
        [
            name,
            f"{t.median:.3f}",
            f"{max(taken[name]):.3f}",
            f"{t.spread:.0%}",
            f"{n / t.median / 1e6:.2f}",
            "1" if name == NeuroGraph.name else f"{t.median / ours:.2f} ×",
            mebibytes(sizes[name]),
        ]
        for name, t in timings.items()
    ]
    columns = ["", "median s", "worst s", "spread", "million rows/s", "to ours", "closed file MiB"]
    return Section("Durable load", text, [Table(f"Load {n:,} tokens", columns, rows)])


class Loader(Store):
    """Keeps the rows of one kind of store and loads them again and again; its path is the directory to do it in."""

    kind: type[Store]
    rows: Any
    turn = 0

    def make_rows(self, kind: type[Store], n: int) -> None:
        """Rows in the form that the kind of store loads fastest."""
        self.kind = kind
        path = self.path / "shape"
        store = kind(path)
        self.rows = store.prepare(world("uniform", n, 1).points, 1)
        self.total = n
        store.close()

    def once(self) -> tuple[float, int]:
        """Seconds for a load into a new file, and what that takes on the disk once closed."""
        self.turn += 1
        home = self.path / str(self.turn)
        home.mkdir()
        store = self.kind(home / "store")
        start = perf_counter()
        store.load(self.rows)
        seconds = perf_counter() - start
        stored = store.count()
        store.close()
        if stored != self.total:
            raise AssertionError(f"{stored} of {self.total} rows")
        size = allocated(home)
        for file in home.iterdir():
            file.unlink()
        return seconds, size

    def close(self) -> None:
        """Nothing is open."""
