"""What ends a statement before it is done: Ctrl-C, `interrupt`, `statement_timeout`, `memory_limit`."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import neurograph as ng

ROWS = 150_000
DIGITS = np.random.default_rng(3).random((ROWS, 8), dtype=np.float32)
LONG = 60.0  # seconds; nothing here takes a tenth of that even where it is not ended
SLOW = "SELECT count(*) AS n FROM range(100000000000) a"


@pytest.fixture(scope="module")
def world() -> Iterator[ng.Database]:
    """Many tokens on a ring, each with eight connections."""
    with ng.connect() as db:
        fill(db)
        yield db


def fill(db: ng.Database) -> None:
    coords = pa.FixedSizeListArray.from_arrays(pa.array(DIGITS.ravel()), 8)
    db.runtime.create_tokens(pa.table({"coords": coords}))
    source = np.repeat(np.arange(1, ROWS + 1), 4)
    target = (source + np.tile([0, 1, 16, 256], ROWS)) % ROWS + 1
    db.runtime.create_connections(pa.table({"source": source, "target": target}))


EVERYTHING = DIGITS[:20_000]
READS: dict[str, Callable[[ng.Database], Any]] = {
    "nearest": lambda db: db.runtime.nearest(EVERYTHING, 200),
    "within": lambda db: db.runtime.within(EVERYTHING, 0.4),
    "nearest, all": lambda db: db.runtime.nearest([0.5] * 8, None),
    "box": lambda db: db.runtime.box([0.0] * 8, [1.0] * 8),
    "scan": lambda db: db.runtime.scan("tokens", filter=(">=", "weight", 0.25)),
    "lookup": lambda db: db.runtime.lookup("tokens", "id", range(1, ROWS)),
    "count": lambda db: db.runtime.count("connections", (">=", "weight", 0.25)),
    "grid": lambda db: db.runtime.get_grid_info(),
    "validate": lambda db: db.runtime.validate_cdna(),
    "neighbors": lambda db: db.runtime.neighbors(1, (1, ROWS)),
    "path": lambda db: db.runtime.path(1, ROWS // 2),
    "weave": lambda db: db.runtime.weave(range(1, 30_000), 8, type="similar_to"),
    "create": lambda db: db.tokens.create_many({"coords": DIGITS.tolist()[:50_000]}),
    "update": lambda db: db.execute("UPDATE tokens SET weight = 0.25"),
    "delete": lambda db: db.execute("DELETE FROM tokens WHERE id > 10"),
    "walk": lambda db: db.execute("SELECT count(*) FROM (SELECT tokens NEAR 1 LIMIT 5) t"),
}


def sizes(db: ng.Database) -> tuple[int, int, float]:
    weight = db.execute("SELECT sum(weight) AS w FROM tokens").fetchone()
    assert weight is not None
    return db.tokens.count(), db.connections.count(), weight[0]


@pytest.mark.parametrize("name", READS)
def test_a_timeout_ends_every_call(world: ng.Database, name: str) -> None:
    before = sizes(world)
    world.execute("SET statement_timeout = '1us'")
    try:
        with pytest.raises(ng.OperationalError, match="statement timeout") as caught:
            READS[name](world)
        assert caught.value.sqlstate == "57014"
    finally:
        world.execute("SET statement_timeout = 0")
    assert sizes(world) == before


def test_a_timeout_ends_what_duckdb_does() -> None:
    with ng.connect(statement_timeout="100ms") as db:
        assert db.execute("SHOW statement_timeout").fetchall() == [("100ms",)]
        began = time.monotonic()
        with pytest.raises(ng.OperationalError, match="statement timeout") as caught:
            db.execute(SLOW)
        assert caught.value.sqlstate == "57014" and time.monotonic() - began < LONG
        assert db.execute("SELECT 1 AS one").fetchall() == [(1,)]
        cursor = db.cursor()
        with pytest.raises(ng.OperationalError, match="statement timeout"):
            cursor.execute(SLOW)
        db.execute("SET statement_timeout = 30")
        assert db.execute("SELECT 1 AS one").fetchall() == [(1,)]
        db.execute("RESET ALL")
        assert db.execute("SHOW statement_timeout").fetchall() == [("100ms",)]


def test_waiting_for_another_writer_ends_too() -> None:
    with ng.connect(busy_timeout=LONG) as db, db.cursor() as other:
        other.execute("BEGIN")
        other.execute("INSERT INTO tokens (coords) VALUES ((0,0,0,0,0,0,0,0))")
        began = time.monotonic()
        db.execute("SET statement_timeout = '50ms'")
        with pytest.raises(ng.OperationalError, match="statement timeout"):
            db.tokens.create(coords=[0] * 8)
        db.execute("SET statement_timeout = 0")
        threading.Timer(0.05, db.interrupt).start()
        with pytest.raises(ng.OperationalError, match="user request") as caught:
            db.tokens.create(coords=[0] * 8)
        assert caught.value.sqlstate == "57014" and time.monotonic() - began < LONG
        other.execute("COMMIT")
        assert db.tokens.create(coords=[0] * 8) == 2


@pytest.mark.parametrize("long", ["nearest", "duckdb"])
def test_interrupt_ends_what_runs_in_every_thread(world: ng.Database, long: str) -> None:
    caught: list[BaseException] = []
    threads = 3
    started = threading.Barrier(threads + 1)

    def work() -> None:
        started.wait()
        try:
            while True:
                world.execute(SLOW) if long == "duckdb" else world.runtime.nearest(EVERYTHING, 50)
        except ng.Error as error:
            caught.append(error)

    running = [threading.Thread(target=work) for _ in range(threads)]
    for thread in running:
        thread.start()
    started.wait()
    # What is between two calls at the time of an interrupt is not concerned, so it may take more than one.
    for _ in range(1000):
        world.interrupt()
        if not any(thread.is_alive() for thread in running):
            break
        time.sleep(0.02)
    for thread in running:
        thread.join(LONG)
    assert [getattr(error, "sqlstate", None) for error in caught] == ["57014"] * threads
    assert world.execute("SELECT 1 AS one").fetchall() == [(1,)]


def test_an_interrupt_concerns_only_what_runs(world: ng.Database) -> None:
    world.interrupt()
    assert len(world.tokens.nearest([0.5] * 8, 3)) == 3
    assert world.execute("SELECT count(*) AS n FROM tokens WHERE id < 4").fetchall() == [(3,)]


def test_an_interrupt_while_a_statement_is_compiled_ends_it(
    world: ng.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = type(world.plans).program

    def interrupted(*arguments: Any) -> Any:
        world.interrupt()
        return compiled(*arguments)

    monkeypatch.setattr(type(world.plans), "program", interrupted)
    with pytest.raises(ng.OperationalError) as caught:
        world.execute("SELECT count(*) FROM tokens")
    assert caught.value.sqlstate == "57014"
    monkeypatch.undo()
    assert world.execute("SELECT count(*) FROM tokens").fetchone() == (ROWS,)


def test_an_interrupt_between_two_steps_of_a_statement_ends_it(world: ng.Database) -> None:
    class Interrupting:
        def __init__(self, tail: Any) -> None:
            self.tail = tail

        def __getattr__(self, name: str) -> Any:
            return getattr(self.tail, name)

        def run(self, *arguments: Any, **options: Any) -> Any:
            world.interrupt()  # nothing runs in DuckDB yet
            return self.tail.run(*arguments, **options)

    tail = world.tail
    world.tail = Interrupting(tail)  # type: ignore[assignment]
    try:
        with pytest.raises(ng.OperationalError, match="user request"):
            world.execute("SELECT sum(weight) AS w FROM tokens WHERE id < 10")
    finally:
        world.tail = tail
    assert world.execute("SELECT sum(weight) AS w FROM tokens WHERE id < 3").fetchall() == [(1.0,)]


def test_a_cancelled_statement_fails_its_transaction(world: ng.Database) -> None:
    before = sizes(world)
    with pytest.raises(ng.OperationalError, match="timeout"), world.transaction():
        world.tokens.create(coords=[0] * 8)
        world.execute("SET statement_timeout = '20ms'")
        try:
            world.execute(SLOW)
        finally:
            world.execute("ROLLBACK")
            world.execute("SET statement_timeout = 0")
    assert sizes(world) == before


# ---- Ctrl-C: each in a process of its own, whose main thread gets the signal

CTRL_C = """
import os, signal, sys, threading, time
sys.path.insert(0, {here!r})
import neurograph as ng
from test_limits import ROWS, READS, SLOW, fill
signal.signal(signal.SIGINT, signal.default_int_handler)
main = threading.main_thread().ident
db = ng.connect({path!r}, busy_timeout=60.0)
{setup}

