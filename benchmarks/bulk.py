"""A million tokens in and out through Arrow, beside DuckDB."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import duckdb
import numpy as np
import pyarrow as pa

import neurograph as ng
from benchmarks.data import tokens, world
from benchmarks.report import Section, Table
from benchmarks.timing import Timing

TEXT = """Loading from an Arrow table in memory and handing all rows back as one, on all cores. Ours checks every
row against the profile, gives ids and publishes one version; the spatial index is then built beside further work,
and its time is listed by itself. DuckDB inserts into a table in memory, in the second case with a unique key."""

SCHEMA = "coords FLOAT[8], weight FLOAT"


def section(quick: bool) -> Section:
    """Load and export."""
    n = 50_000 if quick else 1_000_000
    points = world("uniform", n, 1).points
    plain, keyed = tokens(points), tokens(points, keys=True)
    rounds = 2 if quick else 7
    load: dict[str, Callable[[], float]] = {
        "neurograph": lambda: _load(plain)[0],
        "– until indexed": lambda: _load(plain)[1],
        "DuckDB": lambda: _load_duckdb(plain, SCHEMA),
    }
    load_keyed: dict[str, Callable[[], float]] = {
        "neurograph": lambda: _load(keyed)[0],
        "DuckDB": lambda: _load_duckdb(keyed, SCHEMA + ", key VARCHAR UNIQUE"),
    }
    db = ng.connect()
    db.runtime.create_tokens(keyed)
    con = duckdb.connect()
    con.execute("CREATE TABLE tokens AS SELECT row_number() OVER () AS id, * FROM keyed")
    numbers = ["id", "coords", "weight"]
    export: dict[str, Callable[[], float]] = {
        "neurograph": lambda: _seconds(lambda: pa.table(db.runtime.scan("tokens", columns=numbers)), n),
        "DuckDB": lambda: _seconds(
            lambda: con.sql("SELECT id, coords, weight FROM tokens").to_arrow_table(), n
        ),
    }
    export_keyed: dict[str, Callable[[], float]] = {
        "neurograph": lambda: _seconds(
            lambda: pa.table(db.runtime.scan("tokens", columns=[*numbers, "key"])), n
        ),
        "DuckDB": lambda: _seconds(
            lambda: con.sql("SELECT id, coords, weight, key FROM tokens").to_arrow_table(), n
        ),
    }
    titles = {
        f"Load {n:,} tokens": load,
        f"Load {n:,} tokens with unique keys": load_keyed,
        f"Export {n:,} tokens: id, coords, weight": export,
        f"Export {n:,} tokens: id, coords, weight, key": export_keyed,
    }
    tables = [Table(title, _COLUMNS, _rows(calls, rounds, n)) for title, calls in titles.items()]
    con.close()
    db.close()
    return Section("Bulk", TEXT, tables)


_COLUMNS = ["", "median ms", "spread", "million rows/s", "to ours"]


def _rows(calls: dict[str, Callable[[], float]], rounds: int, n: int) -> list[list[str]]:
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(-1, rounds):
        for name, call in calls.items():
            seconds = call()
            if turn >= 0:
                taken[name].append(seconds)
    timings = {
        name: Timing(float(np.median(times)), max(times), float(np.ptp(times) / np.median(times)))
        for name, times in taken.items()
    }
    ours = timings["neurograph"].median
    return [
        [
            name,
            f"{t.median * 1e3:,.1f}",
            f"{t.spread:.0%}",
            f"{n / t.median / 1e6:.1f}",
            f"{t.median / ours:.2f} ×",
        ]
        for name, t in timings.items()
    ]


def _load(table: pa.Table) -> tuple[float, float]:
    """Seconds until the rows are there, and until they are indexed too."""
    db = ng.connect()
    start = perf_counter()
    ids = db.runtime.create_tokens(table)
    stored = perf_counter() - start
    db.runtime.settle()
    indexed = perf_counter() - start
    if len(ids) != table.num_rows:
        raise AssertionError(f"{len(ids)} ids for {table.num_rows} rows")
    db.close()
    return stored, indexed


def _load_duckdb(table: pa.Table, schema: str) -> float:
    with duckdb.connect() as con:
        con.execute(f"CREATE TABLE tokens ({schema})")
        con.register("source", table)
        start = perf_counter()
        con.execute("INSERT INTO tokens SELECT * FROM source")
        return perf_counter() - start


def _seconds(call: Callable[[], pa.Table], rows: int) -> float:
    start = perf_counter()
    table = call()
    seconds = perf_counter() - start
    if table.num_rows != rows:
        raise AssertionError(f"{table.num_rows} of {rows} rows")
    return seconds
