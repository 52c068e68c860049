"""What the language adds to the engine's call."""

from __future__ import annotations

from collections.abc import Callable

import neurograph as ng
from benchmarks.data import tokens, world
from benchmarks.report import Section, Table, comparison, micro
from benchmarks.timing import interleave, pinned

TEXT = """`db.execute` against the engine's own method, over the same questions: what looking the plan up, binding
the parameters and wrapping the result cost. The first time, a text is parsed, bound, planned and lowered; then its
plan is in the cache."""

NEAR = "SELECT tokens NEAR $q LIMIT 10"


def section(quick: bool) -> Section:
    """The price of a statement."""
    n = 20_000 if quick else 100_000
    w = world("uniform", n, 200 if quick else 1_000)
    db = ng.connect()
    db.runtime.create_tokens(tokens(w.points))
    db.runtime.settle()
    storage, execute = db.runtime, db.execute
    queries = w.queries.tolist()
    parameters = [{"q": query} for query in queries]
    fresh = iter(range(10**9))
    calls: dict[str, Callable[[int], object]] = {
        "RuntimeStorage.nearest": lambda i: storage.nearest(queries[i], 10),
        "SELECT tokens NEAR $q, cached": lambda i: execute(NEAR, parameters[i]),
        "SELECT tokens NEAR $q, first time": lambda i: execute(f"{NEAR} -- {next(fresh)}", parameters[i]),
        "RuntimeStorage.lookup": lambda i: storage.lookup("tokens", "id", [i + 1]),
        "SELECT … WHERE id = $id, cached": lambda i: execute(
            "SELECT * FROM tokens WHERE id = $id", {"id": i + 1}
        ),
    }
    with pinned():
        timings = interleave(calls, calls=len(queries), rounds=3 if quick else 7)
    rows = comparison(timings, "RuntimeStorage.nearest")
    for row in rows:
        engine = "RuntimeStorage.lookup" if "id" in row[0] or "lookup" in row[0] else "RuntimeStorage.nearest"
        beyond = timings[row[0]].median - timings[engine].median
        row[4] = "" if row[0] == engine else micro(beyond)
    columns = ["", "median µs", "p99 µs", "spread", "beyond the engine µs"]
    db.close()
    return Section("Statements", TEXT, [Table(f"One statement on {n:,} tokens", columns, rows)])
