"""Who is important: PageRank."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import networkit
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import rustworkx
from scipy.sparse import csr_array

import neurograph as ng
from benchmarks.graph.data import Graph, graph
from benchmarks.graph.peers import of_igraph, of_networkit, of_rustworkx, store
from benchmarks.options import Options
from benchmarks.report import Section, Table, comparison, milli
from benchmarks.timing import interleave, one_core

OURS = "RuntimeStorage"
DAMPING, ROUNDS = 0.85, 20
CLOSE = 1e-6

TEXT = """{rounds} rounds over all connections alike, a damping of {damping}; where nothing leaves, the walker starts
anew anywhere. Ours are timed until the result is in hand, all it takes to gather the connections included. scipy's
rounds are products of a matrix and a vector, the matrix (transposed, in compressed rows) made beforehand. networkit
has a graph without weights, gives to the sinks' share as we do, and is told the number of rounds. rustworkx knows no such
number: it gets the tolerance that ends it after {rounds}. igraph (PRPACK) always goes on until its own tolerance is
met. On one core every thread of the process is kept there; on all cores those take part that use more than one.
Scores are compared with each other in the run: they differ by no more than {close:g} in sum, igraph's from ours when
those have converged. There are {graph}."""

Scores = npt.NDArray[np.float64]


def section(options: Options) -> Section:
    """On one core, then on all."""
    world = graph(options)
    text = TEXT.format(rounds=ROUNDS, damping=DAMPING, close=CLOSE, graph=world.name)
    rounds = 2 if options.quick else 5
    db = store(world)
    try:
        calls = _contenders(world, db)
        tables = [_table("On one core", calls, rounds)]
        several = {name: calls[name] for name in (OURS, "networkit")}
        networkit.setNumberOfThreads(_cores())
        tables.append(_table("On all cores", several, rounds))
    finally:
        networkit.setNumberOfThreads(1)
        db.close()
    return Section("PageRank", text, tables)
