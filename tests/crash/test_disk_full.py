"""A disk that is full: a typed error, reads go on, writes work again when there is room."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import crash_jobs as jobs
import pytest

import neurograph as ng


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of sixteen megabytes."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", place], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("no small disk can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_disk_fails_one_transaction_and_nothing_else(small: Path) -> None:
    path, ballast = small / "world.ng", small / "ballast"
    with ng.connect(path) as db:
        db.tokens.create(key="first", coords=jobs.ORIGIN)
        ballast.write_bytes(b"x" * (12 << 20))
        stored = 1
        with pytest.raises(ng.Error) as full:
            for n in range(10_000):
                db.tokens.create(key=f"t{n}", coords=jobs.ORIGIN, props={"text": "x" * 10_000})
                stored += 1
        assert full.value.sqlstate == "53100"
        assert stored > 10
        for _ in range(3):
            assert db.execute("SELECT count(*) FROM tokens").fetchone() == (stored,)
            with pytest.raises(ng.Error) as again:
                db.tokens.create(key="too much", coords=jobs.ORIGIN, props={"text": "x" * 1_000_000})
            assert again.value.sqlstate == "53100"
        db.execute("BEGIN")
        with pytest.raises(ng.Error), db.transaction():
            db.tokens.create(key="too much", coords=jobs.ORIGIN, props={"text": "x" * 1_000_000})
            db.execute("COMMIT")
        if db.runtime.in_transaction:
            db.execute("ROLLBACK")
        ballast.unlink()
        db.tokens.create(key="with room", coords=jobs.ORIGIN, props={"text": "x" * 100_000})
        assert db.tokens.count() == stored + 1
        db.checkpoint()
    with ng.connect(path) as db:
        assert db.tokens.count() == stored + 1
        assert db.tokens.get("too much") is None
        assert db.check()["ok"]


def test_a_disk_that_is_full_from_the_start(small: Path) -> None:
    (small / "ballast").write_bytes(b"x" * ((16 << 20) - 8192))
    with pytest.raises(ng.Error) as full:
        ng.connect(small / "world.ng")
    assert full.value.sqlstate == "53100"
    assert [file.name for file in small.iterdir()] == ["ballast"], "a store is complete or absent"
