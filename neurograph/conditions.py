"""Conditions given to methods (``where=``): checked alone, run within a statement, blamed in the user's own text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ng_engine.errors import Error
from ngql.parse import parse

if TYPE_CHECKING:
    from neurograph.database import Database
    from neurograph.result import Result

__all__ = ["filtered"]


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
    if not isinstance(where, str):
        raise TypeError(f"where must be a str, not {type(where).__name__}")
    if not where.strip():
        raise ValueError("where must be a condition; None stands for no condition")
    if params is not None and not isinstance(params, Mapping):
        raise TypeError(f"params must be a mapping of name to value, not {type(params).__name__}")
    try:
        _require_alone(where)
        return database.execute(f"{head} WHERE (\n{where}\n) {tail}", params)
    except Error as error:
        raise _placed(error, where) from None


@lru_cache(maxsize=128)
def _require_alone(where: str) -> None:
    """A condition that closes the bracket around it, as in ``a) OR (b``, is no condition by itself."""
    parse(f"SELECT * FROM tokens WHERE\n{where}")


def _placed(error: Error, where: str) -> Error:
    """The error with its place in the condition, which begins on the second line of the statement."""
    error.message = error.message.replace("$ng_", "")
    line, column = error.line, error.column
    error.statement, error.line, error.column = where, None, None
    if line is not None and column is not None and 1 < line <= where.count("\n") + 2:
        return error.at(where, line - 1, column, error.length)
    return error
