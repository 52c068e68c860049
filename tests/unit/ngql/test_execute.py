"""Running programs: snapshots, laziness, atomic writes, what the tail sees."""

from __future__ import annotations

import decimal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest
from naive_engine import NaiveEngine

import ngql
from ng_arrow.duck import Tail
from ng_engine import RuntimeStorage
from ng_engine.errors import Error, from_sqlstate
from ngql.execute import Answer, run


@pytest.fixture(scope="module")
def tail() -> Iterator[Tail]:
    opened = Tail()
    yield opened
    opened.close()


class Watched(NaiveEngine):
    """Counts snapshots and transactions; can fail at a call."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.calls: list[str] = []
        self.fail_at = ""

    def _note(self, name: str) -> None:
        self.calls.append(name)
        if name == self.fail_at:
            raise RuntimeError("planted")

    def snapshot(self) -> NaiveEngine:
        self._note("snapshot")
        return super().snapshot()

    def begin(self, read_only: bool = False) -> None:
        self._note("begin")
        super().begin(read_only)

    def create_tokens(self, arrow: Any, *, on_conflict: str | None = None) -> Any:
        self._note("create_tokens")
        return super().create_tokens(arrow, on_conflict=on_conflict)

    def update_tokens(self, arrow: Any) -> int:
        done = super().update_tokens(arrow)
        self._note("update_tokens")
        return done


@pytest.fixture
def engine() -> Watched:
    made = Watched.memory()
    assert isinstance(made, Watched)
    points = [[float(i)] + [0.0] * 7 for i in range(4)]
    made.create_tokens(pa.table({"key": ["a", "b", "c", "d"], "coords": points}))
    made.calls.clear()
    return made


def ask(engine: Any, text: str, parameters: Any = None, tail: Tail | None = None, **options: Any) -> Answer:
    program = ngql.compile(text, ngql.Catalog.of(engine), ngql.kinds_of(parameters))
    return run(program, engine, parameters, tail, **options)


def test_one_read_needs_no_snapshot_and_no_tail(engine: Watched) -> None:
    answer = ask(engine, "SELECT tokens NEAR $q LIMIT 2", {"q": [0.0] * 8})
    assert engine.calls == []
    assert [row[1] for row in answer.relation.rows()] == ["a", "b"]
    assert (answer.rowcount, answer.statement_type, answer.columns[-1]) == (2, "SELECT", "distance")
    assert answer.work["rows_examined"] == 4


def test_several_reads_see_one_snapshot(engine: Watched, tail: Tail) -> None:
    ask(engine, "SELECT tokens NEAR 'a' LIMIT 2")
    assert engine.calls == ["snapshot"]
    engine.calls.clear()
    ask(engine, "SELECT count(*) FROM tokens a JOIN tokens b USING (id)", tail=tail)
    assert engine.calls == ["snapshot"]


def test_a_cost_is_computed_by_the_engine_alone(engine: Watched) -> None:
    engine.create_connections(pa.table({"source": [1, 1, 2], "target": [2, 4, 4]}))
    text = "SELECT PATH FROM 'a' TO $to COST (u.coords <-> v.coords) ^ $n"
    answer = ask(engine, text, {"to": "d", "n": decimal.Decimal(2)})
    assert [row[1:3] + row[5:] for row in answer.relation.rows()] == [(1, "a", 0), (2, "b", 1), (4, "d", 5)]
    assert engine.calls == []
    ask(engine, "SELECT PATH FROM 1 TO 2 COST u.coords <-> v.coords USING CDNA PROFILE explorer")
    assert engine.calls == ["snapshot"]


def test_seeds_and_what_comes_of_them_see_one_snapshot_and_count_their_work(engine: Watched) -> None:
    answer = ask(engine, "SELECT SPREAD FROM (SELECT id FROM tokens WHERE weight >= 0) STEPS 1")
    assert engine.calls == ["snapshot"]
    assert len(answer.relation.rows()) == 4
    assert answer.work["rows_examined"] == 8


def test_a_cancelled_statement_reads_no_more_seeds(engine: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    def cancelled(self: Any) -> None:
        raise from_sqlstate("57014", "cancelled")

    monkeypatch.setattr(NaiveEngine, "check_interrupt", cancelled)
    with pytest.raises(Error) as caught:
        ask(engine, "SELECT SPREAD FROM (SELECT id FROM tokens) STEPS 1")
    assert caught.value.sqlstate == "57014"


def test_decimals_are_numbers_of_points_and_metrics(engine: Watched) -> None:
    text = "SELECT key, distance FROM tokens NEAR ($x, 0,0,0,0,0,0,0) USING CDNA (scale => ($s, 1,1,1,1,1,1,1)) LIMIT 1"
    answer = ask(engine, text, {"x": decimal.Decimal("1.25"), "s": decimal.Decimal(2)})
    assert answer.relation.rows() == [("b", 0.5)]
    for number in ("NaN", "sNaN", "Infinity", "1e999"):
        with pytest.raises(Error) as caught:
            ask(engine, text, {"x": decimal.Decimal(number), "s": 1})
        assert caught.value.sqlstate == "22003"


def test_inside_a_transaction_the_session_itself_is_read(engine: Watched, tail: Tail) -> None:
    engine.begin()
    ask(engine, "INSERT INTO tokens (key, coords) VALUES ('e', (0,0,0,0,0,0,0,0))")
    engine.calls.clear()
    answer = ask(engine, "SELECT count(*) AS n FROM tokens a JOIN tokens b USING (id)", tail=tail)
    assert engine.calls == []
    assert answer.relation.column("n").to_pylist() == [5]
    engine.rollback()


def test_one_write_is_one_engine_call(engine: Watched) -> None:
    answer = ask(engine, "INSERT INTO tokens (key, coords) VALUES ('e', (0,0,0,0,0,0,0,0))")
    assert engine.calls == ["create_tokens"]
    assert (answer.relation, answer.rowcount, answer.columns, answer.types) == (None, 1, [], [])


def test_a_write_of_several_calls_is_undone_whole(engine: Watched, tail: Tail) -> None:
    engine.fail_at = "update_tokens"
    text = "UPDATE tokens SET weight = .9 WHERE key = 'a'"
    with pytest.raises(RuntimeError, match="planted"):
        ask(engine, text, tail=tail)
    assert not engine.in_transaction
    assert {row[0] for row in engine.scan("tokens", columns=["weight"]).rows()} == {0.5}
    engine.begin()
    ask(engine, "UPDATE connections SET weight = 1", tail=tail)
    with pytest.raises(RuntimeError, match="planted"):
        ask(engine, text, tail=tail)
    assert engine.in_transaction and engine.transaction_failed
    assert ask(engine, "COMMIT", tail=tail).statement_type == "ROLLBACK"
    assert {row[0] for row in engine.scan("tokens", columns=["weight"]).rows()} == {0.5}


def test_updates_from_many_threads_lose_nothing_and_never_conflict() -> None:
    store, errors = RuntimeStorage.memory(), []
    ask(store, "INSERT INTO tokens (key, coords) VALUES ('a', (0,0,0,0,0,0,0,0))")
    shared = Tail()

    def work() -> None:
        session = store.session()
        try:
            for _ in range(25):
                ask(session, "UPDATE tokens SET physical = physical + 1 WHERE key = 'a'", tail=shared)
        except Error as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    shared.close()
    assert not errors
    assert store.point("a")[0] == 100.0


def test_a_program_wants_the_parameters_it_was_compiled_for(engine: Watched) -> None:
    program = ngql.compile("SELECT tokens NEAR $q LIMIT 1", ngql.Catalog.of(engine), (("q", "list"),))
    with pytest.raises(Error) as caught:
        run(program, engine)
    assert caught.value.sqlstate == "42P02"
    with pytest.raises(Error):
        run(program, engine, {"q": "a"})


def test_copy_takes_anything_with_an_arrow_stream(engine: Watched) -> None:
    given = pa.table(
        {"key": ["x", "y"], "coords": [[1.0] * 8] * 2, "lang": ["en", None], "props": ['{"n": 1}', None]}
    )
    assert ask(engine, "COPY tokens FROM $rows", {"rows": given}).rowcount == 2
    found = engine.lookup("tokens", "key", ["x", "y"], columns=["props"]).rows()
    assert found == [({"n": 1, "lang": "en"},), (None,)]


def test_copy_leaves_out_what_the_engine_keeps_itself(engine: Watched) -> None:
    given = pa.table(engine.scan("tokens")).drop_columns(["id", "key"])
    assert ask(engine, "COPY tokens FROM $rows", {"rows": given}).rowcount == 4


def test_a_table_is_no_value(engine: Watched) -> None:
    with pytest.raises(Error) as caught:
        ask(engine, "SELECT $t", {"t": pa.table({"a": [1]})})
    assert caught.value.sqlstate == "42804"


def test_registered_tables_are_seen(engine: Watched) -> None:
    tail = Tail()
    tail.register("staging", {"k": ["a", "zz"], "n": [1, 2]})
    catalog = ngql.Catalog.of(engine, {"staging": {"k": "TEXT", "n": "BIGINT"}})
    text = "SELECT t.key, s.n FROM staging s JOIN tokens t ON t.key = s.k"
    answer = run(ngql.compile(text, catalog), engine, None, tail)
    assert answer.relation.to_pylist() == [{"key": "a", "n": 1}]
    with pytest.raises(Error, match="did you mean"):
        ngql.compile("SELECT nn FROM staging", catalog)
    tail.close()


def test_settings_are_set_shown_and_reset(engine: Watched) -> None:
    settings: dict[str, Any] = {"busy_timeout": 5.0}
    ask(engine, "SET busy_timeout = 2", settings=settings)
    assert settings == {"busy_timeout": 2}
    ask(engine, "SET busy_timeout = $1", [3], settings=settings)
    assert ask(engine, "SHOW busy_timeout", settings=settings).relation.rows() == [("3",)]
    assert ask(engine, "SHOW ALL", settings=settings).relation.rows() == [("busy_timeout", "3")]
    ask(engine, "RESET busy_timeout", settings=settings)
    assert settings == {}


def test_explain_analyze_counts_work(engine: Watched, tail: Tail) -> None:
    answer = ask(
        engine, "EXPLAIN ANALYZE SELECT key FROM tokens WHERE length(key) = 1 AND weight > .2", tail=tail
    )
    lines = [row[0] for row in answer.relation.rows()]
    assert lines[0].startswith("duckdb  [rows 4, ms ")
    assert "rows 4" in lines[2] and "rows examined 4" in lines[2] and "filter=weight > 0.2" in lines[2]


def test_neither_duckdb_nor_sqlglot_is_loaded_for_what_the_engine_answers_alone() -> None:
    code = """
