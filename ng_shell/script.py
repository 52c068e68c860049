r"""A script into pieces: statements, and between them meta-commands on lines of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ngql.scan import lexemes

__all__ = ["Piece", "parameters", "pieces"]

_SILENT = ("blank", "comment", "block")


@dataclass(frozen=True, slots=True)
class Piece:
    """A statement without its semicolon, or a meta-command without its line break; `start` is its place."""

    text: str
    start: int

    @property
    def is_meta(self) -> bool:
        r"""Whether it is a `\command`."""
        return self.text.startswith("\\")


def pieces(script: str) -> Iterator[Piece]:
    r"""Cut a script.

    A backslash where a statement could begin starts a meta-command that takes the rest of its line. Anything else
    runs to its semicolon, whatever is in it; the last statement needs none.

    Args:
        script: any text.

    Example:
        >>> [piece.text for piece in pieces("\\x on\nSELECT 1; SELECT ';'")]
        ['\\x on', 'SELECT 1', "SELECT ';'"]
    """
    at = 0
    while at is not None and at < len(script):
        piece, at = _next(script, at)
        if piece is not None:
            yield piece


def _next(script: str, at: int) -> tuple[Piece | None, int]:
    first: int | None = None
    last = at
    for kind, start, end in lexemes(script, at):
        if kind in _SILENT:
            continue
        if first is None and script[start] == "\\":
            stop = script.find("\n", start)
            stop = len(script) if stop < 0 else stop
            return Piece(script[start:stop].rstrip(), start), stop
        if kind == "symbol" and script[start] == ";":
            return (None if first is None else Piece(script[first:last], first)), end
        if first is None:
            first = start
        last = end
    return (None if first is None else Piece(script[first:last], first)), len(script)


def parameters(statement: str) -> set[str]:
    """The names of the `$name` parameters of a statement.

    Example:
        >>> sorted(parameters("SELECT $b, '$c', $a, $1"))
        ['a', 'b']
    """
    names = (statement[start + 1 : end] for kind, start, end in lexemes(statement) if kind == "parameter")
    return {name for name in names if name and not name[0].isdigit()}
