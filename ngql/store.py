"""Steps about the store as a whole: BACKUP TO, CHECK STORE, VACUUM."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ng_arrow.paths import file_error, resolve_target, sync_directory
from ng_engine.errors import Error, from_sqlstate
from ngql import types
from ngql.ast import Span
from ngql.check import check_rows
from ngql.engine import Engine
from ngql.program import Rows, Run, placed
from ngql.values import late
from ngql.writes import Written

__all__ = ["Backup", "CheckStore", "Vacuum", "backup", "outside_transaction", "refuse_store"]

_BESIDE = ("-wal", "-shm", "-mark")
"""What the names of the files beside a store end in."""


def outside_transaction(engine: Engine, what: str) -> None:
    """Refuse what cannot be part of a transaction (25001)."""
    if engine.in_transaction:
        raise from_sqlstate("25001", f"{what} cannot run inside a transaction", "COMMIT or ROLLBACK first")


def refuse_store(engine: Engine, path: str) -> None:
    """Refuse to touch the store's own files (42501): closing one elsewhere in a process drops the store's locks.

    Args:
        engine: a session of the store.
        path: the file that a statement names.
    """
    own = engine.file
    if own is None:
        return
    for name in (own, *(own + end for end in _BESIDE)):
        try:
            same = os.path.samefile(name, path)
        except (OSError, ValueError):
            continue  # one of the two does not exist
        if same:
            raise from_sqlstate("42501", "the file belongs to the open store", "BACKUP TO makes a copy of it")


def backup(
    engine: Engine,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    allowed: Sequence[str | os.PathLike[str]] | None = None,
) -> None:
    """Copy the store into a file, complete or absent, while others go on reading and writing.

    Args:
        engine: a session outside a transaction.
        path: the copy's name; a symbolic link is followed.
        overwrite: replace a store that nobody has open.
        allowed: directories below which the copy must lie; None allows all.

    Raises:
        Error: 58P02 there is such a file, 58P01 no such directory, 42501 not allowed or the store itself, 55P03
            the store to be replaced is in use, 53100 disk full, 58030 I/O.
    """
    outside_transaction(engine, "BACKUP")
    target = str(resolve_target(path, overwrite=overwrite, allowed=allowed))
    refuse_store(engine, target)
    if not os.path.exists(target):
        engine.backup(target)
        return
    _require_settled(target)
    fresh = f"{target}.new-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        engine.backup(fresh)
        _remove(target, _BESIDE)  # the old log goes first: SQLite would take it for the new file's
        os.replace(fresh, target)
        sync_directory(target)
    except OSError as error:
        raise file_error(target, error) from None
    finally:
        _remove(fresh, ("", *_BESIDE))


def _remove(name: str, endings: Sequence[str]) -> None:
    for ending in endings:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name + ending)


def _require_settled(target: str) -> None:
    """Refuse to replace a store whose log still holds commits: it is open, or was not closed."""
    try:
        pending = os.stat(f"{target}-wal").st_size
    except FileNotFoundError:
        return
    except OSError as error:
        raise file_error(target, error) from None
    if pending:
        raise from_sqlstate(
            "55P03",
            "the store to be replaced is in use, or was not closed",
            "close it everywhere, or give the backup another name",
        )


@dataclass(frozen=True, slots=True)
class Backup:
    """BACKUP TO."""

    file: Any
    overwrite: bool
    text: str
    file_span: Span | None
    span: Span | None

    def __call__(self, run: Run) -> Written:
        """Copy the store."""
        try:
            outside_transaction(run.engine, "BACKUP")
        except Error as error:
            raise placed(error, self.text, self.span) from None
        try:
            path = late(self.file, run.engine, run.values)
            allowed = (run.settings or {}).get("allowed_paths")
            backup(run.engine, path, overwrite=self.overwrite, allowed=allowed)
        except Error as error:
            raise placed(error, self.text, self.file_span) from None
        return Written(0)


@dataclass(frozen=True, slots=True)
class CheckStore:
    """CHECK STORE: a row for each kind of damage, so none when the store is sound."""

    text: str
    span: Span | None

    def __call__(self, run: Run) -> Rows:
        """Read the file, then every row."""
        try:
            outside_transaction(run.engine, "CHECK STORE")
            damage = list(run.engine.check_file())
            findings, _, _ = check_rows(run.engine.snapshot())
        except Error as error:
            raise placed(error, self.text, self.span) from None
        return Rows(["place", "problem"], [types.TEXT, types.TEXT], [*damage, *findings], "check")


@dataclass(frozen=True, slots=True)
class Vacuum:
    """VACUUM."""

    text: str
    span: Span | None

    def __call__(self, run: Run) -> Written:
        """Give back room."""
        try:
            outside_transaction(run.engine, "VACUUM")
            run.engine.vacuum()
        except Error as error:
            raise placed(error, self.text, self.span) from None
        return Written(0)
