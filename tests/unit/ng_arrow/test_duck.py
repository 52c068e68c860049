"""The DuckDB tail: locked, interruptible, its errors ours."""

import concurrent.futures
import datetime
import decimal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from ng_arrow.duck import Tail, open_connection
from ng_arrow.tables import python_rows
from ng_engine.errors import DataError, Error, InterfaceError, OperationalError, ProgrammingError

ROWS = pa.table({"a": [1, 2, 3], "name": ["x", "y", "z"]})
OLD = duckdb.__version__.startswith("1.")
ENDLESS = "SELECT sum(x.range * y.range) FROM range(10000000000000) x, range(100) y"


@pytest.fixture(scope="module")
def tail() -> Iterator[Tail]:
    tail = Tail(memory_limit=256 << 20)
    yield tail
    tail.close()


def failure(tail: Tail, sql: str, params: Any = None) -> Error:
    with pytest.raises(Error) as caught:
        tail.run(sql, {"result": ROWS}, params, user_sql=True)
    return caught.value


def test_runs_over_inputs_with_parameters(tail: Tail) -> None:
    sql = "SELECT name FROM result WHERE a > $least ORDER BY a"
    assert tail.run(sql, {"result": ROWS}, {"least": 1}).to_pydict() == {"name": ["y", "z"]}
    assert tail.run("SELECT name FROM result WHERE a = $1", {"result": ROWS}, [3]).to_pydict() == {
        "name": ["z"]
    }
    assert tail.run("SELECT name FROM result WHERE a = ?", {"result": ROWS}, (3,)).to_pydict() == {
        "name": ["z"]
    }


class Stream:
    """A re-openable stream which counts how often it is read."""

    def __init__(self) -> None:
        self.opened = 0

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        self.opened += 1
        return ROWS.__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        return ROWS.schema.__arrow_c_schema__()


def test_a_stream_is_opened_once_a_scan(tail: Tail) -> None:
    stream = Stream()
    tail.run("SELECT sum(a) FROM t", {"t": stream})
    assert stream.opened == 1
    tail.run("SELECT count(*) FROM t x JOIN t y USING (a)", {"t": stream})
    assert stream.opened == 3


LOCKED = [
    ("SELECT * FROM read_csv('/etc/passwd')", "42501"),
    ("SELECT * FROM read_text('/etc/passwd')", "42501"),
    ("SELECT * FROM read_blob('/etc/passwd')", "42501"),
    ("SELECT * FROM read_parquet('/etc/passwd')", "42501"),
    ("SELECT * FROM glob('/etc/*')", "42501"),
    ("SELECT * FROM sniff_csv('/etc/passwd')", "42501"),
    ("FROM '/etc/passwd'", "42P01"),
    ("FROM 'https://example.org/a.parquet'", "42501"),
    ("ATTACH '/tmp/other.db'", "42501"),
    ("COPY result TO '/tmp/out.csv'", "42501"),
    ("EXPORT DATABASE '/tmp/out'", "42501"),
    ("INSTALL httpfs", "42501"),
    ("LOAD httpfs", "42501"),
    ("SET threads = 1", "42501"),
    ("SET enable_external_access = true", "42501"),
    ("RESET enable_external_access", "42501"),
    ("PRAGMA enable_profiling", "42501"),
    ("CALL pragma_version()", "42501"),
    ("CREATE TABLE t (a INT)", "42501"),
    ("INSERT INTO result VALUES (1)", "42501"),
    ("BEGIN", "42501"),
    ("SELECT * FROM a_python_variable", "42P01"),
    ("SELECT * FROM ROWS", "42P01"),
    ("SELECT getenv('HOME')", "42883"),
]


@pytest.mark.parametrize(("sql", "state"), LOCKED, ids=[sql for sql, _ in LOCKED])
def test_the_door_is_locked(tail: Tail, sql: str, state: str) -> None:
    a_python_variable = ROWS
    assert failure(tail, sql).sqlstate == state
    del a_python_variable


@pytest.mark.parametrize(
    "sql", [sql for sql, state in LOCKED if "(" in sql or "/" in sql or state == "42P01"]
)
def test_the_lock_does_not_rest_on_the_kind_of_the_statement(tail: Tail, sql: str) -> None:
    if sql.startswith(("CALL", "CREATE")):
        return  # within the instance itself, which holds nothing
    with pytest.raises(Error) as caught:
        tail.run(sql, {"result": ROWS})
    assert caught.value.sqlstate in ("42501", "42P01", "42883", "42000", "42704")


