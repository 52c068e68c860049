"""Processes to start and kill, seeds that are printed, figures of the campaign.

`SEED` repeats a run; `SOAK` makes it the campaign; `FIGURES` names the file that gets a line of JSON a harness.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

JOBS = Path(__file__).parents[1] / "crash_jobs.py"
PATIENCE = 60.0


class Process:
    """A process of the nursery; what it says goes into a file, so nothing is lost with it."""

    def __init__(self, pid: int, output: Path) -> None:
        self.pid, self._output, self._gone = pid, output, False

    def said(self) -> list[str]:
        text = self._output.read_text("utf-8") if self._output.exists() else ""
        return text[: text.rfind("\n") + 1].splitlines()

    def wait_for(self, line: str, patience: float = PATIENCE) -> None:
        until = time.monotonic() + patience
        while line not in (said := self.said()):
            failed = [text for text in said if text.startswith("failed")]
            assert not failed, failed
            assert time.monotonic() < until, f"it does not say {line!r} but {said}"
            time.sleep(0.0005)

    def kill(self) -> list[str]:
        """kill −9, and wait until it is gone. Once: a number that is free again may be anybody's."""
        if not self._gone:
            self._gone = True
            try:
                os.kill(self.pid, signal.SIGKILL)
                while True:
                    os.kill(self.pid, 0)
                    time.sleep(0.0002)
            except ProcessLookupError:
                pass
        return self.said()

    def end(self, patience: float = PATIENCE) -> list[str]:
        self.wait_for("end", patience)
        self._gone = True
        return self.said()[:-1]


class Nursery:
    """Where processes come from that are killed: the SDK is imported there already."""

    def __init__(self, directory: Path) -> None:
        self._directory, self._number, self._alive = directory, 0, list[Process]()
        self._process = subprocess.Popen(
            [sys.executable, JOBS, "nursery"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout and self._process.stdout.readline() == "ready\n"

    def start(self, job: str, *arguments: object) -> Process:
        assert self._process.stdin and self._process.stdout
        self._number += 1
        output = self._directory / f"output-{self._number}"
        order = {"job": job, "arguments": [str(a) for a in arguments], "stdout": str(output)}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        process = Process(int(self._process.stdout.readline()), output)
        self._alive.append(process)
        return process

    def run(self, job: str, *arguments: object) -> list[str]:
        """Start it and wait for its end; what it said."""
        return self.start(job, *arguments).end()

    def close(self) -> None:
        for process in self._alive:
            process.kill()
        self._process.communicate()


@pytest.fixture(scope="session")
def soak() -> bool:
    return "SOAK" in os.environ


@pytest.fixture
def fast(tmp_path: Path) -> Iterator[Path]:
    """A directory in memory, where nothing depends on real syncs: kill −9 leaves what was written."""
    if not os.path.isdir("/dev/shm"):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="neurograph-crash-", dir="/dev/shm") as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    nursery = Nursery(tmp_path_factory.mktemp("nursery"))
    yield nursery
    nursery.close()


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """Random numbers of a printed seed."""
    seed = int(os.environ.get("SEED") or random.randrange(1 << 40))
    print(f"{request.node.name}: SEED={seed}")
    return random.Random(seed)


@pytest.fixture
def figures() -> Iterator[Callable[..., None]]:
    """Note what a campaign has done; written when the test is through."""
    lines, began = list[dict[str, Any]](), time.monotonic()

    def note(harness: str, **counts: Any) -> None:
        lines.append({"harness": harness, "seconds": round(time.monotonic() - began, 1), **counts})

    yield note
    for line in lines:
        print(line)
        if path := os.environ.get("FIGURES"):
            with open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
