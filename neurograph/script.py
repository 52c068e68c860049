"""Scripts: many statements in one text."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ng_engine.errors import Error, from_sqlstate
from ngql.parse import statements as split

__all__ = ["located", "script_text", "statements"]

SUFFIX = ".ngql"


def script_text(script: str | os.PathLike[str]) -> str:
    """The text of a script: of a file when it is a path, or one line that ends in ``.ngql``; otherwise itself.

    Raises:
        Error: 58P01 no such file, 42501 not readable, 22P04 not UTF-8.
    """
    if isinstance(script, str):
        if "\n" in script or not script.endswith(SUFFIX):
            return script
    elif not isinstance(script, os.PathLike):
        raise TypeError(f"a script is text or a path, not {type(script).__name__}")
    try:
        return Path(script).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise from_sqlstate("58P01", f'file "{os.fspath(script)}" does not exist') from None
    except UnicodeDecodeError as error:
        raise from_sqlstate("22P04", f"the script is not UTF-8 text: byte {error.start}") from None
    except PermissionError:
        raise from_sqlstate("42501", f'not allowed to read file "{os.fspath(script)}"') from None
    except OSError as error:
        raise from_sqlstate("58P01", f'cannot read file "{os.fspath(script)}": {error.strerror}') from None


def statements(script: str) -> Iterator[tuple[str, int]]:
    """Each statement of a script and where it begins, as an offset into the script."""
    at = 0
    for statement, _ in split(script):
        at = max(at, script.find(statement, at))
        yield statement, at
        at += len(statement)


def located(error: Error, script: str, offset: int) -> Error:
    """The error of the statement at `offset` with its place in the whole script."""
    first_line = script.count("\n", 0, offset)
    if error.line is None or error.column is None:
        length = len(script[offset:].split("\n", 1)[0])
        return error.at(script, first_line + 1, offset - script.rfind("\n", 0, offset), length)
    column = error.column
    if error.line == 1:
        column += offset - (script.rfind("\n", 0, offset) + 1)
    return error.at(script, first_line + error.line, column, error.length)
