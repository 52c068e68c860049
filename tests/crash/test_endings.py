"""Forks, the end of the interpreter, and one file under several names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import crash_jobs as jobs
import pytest

import neurograph as ng


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "ignore::DeprecationWarning", jobs.__file__, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def keys(path: Path) -> set[str]:
    with ng.connect(path) as db:
        return {key for (key,) in db.execute("SELECT key FROM tokens").fetchall()}


def test_a_forked_child_is_refused_and_the_parent_unharmed(tmp_path: Path) -> None:
    path = tmp_path / "world.ng"
    ended = run("fork", path)
    assert (ended.returncode, ended.stderr) == (0, "")
    said = ended.stdout.splitlines()
    assert said[:4] == ["refused 6", "sees 1", "blocked 55P03 True", "child done"]
    expected = ["after", "before", "last", "of the child", "within"]
    assert said[4] == str(expected)
    assert keys(path) == set(expected)


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("plain", 0),
        ("open", 0),
        ("exit", 3),
        ("hard", 4),
        ("thread", 0),
        ("iterating", 0),
        ("atexit", 0),
        ("term", 5),
    ],
)
def test_leaving_keeps_what_was_committed(tmp_path: Path, how: str, code: int) -> None:
    path = tmp_path / "world.ng"
    ended = run("leave", path, how)
    assert (ended.returncode, ended.stderr) == (code, "")
    found = keys(path)
    assert "kept" in found
    assert "lost" not in found
    assert ("at exit" in found) == (how == "atexit")


def test_an_exception_gets_out_as_ever(tmp_path: Path) -> None:
    ended = run("dump", tmp_path / "nowhere" / "world.ng")
    assert ended.returncode == 1
    assert "No such file or directory" in ended.stderr


def test_one_file_under_several_names_is_one_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "world.ng"
    monkeypatch.chdir(tmp_path)
    with ng.connect(path) as first:
        first.tokens.create(key="a", coords=jobs.ORIGIN)
        (tmp_path / "symbolic.ng").symlink_to(path)
        os.link(path, tmp_path / "hard.ng")
        for name in ("world.ng", "./world.ng", tmp_path / "symbolic.ng", "hard.ng"):
            with ng.connect(name, busy_timeout=0.05) as second:
                assert second.tokens.get("a") is not None
                with first.transaction():
                    first.tokens.update("a", weight=0.25)
                    with pytest.raises(ng.OperationalError) as refused:
                        second.tokens.update("a", weight=1.0)
                    assert refused.value.sqlstate == "55P03"
                found: Any = second.tokens.get("a")
                assert found["weight"] == 0.25
        assert first.tokens.get("a") is not None
