"""Where the files are, and what they take."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IN_MEMORY = {"tmpfs", "ramfs"}


@contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """A directory for the files of one section, gone afterwards."""
    parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix="benchmark-", dir=parent))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def filesystem(path: Path) -> str:
    """Type of the file system that holds a path, for the report; a warning where nothing reaches a disk."""
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "unknown"
    whole = path.resolve()
    # Of two mounts in one place the later one is seen.
    mounts = {Path(place): kind for _, place, kind, *_ in (line.split() for line in lines)}
    kind = mounts[max((place for place in mounts if whole.is_relative_to(place)), key=lambda p: len(p.parts))]
    return f"{kind}: **in memory, these figures say nothing**" if kind in IN_MEMORY else kind


def allocated(directory: Path) -> int:
    """Bytes that all files of a directory take on the disk, holes left out."""
    return sum(path.stat().st_blocks * 512 for path in directory.rglob("*") if path.is_file())


def mebibytes(size: float) -> str:
    """For tables."""
    return f"{size / 2**20:,.1f}"