def test_settings_stay(tail: Tail) -> None:
    for setting in (
        "SET TimeZone = 'Asia/Tokyo'",
        "SET memory_limit = '100GB'",
        "SET lock_configuration = false",
    ):
        with pytest.raises(Error):
            tail.run(setting)
    names = ("lock_configuration", "enable_external_access", "autoload_known_extensions", "TimeZone")
    shown = {name: tail.run(f"SELECT current_setting('{name}') AS v")["v"][0].as_py() for name in names}
    assert shown["TimeZone"] in ("UTC", "Etc/UTC")
    assert shown == {
        "lock_configuration": True,
        "enable_external_access": False,
        "autoload_known_extensions": False,
        "TimeZone": shown["TimeZone"],
    }


def test_external_access_on_request(tmp_path: Any) -> None:
    tail = Tail(allow_external=True)
    path = tmp_path / "t.csv"
    path.write_text("a\n1\n")
    assert tail.run(f"SELECT a FROM read_csv('{path}')", user_sql=True).to_pydict() == {"a": [1]}
    tail.close()


ERRORS = [
    ("SELECT nam FROM result", "42703", 'column "nam" does not exist', 'did you mean "name"?', (1, 8)),
    ("SELECT r.nam\nFROM result r", "42703", 'column "nam" does not exist', 'did you mean "name"?', (1, 10)),
    ("SELECT 1\nFROM resul", "42P01", 'table "resul" does not exist', 'did you mean "result"?', (2, 6)),
    ("SELECT s.a FROM result r", "42P01", 'table "s" does not exist', None, (1, 8)),
    (
        "SELECT upperr(name) FROM result",
        "42883",
        "function upperr does not exist",
        'did you mean "upper"?',
        (1, 8),
    ),
    ("SELECT sum(name) FROM result", "42883", "function sum(VARCHAR) does not exist", "cast", (1, 8)),
    ("SELEC 1", "42601", 'syntax error at or near "SELEC"', None, (1, 1)),
    ("SELECT 'abc", "42601", "unterminated", None, None),
    ("SELECT 1; SELECT 2", "42601", "more than one statement", None, None),
    ("", "42601", "no statement", None, None),
    ("SELECT a, count(*) FROM result", "42803", "GROUP BY", None, (1, 8)),
    ("SELECT a FROM result x, result y", "42702", 'column reference "a" is ambiguous', None, None),
    ("SELECT CAST(name AS INTEGER) FROM result", "22P02", "invalid input for type INTEGER", None, None),
    ("SELECT a::UTINYINT * 300 // 0 FROM result", "22012", "division by zero", None, None),
    ("SELECT 300::UTINYINT", "22003", "value out of range for type UTINYINT", None, None),
    ("SELECT 9223372036854775807 + a FROM result", "22003", "BIGINT out of range in addition", None, None),
    ("SELECT (SELECT a FROM result)", "21000", "more than one row", None, None),
    ("SELECT repeat('a', 1000000000000)", "53200", "out of memory", None, None),
    ("SELECT * FROM range(1000000000000)", "53200", "out of memory", None, None),
    ("SELECT range FROM range(100000000) ORDER BY hash(range)", "53200", "out of memory", None, None),
    (
        "SELECT CASE WHEN range = 1900000 THEN 'x' ELSE '1' END::INT AS i FROM range(2000000)",
        "22P02",
        "INTEGER",
        None,
        (1, 55),
    ),
    ("SELECT range // (range - 1900000) AS i FROM range(2000000)", "22012", "division by zero", None, None),
    ("SELECT regexp_matches(name, '(') FROM result", "22023", "missing )", None, None),
    ("SELECT a FROM result LIMIT -1", "22023", "negative", None, None),
    ("SELECT 'x'::JSON", "22P02", "invalid input for type JSON", None, None),
    ("SELECT " + "(" * 100_000 + "1" + ")" * 100_000, "54001", "too complex", None, None),
    ("SELECT " + "NOT " * 100_000 + "true", "54001", "too complex", None, None),
    ("SELECT 1 " + "+ 1 " * 300_000, "54001", "too long", None, None),
]


@pytest.mark.parametrize(
    ("sql", "state", "message", "hint", "place"), ERRORS, ids=[e[0][:40] for e in ERRORS]
)
def test_errors(
    tail: Tail, sql: str, state: str, message: str, hint: str | None, place: tuple[int, int] | None
) -> None:
    if state == "22012" and OLD:
        pytest.skip("DuckDB before 2.0 gives NULL")
    error = failure(tail, sql)
    assert error.sqlstate == state
    assert message in str(error)
    if hint is not None:
        assert hint in (error.hint or "")
    if place is not None and not (OLD and "1900000" in sql):
        assert (error.line, error.column) == place
    assert tail.run("SELECT 1 AS one").to_pydict() == {"one": [1]}, "the tail stays usable"


