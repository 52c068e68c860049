"""Ladybug in a process of its own: each of its answers is fetched as Python objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ladybug
import numpy as np
import pyarrow as pa

from benchmarks.durable.store import Store
from benchmarks.graph.data import Graph
from benchmarks.timing import Nanoseconds, timed

MEMORY = 4 << 30
LONGEST = 30
SCHEMA = (
    "CREATE NODE TABLE Token (id INT64 PRIMARY KEY)",
    "CREATE REL TABLE Connection (FROM Token TO Token, type INT16, weight FLOAT)",
)
PLAIN = "MATCH (a:Token)-[:Connection]->(b:Token) WHERE a.id = $a RETURN b.id"
WITHIN = "MATCH (a:Token)-[:Connection* SHORTEST 1..{depth}]->(b:Token) WHERE a.id = $a RETURN b.id"
WAY = "MATCH (a:Token)-[e:Connection* {kind} 1..{longest}]->(b:Token) WHERE a.id = $a AND b.id = $b RETURN {what}(e)"
SHORTEST = WAY.format(kind="SHORTEST", longest=LONGEST, what="length")
CHEAPEST = WAY.format(kind="WSHORTEST(weight)", longest=LONGEST, what="cost")


class Ladybug(Store):
    """In memory, on one thread, which answers these queries faster than two; its path is where a graph was written."""

    name = "Ladybug"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        graph = Graph.read(path)
        self.db, self.con = empty()
        self.con.execute("COPY Token FROM $rows", {"rows": token_ids(graph)})
        self.con.execute("COPY Connection FROM $rows", {"rows": graph.coded_rows()})
        self.con.set_max_threads_for_exec(1)

    def close(self) -> None:
        """Forget everything."""
        self.con.close()
        self.db.close()


def empty() -> tuple[ladybug.Database, ladybug.Connection]:
    """A database in memory with empty tables."""
    db = ladybug.Database(":memory:", buffer_pool_size=MEMORY)
    con = ladybug.Connection(db)
    for statement in SCHEMA:
        con.execute(statement)
    return db, con


def token_ids(graph: Graph) -> pa.Table:
    """Tokens, as far as it needs them."""
    return pa.table({"id": np.arange(graph.n)})


def reach(depth: int) -> str:
    """A query for what a walk of at most so many hops reaches."""
    return PLAIN if depth == 1 else WITHIN.format(depth=depth)


def answers(store: Ladybug, query: str, questions: list[dict[str, int]]) -> list[list[Any]]:
    """The first column of each answer."""
    return [[row[0] for row in store.con.execute(query, question).get_all()] for question in questions]


def turn(store: Ladybug, query: str, questions: list[dict[str, int]]) -> Nanoseconds:
    """The time that each answer takes."""
    return timed(lambda i: store.con.execute(query, questions[i]).get_all(), len(questions))
