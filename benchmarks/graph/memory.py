"""What the process takes of the memory, as Linux counts it."""

from __future__ import annotations

import gc
from pathlib import Path

STATUS = Path("/proc/self/status")


def resident() -> int:
    """Bytes that are in memory now, garbage of Python left out."""
    gc.collect()
    return _field("VmRSS")


def forget_peak() -> None:
    """Let `peak` begin anew."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak() -> int:
    """The most bytes that were in memory at a time."""
    return _field("VmHWM")


def _field(name: str) -> int:
    lines = STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    found = dict(line.split(":", 1) for line in lines)
    return int(found[name].split()[0]) * 1024