@pytest.mark.parametrize(
    ("sql", "params", "state"),
    [
        ("SELECT $x", {}, "42P02"),
        ("SELECT $x", {"x": 1, "y": 2}, "42P02"),
        ("SELECT $1", [], "42P02"),
        ("SELECT $1", [1, 2], "42P02"),
        ("SELECT $x", {"x": "\ud800"}, "22P02"),
        ("SELECT CAST($x AS INTEGER)", {"x": "secret"}, "22P02"),
        ("SELECT strptime($x, '%Y')", {"x": "secret"}, "22023"),
        ("SELECT CAST($x AS JSON)", {"x": "secret"}, "22P02"),
        ("SELECT CAST($x AS DATE)", {"x": "secret"}, "22P02"),
        ("SELECT CAST($x AS UTINYINT)", {"x": 31337}, "22003"),
        ("SELECT $x + 9223372036854775807", {"x": 31337}, "22003"),
    ],
)
def test_parameter_errors_echo_no_value(tail: Tail, sql: str, params: Any, state: str) -> None:
    error = failure(tail, sql, params)
    assert error.sqlstate == state
    assert "secret" not in str(error) and "31337" not in str(error)


def test_parameter_types(tail: Tail) -> None:
    noon = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
    values: list[Any] = [
        np.int64(3),
        np.float32(0.5),
        np.zeros(2),
        noon,
        [1, 2],
        {"a": 1},
        True,
        None,
        b"x",
        "x' OR 1=1 --",
    ]
    table = tail.run("SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10", None, values)
    row = next(python_rows(table))
    assert row == (3, 0.5, [0.0, 0.0], noon, [1, 2], {"a": 1}, True, None, b"x", "x' OR 1=1 --")
    assert row[3].tzinfo is datetime.UTC
    with pytest.raises(TypeError, match=r"\$x is object"):
        tail.run("SELECT $x", None, {"x": object()})
    with pytest.raises(TypeError):
        tail.run("SELECT $1", None, "abc")  # type: ignore[arg-type]


def test_types_of_results(tail: Tail) -> None:
    table = tail.run("SELECT now() AS t, sum(a) AS s, 1.50::DECIMAL(5,2) AS d FROM result", {"result": ROWS})
    assert table.schema.field("t").type == pa.timestamp("us", "UTC")
    assert next(python_rows(table))[1:] == (6, decimal.Decimal("1.50"))
    assert tail.describe("SELECT a, name FROM result", {"result": ROWS}) == [
        ("a", "BIGINT"),
        ("name", "VARCHAR"),
    ]
    assert {"sum", "array_cosine_similarity"} <= set(tail.function_names())


def test_timeout_and_interrupt(tail: Tail) -> None:
    started = time.monotonic()
    with pytest.raises(OperationalError, match="statement timeout") as caught:
        tail.run(ENDLESS, timeout=0.1)
    assert caught.value.sqlstate == "57014"
    threading.Timer(0.1, tail.interrupt).start()
    with pytest.raises(OperationalError, match="user request") as caught:
        tail.run(ENDLESS)
    assert caught.value.sqlstate == "57014"
    assert tail.run("SELECT 1 AS one").num_rows == 1
    assert time.monotonic() - started < 5


CTRL_C = """
import signal, threading
from ng_arrow.duck import Tail
signal.signal(signal.SIGINT, signal.default_int_handler)
tail = Tail()
threading.Timer(0.1, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT)).start()
try:
    tail.run("%s")
except KeyboardInterrupt:
    print(tail.run("SELECT 1 AS one").num_rows)
"""


SIGNALS = """
import random, signal, _thread, threading
from ng_arrow.duck import Tail
def handler(*_):
    raise KeyboardInterrupt
signal.signal(signal.SIGALRM, handler)
signal.signal(signal.SIGINT, handler)
tail = Tail()
tail.run("SELECT 1")
ended = 0
for number in range(150):
    try:
        signal.setitimer(signal.ITIMER_REAL, random.random() * 0.004 + 1e-5)
        while True:
            tail.run("SELECT 1" if number & 1 else "%s")
    except KeyboardInterrupt:
        ended += 1
# What another thread was told, the waiting one is not woken for.
threading.Timer(0.1, _thread.interrupt_main).start()
try:
    tail.run("%s")
except KeyboardInterrupt:
    ended += 1
print(ended, tail.run("SELECT 1 AS one").num_rows)
"""


def test_signals_at_any_moment_leave_nothing_locked() -> None:
    program = [sys.executable, "-c", SIGNALS % (ENDLESS, ENDLESS)]
    ran = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.stdout, ran.stderr, ran.returncode) == ("151 1\n", "", 0)