def signal_soon():
    time.sleep({delay})
    signal.pthread_kill(main, signal.SIGINT)

before = db.tokens.count(), db.connections.count()
threading.Thread(target=signal_soon, daemon=True).start()
began = time.monotonic()
try:
    while True:
        {call}
except KeyboardInterrupt:
    took = time.monotonic() - began - {delay}
    after = db.tokens.count(), db.connections.count()
    print("interrupted", before == after or {writes}, db.execute("SELECT 1 AS one").fetchall(), took < 20)
"""

HOLD = """
other = db.cursor()
other.execute("BEGIN")
other.execute("INSERT INTO tokens (coords) VALUES ((0,0,0,0,0,0,0,0))")
"""
CALLS = {
    "search": ("fill(db)", "READS['nearest'](db)"),
    "walk": ("fill(db)", "READS['neighbors'](db)"),
    "scan": ("fill(db)", "READS['scan'](db)"),
    "duckdb": ("db.execute('SELECT 1 AS one')", "db.execute(SLOW)"),
    "one weave": (
        "fill(db)",
        "db.runtime.weave(range(1, ROWS), 30, type='similar_to'); raise SystemExit('too late')",
    ),
    "create": ("import test_limits", "READS['create'](db)"),
    "waiting": (HOLD, "db.tokens.create(coords=[0] * 8)"),
    "python rows": ("fill(db)", "db.execute('SELECT * FROM tokens').fetchall()"),
    "transaction": (
        "fill(db); db.execute('SELECT 1 AS one')",
        "with db.transaction():\n            db.tokens.clear(); db.execute(SLOW)",
    ),
}


def pressed(call: str, path: str = ":memory:", delay: float = 0.1) -> subprocess.CompletedProcess[str]:
    setup, code = CALLS[call]
    here = __file__.rsplit("/", 1)[0]
    program = CTRL_C.format(
        here=here, path=path, setup=setup, delay=delay, call=code, writes=call in ("create",)
    )
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("call", CALLS)
def test_ctrl_c(call: str) -> None:
    ran = pressed(call)
    assert (ran.stdout, ran.stderr, ran.returncode) == ("interrupted True [(1,)] True\n", "", 0)


@pytest.mark.parametrize("call", ["create", "waiting", "transaction"])
def test_ctrl_c_in_a_file(call: str, tmp_path: Any) -> None:
    ran = pressed(call, str(tmp_path / "world.ng"))
    assert (ran.stdout, ran.stderr, ran.returncode) == ("interrupted True [(1,)] True\n", "", 0)


FIRST = """
import signal, sys
import neurograph as ng
def handler(*_):
    raise KeyboardInterrupt
