"""What hangs together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import networkit
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import rustworkx
from scipy.sparse.csgraph import connected_components

from benchmarks.graph import cores
from benchmarks.graph.data import Graph, graph
from benchmarks.graph.peers import of_igraph, of_networkit, of_rustworkx, store
from benchmarks.options import Options
from benchmarks.report import Section

OURS = "RuntimeStorage"

TEXT = f"""To which component each token belongs, whichever way the connections point. Ours is timed until the result
is in hand. scipy: `connected_components(directed=False)`, quicker than its weak connection of directed graphs and the
same. networkit: `WeaklyConnectedComponents`, a graph without weights. igraph: `connected_components("weak")`.
rustworkx makes sets in Python, or tells no more than how many there are. Components are compared in the run.
{cores.TEXT} There are {{graph}}; components: {{count:,}}."""

Labels = npt.NDArray[np.int64]


def section(options: Options) -> Section:
    """On one core, then on all."""
    world = graph(options)
    calls, count = _contenders(world)
    tables = cores.tables("Components", calls, OURS, (OURS,), 2 if options.quick else 5)
    return Section("Components", TEXT.format(graph=world.name, count=count), tables)


def _contenders(world: Graph) -> tuple[dict[str, Callable[[int], object]], int]:
    """Calls to be timed, their answers checked, and how many components there are."""
    storage = store(world).runtime
    matrix = world.matrix()
    kit = networkit.graphtools.toUnweighted(of_networkit(matrix))
    net, rust = of_igraph(world), of_rustworkx(world)
    calls: dict[str, Callable[[int], Any]] = {
        OURS: lambda _: storage.components(),
        "scipy": lambda _: connected_components(matrix, directed=False),
        "networkit": lambda _: networkit.components.WeaklyConnectedComponents(kit).run(),
        "igraph": lambda _: net.connected_components("weak"),
        "rustworkx": lambda _: rustworkx.weakly_connected_components(rust),
        "rustworkx, how many": lambda _: rustworkx.number_weakly_connected_components(rust),
    }
    reads: dict[str, Callable[[Any], Labels]] = {
        OURS: lambda found: pa.table(found)["component"].to_numpy(),
        "scipy": lambda found: found[1],
        "networkit": lambda found: np.array(found.getPartition().getVector()),
        "igraph": lambda found: np.array(found.membership),
        "rustworkx": lambda sets: _labels(sets, world.n),
    }
    count, labels = connected_components(matrix, directed=True, connection="weak")
    numbers = labels.astype(np.int64) * (world.n + 1)
    for name, read in reads.items():
        found = read(calls[name](0))
        # As many different pairs of labels as there are labels on either side: the labels stand for the same.
        pairs = np.unique(numbers + found)
        if len(pairs) != count or len(np.unique(found)) != count:
            raise AssertionError(f"{name}: {len(np.unique(found))} components, not {count}, or others")
    if (told := calls["rustworkx, how many"](0)) != count:
        raise AssertionError(f"rustworkx: {told} components, not {count}")
    return calls, int(count)


def _labels(sets: list[set[int]], n: int) -> Labels:
    labels = np.empty(n, dtype=np.int64)
    for label, tokens in enumerate(sets):
        labels[list(tokens)] = label
    return labels
