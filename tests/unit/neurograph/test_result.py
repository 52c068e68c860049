"""Results: the same rows by every way, as often as asked for, without copies."""

import datetime
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pytest

import neurograph as ng

STATEMENTS = {
    "engine": "SELECT tokens NEAR $q",
    "projected": "SELECT key, coords, distance FROM tokens NEAR $q",
    "tail": "SELECT id, upper(key) AS u, coords, weight, props, created_at FROM tokens ORDER BY weight + $q[1]",
    "information": "SELECT name, code FROM token_types WHERE $q IS NOT NULL",
}
Q = [0.5, 0, 0, 0, 0, 0, 0, 0]


@pytest.fixture(params=STATEMENTS.values(), ids=STATEMENTS.keys())
def result(request: pytest.FixtureRequest, words: ng.Database) -> ng.Result:
    return words.execute(request.param, {"q": Q})


def test_every_way_gives_the_same_rows_twice(result: ng.Result) -> None:
    rows = list(result)
    assert len(rows) == len(result) == result.rowcount > 1
    for _ in range(2):
        assert list(result) == rows
        assert [tuple(row.values()) for row in result.dicts()] == rows
        assert result.arrow().num_rows == len(rows)
        assert result.reader().read_all().equals(result.arrow())
        assert pa.table(result).equals(result.arrow())
        assert pl.DataFrame(result).shape == result.pl().shape == (len(rows), len(result.columns))
        assert duckdb.sql("SELECT count(*) FROM result").fetchall() == [(len(rows),)]
        assert list(result.df().columns) == result.columns == result.arrow().column_names
        assert result.sql("SELECT count(*) FROM result").fetchall() == [(len(rows),)]
    assert len(result.types) == len(result.columns)


def test_fetching_goes_on_where_it_ended(result: ng.Result) -> None:
    rows = list(result)
    assert result.fetchone() == rows[0]
    assert result.fetchmany(1) == [rows[1]]
    assert result.fetchone() == rows[2]
    assert result.fetchall() == rows[3:]
    assert result.fetchone() is None and result.fetchmany(5) == [] and result.fetchall() == []
    assert list(result) == rows, "iterating starts anew"
    with pytest.raises(ng.DataError):
        result.fetchmany(-1)


def test_values_are_the_same_types_by_engine_and_tail(words: ng.Database) -> None:
    columns = "id, key, type, coords, weight, flags, created_at, props"
    engine = words.execute(f"SELECT {columns} FROM tokens WHERE id = 1")
    tail = words.execute(f"SELECT {columns} FROM tokens WHERE id + 0 = 1 ORDER BY 1 + weight")
    assert engine.fetchall() == tail.fetchall()
    assert engine.types == tail.types
    (row,) = list(engine)
    assert [type(value) for value in row] == [int, str, str, list, float, int, datetime.datetime, dict]
    assert row[6].tzinfo is datetime.UTC and all(type(x) is float for x in row[3])


def test_a_full_segment_is_handed_out_without_copying() -> None:
    with ng.connect() as db:
        db.tokens.create_many({"coords": np.random.default_rng(1).random((5000, 8))})
        snapshot = db.runtime.snapshot()
        tables = [ng.Result.of(snapshot.scan("tokens"), db.tail, 0.0).arrow() for _ in range(2)]
        tables.append(db.execute("SELECT * FROM tokens").arrow())
        segments = [table.to_batches()[0] for table in tables]
        assert all(segment.num_rows == 4096 for segment in segments)
        for name in ("id", "weight", "flags", "created_at", "updated_at"):
            assert len({segment.column(name).buffers()[1].address for segment in segments}) == 1, name
        assert len({segment.column("coords").values.buffers()[1].address for segment in segments}) == 1
        assert len({segment.column("type").indices.buffers()[1].address for segment in segments}) == 1
        assert tables[0].nbytes > 0
        kept = segments[0].column("coords").values[:8].to_pylist()
    db.close()
    assert segments[0].column("coords").values[:8].to_pylist() == kept, "batches outlive the database"


def test_buffers_handed_out_never_change(db: ng.Database) -> None:
    db.tokens.create_many({"key": [f"k{i}" for i in range(10)], "coords": np.zeros((10, 8))})
    before = db.execute("SELECT * FROM tokens").arrow()
    copy = before.to_pydict()
    db.tokens.update("k3", weight=0.9, coords=[1.0] * 8)
    db.tokens.delete("k4")
    db.tokens.create_many({"key": [f"n{i}" for i in range(10)], "coords": np.ones((10, 8))})
    assert before.to_pydict() == copy


