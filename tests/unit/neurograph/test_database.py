"""Statements, scripts, transactions, registered tables, DuckDB, threads."""

import concurrent.futures
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import neurograph as ng


def test_parameters(words: ng.Database) -> None:
    text = "SELECT key FROM tokens WHERE weight > {} AND type = {}"
    assert words.execute(text.format("$w", "$t"), {"w": 0.15, "t": "event"}).fetchall() == [("b",), ("d",)]
    assert words.execute(text.format("?", "?"), [0.15, "event"]).fetchall() == [("b",), ("d",)]
    assert words.execute(text.format("$1", "$2"), (0.15, "event")).fetchall() == [("b",), ("d",)]
    assert words.execute("SELECT key FROM tokens WHERE key = $k", {"k": "x' OR 1=1 --"}).fetchall() == []
    for q in ([0.0] * 8, (0.0,) * 8, np.zeros(8), np.zeros(8, "f4"), np.zeros(8, ">f8"), np.zeros(16)[::2]):
        assert words.execute("SELECT key FROM tokens NEAR $q LIMIT 1", {"q": q}).fetchall() == [("a",)]
    assert words.execute("SELECT key FROM tokens NEAR $q LIMIT 1", {"q": "a"}).fetchall() == [("b",)]
    assert words.execute("SELECT key FROM tokens NEAR $q LIMIT 1", {"q": {"physical": 3}}).fetchall() == [
        ("d",)
    ]


def test_executemany(db: ng.Database) -> None:
    insert = "INSERT INTO tokens (key, coords) VALUES ($k, $q)"
    assert db.executemany(insert, ({"k": f"k{i}", "q": [i] * 8} for i in range(10))) == 10
    with pytest.raises(ng.IntegrityError):
        db.executemany(insert, [{"k": "new", "q": [0] * 8}, {"k": "k1", "q": [0] * 8}])
    assert db.tokens.count() == 10, "all or none"
    assert db.executemany(insert, []) == 0


@pytest.mark.parametrize("of_cursor", [False, True])
def test_executemany_names_the_parameter_set(db: ng.Database, of_cursor: bool) -> None:
    executemany = db.cursor().executemany if of_cursor else db.executemany
    one, two = (f"INSERT INTO tokens (key, coords) VALUES {rows}" for rows in ("(?, ?)", "(?, ?), (?, ?)"))
    for text, sets, message in (
        (one, [("a", [0] * 8), ("a", [0] * 8)], 'parameter set 2: a token with key "a" exists already'),
        (one, [("a", [0] * 8), ("b", [0] * 8), ("c",)], "parameter set 3: parameter ? number 2 has no value"),
        (two, [("a", [0] * 8, "a", [0] * 8)], 'parameter set 1: row 2: a token with key "a" exists already'),
    ):
        with pytest.raises(ng.Error) as caught:
            executemany(text, sets)
        assert caught.value.message == message
    assert db.tokens.count() == 0


SCRIPT = """-- a comment; with a semicolon
INSERT INTO tokens (key, coords) VALUES ('a;b', (0,0,0,0,0,0,0,0));
SELECT key
FROM tokens;
"""


def test_script(db: ng.Database, tmp_path: Path) -> None:
    result = db.script(SCRIPT)
    assert result is not None and result.fetchall() == [("a;b",)]
    path = tmp_path / "words.ngql"
    path.write_text("DELETE FROM tokens; " + SCRIPT)
    for script in (path, str(path)):
        result = db.script(script)
        assert result is not None and result.fetchall() == [("a;b",)]
    assert db.script("  -- nothing\n") is None


@pytest.mark.parametrize(
    ("script", "state", "line", "column"),
    [
        ("SELECT 1;\nSELECT 2; SELECT nope FROM tokens;\n", "42703", 2, 18),
        ("SELECT 1;\n\n  SELECT\n  nope FROM tokens", "42703", 4, 3),
        ("SELECT 1;\nSELEC 2;", "42601", 2, 1),
        ("SELECT 1; SELECT 'open", "42601", 1, None),
        ("SELECT 1;\nDELETE FROM tokens WHERE id = 1;\nINSERT INTO tokens (key) VALUES ('x')", None, 3, None),
    ],
)
def test_script_errors_name_the_line(
    db: ng.Database, script: str, state: str | None, line: int, column: int | None
) -> None:
    with pytest.raises(ng.Error) as caught:
        db.script(script)
    error = caught.value
    assert state is None or error.sqlstate == state
    assert error.line == line and f"LINE {line}:" in str(error)
    assert column is None or error.column == column


