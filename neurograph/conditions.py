"""Texts given to methods (``where=``, ``cost=``): checked alone, run in a statement, blamed in the user's own text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ng_engine.errors import Error
from ngql.parse import parse

if TYPE_CHECKING:
    from neurograph.database import Database
    from neurograph.result import Result

__all__ = ["costed", "filtered"]


def filtered(
    database: Database, head: str, where: str, params: Mapping[str, Any] | None, tail: str = ""
) -> Result:
    """Run the statement ``head WHERE (where) tail``.

    Args:
        database: where.
        head: all before WHERE, on one line.
        where: the user's condition.
        params: values of its parameters, and of those of `head` and `tail`, whose names begin with ``ng_``.
        tail: all after the condition.

    Raises:
        Error: the condition's, with its place in the condition; other errors have no place.
        ValueError: the condition is empty.
        TypeError: it is no text, or `params` is no mapping.
    """
    if isinstance(where, str) and not where.strip():
        raise ValueError("where must be a condition; None stands for no condition")
    return _run(database, f"{head} WHERE", "where", where, params, tail)


def costed(
    database: Database, head: str, cost: str, params: Mapping[str, Any] | None, tail: str = ""
) -> Result:
    """Run the statement ``head COST (cost) tail``; the arguments and errors are those of `filtered`."""
    if isinstance(cost, str) and not cost.strip():
        raise ValueError("cost must be an expression; None counts hops")
    return _run(database, f"{head} COST", "cost", cost, params, tail)


def _run(
    database: Database, head: str, what: str, text: str, params: Mapping[str, Any] | None, tail: str
) -> Result:
    if not isinstance(text, str):
        raise TypeError(f"{what} must be a str, not {type(text).__name__}")
    if params is not None and not isinstance(params, Mapping):
        raise TypeError(f"params must be a mapping of name to value, not {type(params).__name__}")
    try:
        _require_alone(text)
        return database.execute(f"{head} (\n{text}\n) {tail}", params)
    except Error as error:
        raise _placed(error, text) from None


@lru_cache(maxsize=128)
def _require_alone(text: str) -> None:
    """An expression that closes the bracket around it, as in ``a) OR (b``, is no expression by itself."""
    parse(f"SELECT * FROM tokens WHERE\n{text}")


def _placed(error: Error, text: str) -> Error:
    """The error with its place in the user's text, which begins on the second line of the statement."""
    error.message = error.message.replace("$ng_", "")
    line, column = error.line, error.column
    error.statement, error.line, error.column = text, None, None
    if line is not None and column is not None and 1 < line <= text.count("\n") + 2:
        return error.at(text, line - 1, column, error.length)
    return error
