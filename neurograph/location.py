"""Where a store's file is."""

from __future__ import annotations

import os
from typing import Any

from ng_engine.errors import from_sqlstate

__all__ = ["location"]


def location(name: str, path: Any) -> str:
    """The path of a store, from the root, so that it stays the same when the process changes its directory.

    Symbolic links are left alone and ``~`` is no home directory here, as for `open`.

    Args:
        name: of the argument, for the error.
        path: as it was given.

    Raises:
        TypeError: it is no path.
        Error: 22023 it is empty or no name for a file, 58P01 there is no current directory to start from.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"{name} is text or a path, not {type(path).__name__}")
    given = os.fspath(path)
    if not isinstance(given, str):
        raise TypeError(f"{name} is text or a path of text, not {type(given).__name__}")
    try:
        encoded = os.fsencode(given)
    except UnicodeEncodeError:
        raise from_sqlstate("22023", f"{name} is no name for a file: it is not valid Unicode") from None
    if not encoded or b"\0" in encoded:
        raise from_sqlstate("22023", f"{name} is no name for a file: it is empty or holds a NUL character")
    if os.path.isabs(given):
        return given
    try:
        return os.path.join(os.getcwd(), given)
    except FileNotFoundError:
        raise from_sqlstate("58P01", "the current directory does not exist any more") from None