import sys
import ngql
from ng_engine import RuntimeStorage
engine = RuntimeStorage.memory()
for text in (
    "INSERT INTO tokens (key, coords) VALUES ('a', (0,0,0,0,0,0,0,0)), ('b', (1,0,0,0,0,0,0,0))",
    "SELECT tokens NEAR (0,0,0,0,0,0,0,0) WITHIN 2 WHERE weight > .2 LIMIT 1",
    "SELECT key, coords <-> (0,0,0,0,0,0,0,0) AS d FROM tokens ORDER BY d LIMIT 1",
    "SELECT count(*) FROM tokens",
    "SELECT key FROM tokens WHERE id = 1",
    "CONNECT 'a' TO 'b' AS similar RETURNING id",
    "CONNECT (SELECT id FROM tokens) TO NEAREST 1 AS cause",
    "SELECT NEIGHBORS OF 'a' DEPTH 1..2",
    "SELECT PATH FROM 'a' TO 'b'",
    "SELECT SPREAD FROM (SELECT tokens NEAR 'a' LIMIT 1) STEPS 2",
    "SELECT score FROM pagerank(seeds => ['a'])",
    "UPDATE tokens SET weight = .7 WHERE key = 'a'",
    "DELETE FROM tokens WHERE key = 'b' RETURNING id, key",
):
    program = ngql.compile(text, ngql.Catalog.of(engine))
    ngql.execute.run(program, engine)
