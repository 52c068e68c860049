"""The one error tree of the project: PEP 249 classes, each carrying an SQLSTATE.

Every layer raises these and nothing else; the native module builds them through `from_sqlstate`,
the language adds the place in the statement through `Error.at`.
"""

from __future__ import annotations

import re
from typing import Self

__all__ = [
    "DataError",
    "DatabaseError",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NgqlSyntaxError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Warning",
    "from_sqlstate",
]

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SHOWN_LINE = 160


def escape_control(text: str) -> str:
    """Show control, bidi and lone surrogate characters as escapes, so that a message cannot drive a terminal."""
    return _CONTROL.sub(lambda m: f"\\x{ord(m[0]):02x}" if ord(m[0]) < 256 else f"\\u{ord(m[0]):04x}", text)


class Warning(Exception):
    """PEP 249 `Warning`; never raised by NeuroGraph itself."""


class Error(Exception):
    """Base of every error.

    Attributes:
        sqlstate: five-character SQLSTATE code, e.g. ``"42601"``.
        hint: what to try instead, or None.
        line: 1-based line in the statement, or None when the error has no place.
        column: 1-based column (in characters), or None.
        length: how many characters the caret underlines, at least 1.
        statement: the statement the error belongs to, or None.

    Example:
        >>> e = from_sqlstate("42703", 'column "wieght" does not exist', hint='did you mean "weight"?')
        >>> print(e.at("SELECT wieght FROM tokens", 1, 8, 6))
        column "wieght" does not exist
        LINE 1: SELECT wieght FROM tokens
                       ^^^^^^
        HINT: did you mean "weight"?
    """

    sqlstate: str = "XX000"

    def __init__(self, message: str, *, sqlstate: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = escape_control(message)
        if sqlstate is not None:
            self.sqlstate = sqlstate
        self.hint = hint
        self.line: int | None = None
        self.column: int | None = None
        self.length: int = 1
        self.statement: str | None = None

    def at(self, statement: str, line: int, column: int, length: int = 1) -> Self:
        """Give the error its place in `statement` (1-based line and column); returns itself."""
        self.statement, self.line, self.column, self.length = statement, line, column, max(1, length)
        return self

    def __str__(self) -> str:
        parts = [self.message]
        if self.statement is not None and self.line is not None and self.column is not None:
            lines = self.statement.split("\n")
            source = lines[self.line - 1] if 0 < self.line <= len(lines) else ""
            parts.append(_caret(source, self.line, self.column, self.length))
        if self.hint:
            parts.append(f"HINT: {escape_control(self.hint)}")
        return "\n".join(parts)


def _caret(source: str, line: int, column: int, length: int) -> str:
    """One source line with carets below; a long line is cut to a window around the place."""
    source = source.replace("\t", " ")
    start = 0
    if len(source) > _SHOWN_LINE:
        start = max(0, min(column - 1 - _SHOWN_LINE // 2, len(source) - _SHOWN_LINE))
    shown = source[start : start + _SHOWN_LINE]
    head, tail = ("..." if start else ""), ("..." if start + _SHOWN_LINE < len(source) else "")
    label = f"LINE {line}: {head}"
    before = escape_control(shown[: column - 1 - start])
    carets = "^" * max(1, min(length, len(shown) - (column - 1 - start)))
    return f"{label}{escape_control(shown)}{tail}\n{' ' * (len(label) + len(before))}{carets}"


class InterfaceError(Error):
    """The interface was misused: for example a closed database."""

    sqlstate = "08003"


class DatabaseError(Error):
    """The engine refused or failed."""


class DataError(DatabaseError):
    """A value is not acceptable (class 22)."""

    sqlstate = "22023"


class OperationalError(DatabaseError):
    """The environment failed: locks, memory, disk, cancellation (classes 40, 53, 55, 57, 58)."""

    sqlstate = "58000"


class IntegrityError(DatabaseError):
    """A constraint would be broken, the CDNA gate included (class 23)."""

    sqlstate = "23000"


class InternalError(DatabaseError):
    """A bug of ours, or a damaged store (class XX)."""

    sqlstate = "XX000"


class ProgrammingError(DatabaseError):
    """The statement or call is wrong (class 42)."""

    sqlstate = "42000"


class NotSupportedError(DatabaseError):
    """Valid, but not built (yet); the message names what is missing."""

    sqlstate = "0A000"


class NgqlSyntaxError(ProgrammingError):
    """The text is not NGQL (42601), or nests too deep or is too long (54001)."""

    sqlstate = "42601"


_BY_CODE: dict[str, type[Error]] = {"42601": NgqlSyntaxError, "54001": NgqlSyntaxError}
_BY_CLASS: dict[str, type[Error]] = {
    "08": InterfaceError,
    "0A": NotSupportedError,
    "21": ProgrammingError,
    "22": DataError,
    "23": IntegrityError,
    "25": OperationalError,
    "26": ProgrammingError,
    "34": ProgrammingError,
    "3B": ProgrammingError,
    "40": OperationalError,
    "42": ProgrammingError,
    "53": OperationalError,
    "54": OperationalError,
    "55": OperationalError,
    "57": OperationalError,
    "58": OperationalError,
    "XX": InternalError,
}


def from_sqlstate(sqlstate: str, message: str, hint: str | None = None) -> Error:
    """Build the error whose class follows from the SQLSTATE.

    Args:
        sqlstate: five characters, as listed in docs/LANGUAGE.md.
        message: lower-case, in PostgreSQL's manner, without parameter values.
        hint: what to try instead.

    Returns:
        An instance of the matching subclass of `Error`, ready to raise.
    """
    cls = _BY_CODE.get(sqlstate) or _BY_CLASS.get(sqlstate[:2], DatabaseError)
    return cls(message, sqlstate=sqlstate, hint=hint)
