"""`connect`: the one way in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from neurograph.database import Database
from neurograph.location import location
from neurograph.settings import level, memory_bytes, seconds, timeout_seconds
from ng_engine import RuntimeStorage
from ng_engine.errors import from_sqlstate

__all__ = ["connect"]

MEMORY = ":memory:"
_MOST_VERSIONS = 2**63 - 1


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
        path: the store's file, made if it is missing; relative to the current directory, ``~`` is not expanded.
            ``":memory:"`` is a new store that is gone when it is closed.
        read_only: refuse every write (25006); what other processes and handles commit is seen all the same. The file
            must exist.
        synchronous: when a commit counts as durable: ``"full"``, on disk when it returns; ``"normal"``, it survives
            the end of the process but perhaps not of the machine; ``"off"``, the operating system decides.
        memory_limit: bytes, or text such as ``"512MB"``, that the store and DuckDB may hold together: what would take
            more is refused (53200). None is no limit for the store, and a quarter of the machine's memory for DuckDB.
        busy_timeout: seconds that a write waits for another writer before 55P03.
        axes: eight names for the axes of a new store; of one that exists, the names it must have.
        statement_timeout: seconds, or text such as ``"500ms"``, after which a statement is cancelled (57014).
        allow_external: let the relational part of statements (DuckDB) reach files, extensions and settings.
        allowed_paths: directories below which COPY and BACKUP may read and write, symbolic links followed; None
            allows every path.
        history_versions: how many of the latest commits a checkpoint leaves in the log, as far as they fit a twentieth
            of the file, or 4 MiB.
        accept_history: open a file whose history is shorter than what was acknowledged, for example an older copy
            put in its place, and take it for the truth from now on; otherwise that is XX001.

    Returns:
        The database; use it in a ``with`` statement, or call `Database.close`.

    Raises:
        NotSupportedError: 0A000, the file is of a newer version.
        DataError: 22023, 22003, a value is out of range, or the axes are not the store's.
        OperationalError: 58P01 no such file or directory, 55P03 locked, 53100 disk full, 58030 I/O.
        ProgrammingError: 42501, the system does not allow it.
        InternalError: XX001, the file is damaged, or no store.
        TypeError: an argument is of the wrong type.

    Example:
        >>> with connect(axes=["x", "y", "z", "roll", "pitch", "yaw", "time", "cost"]) as db:
        ...     db.runtime.axes[0]
        'x'

        >>> import os, tempfile
        >>> world = os.path.join(tempfile.mkdtemp(), "world.ng")
        >>> with connect(world) as db:
        ...     _ = db.tokens.create(key="cup", coords=[0.1] * 8)
        >>> with connect(world, read_only=True) as db:
        ...     db.execute("SELECT key FROM tokens").fetchall()
        [('cup',)]
    """
    _flags(read_only=read_only, allow_external=allow_external, accept_history=accept_history)
    if not isinstance(synchronous, str):
        raise TypeError(f"synchronous must be a str, not {type(synchronous).__name__}")
    synchronous = level(synchronous)
    for name, value, kinds in (
        ("memory_limit", memory_limit, (int, str)),
        ("statement_timeout", statement_timeout, (int, float, str)),
    ):
        if value is not None and (isinstance(value, bool) or not isinstance(value, kinds)):
            raise TypeError(f"{name} must be a number or text, not {type(value).__name__}")
    timeout = timeout_seconds("statement_timeout", statement_timeout)
    limit = memory_bytes("memory_limit", memory_limit)
    _require_versions(history_versions)
    if isinstance(allowed_paths, (str, bytes, os.PathLike)):
        raise TypeError("allowed_paths is a sequence of paths, not one path")
    if isinstance(busy_timeout, bool) or not isinstance(busy_timeout, (int, float)):
        raise TypeError(f"busy_timeout must be a number of seconds, not {type(busy_timeout).__name__}")
    busy_timeout = seconds("busy_timeout", busy_timeout)
    names = None if axes is None else _names(axes)
    allowed = None if allowed_paths is None else [location("allowed_paths", each) for each in allowed_paths]
    if isinstance(path, (str, os.PathLike)) and os.fspath(path) == MEMORY:
        storage = RuntimeStorage.memory(names)
    else:
        storage = RuntimeStorage.open(
            location("path", path),
            read_only=read_only,
            synchronous=synchronous,
            axes=names,
            history_versions=history_versions,
            accept_history=accept_history,
        )
    return Database(
        storage,
        read_only=read_only,
        busy_timeout=busy_timeout,
        synchronous=synchronous,
        statement_timeout=timeout,
        memory_limit=limit,
        allow_external=allow_external,
        allowed_paths=allowed,
    )


def _flags(**flags: Any) -> None:
    for name, value in flags.items():
        if not isinstance(value, bool):
            raise TypeError(f"{name} must be True or False, not {type(value).__name__}")


def _require_versions(count: Any) -> None:
    if isinstance(count, bool) or not isinstance(count, int):
        raise TypeError(f"history_versions must be an int, not {type(count).__name__}")
    if count < 0:
        raise from_sqlstate("22023", "history_versions must not be negative")
    if count > _MOST_VERSIONS:
        raise from_sqlstate("22003", "history_versions is out of range")


def _names(axes: Sequence[str]) -> list[str]:
    if isinstance(axes, (str, bytes)) or not isinstance(axes, Sequence):
        raise TypeError(f"axes must be a sequence of eight names, not {type(axes).__name__}")
    for name in axes:
        if not isinstance(name, str):
            raise TypeError(f"the name of an axis must be a str, not {type(name).__name__}")
    return list(axes)
