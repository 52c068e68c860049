"""Looking after a store: check, backup, vacuum, checkpoint, statistics, salvage."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import neurograph as ng
from ngql.check import check_rows

ZERO = [0.0] * 8
BESIDE = ("-wal", "-shm", "-mark")


def state_of(call: Callable[[], Any]) -> str:
    with pytest.raises(ng.Error) as caught:
        call()
    return caught.value.sqlstate


def fill(db: ng.Database, count: int = 10_000) -> None:
    """Tokens `k0`, `k1`, … over three segments, and a chain of connections."""
    rng = np.random.default_rng(7)
    keys = [f"k{i}" for i in range(count)]
    db.tokens.create_many({"key": keys, "coords": rng.random((count, 8)), "weight": [0.5] * count})
    db.connections.create_many({"source": keys[:-1], "target": keys[1:], "type": ["cause"] * (count - 1)})


def damage(file: Path, needle: bytes, code: str) -> None:
    """Change the last place where a file holds some bytes; by another process, as nobody has it open here."""
    script = (
        "import sys\n"
        "data = bytearray(open(sys.argv[1], 'rb').read())\n"
        "at = data.rfind(bytes.fromhex(sys.argv[2]))\n"
        "assert at >= 0, 'nothing to damage'\n"
        f"{code}\n"
        "open(sys.argv[1], 'r+b').write(data)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(file), needle.hex()], check=True)


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A closed store of 10,000 tokens."""
    file = tmp_path / "world.ng"
    with ng.connect(file) as db:
        fill(db)
    return file


# ---------------------------------------------------------------- check


@pytest.mark.parametrize("where", [":memory:", "world.ng"])
def test_a_sound_store(tmp_path: Path, where: str) -> None:
    with ng.connect(where if where == ":memory:" else tmp_path / where) as db:
        fill(db)
        db.tokens.delete("k3")
        result = db.execute("CHECK STORE")
        assert (result.columns, result.types) == (["place", "problem"], ["TEXT", "TEXT"])
        assert (result.statement_type, result.rowcount, result.fetchall()) == ("CHECK STORE", 0, [])
        report = db.check()
        assert report == {
            "ok": True,
            "version": db.runtime.version,
            "tokens": 9_999,
            "connections": 9_997,
            "replayed": 0,
            "findings": [],
        }
        with db.transaction():
            assert state_of(db.check) == "25001"


def test_check_reads_while_others_write(tmp_path: Path) -> None:
    with ng.connect(tmp_path / "world.ng") as db:
        fill(db, 5_000)
        ended = threading.Event()

        def write() -> None:
            while not ended.is_set():
                a, b = db.tokens.create(coords=ZERO), db.tokens.create(coords=ZERO)
                db.connections.create(a, b)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for _ in range(10):
                assert db.check()["findings"] == []
        finally:
            ended.set()
            writer.join()


class Lying:
    """A snapshot that tells a lie about one of its methods."""

    def __init__(self, engine: Any, **lies: Any) -> None:
        self._engine, self._lies = engine, lies

    def __getattr__(self, name: str) -> Any:
        return self._lies.get(name) or getattr(self._engine, name)


def test_every_kind_of_damage_to_rows_is_found() -> None:
    with ng.connect() as db:
        fill(db, 50)
        snapshot = db.runtime.snapshot()
        db.tokens.update("k7", key="other")
        db.tokens.delete("k20")
        later = db.runtime.snapshot()

        def findings(**lies: Any) -> list[tuple[str, str]]:
            return check_rows(Lying(snapshot, **lies))[0]  # type: ignore[arg-type]

        assert findings() == []
        assert findings(count=lambda table: 49) == [("tokens", "49 are counted and 50 are there")]
        assert findings(validate_cdna=lambda: False) == [
            ("profile", "rows are illegal under the profile in force")
        ]
        assert findings(lookup=later.lookup) == [
            ("tokens", "the key does not lead to the token: 2 (id 8, 21)")
        ]
        mixed = findings(scan=lambda table, columns: (later if table == "tokens" else snapshot).scan(
            table, columns=columns
        ))  # fmt: skip
        assert ("connections", "the source is no token: 1 (id 21)") in mixed
        assert ("connections", "the target is no token: 1 (id 20)") in mixed
        twice = findings(
            scan=lambda table, columns: _Doubled(snapshot.scan(table, columns=columns)),
            count=lambda table: 100 if table == "tokens" else 98,
        )
        assert {problem.split(":")[0] for _, problem in twice} >= {
            "ids do not rise",
            "another connection has the same source, target and type",
        }


class _Doubled:
    """A relation whose rows all come twice."""

    def __init__(self, relation: Any) -> None:
        import pyarrow as pa

        table = pa.table(relation)
        self._table = pa.concat_tables([table, table])

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)


def test_damage_in_a_file_is_told_and_never_read(world: Path) -> None:
    # "k9999" is the last key: it stands in the last segment of tokens.
    damage(world, b"k9999", "data[at] ^= 1")
    with pytest.raises(ng.InternalError) as caught:
        ng.connect(world)
    assert caught.value.sqlstate == "XX001"
    assert "salvage" in str(caught.value) and "token" in str(caught.value)