signal.signal(signal.SIGALRM, handler)
with ng.connect() as db:
    signal.setitimer(signal.ITIMER_REAL, {delay})
    try:
        while True:
            db.execute("SELECT count(*) AS n FROM range(100000000000) a")
    except KeyboardInterrupt:
        print(db.execute("SELECT 1 AS one").fetchall())
"""


@pytest.mark.parametrize("delay", [0.01, 0.04, 0.08, 0.12, 0.16, 0.2])
def test_ctrl_c_while_packages_are_imported(delay: float) -> None:
    program = [sys.executable, "-c", FIRST.format(delay=delay)]
    ran = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)
    assert (ran.stdout, ran.stderr, ran.returncode) == ("[(1,)]\n", "", 0)


# ---- memory


def test_memory_limit_refuses_and_goes_on() -> None:
    with ng.connect(memory_limit="64MiB") as db:
        assert db.execute("SHOW memory_limit").fetchall() == [("64MiB",)]
        rows = {"coords": DIGITS[:50_000].tolist()}
        refused = 0
        while not refused:
            try:
                db.tokens.create_many(rows)
            except ng.OperationalError as error:
                assert error.sqlstate == "53200"
                refused = db.tokens.count()
        assert refused % 50_000 == 0 and refused >= 100_000
        with pytest.raises(ng.OperationalError) as caught:
            db.runtime.nearest(DIGITS, 1000)
        assert caught.value.sqlstate == "53200"
        assert len(db.tokens.nearest([0.5] * 8, 3)) == 3
        with pytest.raises(ng.OperationalError) as caught, db.transaction():
            db.tokens.create_many(rows)
        assert caught.value.sqlstate == "53200"
        assert db.tokens.count() == refused
        db.execute("SET memory_limit = '1GiB'")
        assert len(db.tokens.create_many(rows)) == 50_000
        db.execute("RESET memory_limit")
        with pytest.raises(ng.OperationalError):
            db.tokens.create_many(rows)
        assert db.tokens.clear() == refused + 50_000
        assert len(db.tokens.create_many(rows)) == 50_000


def test_duckdb_gets_what_the_engine_leaves() -> None:
    with ng.connect(memory_limit="128MiB") as db:
        assert db.tail.run("SELECT current_setting('memory_limit') AS v").to_pydict() == {"v": ["112.0 MiB"]}
        with pytest.raises(ng.OperationalError) as caught:
            db.execute("SELECT array_agg(range) AS a FROM range(100000000) r")
        assert caught.value.sqlstate == "53200"
        assert db.execute("SELECT 1 AS one").fetchall() == [(1,)]
        db.tokens.create_many({"coords": DIGITS.tolist(), "props": ["{}"] * ROWS})
        assert db.execute("SELECT 1 AS one").fetchall() == [(1,)]
        left = db.tail.run("SELECT current_setting('memory_limit') AS v").to_pydict()["v"][0]
        assert float(left.split()[0]) < 110
        db.execute("SET memory_limit = '1MiB'")
        with pytest.raises(ng.OperationalError) as caught:
            db.execute("SELECT 1 AS one")
        assert caught.value.sqlstate == "53200"
        db.execute("SET memory_limit = '2GiB'")
        assert db.execute("SELECT sum(weight) AS w FROM tokens").fetchall() == [(ROWS / 2,)]


def test_settings_are_read_as_they_are_written() -> None:
    with ng.connect() as db:
        for given, shown in [
            ("'1.5GB'", "1500MB"),
            ("'64 kib'", "64KiB"),
            ("1048576", "1MiB"),
            ("'7'", "7B"),
        ]:
            db.execute(f"SET memory_limit = {given}")
            assert db.execute("SHOW memory_limit").fetchall() == [(shown,)]
        for given, shown in [
            ("5", "5s"),
            ("'2min'", "120s"),
            ("'7 ms'", "7ms"),
            ("0.25", "250ms"),
            ("0", "default"),
        ]:
            db.execute(f"SET statement_timeout = {given}")
            assert db.execute("SHOW statement_timeout").fetchall() == [(shown,)]
        for options in ({"memory_limit": "x"}, {"memory_limit": -1}, {"statement_timeout": -1.0}):
            with pytest.raises(ng.DataError):
                ng.connect(**options)  # type: ignore[arg-type]
