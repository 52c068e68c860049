"""Loading connections, and what they take of the memory."""

from __future__ import annotations

import numpy as np

from benchmarks.durable.child import Child
from benchmarks.durable.disk import mebibytes, scratch
from benchmarks.graph.data import graph
from benchmarks.graph.loaders import (
    DuckDB,
    Igraph,
    Ladybug,
    Loaded,
    Loader,
    Networkit,
    NeuroGraph,
    Rustworkx,
    Scipy,
    load,
)
from benchmarks.options import Options
from benchmarks.report import Section, Table

TEXT = """Connections with types and weights from memory into memory, on all cores, in no order. Every turn is in a
new process, where the tokens and what is loaded from are there beforehand, each in the form that the contender loads
fastest: Arrow tables (ours, DuckDB, Ladybug) or NumPy arrays. Ours checks that both ends are there and that no
connection is there twice, gives ids and publishes one version; the index of neighbours, both ways, is part of it or is
made beside further work, which the second row waits for. DuckDB has no key and no index. scipy's and networkit's
graphs have no room for types. Grown: what the process has in memory afterwards that it had not before, which is what
was made and what the allocator keeps of the work; peak: the most of it on the way. The slow ones get {slow} turns, the
others {rounds}. There are {graph}."""

KINDS: tuple[type[Loader], ...] = (NeuroGraph, Scipy, Networkit, Igraph, Rustworkx, DuckDB, Ladybug)
SETTLED = "– until indexed"


def section(options: Options) -> Section:
    """Load by turns, each in a new process."""
    world = graph(options)
    rounds, slow = (2, 1) if options.quick else (7, 3)
    taken: dict[type[Loader], list[Loaded]] = {kind: [] for kind in KINDS}
    with scratch(options.directory) as directory:
        world.write(directory)
        for turn in range(rounds):
            for kind in KINDS:
                if turn < slow or not kind.slow:
                    with Child(kind, directory) as child:
                        taken[kind].append(child.run(load))
    text = TEXT.format(rounds=rounds, slow=slow, graph=world.name)
    connections = len(world.sources)
    loading = _loading(taken, connections)
    return Section("Connections", text, [loading, _ours(taken[NeuroGraph], world.n, connections)])


def _loading(taken: dict[type[Loader], list[Loaded]], connections: int) -> Table:
    ours = float(np.median([loaded.seconds for loaded in taken[NeuroGraph]]))
    rows = []
    for kind, turns in taken.items():
        times = {kind.name: [loaded.seconds for loaded in turns]}
        if kind is NeuroGraph:
            times[SETTLED] = [loaded.settled for loaded in turns]
        for name, seconds in times.items():
            median = float(np.median(seconds))
            memory = [_median(turns, "grown"), _median(turns, "peak")]
            cells = [mebibytes(size) for size in memory] + [f"{memory[0] / connections:,.1f}"]
            rows.append(
                [
                    name,
                    f"{median:.3f}",
                    f"{max(seconds):.3f}",
                    f"{float(np.ptp(seconds)) / median:.0%}",
                    f"{connections / median / 1e6:.2f}",
                    "1" if name == NeuroGraph.name else f"{median / ours:.2f} ×",
                    *(["", "", ""] if name == SETTLED else cells),
                ]
            )
    columns = ["", "median s", "worst s", "spread", "million/s", "to ours"]
    columns += ["grown MiB", "peak MiB", "bytes each"]
    return Table(f"Load {connections:,} connections", columns, rows)


def _ours(turns: list[Loaded], tokens: int, connections: int) -> Table:
    """What ours takes, as the system counts it and as `db.stats` does."""
    sizes = [
        ("process: tokens", _median(turns, "tokens"), tokens),
        ("process: connections", _median(turns, "grown"), connections),
    ]
    for name, size in turns[-1].told.items():
        of_tokens = name.startswith(("spatial", "key"))
        sizes.append((f"`{name}`", size, tokens if of_tokens else connections))
    rows = [
        [name, mebibytes(size), f"{size / count:,.1f}", "token" if count == tokens else "connection"]
        for name, size, count in sizes
    ]
    return Table("Memory of ours", ["", "MiB", "bytes each", "of a"], rows)


def _median(turns: list[Loaded], field: str) -> float:
    return float(np.median([getattr(loaded, field) for loaded in turns]))
