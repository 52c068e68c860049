"""The contenders."""

from __future__ import annotations

from benchmarks.durable.store import Store
from benchmarks.durable.stores.duckdb import DuckDB
from benchmarks.durable.stores.ladybug import Ladybug
from benchmarks.durable.stores.lmdb import Lmdb
from benchmarks.durable.stores.neurograph import NeuroGraph
from benchmarks.durable.stores.plain import PlainFile, SharedSync
from benchmarks.durable.stores.sqlite import Sqlite

__all__ = ["DuckDB", "Ladybug", "Lmdb", "NeuroGraph", "PlainFile", "SharedSync", "Sqlite", "Store"]