def test_script_files_that_are_none(db: ng.Database, tmp_path: Path) -> None:
    (tmp_path / "bad.ngql").write_bytes(b"SELECT '\xff'")
    for path, state in (
        (tmp_path / "missing.ngql", "58P01"),
        (tmp_path, "58P01"),
        (tmp_path / "bad.ngql", "22P04"),
    ):
        with pytest.raises(ng.Error) as caught:
            db.script(path)
        assert caught.value.sqlstate == state
    with pytest.raises(TypeError):
        db.script(5)  # type: ignore[arg-type]


def test_transactions(db: ng.Database) -> None:
    with db.transaction() as same:
        assert same is db
        db.tokens.create(key="a", coords=[0] * 8)
        assert db.execute("SELECT count(*) FROM tokens").fetchone() == (1,), "it sees its own writes"
    with pytest.raises(KeyError), db.transaction():
        db.execute("DELETE FROM tokens")
        raise KeyError
    assert db.tokens.count() == 1
    with db.transaction():
        db.tokens.create(key="b", coords=[0] * 8)
        with pytest.raises(KeyError), db.transaction():
            db.tokens.create(key="c", coords=[0] * 8)
            with db.transaction():
                db.tokens.create(key="d", coords=[0] * 8)
            raise KeyError
        with db.transaction():
            db.tokens.create(key="e", coords=[0] * 8)
    assert db.execute("SELECT key FROM tokens ORDER BY key").fetchall() == [("a",), ("b",), ("e",)]


def test_a_transaction_ended_within(db: ng.Database) -> None:
    with pytest.raises(KeyError), db.transaction():
        db.execute("ROLLBACK")
        raise KeyError
    with pytest.raises(ng.OperationalError), db.transaction():
        db.execute("COMMIT")
    assert not db.runtime.in_transaction
    with pytest.raises(ng.OperationalError, match="aborted"), db.transaction(read_only=True):
        with pytest.raises(ng.OperationalError) as caught:
            db.tokens.create(coords=[0] * 8)
        assert caught.value.sqlstate == "25006"
    with db.transaction(), pytest.raises(ng.OperationalError), db.transaction(read_only=True):
        pass


def test_readers_see_no_half_of_a_commit(db: ng.Database) -> None:
    stop = threading.Event()
    seen: set[int] = set()

    def read() -> None:
        while not stop.is_set():
            seen.add(db.execute("SELECT count(*) FROM tokens").fetchall()[0][0])

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(read) for _ in range(2)]
        for i in range(20):
            with db.transaction():
                for j in range(5):
                    db.tokens.create(key=f"{i}-{j}", coords=[i] * 8)
        stop.set()
        for future in futures:
            future.result()
    assert all(count % 5 == 0 for count in seen) and db.tokens.count() == 100


def test_threads_have_sessions_of_their_own(db: ng.Database) -> None:
    db.execute("BEGIN")
    db.tokens.create(key="mine", coords=[0] * 8)

    def other() -> Any:
        assert not db.runtime.in_transaction
        return db.execute("SELECT count(*) FROM tokens").fetchone()

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert pool.submit(other).result() == (0,)
        db.execute("COMMIT")
        assert pool.submit(other).result() == (1,)


def test_many_threads_mix_everything(db: ng.Database) -> None:
    def work(number: int) -> int:
        for i in range(20):
            key = f"{number}-{i}"
            token = db.tokens.create(key=key, coords=[number] * 8)
            db.execute("UPDATE tokens SET weight = $w WHERE id = $id", {"w": 0.25, "id": token})
            found = db.execute(
                "SELECT type, count(*) AS n FROM tokens WHERE key = $k GROUP BY type", {"k": key}
            )
            assert found.fetchall() == [("undefined", 1)]
            if i:
                db.connections.create(f"{number}-{i - 1}", key)
            assert db.tokens.nearest([number] * 8, k=1).fetchone()[7] is not None  # type: ignore[index]
        return len(db.execute("SELECT NEIGHBORS OF $t DEPTH 1..19", {"t": f"{number}-0"}))

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(6))) == [19] * 6
    assert db.check()["findings"] == []


def test_registered_tables(words: ng.Database) -> None:
    words.register("Staging", pl.DataFrame({"k": ["a", "b", "zzz"], "n": [1, 2, 3]}))
    join = "SELECT t.id, s.n FROM tokens t JOIN staging s ON s.k = t.key ORDER BY 1"
    assert words.execute(join).fetchall() == [(1, 1), (2, 2)]
    words.register("staging", [{"k": "c", "n": 9}])
    assert words.execute(join).fetchall() == [(3, 9)], "replaced, and the cached plan is not used"
    assert words.execute("SELECT n FROM staging").sql("SELECT sum(n) FROM staging").fetchall() == [(9,)]
    words.register("staging", words.execute("SELECT key AS k, id AS n FROM tokens"))
    assert len(words.execute(join)) == 5
    assert words.unregister("staging") and not words.unregister("staging")
    with pytest.raises(ng.ProgrammingError) as caught:
        words.execute(join)
    assert caught.value.sqlstate == "42P01"


