"""Stores in files: opening, finding them again, what is refused and what is left behind."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import neurograph as ng

ZERO = [0.0] * 8


def state_of(call: Callable[[], Any]) -> str:
    """The SQLSTATE of the error that a call must end with."""
    with pytest.raises(ng.Error) as caught:
        call()
    return caught.value.sqlstate


def elsewhere(code: str, *arguments: object) -> str:
    """What another process prints that has `ng`, `ZERO` and its arguments in `args`; it must end well."""
    head = "import os, signal, sys\nimport neurograph as ng\nZERO = [0.0] * 8\nargs = sys.argv[1:]\n"
    done = subprocess.run(
        [sys.executable, "-c", head + code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout.strip()


def bytes_of(file: Path) -> str:
    """A digest of a file, taken by another process: closing it in this one would drop the store's locks."""
    code = "import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], 'rb').read()).hexdigest())"
    return subprocess.run(
        [sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A store with two tokens and a connection, closed."""
    file = tmp_path / "world.ng"
    with ng.connect(file) as db:
        db.tokens.create(key="a", type="object", coords=[0.25] * 8, props={"n": [1, None]})
        db.tokens.create(key="b", type="my_type", coords=[0.5] * 8, weight=0.75)
        db.connections.create("a", "b", type="my_relation", weight=0.5)
    return file


# ---------------------------------------------------------------- what comes back


def test_what_was_stored_is_there_again(world: Path) -> None:
    with ng.connect(world) as db:
        a, b = db.tokens.get("a"), db.tokens.get("b")
        assert a is not None and b is not None
        assert (a["id"], a["type"], a["props"], a["coords"]) == (1, "object", {"n": [1, None]}, [0.25] * 8)
        assert (b["id"], b["type"], b["weight"]) == (2, "my_type", 0.75)
        found = db.execute("SELECT source, target, type, weight FROM connections").fetchall()
        assert found == [(1, 2, "my_relation", 0.5)]
        assert db.tokens.create(coords=ZERO) == 3
        assert [row["key"] for row in db.tokens.nearest("a", k=1).dicts()] == ["b"]
        assert db.check()["ok"]


def test_ids_are_never_given_twice(world: Path) -> None:
    with ng.connect(world) as db:
        db.tokens.delete("b")
    with ng.connect(world) as db:
        assert db.tokens.create(key="c", coords=ZERO) == 3
        assert db.connections.create("a", "c") == 2


def test_profile_and_version_are_kept(world: Path) -> None:
    with ng.connect(world) as db:
        db.execute("SET CDNA PROFILE explorer")
        db.execute("SET CDNA SCALE sensory = 4")
        scales, version = db.cdna.scales, db.runtime.version
    with ng.connect(world) as db:
        assert (list(db.cdna.scales), db.runtime.version) == (list(scales), version)
        assert db.execute("SELECT name FROM cdna_profiles WHERE active").fetchall() == [("custom",)]


def test_an_open_transaction_is_gone_after_close(world: Path) -> None:
    db = ng.connect(world)
    db.execute("BEGIN")
    db.tokens.create(key="c", coords=ZERO)
    db.close()
    with ng.connect(world) as db:
        assert db.tokens.count() == 2
        db.tokens.create(key="c", coords=ZERO)  # and its lock is free


def test_axes_must_be_the_stores(tmp_path: Path) -> None:
    names = ["x", "y", "z", "roll", "pitch", "yaw", "time", "cost"]
    file = tmp_path / "nav.ng"
    ng.connect(file, axes=names).close()
    for axes in (None, names, tuple(names)):
        with ng.connect(file, axes=axes) as db:
            assert db.runtime.axes == names
    assert state_of(lambda: ng.connect(file, axes=[*names[:7], "price"])) == "22023"
    assert state_of(lambda: ng.connect(file, axes=names[::-1])) == "22023"


# ---------------------------------------------------------------- paths


def test_a_relative_path_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    with ng.connect("world.ng") as db:
        assert db.path == str(tmp_path / "world.ng")
        assert repr(db) == f"<neurograph.Database {tmp_path}/world.ng (open)>"
        monkeypatch.chdir(tmp_path / "other")
        db.tokens.create(key="a", coords=ZERO)
        db.checkpoint()
        db.backup("copy.ng")
    assert {"copy.ng"} <= set(os.listdir(tmp_path / "other")) <= {"copy.ng", "copy.ng-mark"}
    with ng.connect(Path("..") / "world.ng") as db:
        assert db.tokens.count() == 1
    assert "closed" in repr(db)
    assert ng.connect().path is None


def test_a_tilde_is_a_name_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert state_of(lambda: ng.connect("~/world.ng")) == "58P01"
    (tmp_path / "~").mkdir()
    with ng.connect("~/world.ng"):
        assert (tmp_path / "~" / "world.ng").exists()


@pytest.mark.parametrize(
    "name", ["with space.ng", "ünïcødé 中.ng", "a'b\"c;--.ng", "?mode=ro", "%41.ng", "x"]
)
def test_any_name_will_do(tmp_path: Path, name: str) -> None:
    with ng.connect(tmp_path / name) as db:
        db.tokens.create(key="a", coords=ZERO)
    assert (tmp_path / name).is_file() and not (tmp_path / "A.ng").exists()
    with ng.connect(os.fspath(tmp_path / name), read_only=True) as db:
        assert db.tokens.count() == 1


@pytest.mark.skipif(sys.platform == "darwin", reason="file names are Unicode there")
def test_a_name_that_is_no_unicode(tmp_path: Path) -> None:
    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.ng")
    with ng.connect(name) as db:
        db.tokens.create(key="a", coords=ZERO)
        assert "\\udce9" in repr(db)
    with ng.connect(name) as db:
        assert db.tokens.count() == 1


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("", "22023"),
        ("a\0b.ng", "22023"),
        ("\ud800.ng", "22023"),
        (5, TypeError),
        (None, TypeError),
        (b"world.ng", TypeError),
        (["world.ng"], TypeError),
    ],
)
def test_what_is_no_path(path: Any, error: Any) -> None:
    if isinstance(error, str):
        assert state_of(lambda: ng.connect(path)) == error
    else:
        with pytest.raises(error):
            ng.connect(path)


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    assert state_of(lambda: ng.connect(tmp_path / "no" / "world.ng")) == "58P01"
    assert state_of(lambda: ng.connect(tmp_path / "world.ng", read_only=True)) == "58P01"
    assert state_of(lambda: ng.connect(tmp_path)) in ("58P01", "42501")
    (tmp_path / "plain").write_text("x")
    assert state_of(lambda: ng.connect(tmp_path / "plain" / "world.ng")) == "58P01"
    os.mkfifo(tmp_path / "fifo")
    assert state_of(lambda: ng.connect(tmp_path / "fifo")) in ("58P01", "42501", "XX001")
    (tmp_path / "loop.ng").symlink_to(tmp_path / "loop.ng")
    assert state_of(lambda: ng.connect(tmp_path / "loop.ng")) == "58P01"
    assert state_of(lambda: ng.connect(tmp_path / ("x" * 300))) == "58P01"
    assert sorted(os.listdir(tmp_path)) == ["fifo", "loop.ng", "plain"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_what_the_system_does_not_allow(tmp_path: Path, world: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    assert state_of(lambda: ng.connect(closed / "world.ng")) == "42501"
    world.chmod(0)
    assert state_of(lambda: ng.connect(world)) == "42501"


@pytest.mark.parametrize(
    "content",
    [
        b"x",
        b"not a store at all\n" * 300,
        b"SQLite format 3\0" + bytes(84),
        bytes(4096),
        b"PAR1" + bytes(5000),
    ],
    ids=["one byte", "text", "a header", "zeros", "parquet"],
)
def test_foreign_files_are_refused_untouched(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "foreign.ng"
    file.write_bytes(content)
    for read_only in (False, True):
        assert state_of(lambda flag=read_only: ng.connect(file, read_only=flag)) == "XX001"  # type: ignore[misc]
    assert file.read_bytes() == content
    assert os.listdir(tmp_path) == ["foreign.ng"]


def test_somebody_elses_sqlite_file_is_refused_untouched(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    make = (
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('CREATE TABLE t (a)'); c.commit()"
    )
    subprocess.run([sys.executable, "-c", make, str(file)], check=True)
    before = bytes_of(file)
    assert state_of(lambda: ng.connect(file)) == "XX001"
    assert bytes_of(file) == before and os.listdir(tmp_path) == ["other.db"]


def test_a_newer_format_is_refused_untouched(world: Path) -> None:
    # SQLite's user_version, which is the format of the store.
    content = bytearray(world.read_bytes())
    content[60:64] = (999).to_bytes(4, "big")
    world.write_bytes(content)
    for read_only in (False, True):
        assert state_of(lambda flag=read_only: ng.connect(world, read_only=flag)) == "0A000"  # type: ignore[misc]
    assert world.read_bytes() == content


def test_an_older_copy_in_the_stores_place_is_noticed(world: Path, tmp_path: Path) -> None:
    shutil.copy(world, tmp_path / "older")
    with ng.connect(world) as db:
        db.tokens.create(key="c", coords=ZERO)
    shutil.copy(tmp_path / "older", world)
    for read_only in (False, True):
        with pytest.raises(ng.InternalError, match="accept_history") as caught:
            ng.connect(world, read_only=read_only)
        assert caught.value.sqlstate == "XX001"
    with ng.connect(world, accept_history=True) as db:
        assert db.tokens.count() == 2 and db.check()["ok"]
    with ng.connect(world) as db:  # it has been accepted for good
        db.tokens.create(key="d", coords=ZERO)
        assert db.tokens.count() == 3


def test_a_moved_store_is_the_same_store(world: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    for file in tmp_path.glob("world.ng*"):
        file.rename(tmp_path / "new" / file.name.replace("world", "moved"))
    with ng.connect(tmp_path / "new" / "moved.ng") as db:
        assert db.tokens.count() == 2 and db.check()["ok"]
    with ng.connect(world) as db:
        assert db.tokens.count() == 0


def test_an_empty_file_is_a_new_store(tmp_path: Path) -> None:
    file = tmp_path / "world.ng"
    file.touch()
    with ng.connect(file) as db:
        db.tokens.create(key="a", coords=ZERO)
    with ng.connect(file) as db:
        assert db.tokens.count() == 1


def test_a_store_that_was_removed_does_not_come_back(world: Path) -> None:
    # Killed with commits that are in the log only; then the user removes the file, and not what lies beside it.
    kill = "db = ng.connect(args[0]); db.tokens.create(key='c', coords=ZERO); os.kill(os.getpid(), signal.SIGKILL)"
    head = "import os, signal, sys; import neurograph as ng; ZERO = [0.0] * 8; args = sys.argv[1:]\n"
    subprocess.run([sys.executable, "-c", head + kill, str(world)], check=False)
    world.unlink()
    with ng.connect(world) as db:
        assert db.tokens.count() == 0
        db.tokens.create(key="new", coords=ZERO)
    with ng.connect(world) as db:
        assert [row["key"] for row in db.execute("SELECT key FROM tokens").dicts()] == ["new"]
        assert db.check()["ok"]


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize("name", ["read_only", "allow_external", "accept_history"])
@pytest.mark.parametrize("value", [1, 0, "yes", None])
def test_switches_are_bools(world: Path, name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=name):
        ng.connect(world, **{name: value})


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"synchronous": "sometimes"}, "22023"),
        ({"synchronous": ""}, "22023"),
        ({"synchronous": None}, TypeError),
        ({"synchronous": 1}, TypeError),
        ({"synchronous": True}, TypeError),
        ({"history_versions": -1}, "22023"),
        ({"history_versions": 2**63}, "22003"),
        ({"history_versions": 10.0}, TypeError),
        ({"history_versions": True}, TypeError),
        ({"history_versions": "10"}, TypeError),
        ({"axes": "abcdefgh"}, TypeError),
        ({"axes": [1, 2, 3, 4, 5, 6, 7, 8]}, TypeError),
        ({"busy_timeout": -1}, "22023"),
        ({"busy_timeout": float("nan")}, "22023"),
        ({"busy_timeout": None}, TypeError),
        ({"allowed_paths": "/tmp"}, TypeError),
        ({"allowed_paths": [5]}, TypeError),
        ({"memory_limit": "much"}, "22023"),
        ({"memory_limit": 0}, "22023"),
        ({"memory_limit": 1.5}, TypeError),
        ({"memory_limit": True}, TypeError),
        ({"statement_timeout": -1}, "22023"),
        ({"statement_timeout": "soon"}, "22023"),
        ({"statement_timeout": [1]}, TypeError),
    ],
)
def test_arguments_are_checked_before_a_file_is_made(tmp_path: Path, options: Any, error: Any) -> None:
    file = tmp_path / "world.ng"
    if isinstance(error, str):
        assert state_of(lambda: ng.connect(file, **options)) == error
    else:
        with pytest.raises(error):
            ng.connect(file, **options)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("level", ["full", "normal", "off", "NORMAL"])
def test_synchronous(tmp_path: Path, level: str) -> None:
    with ng.connect(tmp_path / "world.ng", synchronous=level) as db:
        assert db.execute("SHOW synchronous").fetchall() == [(level.lower(),)]
        db.tokens.create(key="a", coords=ZERO)
        for other in ("off", "normal", "full"):
            db.execute(f"SET synchronous = {other}")
            assert db.execute("SHOW synchronous").fetchall() == [(other,)]
            db.tokens.create(key=other, coords=ZERO)
        db.execute("RESET synchronous")
        assert db.execute("SELECT value FROM ng_settings WHERE name = 'synchronous'").fetchall() == [
            (level.lower(),)
        ]
        with pytest.raises(ng.OperationalError) as caught, db.transaction():
            db.execute("SET synchronous = off")
        assert caught.value.sqlstate == "25001"
    with ng.connect(tmp_path / "world.ng") as db:
        assert db.tokens.count() == 4


def test_synchronous_full_syncs_each_commit_and_off_none(tmp_path: Path) -> None:
    with ng.connect(tmp_path / "world.ng") as db:
        before = db.stats()
        for _ in range(5):
            db.tokens.create(coords=ZERO)
        after = db.stats()
        assert after["commits"] - before["commits"] == 5
        assert after["syncs"] - before["syncs"] >= 5
        db.execute("SET synchronous = off")
        before = db.stats()
        for _ in range(5):
            db.tokens.create(coords=ZERO)
        assert db.stats()["syncs"] == before["syncs"]


# ---------------------------------------------------------------- several handles


def test_one_file_is_one_store_under_every_name(world: Path, tmp_path: Path) -> None:
    (tmp_path / "link.ng").symlink_to(world)
    (tmp_path / "below").mkdir()
    names = [world, tmp_path / "link.ng", tmp_path / "below" / ".." / "world.ng", os.path.relpath(world)]
    stores = [ng.connect(name) for name in names]
    for number, db in enumerate(stores):
        db.tokens.create(key=f"k{number}", coords=ZERO)
        assert [other.tokens.count() for other in stores] == [3 + number] * len(stores)
    stores[0].close()
    assert state_of(lambda: stores[0].tokens.count()) == "08003"
    assert stores[1].tokens.count() == 6
    with stores[1].transaction():
        stores[1].tokens.create(coords=ZERO)
        assert stores[2].tokens.count() == 6
    assert stores[2].tokens.count() == 7
    for db in stores:
        db.close()


def test_a_store_has_one_setting_of_synchronous_in_a_process(world: Path) -> None:
    with ng.connect(world, synchronous="normal") as db:
        assert state_of(lambda: ng.connect(world)) == "22023"
        with ng.connect(world, read_only=True) as reader, ng.connect(world, synchronous="normal") as other:
            other.execute("SET synchronous = off")
            assert db.execute("SHOW synchronous").fetchall() == [("off",)]
            assert reader.tokens.count() == 2
    with ng.connect(world) as db:
        assert db.execute("SHOW synchronous").fetchall() == [("full",)]


def test_a_hard_link_is_the_same_store(world: Path, tmp_path: Path) -> None:
    os.link(world, tmp_path / "hard.ng")
    with ng.connect(world) as one, ng.connect(tmp_path / "hard.ng") as other:
        one.tokens.create(key="c", coords=ZERO)
        other.tokens.create(key="d", coords=ZERO)
        assert one.tokens.count() == other.tokens.count() == 4


def test_read_only_follows_what_others_commit(world: Path) -> None:
    with ng.connect(world) as db, ng.connect(world, read_only=True) as reader:
        assert "read-only" in repr(reader)
        assert reader.tokens.count() == 2
        db.tokens.create(key="c", coords=ZERO)
        assert reader.execute("SELECT count(*) FROM tokens").fetchone() == (3,)
        elsewhere("ng.connect(args[0]).tokens.create(key='d', coords=ZERO)", world)
        assert reader.execute("SELECT count(*) FROM tokens").fetchone() == (4,)
        with reader.transaction(read_only=True):
            assert reader.execute("SELECT count(*) FROM tokens").fetchone() == (4,)
            db.tokens.create(key="e", coords=ZERO)
            assert reader.execute("SELECT count(*) FROM tokens").fetchone() == (4,)
        assert reader.execute("SELECT count(*) FROM tokens").fetchone() == (5,)
        reader.execute("BEGIN")
        assert reader.tokens.count() == 5
        reader.execute("COMMIT")


def test_read_only_refuses_every_write(world: Path) -> None:
    with ng.connect(world, read_only=True) as db:
        for write in (
            lambda: db.tokens.create(coords=ZERO),
            lambda: db.tokens.delete("a"),
            lambda: db.tokens.clear(),
            lambda: db.connections.create("b", "a"),
            lambda: db.execute("UPDATE tokens SET weight = .5"),
            lambda: db.execute("SET CDNA PROFILE explorer"),
            lambda: db.execute("VACUUM"),
            lambda: db.checkpoint(),
            lambda: db.runtime.create_token(coords=ZERO),
            lambda: db.cursor().execute("DELETE FROM tokens"),
        ):
            assert state_of(write) == "25006"
        assert db.check()["ok"] and db.tokens.count() == 2


def test_another_process_sees_and_is_seen(world: Path) -> None:
    with ng.connect(world) as db:
        db.tokens.create(key="here", coords=ZERO)
        code = (
            "db = ng.connect(args[0]); db.tokens.create(key='there', coords=ZERO); print(db.tokens.count())"
        )
        assert elsewhere(code, world) == "4"
        assert db.execute("SELECT count(*) FROM tokens").fetchone() == (4,)
        assert db.tokens.get("there") is not None
        db.tokens.create(key="again", coords=ZERO)
        assert elsewhere("print(ng.connect(args[0], read_only=True).tokens.count())", world) == "5"


def test_a_writer_elsewhere_is_named(world: Path) -> None:
    code = """
import threading
db = ng.connect(args[0])
db.execute("BEGIN")
db.tokens.create(key="mine", coords=ZERO)
print(os.getpid(), flush=True)
sys.stdin.read()
"""
    head = "import os, sys; import neurograph as ng; ZERO = [0.0] * 8; args = sys.argv[1:]\n"
    holder = subprocess.Popen(
        [sys.executable, "-c", head + code, str(world)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdin is not None and holder.stdout is not None
    pid = holder.stdout.readline().strip()
    with ng.connect(world, busy_timeout=0.1) as db:
        assert db.tokens.count() == 2  # readers do not wait
        with pytest.raises(ng.OperationalError, match=pid) as caught:
            db.tokens.create(coords=ZERO)
        assert caught.value.sqlstate == "55P03"
        holder.kill()
        holder.wait()
        db.tokens.create(key="c", coords=ZERO)
        assert db.tokens.count() == 3 and db.tokens.get("mine") is None
    holder.stdin.close()
    holder.stdout.close()


# ---------------------------------------------------------------- the end


def test_use_after_close(world: Path) -> None:
    db = ng.connect(world)
    runtime, cursor, rows = db.runtime, db.cursor(), db.execute("SELECT key FROM tokens")
    db.close()
    db.close()
    for use in (
        lambda: db.tokens.count(),
        lambda: db.execute("SELECT 1"),
        lambda: cursor.execute("SELECT 1"),
        lambda: runtime.count_tokens(),
        lambda: db.check(),
        lambda: db.stats(),
        lambda: db.checkpoint(),
        lambda: db.backup("x.ng"),
    ):
        assert state_of(use) == "08003"
    assert rows.fetchall() == [("a",), ("b",)]
    assert rows.arrow().num_rows == 2


def test_closing_while_others_are_at_work(world: Path) -> None:
    for _ in range(5):
        db = ng.connect(world)
        seen: list[str] = []

        def work(db: ng.Database = db, seen: list[str] = seen) -> None:
            try:
                while True:
                    with db.transaction():
                        db.tokens.create(coords=ZERO)
                        db.tokens.create(coords=ZERO)
                    db.execute("SELECT type, count(*) FROM tokens GROUP BY type").fetchall()
            except ng.Error as error:
                seen.append(error.sqlstate)

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(0.1)
        db.close()
        for thread in threads:
            thread.join()
        # Cancelled where it was, or refused at the next call; a transaction that lost its session is none.
        assert len(seen) == 3 and set(seen) <= {"08003", "57014", "25P01"}
        with ng.connect(world) as db:
            assert db.tokens.count() % 2 == 0 and db.check()["ok"]


def test_closing_the_runtime_closes_the_database(world: Path) -> None:
    db = ng.connect(world)
    db.runtime.close()
    assert db.closed and state_of(lambda: db.tokens.count()) == "08003"


def test_after_a_clean_close_nothing_is_replayed(world: Path) -> None:
    with ng.connect(world) as db:
        report, stats = db.check(), db.stats()
        assert (report["ok"], report["replayed"], report["findings"]) == (True, 0, [])
        assert stats["replayed"] == 0 and stats["file_bytes"] > 0


def test_after_a_kill_the_log_is_replayed(world: Path) -> None:
    code = """
db = ng.connect(args[0])
for i in range(10):
    db.tokens.create(key=f"k{i}", coords=[float(i)] * 8)
db.execute("BEGIN")
db.tokens.create(key="never", coords=ZERO)
print("done", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    head = "import os, signal, sys; import neurograph as ng; ZERO = [0.0] * 8; args = sys.argv[1:]\n"
    done = subprocess.run(
        [sys.executable, "-c", head + code, str(world)], capture_output=True, text=True, check=False
    )
    assert done.stdout == "done\n"
    with ng.connect(world) as db:
        report = db.check()
        assert (report["ok"], report["replayed"], report["tokens"]) == (True, 10, 12)
        assert db.tokens.get("never") is None
        assert [row["key"] for row in db.tokens.nearest([9.0] * 8, k=1).dicts()] == ["k9"]


@pytest.mark.parametrize(
    "code",
    [
        "db.tokens.create(key='c', coords=ZERO)",
        "db.tokens.create(key='c', coords=ZERO); db.execute('BEGIN'); db.tokens.create(coords=ZERO)",
        "db.tokens.create(key='c', coords=ZERO); r = db.execute('SELECT type, count(*) FROM tokens GROUP BY 1')",
        "db.tokens.create(key='c', coords=ZERO); it = iter(db.execute('SELECT * FROM tokens')); next(it); sys.exit(3)",
        "db.tokens.create(key='c', coords=ZERO); other = ng.connect(args[0], read_only=True); db.close()",
        "db.tokens.create(key='c', coords=ZERO); del db",
        "db.tokens.create(key='c', coords=ZERO); db.me = db; sys.modules['keep'] = db",
        "db.tokens.create(key='c', coords=ZERO); import atexit; atexit.register(db.tokens.count)",
        "db.tokens.create(key='c', coords=ZERO)\n"
        "import threading\n"
        "def work():\n"
        "    while True:\n"
        "        db.tokens.count(); db.execute('SELECT count(*) FROM tokens')\n"
        "for _ in range(3): threading.Thread(target=work, daemon=True).start()",
        "import threading, time\n"
        "def work():\n"
        "    db.execute('BEGIN'); db.tokens.create(coords=ZERO); time.sleep(60)\n"
        "db.tokens.create(key='c', coords=ZERO)\n"
        "threading.Thread(target=work, daemon=True).start(); time.sleep(.2)",
    ],
)
def test_leaving_is_quiet_and_keeps_what_was_committed(world: Path, code: str) -> None:
    head = "import os, sys; import neurograph as ng; ZERO = [0.0] * 8; args = sys.argv[1:]\ndb = ng.connect(args[0])\n"
    done = subprocess.run(
        [sys.executable, "-c", head + code, str(world)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (3 if "sys.exit" in code else 0, "")
    with ng.connect(world) as db:
        assert db.tokens.count() == 3 and db.tokens.get("c") is not None
        assert db.check()["ok"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_opens_its_own(world: Path) -> None:
    code = """
import warnings
warnings.simplefilter("ignore")
db = ng.connect(args[0])
db.tokens.create(key="before", coords=ZERO)
runtime, cursor = db.runtime, db.cursor()
db.execute("BEGIN")
db.tokens.create(key="open", coords=ZERO)
child = os.fork()
if child == 0:
    try:
        for use in (
            lambda: db.execute("SELECT 1"),
            lambda: db.tokens.create(coords=ZERO),
            lambda: runtime.count_tokens(),
            lambda: cursor.execute("SELECT 1"),
            lambda: db.checkpoint(),
        ):
            try:
                use()
            except ng.InterfaceError as error:
                assert error.sqlstate == "08003", error
            else:
                raise AssertionError("the inherited handle was not refused")
        db.close()
        own = ng.connect(args[0], busy_timeout=0.2)
        assert own.tokens.count() == 3, own.tokens.count()
        try:
            own.tokens.create(coords=ZERO)  # the parent's transaction holds the lock
        except ng.OperationalError as error:
            assert error.sqlstate == "55P03", error
        else:
            raise AssertionError("two writers at once")
        own.close()
    except BaseException as error:
        print(type(error).__name__, error, flush=True)
        os._exit(1)
    sys.exit(0)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0, status
db.execute("COMMIT")
child = os.fork()
if child == 0:
    with ng.connect(args[0]) as own:
        own.tokens.create(key="child", coords=ZERO)
    sys.exit(0)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0, status
assert db.tokens.get("child") is not None and db.tokens.count() == 5
db.tokens.create(key="after", coords=ZERO)
print("fine")
"""
    assert elsewhere(code, world) == "fine"
    with ng.connect(world) as db:
        assert db.tokens.count() == 6 and db.check()["ok"]