def test_metadata(words: ng.Database) -> None:
    r = words.execute("SELECT key FROM tokens WHERE weight > 0.25")
    assert (r.statement_type, r.rowcount, r.columns, r.types) == ("SELECT", 3, ["key"], ["TEXT"])
    assert r.rows_examined == 5 and r.elapsed > 0
    assert words.execute("SELECT type, count(*) FROM tokens GROUP BY type").rows_examined == 5
    near = words.execute("SELECT tokens NEAR $q LIMIT 1", {"q": Q})
    assert near.columns[-1] == "distance" and near.types[-1] == "DOUBLE"


def test_statements_without_rows(words: ng.Database) -> None:
    r = words.execute("UPDATE tokens SET weight = 0.7 WHERE key = 'a'")
    assert (r.statement_type, r.rowcount, len(r), r.columns, r.types) == ("UPDATE", 1, 0, [], [])
    assert r.fetchone() is None and r.fetchall() == [] and list(r) == [] and r.dicts() == []
    assert r.arrow().num_columns == 0 and pa.table(r).num_columns == 0 and r.rows_examined >= 0
    assert repr(r) == "UPDATE 1" and "UPDATE 1" in r._repr_html_()
    assert bool(r)


def test_repr(words: ng.Database) -> None:
    assert (
        repr(words.execute("SELECT key FROM tokens NEAR $q LIMIT 2", {"q": Q}))
        == " key\n-----\n a\n b\n(2 rows)"
    )
    words.tokens.create_many({"coords": np.zeros((30, 8))})
    shown = repr(words.execute("SELECT id FROM tokens"))
    assert shown.endswith("(20 of 35 rows)") and len(shown.split("\n")) == 23
    html = words.execute('SELECT id, key AS "<b>" FROM tokens')._repr_html_()
    assert "&lt;b&gt;" in html and "15 more rows" in html


def test_dicts_refuse_two_columns_of_one_name(words: ng.Database) -> None:
    r = words.execute("SELECT id, key AS id FROM tokens LIMIT 1")
    assert list(r) == [(1, "a")] and r.arrow().num_columns == 2
    with pytest.raises(ng.ProgrammingError, match="twice") as caught:
        r.dicts()
    assert caught.value.sqlstate == "42702"


def test_sql_over_a_result(words: ng.Database) -> None:
    r = words.execute("SELECT tokens NEAR $q", {"q": Q})
    by_type = r.sql(
        "SELECT type, count(*) AS n FROM result WHERE distance < $d GROUP BY type ORDER BY type", {"d": 3}
    )
    assert by_type.fetchall() == [("event", 2), ("object", 2)]
    assert by_type.sql("SELECT sum(n) AS s FROM result").dicts() == [{"s": 4}]
    with pytest.raises(ng.ProgrammingError) as caught:
        r.sql("SELECT typ FROM result")
    assert (caught.value.sqlstate, caught.value.column) == ("42703", 8) and "type" in (
        caught.value.hint or ""
    )
    with pytest.raises(ng.ProgrammingError) as caught:
        r.sql("SELECT * FROM read_csv('/etc/passwd')")
    assert caught.value.sqlstate == "42501"


def test_to_duckdb(words: ng.Database) -> None:
    connection = duckdb.connect()
    words.execute("SELECT key, distance FROM tokens NEAR $q", {"q": Q}).to_duckdb(connection, "near")
    for _ in range(2):
        assert connection.sql("SELECT count(*) FROM near a JOIN near b USING (key)").fetchall() == [(5,)]
    connection.close()
    with pytest.raises(TypeError):
        words.execute("SELECT 1").to_duckdb(object(), "x")


def test_frames(words: ng.Database) -> None:
    r = words.execute("SELECT key, type, coords, created_at, props FROM tokens ORDER BY id")
    frame: Any = r.df()
    assert frame["key"].tolist() == list("abcde") and str(frame["created_at"].dtype).startswith("datetime64")
    assert r.pl()["coords"].to_list()[1] == [1.0, 0, 0, 0, 0, 0, 0, 0]


def test_without_polars_the_error_says_so(words: ng.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ng.NotSupportedError, match="polars is not installed"):
        words.execute("SELECT 1").pl()


def test_results_outlive_the_database() -> None:
    db = ng.connect()
    db.tokens.create_many({"key": ["a", "b"], "coords": np.zeros((2, 8))})
    r = db.execute("SELECT id, key FROM tokens")
    batches = r.reader()
    rows = iter(r)
    assert next(rows) == (1, "a")
    db.close()
    assert next(rows) == (2, "b")
    assert r.fetchall() == [(1, "a"), (2, "b")] and batches.read_all().num_rows == 2
    with pytest.raises(ng.InterfaceError):
        r.sql("SELECT 1")
