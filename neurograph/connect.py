"""`connect`: the one way in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from neurograph.database import Database
from neurograph.settings import memory_bytes, seconds, timeout_seconds
from ng_engine import RuntimeStorage
from ng_engine.errors import NotSupportedError, from_sqlstate

__all__ = ["connect"]

MEMORY = ":memory:"


def connect(
    path: str | os.PathLike[str] = MEMORY,
    *,
    read_only: bool = False,
    synchronous: str = "full",
    memory_limit: int | str | None = None,
    busy_timeout: float = 5.0,
    axes: Sequence[str] | None = None,
    statement_timeout: float | str | None = None,
    allow_external: bool = False,
    allowed_paths: Sequence[str | os.PathLike[str]] | None = None,
    history_versions: int = 1000,
    accept_history: bool = False,
) -> Database:
    """Open a store.

    Args:
        path: ``":memory:"``, a new store that is gone when it is closed. Files are not supported yet.
        read_only: refuse every write (25006).
        synchronous: when a commit counts as durable: ``"full"``, ``"normal"`` or ``"off"``. Only the default
            yet: a store in memory has nothing to sync.
        memory_limit: bytes, or text such as ``"512MB"``, that the store and DuckDB may hold together: what would take
            more is refused (53200). None is no limit for the store, and a quarter of the machine's memory for DuckDB.
        busy_timeout: seconds that a write waits for another writer before 55P03.
        axes: eight names for the axes of a new store.
        statement_timeout: seconds, or text such as ``"500ms"``, after which a statement is cancelled (57014).
        allow_external: let the relational part of statements (DuckDB) reach files, extensions and settings.
        allowed_paths: directories below which COPY may read and write, symbolic links followed; None allows
            every path.
        history_versions: not supported yet: how many versions of the profile's history a file keeps.
        accept_history: not supported yet: open a file whose log is shorter than was acknowledged.

    Returns:
        The database; use it in a ``with`` statement, or call `Database.close`.

    Raises:
        NotSupportedError: 0A000, an argument asks for something that is not built yet; it names which.
        DataError: a value is out of range.
        TypeError: an argument is of the wrong type.

    Example:
        >>> with connect(axes=["x", "y", "z", "roll", "pitch", "yaw", "time", "cost"]) as db:
        ...     db.runtime.axes[0]
        'x'
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path is text or a path, not {type(path).__name__}")
    if os.fspath(path) != MEMORY:
        raise NotSupportedError("durable stores are not supported yet", hint=f'connect("{MEMORY}")')
    if synchronous not in ("full", "normal", "off"):
        raise from_sqlstate("22023", "synchronous is full, normal or off")
    _later("synchronous", synchronous, "full")
    _later("history_versions", history_versions, 1000)
    _later("accept_history", accept_history, False)
    if isinstance(allowed_paths, (str, bytes, os.PathLike)):
        raise TypeError("allowed_paths is a sequence of paths, not one path")
    if isinstance(busy_timeout, bool) or not isinstance(busy_timeout, (int, float)):
        raise TypeError(f"busy_timeout must be a number of seconds, not {type(busy_timeout).__name__}")
    storage = RuntimeStorage.memory(None if axes is None else _names(axes))
    return Database(
        storage,
        read_only=bool(read_only),
        busy_timeout=seconds("busy_timeout", busy_timeout),
        statement_timeout=timeout_seconds("statement_timeout", statement_timeout),
        memory_limit=memory_bytes("memory_limit", memory_limit),
        allow_external=bool(allow_external),
        allowed_paths=None if allowed_paths is None else [os.fspath(allowed) for allowed in allowed_paths],
    )


def _names(axes: Sequence[str]) -> list[str]:
    if isinstance(axes, (str, bytes)) or not isinstance(axes, Sequence):
        raise TypeError(f"axes must be a sequence of eight names, not {type(axes).__name__}")
    for name in axes:
        if not isinstance(name, str):
            raise TypeError(f"the name of an axis must be a str, not {type(name).__name__}")
    return list(axes)


def _later(name: str, value: Any, default: Any) -> None:
    if value != default:
        raise NotSupportedError(f"{name} is not supported yet")
