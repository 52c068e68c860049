"""`salvage`: what is whole of a damaged file."""

from __future__ import annotations

import os
from typing import TypedDict

from neurograph.location import location
from ng_engine import RuntimeStorage

__all__ = ["Salvaged", "salvage"]


class Salvaged(TypedDict):
    """What `salvage` could and could not copy.

    Attributes:
        tokens: how many were copied.
        connections: how many were copied.
        lost: the place and the reason of everything that was not, as far as it is known.
    """

    tokens: int
    connections: int
    lost: list[tuple[str, str]]


def salvage(src: str | os.PathLike[str], dst: str | os.PathLike[str]) -> Salvaged:
    """Copy what is whole of a damaged store into a new one; the damaged file is not changed.

    Nothing is guessed: a segment or commit whose checksum fails is left out and listed, and so is a connection with an
    end that is lost. An undamaged store is copied whole.

    Args:
        src: the damaged store; close it everywhere first.
        dst: the new store's name; there must be no such file.

    Returns:
        How much was copied, and what was lost.

    Raises:
        Error: 58P01 there is no such file or directory, 58P02 `dst` exists, XX001 nothing of a store is left in
            `src`, 42501 not allowed, 53100 disk full, 58030 I/O.

    Example:
        >>> import os, tempfile
        >>> import neurograph as ng
        >>> directory = tempfile.mkdtemp()
        >>> with ng.connect(os.path.join(directory, "world.ng")) as db:
        ...     _ = db.tokens.create(key="a", coords=[0.0] * 8)
        >>> salvage(os.path.join(directory, "world.ng"), os.path.join(directory, "whole.ng"))
        {'tokens': 1, 'connections': 0, 'lost': []}
    """
    found = RuntimeStorage.salvage(location("src", src), location("dst", dst))
    return Salvaged(tokens=found["tokens"], connections=found["connections"], lost=list(found["lost"]))
