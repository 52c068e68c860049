"""Many processes on one store: pairs are never torn, nothing acknowledged is missed, a dead holder holds nobody up."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import crash_jobs as jobs
import numpy as np
import pytest
from crash_jobs import told

import neurograph as ng


def board_for(path: Path, writers: int) -> Path:
    board = path.with_name("board")
    np.zeros(writers, dtype=np.int64).tofile(board)
    return board


@pytest.mark.slow
@pytest.mark.parametrize(("writers", "kills"), [(1, False), (2, True)], ids=["one writer", "two, killed"])
def test_readers_see_whole_commits_at_once(
    tmp_path: Path,
    nursery: Any,
    rng: random.Random,
    soak: bool,
    figures: Callable[..., None],
    writers: int,
    kills: bool,
) -> None:
    path = tmp_path / "world.ng"
    ng.connect(path).close()
    board = board_for(path, writers)
    seconds = 450.0 if soak else 30.0
    writing = [nursery.start("write_pairs", path, board, w, 0) for w in range(writers)]
    for writer in writing:
        writer.wait_for("ready")
    reading = [nursery.start("read_pairs", path, board, writers, seconds) for _ in range(4)]
    until, killed = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        time.sleep(min(rng.uniform(0.05, 1.0), max(until - time.monotonic(), 0)))
        for writer in writing:
            assert not [line for line in writer.said() if line.startswith("failed")], writer.said()
        if kills:
            victim = rng.randrange(writers)
            writing[victim].kill()
            writing[victim] = nursery.start("write_pairs", path, board, victim, 0)
            killed += 1
    answers = [json.loads(reader.end()[-1]) for reader in reading]
    for writer in writing:
        said = writer.kill()
        assert not [line for line in said if line.startswith("failed")], said
    commits = int(np.fromfile(board, dtype=np.int64).sum())
    statements = sum(answer["statements"] for answer in answers)
    assert commits > seconds * 10 and statements > seconds * 10
    assert killed or not kills
    figures(
        f"{writers} writing and 4 reading processes", commits=commits, statements=statements, killed=killed
    )


def test_control_a_torn_pair_is_noticed(tmp_path: Path, nursery: Any) -> None:
    path = tmp_path / "world.ng"
    with ng.connect(path) as db:
        db.tokens.create(key="w0a", coords=jobs.ORIGIN, props={"n": 1})
        db.tokens.create(key="w0b", coords=jobs.ORIGIN, props={"n": 2})
    reader = nursery.start("read_pairs", path, board_for(path, 1), 1, 1)
    with pytest.raises(AssertionError, match="a torn pair"):
        reader.end()


def test_control_a_stale_read_is_noticed(tmp_path: Path, nursery: Any) -> None:
    path = tmp_path / "world.ng"
    ng.connect(path).close()
    board = board_for(path, 1)
    np.array([7], dtype=np.int64).tofile(board)
    reader = nursery.start("read_pairs", path, board, 1, 1)
    with pytest.raises(AssertionError, match="older than the acknowledged"):
        reader.end()


def test_the_holder_is_named_and_its_death_frees_the_lock(tmp_path: Path, nursery: Any) -> None:
    path = tmp_path / "world.ng"
    with ng.connect(path, busy_timeout=0.2) as db:
        db.tokens.create(key="first", coords=jobs.ORIGIN)
        holder = nursery.start("hold", path)
        holder.wait_for("holding")
        with pytest.raises(ng.OperationalError) as refused:
            db.tokens.create(key="second", coords=jobs.ORIGIN)
        assert refused.value.sqlstate == "55P03"
        assert str(holder.pid) in str(refused.value)
        assert db.tokens.get("never") is None
        assert db.execute("SELECT count(*) FROM tokens").fetchone() == (1,)
        holder.kill()
        db.tokens.create(key="second", coords=jobs.ORIGIN)
        assert db.execute("SELECT key FROM tokens ORDER BY key").fetchall() == [("first",), ("second",)]


def test_a_waiting_writer_gets_its_turn(tmp_path: Path, nursery: Any) -> None:
    """Beside a process that commits without a pause, another one is not starved."""
    path = tmp_path / "world.ng"
    with ng.connect(path, busy_timeout=2) as db:
        busy = nursery.start("write_pairs", path, board_for(path, 1), 0, 0)
        busy.wait_for("ready")
        for n in range(200):
            db.tokens.create(key=f"t{n}", coords=jobs.ORIGIN)
        assert not [line for line in busy.kill() if line.startswith("failed")]


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("means", ["hash", "sqlite"])
def test_a_file_opened_by_other_means_in_the_holding_process(
    tmp_path: Path, nursery: Any, means: str, killed: bool
) -> None:
    """POSIX drops a process's locks when it closes any handle of a file; the next process must not unlink the WAL."""
    import subprocess
    import sys

    path = tmp_path / "world.ng"
    holder = subprocess.Popen(
        [sys.executable, Path(jobs.__file__), "meddle", path, "3"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdin and holder.stdout and holder.stdout.readline() == "ready\n"

    def order(what: str) -> None:
        assert holder.stdin and holder.stdout
        holder.stdin.write(what + "\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "done\n"

    model = jobs.empty()
    for n in range(120):
        if n % 40 == 20:
            order(means)
            # Another process comes, and goes as the last one: or so it believes.
            assert told(nursery.run("dump", path)) == model
            nursery.run("commit", path, 3, n, 1)
        else:
            order(f"commit {n}")
        model = jobs.model_of(model, 3, n)
    order(means)
    if killed:
        holder.kill()
    holder.communicate()
    assert told(nursery.run("dump", path)) == model