loaded = {"duckdb", "sqlglot"} & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("text", "parameters"),
    [
        ("INSERT INTO tokens (key, coords, weight) VALUES ('a', (0,0,0,0,0,0,0,-1), .5)", None),
        ("INSERT INTO tokens (key, coords) VALUES ('a', [0,0,0,0,0,0,0,1]), (NULL, $c)", {"c": [0.5] * 8}),
        ("INSERT INTO tokens (key, coords, weight) VALUES (?, ?, DEFAULT) RETURNING *", ["a", [0.5] * 8]),
        ("INSERT INTO tokens (key, coords, props) VALUES ('a', $c, '{}')", {"c": [0.5] * 8}),
    ],
)
def test_rows_of_literals_and_parameters_need_no_tail(text: str, parameters: Any) -> None:
    engine = NaiveEngine.memory()
    program = ngql.compile(text, ngql.Catalog.of(engine), ngql.kinds_of(parameters))
    assert run(program, engine, parameters, None).rowcount == engine.count("tokens") > 0


@pytest.mark.parametrize(
    ("text", "place"),
    [("DELETE FROM tokens", (1, 1)), ("-- a comment\n  UPDATE tokens SET weight = 0", (2, 3))],
)
def test_a_write_in_a_read_only_transaction_is_shown(text: str, place: tuple[int, int]) -> None:
    engine = RuntimeStorage.memory()
    program = ngql.compile(text, ngql.Catalog.of(engine), ())
    engine.create_tokens(pa.table({"key": ["a"], "coords": [[0.0] * 8]}))
    engine.begin(read_only=True)
    with pytest.raises(Error) as caught:
        run(program, engine)
    assert (caught.value.sqlstate, caught.value.line, caught.value.column) == ("25006", *place)
    assert str(caught.value).splitlines()[-1].strip("^ ") == ""
