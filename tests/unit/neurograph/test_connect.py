"""connect: every argument is honoured or refused, none ignored; closing; processes."""

import gc
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import duckdb
import pytest

import neurograph as ng


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"synchronous": "sometimes"}, ng.DataError),
        ({"busy_timeout": -1}, ng.DataError),
        ({"busy_timeout": float("nan")}, ng.DataError),
        ({"busy_timeout": float("inf")}, ng.DataError),
        ({"busy_timeout": "5"}, TypeError),
        ({"busy_timeout": True}, TypeError),
        ({"axes": ["x"] * 8}, ng.Error),
        ({"axes": list("abcdefg")}, ng.Error),
        ({"axes": ["id", *"abcdefg"]}, ng.Error),
        ({"allowed_paths": "/tmp"}, TypeError),
        ({"unknown": 1}, TypeError),
    ],
)
def test_bad_arguments(options: Any, error: Any) -> None:
    with pytest.raises(error):
        ng.connect(**options)
    with pytest.raises(TypeError):
        ng.connect(5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "options",
    [{"synchronous": "normal"}, {"synchronous": "OFF"}, {"history_versions": 0}, {"accept_history": True}],
)
def test_what_concerns_files_is_no_error_in_memory(options: Any) -> None:
    with ng.connect(**options) as db:
        assert (db.tokens.create(coords=[0] * 8), db.path) == (1, None)
        assert repr(db) == "<neurograph.Database :memory: (open)>"


def test_axes() -> None:
    axes = [
        "valence",
        "arousal",
        "dominance",
        "concreteness",
        "visual",
        "auditory",
        "haptic",
        "interoceptive",
    ]
    with ng.connect(axes=axes) as db:
        db.tokens.create(key="a", coords=[1, 2, 3, 4, 5, 6, 7, 8])
        assert db.execute("SELECT visual, l6 FROM tokens").fetchall() == [(5.0, 6.0)]
        assert db.tokens.nearest({"haptic": 7, "L1": 0}).dicts()[0]["distance"] == 1.0
        assert db.duckdb().sql("SELECT valence FROM tokens").fetchall() == [(1.0,)]


def test_read_only() -> None:
    with ng.connect(read_only=True) as db:
        assert db.execute("SELECT count(*) FROM tokens").fetchone() == (0,)
        for write in (
            lambda: db.tokens.create(coords=[0] * 8),
            lambda: db.execute("INSERT INTO tokens (coords) VALUES ($q)", {"q": [0] * 8}),
            lambda: db.cdna.set_profile("explorer"),
            lambda: db.execute("SET CDNA PROFILE explorer"),
            lambda: db.cursor().execute("DELETE FROM tokens"),
        ):
            with pytest.raises(ng.OperationalError) as caught:
                write()
            assert caught.value.sqlstate == "25006"
        assert "read-only" in repr(db)


def test_busy_timeout_is_honoured() -> None:
    with ng.connect(busy_timeout=0.05) as db:
        assert db.execute("SHOW busy_timeout").fetchall() == [("0.05",)]
        with db.transaction():
            db.tokens.create(coords=[0] * 8)
            caught: list[ng.Error] = []

            def write() -> None:
                try:
                    db.tokens.create(coords=[0] * 8)
                except ng.Error as error:
                    caught.append(error)

            thread = threading.Thread(target=write)
            thread.start()
            thread.join()
        assert [error.sqlstate for error in caught] == ["55P03"]
        db.execute("SET busy_timeout = 1.5")
        assert db.execute("SHOW busy_timeout").fetchall() == [("1.5",)]
        db.execute("RESET busy_timeout")
        db.execute("SET busy_timeout = 2")
        db.execute("RESET ALL")
        assert db.execute("SHOW busy_timeout").fetchall() == [("0.05",)]


@pytest.mark.parametrize(
    ("statement", "state"),
    [
        ("SET busy_timeout = -1", "22023"),
        ("SET busy_timeout = 'x'", "42804"),
        ("SET statement_timeout = -1", "22023"),
        ("SET statement_timeout = '5 parsecs'", "22023"),
        ("SET statement_timeout = true", "42804"),
        ("SET memory_limit = '1 elephant'", "22023"),
        ("SET memory_limit = 0", "22023"),
        ("SET memory_limit = 1.5", "42804"),
        ("SET allow_external = true", "42501"),
        ("SET nonsense = 1", "42704"),
        ("SHOW nonsense", "42704"),
    ],
)
def test_settings(db: ng.Database, statement: str, state: str) -> None:
    with pytest.raises(ng.Error) as caught:
        db.execute(statement)
    assert caught.value.sqlstate == state


