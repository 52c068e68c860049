"""What every contender can do, each in its own best way."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float32]


class Session:
    """One thread's way to a store."""

    def create(self, point: list[float]) -> None:
        """Store one token and return when it is on the disk."""
        raise NotImplementedError

    def get(self, token: int) -> object:
        """Every field of a token; the newest committed."""
        raise NotImplementedError

    def outgoing(self, token: int) -> int:
        """How many connections begin at a token."""
        raise NotImplementedError

    def update(self, tokens: Ids, weights: Weights) -> None:
        """Give tokens new weights, in one commit that is on the disk on return."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of what the thread held."""


class Store:
    """A store in a file, made if it is not there, at its safest setting: a commit survives a power cut."""

    name: ClassVar[str]
    shared: ClassVar[bool] = False
    """Whether another process may write while this one reads."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def number_from(self, stored: int) -> None:
        """For stores that are told the ids of new tokens."""
        self.fresh = count(stored + 1)

    def session(self) -> Session:
        """A session for the calling thread."""
        raise NotImplementedError

    def count(self) -> int:
        """Number of tokens."""
        raise NotImplementedError

    def prepare(self, points: Points, first: int) -> Any:
        """Tokens with ids from `first`, in the form that the store loads fastest; not timed."""
        raise NotImplementedError

    def load(self, rows: Any) -> None:
        """Store what `prepare` made in one commit that is on the disk on return."""
        raise NotImplementedError

    def connect(self, sources: Ids, targets: Ids) -> None:
        """Connect tokens with each other, in one commit."""
        raise NotImplementedError

    def copy(self, to: Path) -> None:
        """Make a fresh file with the same content."""
        raise NotImplementedError

    def close(self) -> None:
        """Close as users do."""
        raise NotImplementedError