def test_damage_under_an_open_store_is_found_by_check(world: Path) -> None:
    with ng.connect(world) as db:
        damage(world, b"k9999", "data[at] ^= 1")
        assert db.tokens.get("k9999") is not None  # what is in memory is whole
        report = db.check()
        assert not report["ok"] and any("token" in finding for finding in report["findings"])
        rows = db.execute("CHECK STORE").fetchall()
        assert [f"{place}: {problem}" for place, problem in rows] == report["findings"]


# ---------------------------------------------------------------- salvage


def test_salvage_copies_what_is_whole(world: Path, tmp_path: Path) -> None:
    damage(world, b"k9999", "data[at] ^= 1")
    before = world.stat().st_size
    found = ng.salvage(world, tmp_path / "whole.ng")
    assert 0 < found["tokens"] < 10_000 and found["lost"]
    assert all(isinstance(place, str) and isinstance(why, str) for place, why in found["lost"])
    assert world.stat().st_size == before
    with ng.connect(tmp_path / "whole.ng") as db:
        assert db.check()["ok"]
        assert (db.tokens.count(), db.connections.count()) == (found["tokens"], found["connections"])
        assert db.tokens.get("k0") is not None and db.tokens.get("k9999") is None


def test_salvage_of_a_sound_store_is_a_copy(world: Path, tmp_path: Path) -> None:
    for number, salvage in enumerate((ng.salvage, ng.Database.salvage)):
        copy = tmp_path / f"copy{number}.ng"
        assert salvage(world, copy) == {"tokens": 10_000, "connections": 9_999, "lost": []}
        with ng.connect(copy) as db:
            assert db.tokens.count() == 10_000 and db.check()["ok"]


