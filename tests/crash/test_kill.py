"""kill −9 through the SDK of the wheel: a child commits and reports, dies at some moment, and the same file goes on."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import crash_jobs as jobs
import pytest


def test_nothing_acknowledged_is_lost(
    fast: Path, nursery: Any, rng: random.Random, soak: bool, figures: Callable[..., None]
) -> None:
    path, seed, done, model = fast / "world.ng", rng.randrange(1 << 40), 0, jobs.empty()
    kills = 2_000 if soak else 80
    for _ in range(kills):
        child = nursery.start("history", path, seed, done)
        if rng.random() < 0.8:
            child.wait_for("ready")
        time.sleep(rng.uniform(0.002, 0.04))
        said = child.kill()
        assert not [line for line in said if line.startswith("failed")], said
        acknowledged = max((int(line) for line in said if line.isdigit()), default=done)
        while done < acknowledged:
            model, done = jobs.model_of(model, seed, done), done + 1
        found, next_ = jobs.told(nursery.run("dump", path)), jobs.model_of(model, seed, done)
        assert found in (model, next_), f"seed {seed} after {done} commits"
        if found != model:
            model, done = next_, done + 1
    assert done > kills, "the children are killed before they do anything"
    figures("kill -9, Python", kills=kills, commits=done)


def test_the_model_moves() -> None:
    model, states = jobs.empty(), []
    for number in range(50):
        states.append(model)
        model = jobs.model_of(model, 1, number)
    assert sum(a != b for a, b in itertools.pairwise(states)) > 35


@pytest.mark.parametrize("tail", [b"\0" * 4096, b"\xff" * 77])
def test_control_a_lost_commit_is_noticed(tmp_path: Path, nursery: Any, tail: bytes) -> None:
    """The comparison itself: a WAL that lost its end is told apart from one that did not, or refused."""
    path = tmp_path / "world.ng"
    child = nursery.start("history", path, 5, 0)
    child.wait_for("40")
    child.kill()
    wal = Path(f"{path}-wal")
    content = wal.read_bytes()
    wal.write_bytes(content[: len(content) // 2] + tail)
    said = nursery.start("dump", path)
    time.sleep(0)
    deadline = time.monotonic() + 30
    while not said.said() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "were acknowledged" in said.said()[0] or "XX001" in said.said()[0], said.said()
