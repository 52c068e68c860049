"""Which files may be read and written, and how they are opened safely."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from ng_engine.errors import Error, from_sqlstate

__all__ = ["file_error", "open_source", "open_target", "resolve_target", "sync_directory"]

PathLike = str | os.PathLike[str]

_KINDS = {
    stat.S_IFDIR: "a directory",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
}


def file_error(path: PathLike, error: OSError) -> Error:
    """An operating system error on a file: 58P01, 58P02, 42501, 53100 or 58030."""
    name = os.fspath(path)
    if error.errno in (
        errno.ENOENT,
        errno.ENOTDIR,
        errno.ENAMETOOLONG,
        errno.ELOOP,
        errno.ENXIO,
        errno.ENODEV,
    ):
        reason = (
            os.strerror(error.errno) if error.errno != errno.ENOENT else "no such file or directory"
        ).lower()
        return from_sqlstate("58P01", f'cannot open file "{name}": {reason}')
    if error.errno == errno.EISDIR:
        return from_sqlstate("58P01", f'"{name}" is a directory, not a file')
    if error.errno == errno.EEXIST:
        return from_sqlstate("58P02", f'file "{name}" exists', hint="OVERWRITE replaces it")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return from_sqlstate(
            "42501", f'not allowed to open file "{name}": {os.strerror(error.errno).lower()}'
        )
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return from_sqlstate("53100", f'disk full while writing "{name}"')
    return from_sqlstate("58030", f'I/O error on file "{name}": {error.strerror or type(error).__name__}')


def _resolve(path: PathLike, allowed: Sequence[PathLike] | None) -> Path:
    """The path with every symbolic link followed, if it lies below one of the allowed ones."""
    name = os.fspath(path)
    if not isinstance(name, str):
        raise TypeError(f"a path is text, not {type(name).__name__}")
    if "\0" in name or not name:
        raise from_sqlstate("58P01", "a file name is empty or holds a NUL character")
    try:
        resolved = Path(os.path.realpath(name))
    except OSError as error:
        raise file_error(path, error) from None
    except ValueError:
        raise from_sqlstate("58P01", "a file name is not valid Unicode") from None
    if allowed is not None:
        roots = [Path(os.path.realpath(root)) for root in allowed]
        if not any(resolved == root or root in resolved.parents for root in roots):
            raise from_sqlstate("42501", f'file "{name}" lies outside the allowed paths')
    return resolved


def _require_regular(path: PathLike, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise from_sqlstate("58P01", f'"{os.fspath(path)}" is {kind}, not a file')


def open_source(path: PathLike, allowed: Sequence[PathLike] | None = None) -> BinaryIO:
    """Open a regular file for reading.

    Args:
        path: where it is; symbolic links are followed before `allowed` is asked.
        allowed: directories (or files) below which it must lie; None allows all.

    Raises:
        Error: 58P01 missing, a directory, a device or a FIFO; 42501 not allowed or not readable; 58030 I/O.
    """
    resolved = _resolve(path, allowed)
    # Checked on the open file, so nothing can be swapped in between; O_NONBLOCK keeps a FIFO from blocking.
    flags = (
        os.O_RDONLY
        | getattr(os, "O_CLOEXEC", 0)
        | getattr(os, "O_NONBLOCK", 0)
        | getattr(os, "O_NOFOLLOW", 0)
    )
    try:
        descriptor = os.open(resolved, flags | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise file_error(path, error) from None
    except ValueError:
        raise from_sqlstate("58P01", "a file name is not valid Unicode") from None
    try:
        _require_regular(path, os.fstat(descriptor).st_mode)
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def resolve_target(
    path: PathLike, *, overwrite: bool = False, allowed: Sequence[PathLike] | None = None
) -> Path:
    """Where a file may be written: the path with every symbolic link followed.

    Args:
        path: where it will be.
        overwrite: whether a regular file may be there.
        allowed: as in `open_source`.

    Raises:
        Error: 58P02 it exists; 58P01 a directory, device or FIFO is there; 42501 not allowed; 58030 I/O.
    """
    resolved = _resolve(path, allowed)
    try:
        mode = os.stat(resolved).st_mode
    except FileNotFoundError:
        return resolved
    except OSError as error:
        raise file_error(path, error) from None
    _require_regular(path, mode)
    if not overwrite:
        raise file_error(path, FileExistsError(errno.EEXIST, "exists"))
    return resolved


@contextlib.contextmanager
def open_target(
    path: PathLike, *, overwrite: bool = False, allowed: Sequence[PathLike] | None = None
) -> Iterator[BinaryIO]:
    """Write a file whole or not at all: a temporary file beside it, synced, then given its name.

    Args:
        path: where it will be; a symbolic link is followed.
        overwrite: replace an existing regular file.
        allowed: as in `open_source`.

    Raises:
        Error: 58P02 it exists; 58P01 no such directory, or a directory, device or FIFO is there; 42501 not
            allowed; 53100 disk full; 58030 I/O.
    """
    resolved = resolve_target(path, overwrite=overwrite, allowed=allowed)
    temporary = resolved.with_name(f".{resolved.name[:200]}.tmp-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _publish(temporary, resolved, overwrite)
    except OSError as error:
        raise file_error(path, error) from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def _publish(temporary: Path, target: Path, overwrite: bool) -> None:
    """Give the file its name; without `overwrite` a file that has appeared meanwhile is not clobbered."""
    if overwrite:
        os.replace(temporary, target)
        return
    try:
        os.link(temporary, target)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP):
            raise
        with open(target, "xb"):  # no hard links here: reserve the name, then replace the reservation
            pass
        os.replace(temporary, target)


def sync_directory(path: PathLike) -> None:
    """Put on disk that a file has its name; where a directory cannot be opened, the system does so by itself."""
    if os.name == "nt":
        return
    descriptor = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
