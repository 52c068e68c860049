"""Power cuts of a real file system: ext4 on a loop device, the writer frozen, the image copied and mounted.

What is copied is what the device has been given; what the file system still holds back is lost. In the campaign only.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import crash_jobs as jobs
import pytest

pytestmark = pytest.mark.skipif("SOAK" not in os.environ, reason="in the campaign only")

MIB = 1 << 20


@contextmanager
def mounted(image: Path, place: Path) -> Iterator[Path]:
    place.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-o", "loop", image, place], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no loop device: {done.stderr}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def cut(
    directory: Path, nursery: Any, rng: random.Random, synchronous: str, seed: int
) -> tuple[int, dict[str, Any] | None]:
    """One writer, one cut: commits acknowledged before it, and what the store then holds; None if it does not open."""
    image, copy = directory / "image", directory / "copy"
    with image.open("wb") as file:
        file.truncate(24 * MIB)
    subprocess.run(["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0", image], check=True)
    with mounted(image, directory / "disk") as disk:
        writer = nursery.start("history", disk / "world.ng", seed, 0, synchronous)
        writer.wait_for("ready")
        # The file system writes back by itself after a few seconds; a cut comes before.
        time.sleep(rng.uniform(0.005, 0.4))
        # Whatever is acknowledged until now must be in the copy, which is made after.
        acknowledged = max((int(line) for line in writer.said() if line.isdigit()), default=0)
        os.kill(writer.pid, signal.SIGSTOP)
        subprocess.run(["cp", "--sparse=always", image, copy], check=True)
        writer.kill()
    with mounted(copy, directory / "after") as after:
        dumped = nursery.start("dump", after / "world.ng")
        until = time.monotonic() + 30
        while "end" not in (said := dumped.said()) and time.monotonic() < until:
            if said and said[0].startswith("failed"):
                return acknowledged, None
            time.sleep(0.001)
        rows = jobs.told(dumped.said()[:-1])
        dumped.kill()
    return acknowledged, rows


def test_a_power_cut_takes_nothing_acknowledged(
    tmp_path: Path, nursery: Any, rng: random.Random, figures: Callable[..., None]
) -> None:
    cuts, commits = 500, 0
    for number in range(cuts):
        seed = rng.randrange(1 << 40)
        acknowledged, rows = cut(tmp_path, nursery, rng, "full", seed)
        commits += acknowledged
        model, states = jobs.empty(), []
        for at in range(acknowledged + 200):
            if at >= acknowledged:
                states.append(model)
            model = jobs.model_of(model, seed, at)
        assert rows is not None, f"seed {seed}, cut {number}: the store does not open"
        assert rows in states, f"seed {seed}, cut {number}: after {acknowledged} commits"
    assert commits > cuts
    figures("power cuts on ext4, synchronous full", cuts=cuts, commits=commits)


def test_control_without_syncs_commits_are_lost(
    tmp_path: Path, nursery: Any, rng: random.Random, figures: Callable[..., None]
) -> None:
    cuts, lost = 20, 0
    for _ in range(cuts):
        seed = rng.randrange(1 << 40)
        acknowledged, rows = cut(tmp_path, nursery, rng, "off", seed)
        model = jobs.empty()
        for at in range(acknowledged):
            model = jobs.model_of(model, seed, at)
        lost += rows is None or (acknowledged > 3 and rows["tokens"] == {})
    assert lost, "the cuts cut nothing: this harness proves nothing"
    figures("power cuts on ext4, control: synchronous off", cuts=cuts, lost=lost)


def test_there_is_room_to_work(tmp_path: Path) -> None:
    assert shutil.disk_usage(tmp_path).free > 200 * MIB
