"""Queries as steps: one engine call where that is the whole answer, else SQL over the rows of engine calls."""

from __future__ import annotations

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
    from ngql.lower.sql import TailQuery

    return TailQuery(text).step(query, casts)
