"""The table of actions: what builds a node when the automaton reduces a rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ng_engine.errors import Error, from_sqlstate
from ngql.ast import Span

ACTIONS: dict[str, Callable[[list[Any], Span], Any]] = {}
"""By rule or alias: `action(symbols, span)`; a symbol is a `Token`, or what another action made."""

_F = TypeVar("_F", bound=Callable[[list[Any], Span], Any])


def action(*names: str) -> Callable[[_F], _F]:
    """Register a function for these rules."""

    def register(function: _F) -> _F:
        for name in names:
            if name in ACTIONS:
                raise ValueError(f"two actions for the rule {name}")
            ACTIONS[name] = function
        return function

    return register


def misplaced(span: Span, message: str, hint: str | None = None, sqlstate: str = "42601") -> Error:
    """An error at a place; `ngql.parse` adds the statement."""
    return from_sqlstate(sqlstate, message, hint).at("", span.line, span.column, span.end - span.start)