def test_allowed_paths(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out.csv"
    inside.mkdir()
    outside.write_text("key\nx\n")
    (inside / "link.csv").symlink_to(outside)
    with ng.connect(allowed_paths=[inside]) as db:
        db.tokens.create(key="a", coords=[0] * 8)
        db.execute(f"COPY tokens TO '{inside}/t.parquet'")
        for path in (outside, inside / "link.csv", inside / ".." / "out.csv"):
            with pytest.raises(ng.ProgrammingError) as caught:
                db.execute(f"COPY tokens FROM '{path}'")
            assert caught.value.sqlstate == "42501"
        with pytest.raises(ng.ProgrammingError):
            db.execute(f"COPY tokens TO '{tmp_path}/t.parquet'")
        assert not (tmp_path / "t.parquet").exists()


def test_external_access(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a\n7\n")
    query = f"SELECT a FROM read_csv('{tmp_path}/t.csv')"
    with ng.connect() as db, pytest.raises(ng.ProgrammingError) as caught:
        db.execute("SELECT 1").sql(query)
    assert caught.value.sqlstate == "42501"
    with ng.connect(allow_external=True) as db:
        assert db.execute("SELECT 1").sql(query).fetchall() == [(7,)]


def test_close(db: ng.Database) -> None:
    cursor, tokens = db.cursor(), db.tokens
    assert "open" in repr(db)
    db.close()
    db.close()
    assert "closed" in repr(db)
    for use in (
        lambda: db.execute("SELECT 1"),
        lambda: db.executemany("SELECT ?", [[1]]),
        lambda: db.script("SELECT 1"),
        lambda: cursor.execute("SELECT 1"),
        lambda: tokens.get(1),
        lambda: tokens.nearest([0] * 8),
        lambda: db.connections.count(),
        lambda: db.graph.neighbors(1),
        lambda: db.cdna.profile,
        lambda: db.grid.info(),
        lambda: db.register("t", {"a": [1]}),
        lambda: db.unregister("t"),
        lambda: db.transaction().__enter__(),
        lambda: db.cursor(),
        lambda: db.duckdb(),
        lambda: db.check(),
        lambda: db.stats(),
        lambda: db.interrupt(),
        lambda: db.checkpoint(),
        lambda: db.backup("x.ng"),
        lambda: db.runtime,
        lambda: db.__enter__(),
    ):
        with pytest.raises(ng.InterfaceError) as caught:
            use()
        assert caught.value.sqlstate == "08003"


def test_a_database_is_freed_without_close() -> None:
    db = ng.connect()
    db.execute("SELECT type, count(*) FROM tokens GROUP BY type")
    gone = weakref.ref(db)
    del db
    gc.collect()
    assert gone() is None


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    "code",
    [
        "db.tokens.create(coords=[0]*8)",
        "r = db.execute('SELECT type, count(*) FROM tokens GROUP BY type'); print(r)",
        "db.execute('BEGIN'); db.tokens.create(coords=[0]*8)",
        "d = db.duckdb(); print(d.sql('SELECT count(*) FROM tokens').fetchall())",
        "it = iter(db.execute('SELECT * FROM token_types')); next(it); raise SystemExit(3)",
    ],
)
def test_leaving_is_quiet_at_any_moment(code: str) -> None:
    done = run(f"import neurograph as ng\ndb = ng.connect()\n{code}")
    assert done.returncode == (3 if "SystemExit" in code else 0)
    assert done.stderr == ""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.skipif(duckdb.__version__.startswith("1."), reason="DuckDB before 2.0 aborts in a forked child")
def test_a_forked_child_is_refused_and_the_parent_goes_on() -> None:
    done = run(
        """
import os, sys, warnings
import neurograph as ng
warnings.simplefilter("ignore")
db = ng.connect()
db.tokens.create(key="a", coords=[0] * 8)
grouped = db.execute("SELECT type, count(*) FROM tokens GROUP BY type").fetchall()
cursor = db.cursor()
child = os.fork()
if child == 0:
    refused = 0
    for use in (lambda: db.execute("SELECT 1"), lambda: db.tokens.count(), lambda: cursor.execute("SELECT 1")):
        try:
            use()
        except ng.InterfaceError as error:
            refused += "parent" in str(error)
    own = ng.connect()
    own.tokens.create(coords=[0] * 8)
    refused += own.execute("SELECT type, count(*) FROM tokens GROUP BY type").fetchall() == [("undefined", 1)]
    sys.exit(refused)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 4, status
assert db.execute("SELECT type, count(*) FROM tokens GROUP BY type").fetchall() == grouped
print("fine")
"""
    )
    assert (done.stdout, done.stderr) == ("fine\n", "")
