"""Each peer's own graph of the same connections."""

from __future__ import annotations

import igraph
import networkit
import numpy as np
import rustworkx
from scipy.sparse import csr_array

import neurograph as ng
from benchmarks.graph.data import Graph

CHUNK = 1_000_000


def store(graph: Graph) -> ng.Database:
    """Ours, in memory; the ids of tokens begin at 1."""
    db = ng.connect()
    db.runtime.create_tokens(graph.token_rows())
    db.runtime.create_connections(graph.rows())
    db.runtime.settle()
    return db


def of_networkit(matrix: csr_array) -> networkit.Graph:
    """With weights. Made from compressed rows, which takes it a third of the time that lists of ends take."""
    return networkit.GraphFromCsr(matrix, directed=True, weighted=True)


def of_igraph(graph: Graph, *, weights: bool = False) -> igraph.Graph:
    """The weights as an attribute of the edges, which it keeps as Python objects."""
    ends = np.column_stack((graph.sources, graph.targets)).astype(np.int64)
    made = igraph.Graph(graph.n, ends, directed=True)
    if weights:
        made.es["weight"] = graph.weights.tolist()
    return made


def of_rustworkx(graph: Graph) -> rustworkx.PyDiGraph:
    """Without anything on the edges; in parts, so that the lists of pairs do not fill the memory."""
    count = len(graph.sources)
    made = rustworkx.PyDiGraph(node_count_hint=graph.n, edge_count_hint=count)
    made.add_nodes_from(range(graph.n))
    for begin in range(0, count, CHUNK):
        part = slice(begin, begin + CHUNK)
        ends = zip(graph.sources[part].tolist(), graph.targets[part].tolist(), strict=True)
        made.extend_from_edge_list(list(ends))
    return made