BUSY_AT_EXIT = """
import threading, time
from ng_arrow.duck import Tail
tail = Tail()
def endless():
    while True:
        try:
            tail.run("%s")
        except Exception:
            pass
for _ in range(2):
    threading.Thread(target=endless, daemon=True).start()
time.sleep(0.3)
print("bye")
"""


def test_the_program_ends_while_daemon_threads_ask() -> None:
    program = [sys.executable, "-c", BUSY_AT_EXIT % ENDLESS]
    ran = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.stdout, ran.stderr, ran.returncode) == ("bye\n", "", 0)


def test_ctrl_c_ends_what_runs() -> None:
    program = [sys.executable, "-c", CTRL_C % ENDLESS]
    ran = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
    assert (ran.stdout, ran.stderr, ran.returncode) == ("1\n", "", 0)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM range(0, 1000000000000000)",
        "SELECT x.range, y.range FROM range(1000000000) x, range(1000) y",
    ],
)
def test_an_endless_result_is_refused(sql: str) -> None:
    tail = Tail(memory_limit=32 << 20)
    with pytest.raises(OperationalError, match="out of memory") as caught:
        tail.run(sql)
    assert caught.value.sqlstate == "53200" and "LIMIT" in (caught.value.hint or "")
    assert tail.run("SELECT 1 AS one").to_pydict() == {"one": [1]}
    tail.close()


def test_memory_is_limited_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = {"SC_PHYS_PAGES": 1 << 15, "SC_PAGE_SIZE": 1 << 12}  # a machine of 128 MiB
    monkeypatch.setattr("os.sysconf", pages.__getitem__)
    tail = Tail()
    assert tail.run("SELECT current_setting('memory_limit') AS v").to_pydict() == {"v": ["32.0 MiB"]}
    with pytest.raises(OperationalError, match="larger than 32 MiB"):
        tail.run("SELECT * FROM range(100000000)")
    tail.close()
    pages["SC_PHYS_PAGES"] = 1 << 28
    assert Tail()._memory_limit == 4 << 30


def test_the_fetch_of_a_large_result_is_interrupted(tail: Tail) -> None:
    with pytest.raises(OperationalError, match="statement timeout") as caught:
        tail.run("SELECT * FROM range(1000000000000000) WHERE range % 1000 = 0", timeout=0.2)
    assert caught.value.sqlstate == "57014"


def test_an_interrupt_ends_only_what_runs(tail: Tail) -> None:
    tail.interrupt()
    assert tail.run("SELECT 1 AS one").num_rows == 1


def test_many_threads(tail: Tail) -> None:
    def work(number: int) -> list[int]:
        table = pa.table({"n": [number, number]})
        return [
            tail.run("SELECT sum(n)::BIGINT AS s FROM t", {"t": table})["s"][0].as_py() for _ in range(10)
        ]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [[2 * n] * 10 for n in range(8)]


def test_registered_tables() -> None:
    tail = Tail()
    tail.register("Staging", iter([{"a": 1}, {"a": 2}]))
    assert tail.run("SELECT sum(a)::BIGINT AS s FROM STAGING").to_pydict() == {"s": [3]}
    assert tail.run("SELECT a FROM staging", {"staging": ROWS}).num_rows == 3, "an input hides it"
    assert list(tail.tables()) == ["staging"]
    assert tail.unregister("staging") and not tail.unregister("staging")
    with pytest.raises(ProgrammingError):
        tail.run("SELECT * FROM staging")
    tail.close()


def test_close_ends_what_runs_and_tables_stay() -> None:
    tail = Tail()
    kept = tail.run("SELECT range AS n FROM range(10)")
    errors: list[BaseException] = []

    def run() -> None:
        try:
            tail.run(ENDLESS)
        except Error as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(0.1)
    tail.close()
    thread.join(5)
    assert not thread.is_alive() and len(errors) == 1 and errors[0].sqlstate == "57014"
    tail.close()
    assert kept["n"].to_pylist() == list(range(10))
    with pytest.raises(InterfaceError):
        tail.run("SELECT 1")


def test_a_users_connection_is_open(tmp_path: Any) -> None:
    connection = open_connection({"t": ROWS})
    connection.sql(f"COPY (FROM t) TO '{tmp_path}/t.parquet'")
    assert connection.sql(f"SELECT count(*) FROM '{tmp_path}/t.parquet'").fetchall() == [(3,)]
    connection.close()


def test_errors_of_inputs_come_through(tail: Tail) -> None:
    class Broken(Stream):
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            raise DataError("the stream broke")

    with pytest.raises(Exception, match="broke"):
        tail.run("SELECT * FROM t", {"t": Broken()})
