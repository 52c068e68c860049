"""How each contender loads a graph, in a process of its own."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, ClassVar

import duckdb
import igraph
import networkit
import numpy as np
import rustworkx

import neurograph as ng
from benchmarks.durable.store import Store
from benchmarks.graph import ladybug, memory
from benchmarks.graph.data import Graph
from benchmarks.graph.peers import CHUNK


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of it.

    Attributes:
        seconds: until the connections were there.
        settled: until what is made beside further work was made too; the same as `seconds` if nothing is.
        grown: bytes in memory more than before, what was loaded from not counted.
        peak: how many more at the most on the way.
        tokens: bytes in memory that the tokens took before, if they are stored.
        told: bytes by what they are for, as the store itself counts them.
    """

    seconds: float
    settled: float
    grown: int
    peak: int
    tokens: int
    told: dict[str, int]


class Loader(Store):
    """One way to load; its path is where a graph was written."""

    slow: ClassVar[bool] = False

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.graph = Graph.read(path)
        self.rows = self.prepare_rows()

    def prepare_rows(self) -> Any:
        """The connections in the form that is loaded fastest; not timed."""
        return None

    def make_tokens(self) -> None:
        """Store the tokens, where connections need them; not timed."""

    def make(self) -> Any:
        """Load the connections; what holds them, if nothing else does."""
        raise NotImplementedError

    def settle(self) -> None:
        """Wait for what is made beside further work."""

    def stored(self, made: Any) -> int:
        """How many connections there are."""
        raise NotImplementedError

    def told(self) -> dict[str, int]:
        """Bytes by what they are for."""
        return {}

    def close(self) -> None:
        """The process ends."""


def load(loader: Loader) -> Loaded:
    """Load once."""
    empty = memory.resident()
    loader.make_tokens()
    loader.settle()
    before = memory.resident()
    memory.forget_peak()
    gc.disable()
    start = perf_counter()
    made = loader.make()
    seconds = perf_counter() - start
    gc.enable()
    loader.settle()
    settled = perf_counter() - start
    most = memory.peak()
    grown = memory.resident() - before
    if (stored := loader.stored(made)) != len(loader.graph.sources):
        raise AssertionError(f"{loader.name}: {stored} connections of {len(loader.graph.sources)}")
    return Loaded(seconds, settled, grown, most - before, before - empty, loader.told())


class NeuroGraph(Loader):
    """Ours: everything checked, ids given, one version published, then indexed both ways."""

    name = "neurograph"

    def prepare_rows(self) -> Any:
        """An Arrow table, and one of the tokens."""
        self.token_rows = self.graph.token_rows()
        return self.graph.rows()

    def make_tokens(self) -> None:
        """They have to be there: each connection is checked against them."""
        self.db = ng.connect()
        self.db.runtime.create_tokens(self.token_rows)

    def make(self) -> Any:
        """One commit."""
        return self.db.runtime.create_connections(self.rows)

    def settle(self) -> None:
        """Indexes."""
        self.db.runtime.settle()

    def stored(self, made: Any) -> int:
        """And each has got an id."""
        return min(self.db.connections.count(), len(made))

    def told(self) -> dict[str, int]:
        """Whatever `stats` knows the size of."""
        stats = self.db.stats()
        return {name: value for name, value in stats.items() if name.endswith("_bytes") and value}


class Scipy(Loader):
    """Compressed rows."""

    name = "scipy, weights, one direction"

    def make(self) -> Any:
        """From arrays of ends."""
        return self.graph.matrix()

    def stored(self, made: Any) -> int:
        """Entries."""
        return int(made.nnz)


class Networkit(Loader):
    """By way of compressed rows."""

    name = "networkit, weights"
    slow = True

    def make(self) -> Any:
        """Lists of neighbours, both ways."""
        return networkit.GraphFromCsr(self.graph.matrix(), directed=True, weighted=True)

    def stored(self, made: Any) -> int:
        """Edges."""
        return int(made.numberOfEdges())


class Igraph(Loader):
    """Ends from an array, the rest as attributes."""

    name = "igraph, types and weights"
    slow = True

    def prepare_rows(self) -> Any:
        """As it wants ends."""
        return np.column_stack((self.graph.sources, self.graph.targets)).astype(np.int64)

    def make(self) -> Any:
        """Attributes are lists of Python objects."""
        made = igraph.Graph(self.graph.n, self.rows, directed=True)
        made.es["type"] = self.graph.types.tolist()
        made.es["weight"] = self.graph.weights.tolist()
        return made

    def stored(self, made: Any) -> int:
        """Edges."""
        return int(made.ecount())


class Rustworkx(Loader):
    """A pair of type and weight on each edge."""

    name = "rustworkx, types and weights"
    slow = True

    def make(self) -> Any:
        """In parts, which take less memory."""
        graph = self.graph
        made = rustworkx.PyDiGraph(node_count_hint=graph.n, edge_count_hint=len(graph.sources))
        made.add_nodes_from(range(graph.n))
        for begin in range(0, len(graph.sources), CHUNK):
            part = slice(begin, begin + CHUNK)
            ends = graph.sources[part].tolist(), graph.targets[part].tolist()
            values = zip(graph.types[part].tolist(), graph.weights[part].tolist(), strict=True)
            made.add_edges_from(list(zip(*ends, values, strict=True)))
        return made

    def stored(self, made: Any) -> int:
        """Edges."""
        return int(made.num_edges())


class DuckDB(Loader):
    """A table without keys."""

    name = "DuckDB, types and weights, a table"

    def prepare_rows(self) -> Any:
        """An Arrow table."""
        return self.graph.coded_rows()

    def make(self) -> Any:
        """One statement."""
        con = duckdb.connect()
        con.execute("CREATE TABLE connections (source BIGINT, target BIGINT, type SMALLINT, weight FLOAT)")
        con.register("rows", self.rows)
        con.execute("INSERT INTO connections SELECT * FROM rows")
        return con

    def stored(self, made: Any) -> int:
        """Rows."""
        return int(made.execute("SELECT count(*) FROM connections").fetchall()[0][0])


class Ladybug(Loader):
    """In memory."""

    name = "Ladybug, types and weights"
    slow = True

    def prepare_rows(self) -> Any:
        """An Arrow table."""
        return self.graph.coded_rows()

    def make_tokens(self) -> None:
        """With their ids as the key."""
        self.db, self.con = ladybug.empty()
        self.con.execute("COPY Token FROM $rows", {"rows": ladybug.token_ids(self.graph)})

    def make(self) -> Any:
        """COPY, its way to load."""
        return self.con.execute("COPY Connection FROM $rows", {"rows": self.rows})

    def stored(self, made: Any) -> int:
        """Of its relation."""
        found = self.con.execute("MATCH ()-[c:Connection]->() RETURN count(c)").get_all()
        return int(found[0][0])
