"""Queries as steps: one engine call where that is the whole answer, else SQL over the rows of engine calls."""

from __future__ import annotations

import sys
from typing import Any

from ngql import bound
from ngql.lower.access import lower_engine_query
from ngql.plan import EngineQuery

__all__ = ["lower_query"]


def lower_query(query: bound.Query | EngineQuery, text: str, casts: tuple[str, ...] | None = None) -> Any:
    """A planned query as a step.

    Args:
        query: what the rules left of it.
        text: the statement, for the places of errors.
        casts: DuckDB types that the columns must have ("" for any); then the query goes through the tail.
    """
    if isinstance(query, EngineQuery) and casts is None:
        return lower_engine_query(query, text)
    # sqlglot takes 0.1 s to import, and a query that the engine answers alone never needs it.
    try:
        from ngql.lower.sql import TailQuery
    except BaseException:
        _forget_parts("sqlglot")
        raise

    return TailQuery(text).step(query, casts)


def _forget_parts(package: str) -> None:
    """After Ctrl-C in the middle of an import: Python forgets the package, not those of its parts that were done.

    A second import would not put them into the new package, which then would never work.
    """
    if package not in sys.modules:
        for name in [name for name in sys.modules if name.startswith(f"{package}.")]:
            del sys.modules[name]
