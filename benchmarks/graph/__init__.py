"""Tokens and their connections as a graph, beside libraries and a database for graphs."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.graph import components, connections, neighbors, pagerank, paths
from benchmarks.options import Options
from benchmarks.report import Section

SECTIONS: dict[str, Callable[[Options], Section]] = {
    "neighbors": neighbors.section,
    "paths": paths.section,
    "pagerank": pagerank.section,
    "components": components.section,
    "connections": connections.section,
}
