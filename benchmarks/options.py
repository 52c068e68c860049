"""What a run was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """The same for every section."""

    quick: bool
    """Little data, few rounds: proves that it works."""
    seconds: float
    """How long the processes read and write beside each other."""
    directory: Path
    """Where files of durable stores are made: on the disk to be measured."""
