"""One row at a time through Python, beside sqlite3."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import neurograph as ng
from benchmarks.data import tokens, world
from benchmarks.report import Section, Table, comparison
from benchmarks.timing import interleave, pinned

TEXT = """One token created, one token read by id with all its fields as Python values, in memory. sqlite3 runs in
autocommit mode with a table of the same columns and a unique key, its statements from its cache; it gives a tuple,
we a dict with names, aware timestamps and a list of eight coordinates."""

COLUMNS = (
    "id INTEGER PRIMARY KEY, key TEXT UNIQUE, type INTEGER, "
    "l1 REAL, l2 REAL, l3 REAL, l4 REAL, l5 REAL, l6 REAL, l7 REAL, l8 REAL, "
    "weight REAL, flags INTEGER, created_at INTEGER, updated_at INTEGER, props TEXT"
)
INSERT = (
    "INSERT INTO tokens (type, l1, l2, l3, l4, l5, l6, l7, l8, weight, flags, created_at, updated_at) "
    "VALUES (0, ?, ?, ?, ?, ?, ?, ?, ?, 0.5, 5, 0, 0)"
)
INSERT_KEY = INSERT.replace("(type", "(key, type").replace("(0,", "(?, 0,")


def section(quick: bool) -> Section:
    """Create and get."""
    n = 10_000 if quick else 100_000
    w = world("uniform", n)
    db = ng.connect()
    db.runtime.create_tokens(tokens(w.points))
    db.runtime.settle()
    lite = sqlite3.connect(":memory:", isolation_level=None)
    lite.execute(f"CREATE TABLE tokens ({COLUMNS})")
    lite.execute("BEGIN")
    lite.executemany(INSERT, w.points.tolist())
    lite.execute("COMMIT")
    points = w.queries.tolist()
    storage, create, get = db.runtime, db.tokens.create, db.tokens.get
    fresh = iter(range(10**9))
    creates: dict[str, Callable[[int], object]] = {
        "RuntimeStorage": lambda i: storage.create_token(coords=points[i]),
        "db.tokens": lambda i: create(coords=points[i]),
        "sqlite3": lambda i: lite.execute(INSERT, points[i]),
    }
    keyed: dict[str, Callable[[int], object]] = {
        "RuntimeStorage": lambda i: storage.create_token(key=f"a{next(fresh)}", coords=points[i]),
        "db.tokens": lambda i: create(key=f"a{next(fresh)}", coords=points[i]),
        "sqlite3": lambda i: lite.execute(INSERT_KEY, [f"a{next(fresh)}", *points[i]]),
    }
    gets: dict[str, Callable[[int], object]] = {
        "RuntimeStorage": lambda i: storage.get_token(i * 7 + 1),
        "db.tokens": lambda i: get(i * 7 + 1),
        "sqlite3": lambda i: lite.execute("SELECT * FROM tokens WHERE id = ?", (i * 7 + 1,)).fetchone(),
    }
    rounds = 3 if quick else 9
    tables = []
    for title, calls in (("Create", creates), ("Create with a key", keyed), ("Get by id", gets)):
        db.runtime.settle()
        with pinned():
            timings = interleave(calls, calls=len(points), rounds=rounds)
        columns = ["", "median µs", "p99 µs", "spread", "to ours"]
        tables.append(Table(f"{title}, {n:,} tokens there", columns, comparison(timings, "RuntimeStorage")))
    db.close()
    lite.close()
    return Section("Single rows", TEXT, tables)
