"""The list of aggregates against DuckDB's own."""

from __future__ import annotations

from ng_arrow.duck import Tail
from ngql.functions import AGGREGATES, OWN, names


def test_aggregates_are_those_of_duckdb() -> None:
    tail = Tail()
    sql = "SELECT DISTINCT function_name AS name FROM duckdb_functions() WHERE function_type = 'aggregate'"
    known = {name for name in tail.run(sql).column("name").to_pylist() if name.replace("_", "").isalnum()}
    tail.close()
    assert len(known) > 50
    missing = {name for name in known if not name.startswith("_")} - AGGREGATES
    assert not missing


def test_names_hold_duckdbs_and_our_own() -> None:
    assert {"length", "count", *OWN} <= names()
