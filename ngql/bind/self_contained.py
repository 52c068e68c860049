"""Queries that run before the statement they stand in: they take the WITH queries they name with them."""

from __future__ import annotations

from dataclasses import replace

from ngql import ast, bound
from ngql.bind.context import Context

__all__ = ["self_contained"]


def self_contained(context: Context, query: bound.Query, node: ast.Node) -> bound.Query:
    """The query with those of the WITH queries around it that it names.

    Errors: 0A000 for one that is not done yet: the WITH RECURSIVE query that `node` is a part of.
    """
    wanted = _named(query)
    for tables in reversed(context.tables):
        kept: list[bound.Cte] = []
        done = {cte.name for cte in tables.queries}
        for name in sorted(name for name in wanted & tables.columns.keys() if name not in done):
            raise context.later(f'starting from "{name}" in its own definition', node)
        for cte in reversed(tables.queries):
            if cte.name in wanted:
                wanted.discard(cte.name)
                wanted |= _named(cte.query) - ({cte.name} if tables.recursive else set())
                kept.insert(0, cte)
        if kept:
            query = replace(_bare(query), ctes=tuple(kept), recursive=tables.recursive)
    return query


def _named(query: bound.Query) -> set[str]:
    """The WITH queries that it names, its own included: one too many costs nothing."""
    return {node.name for node in bound.walk(query) if isinstance(node, bound.CteSource)}


def _bare(query: bound.Query) -> bound.Query:
    """The query without a WITH of its own."""
    if not query.ctes:
        return query
    return bound.Block((bound.Item(bound.Star("q"), "*"),), bound.DerivedSource("q", query, None))