def test_salvage_refuses(world: Path, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no store at all" * 1000)
    assert state_of(lambda: ng.salvage(tmp_path / "no.ng", tmp_path / "x.ng")) == "58P01"
    assert state_of(lambda: ng.salvage(world, tmp_path / "no" / "x.ng")) == "58P01"
    assert state_of(lambda: ng.salvage(world, world)) == "58P02"
    assert state_of(lambda: ng.salvage(world, tmp_path / "text")) == "58P02"
    assert state_of(lambda: ng.salvage(tmp_path / "text", tmp_path / "x.ng")) == "XX001"
    assert state_of(lambda: ng.salvage("", tmp_path / "x.ng")) == "22023"
    for wrong in (5, None, b"x"):
        with pytest.raises(TypeError, match="src"):
            ng.salvage(wrong, tmp_path / "x.ng")  # type: ignore[arg-type]
    assert not (tmp_path / "x.ng").exists()


# ---------------------------------------------------------------- backup


@pytest.mark.parametrize("where", [":memory:", "world.ng"])
def test_a_backup_is_a_store_of_its_own(tmp_path: Path, where: str) -> None:
    copy = tmp_path / "copy.ng"
    with ng.connect(where if where == ":memory:" else tmp_path / where, axes=list("stuvwxyz")) as db:
        fill(db)
        db.execute("SET CDNA PROFILE explorer")
        db.tokens.create(key="in the log", coords=ZERO)
        db.backup(copy)
        db.tokens.create(key="later", coords=ZERO)
        with ng.connect(copy) as other:
            assert (other.tokens.count(), other.connections.count()) == (10_001, 9_999)
            assert other.runtime.axes == list("stuvwxyz")
            assert other.tokens.get("in the log") is not None and other.tokens.get("later") is None
            assert list(other.cdna.scales) == list(db.cdna.scales)
            assert other.check()["ok"]
            other.tokens.create(key="its own", coords=ZERO)
        assert db.tokens.get("its own") is None


def test_backup_refuses(world: Path, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    with ng.connect(world) as db:
        for path, state in (
            (tmp_path / "there", "58P02"),
            (world, "58P02"),
            (tmp_path, "58P01"),
            (tmp_path / "no" / "copy.ng", "58P01"),
            ("", "58P01"),
            ("a\0b", "58P01"),
        ):
            assert state_of(lambda path=path: db.backup(path)) == state, path  # type: ignore[misc]
        for beside in ("", *BESIDE):
            own = f"{world}{beside}"
            if os.path.exists(own):
                assert state_of(lambda own=own: db.backup(own, overwrite=True)) == "42501"  # type: ignore[misc]
        with pytest.raises(TypeError):
            db.backup(5)  # type: ignore[arg-type]
        with db.transaction():
            assert state_of(lambda: db.backup(tmp_path / "copy.ng")) == "25001"
        assert db.check()["ok"]
    assert (tmp_path / "there").read_text() == "mine"
    assert not (tmp_path / "copy.ng").exists()


def test_backup_over_an_older_one(world: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.ng"
    with ng.connect(world) as db:
        db.backup(copy)
        with ng.connect(copy) as other:
            other.tokens.clear()
        db.backup(copy, overwrite=True)
        with ng.connect(copy, read_only=True) as other:
            assert other.tokens.count() == 10_000 and other.check()["ok"]
        assert [name for name in os.listdir(tmp_path) if ".new-" in name or ".tmp-" in name] == []
        with ng.connect(copy) as other:
            other.tokens.create(key="not yet in its place", coords=ZERO)
            if os.stat(f"{copy}-wal").st_size:
                assert state_of(lambda: db.backup(copy, overwrite=True)) == "55P03"
        with ng.connect(copy) as other:
            assert other.tokens.get("not yet in its place") is not None


def test_backup_stays_below_the_allowed_paths(world: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with ng.connect(world, allowed_paths=[tmp_path / "in"]) as db:
        db.execute(f"BACKUP TO '{tmp_path}/in/copy.ng'")
        for path in (tmp_path / "copy.ng", tmp_path / "in" / ".." / "copy.ng"):
            with pytest.raises(ng.ProgrammingError, match="allowed paths") as caught:
                db.execute("BACKUP TO $path", {"path": os.fspath(path)})
            assert caught.value.sqlstate == "42501"
    assert not (tmp_path / "copy.ng").exists()


def test_backups_while_others_write_are_whole(tmp_path: Path) -> None:
    with ng.connect(tmp_path / "world.ng") as db:
        fill(db, 5_000)
        ended = threading.Event()

        def write() -> None:
            while not ended.is_set():
                with db.transaction():
                    db.tokens.create(coords=ZERO)
                    db.tokens.create(coords=ZERO)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for number in range(5):
                db.backup(tmp_path / f"copy{number}.ng")
        finally:
            ended.set()
            writer.join()
    for number in range(5):
        with ng.connect(tmp_path / f"copy{number}.ng", read_only=True) as copy:
            assert copy.tokens.count() % 2 == 0 and copy.check()["ok"]


def test_copy_never_touches_the_stores_files(world: Path, tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to(world)
    with ng.connect(world) as db:
        for path in (world, tmp_path / "link.csv", *(f"{world}{beside}" for beside in BESIDE)):
            if not os.path.exists(path):
                continue
            for statement in (
                f"COPY tokens FROM '{path}' (FORMAT csv)",
                f"COPY tokens TO '{path}' (FORMAT csv, OVERWRITE)",
            ):
                with pytest.raises(ng.ProgrammingError, match="open store") as caught:
                    db.execute(statement)
                assert caught.value.sqlstate == "42501"
        assert db.check()["ok"]


# ---------------------------------------------------------------- vacuum, checkpoint, statistics


@pytest.mark.parametrize("where", [":memory:", "world.ng"])
def test_vacuum_gives_room_back(tmp_path: Path, where: str) -> None:
    with ng.connect(where if where == ":memory:" else tmp_path / where, history_versions=0) as db:
        fill(db, 30_000)
        db.checkpoint()
        before = db.stats()
        db.execute("DELETE FROM tokens WHERE id > 100")
        assert db.execute("VACUUM").statement_type == "VACUUM"
        assert db.tokens.count() == 100 and db.check()["ok"]
        assert db.tokens.get("k99") is not None and db.connections.count() == 99
        assert db.tokens.create(coords=ZERO) == 30_001
        if where != ":memory:":
            assert db.stats()["file_bytes"] < before["file_bytes"] / 4
    if where != ":memory:":
        with ng.connect(tmp_path / where) as db:
            assert db.tokens.count() == 101 and db.check()["ok"]


def test_checkpoint_takes_in_the_log(tmp_path: Path) -> None:
    with ng.connect(tmp_path / "world.ng") as db:
        for _ in range(10):
            db.tokens.create(coords=ZERO)
        assert db.stats()["last_checkpoint_version"] < db.runtime.version
        db.checkpoint()
        stats = db.stats()
        assert stats["last_checkpoint_version"] == db.runtime.version
        assert stats["last_checkpoint_at"] > 0 and stats["log_commits"] <= 1000
        with db.transaction():
            assert state_of(db.checkpoint) == "25001"


def test_a_store_in_memory_has_nothing_to_write() -> None:
    with ng.connect() as db:
        db.tokens.create(coords=ZERO)
        db.checkpoint()
        assert db.tokens.count() == 1
    with ng.connect(read_only=True) as db:
        assert state_of(lambda: db.execute("VACUUM")) == "25006"


def test_statistics_of_a_file(world: Path) -> None:
    counted = (
        "file_bytes wal_bytes log_bytes log_commits last_checkpoint_version last_checkpoint_at replayed"
        " lock_waits lock_wait_us commits syncs"
    ).split()
    with ng.connect(world) as db:
        stats = db.stats()
        assert stats.keys() >= {"tokens", "connections", "version", *counted}
        assert all(isinstance(value, (int, float)) for value in stats.values())
        assert stats["file_bytes"] > 100_000 and stats["tokens"] == 10_000
        table = dict(db.execute("SELECT name, value FROM ng_stats").fetchall())
        assert table.keys() == stats.keys() and table["file_bytes"] > 100_000
        db.tokens.create(coords=ZERO)
        assert db.stats()["commits"] == stats["commits"] + 1
    with ng.connect(world) as db:
        described = ng.Database.stats.__doc__ or ""
        assert [name for name in counted if f"`{name}`" not in described] == []
