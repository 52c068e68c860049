"""Whether Enter should run a text, or open another line."""

from __future__ import annotations

from ng_engine.errors import Error
from ngql import tables
from ngql.automaton import Automaton, Refused
from ngql.scan import lexemes, scan

__all__ = ["is_complete"]

_OPEN = ("open_string", "open_quoted", "open_block")


def is_complete(text: str) -> bool:
    """Whether a text is ready to run.

    It is when a semicolon ends its last statement, when it says nothing at all, and when nothing typed after it could
    make it right: then the error is due. Inside a string, a quoted name or a comment it never is.

    Args:
        text: what has been typed so far.

    Example:
        >>> is_complete("SELECT key"), is_complete("SELECT key FROM tokens;"), is_complete("SELECT 'a;")
        (False, True, False)
    """
    start = 0  # of the statement being typed
    inside = False
    for kind, first, _end in lexemes(text):
        if kind in _OPEN:
            return False
        if kind in ("blank", "comment", "block"):
            continue
        if kind == "symbol" and text[first] == ";":
            inside = False
        elif not inside:
            inside, start = True, first
    return not inside or _is_hopeless(text[start:])


def _is_hopeless(statement: str) -> bool:
    """Whether no continuation on another line makes this a statement."""
    language = tables.load()
    try:
        tokens = scan(statement, language.symbols)
        Automaton(language, tokens).run(len(tokens))
    except (Refused, Error):
        return True
    return False