def test_names_that_cannot_be_registered(db: ng.Database) -> None:
    for name, state in (
        ("tokens", "42501"),
        ("Connections", "42501"),
        ("token_types", "42501"),
        ("a b", "42601"),
        ("", "42601"),
    ):
        with pytest.raises(ng.ProgrammingError) as caught:
            db.register(name, {"a": [1]})
        assert caught.value.sqlstate == state
    with pytest.raises(TypeError):
        db.register(5, {"a": [1]})  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        db.register("t", 5)


def test_duckdb_is_pinned_and_pushes_down(words: ng.Database) -> None:
    connection = words.duckdb()
    query = "SELECT t.key, c.type FROM tokens t JOIN connections c ON c.source = t.id WHERE t.id < 3 ORDER BY t.id"
    expected = [("a", "cause"), ("b", "cause")]
    assert connection.sql(query).fetchall() == expected
    words.tokens.clear()
    assert connection.sql(query).fetchall() == expected, "pinned"
    assert words.duckdb().sql("SELECT count(*) FROM tokens").fetchall() == [(0,)]
    assert connection.sql("SELECT sum(physical), max(flags) FROM tokens WHERE type = 'event'").fetchall() == [
        (4.0, 5)
    ]
    connection.close()


def test_duckdb_within_a_transaction_sees_its_writes(words: ng.Database) -> None:
    with words.transaction():
        words.tokens.create(key="new", coords=[0] * 8)
        assert words.duckdb().sql("SELECT count(*) FROM tokens WHERE key = 'new'").fetchall() == [(1,)]


def test_interrupt(words: ng.Database) -> None:
    words.register("numbers", {"n": range(100_000)})
    endless = "SELECT sum(a.n * b.n) FROM numbers a, numbers b, numbers c"
    threading.Timer(0.2, words.interrupt).start()
    began = time.monotonic()
    with pytest.raises(ng.OperationalError) as caught:
        words.execute(endless)
    assert caught.value.sqlstate == "57014" and time.monotonic() - began < 3
    assert words.execute("SELECT 1").fetchall() == [(1,)]


def test_check_stats_and_what_is_not_built(words: ng.Database) -> None:
    report = words.check()
    assert report["ok"] and (report["tokens"], report["connections"]) == (5, 3) and report["findings"] == []
    assert words.stats()["tokens"] == 5
    for call in (
        lambda: words.cdna.history(),
        lambda: words.cdna.rollback(1),
        lambda: words.cdna.validate("explorer"),
        lambda: words.runtime.bootstrap("x"),
        lambda: words.runtime.query("x"),
        lambda: words.runtime.feedback(1, "positive"),
    ):
        with pytest.raises(ng.NotSupportedError) as caught:
            call()
        assert caught.value.sqlstate == "0A000"


def test_a_million_statements_keep_the_cache_bounded(db: ng.Database) -> None:
    for i in range(2000):
        db.execute(f"SELECT id FROM tokens WHERE id = {i}")
    assert len(db.plans) <= 512


def test_the_runtime_ends_with_the_database() -> None:
    db = ng.connect()
    runtime = db.runtime
    first = runtime.create_token("a", "object", [0.0] * 8)
    nearest, session, snapshot = runtime.nearest, runtime.session(), runtime.snapshot()
    assert runtime is db.runtime and snapshot.axes == runtime.axes == session.axes
    assert len(nearest([0.0] * 8, 1)) == first == 1
    with pytest.raises(AttributeError, match="no_such_method"):
        runtime.no_such_method()  # type: ignore[attr-defined]
    db.close()
    for use in (
        lambda: runtime.create_token("b", "object", [0.0] * 8),
        lambda: nearest([0.0] * 8, 1),
        lambda: session.create_token("b", "object", [0.0] * 8),
        lambda: snapshot.count("tokens"),
        lambda: runtime.axes,
        lambda: db.runtime,
    ):
        with pytest.raises(ng.InterfaceError) as caught:
            use()
        assert caught.value.sqlstate == "08003"


def test_registered_tables_are_in_duckdb_too(words: ng.Database) -> None:
    words.register("Staging", {"key": ["a", "b"], "n": [1, 2]})
    connection = words.duckdb()
    found = connection.sql("SELECT t.id, n FROM staging s JOIN tokens t USING (key) ORDER BY n").fetchall()
    assert found == [(1, 1), (2, 2)]
    connection.close()
