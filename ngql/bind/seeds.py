"""The query of SPREAD FROM."""

from __future__ import annotations

from ng_engine.errors import Error
from ngql import ast, bound, seeds, types
from ngql.bind.context import Context
from ngql.bind.predicates import BindQuery
from ngql.bind.self_contained import self_contained

__all__ = ["bind_seeds"]


def bind_seeds(context: Context, bind_query: BindQuery, node: ast.Query) -> bound.Query:
    """A query whose rows begin with activation.

    It may not name the rows of the blocks around it: they are not there yet.

    Errors: 42703, 42702 and 42804 for its columns, 0A000 as `self_contained`.
    """
    query, columns = bind_query(node, None)
    if columns is not None:
        try:
            id_, activation = seeds.positions([name for name, _ in columns])
        except Error as error:
            raise context.error(error.sqlstate, error.message, node, error.hint) from None
        if columns[id_][1] not in (types.BIGINT, types.INTEGER, types.UNKNOWN):
            raise context.error("42804", f"SPREAD starts from ids, found {columns[id_][1]}", node)
        given = types.UNKNOWN if activation is None else columns[activation][1]
        if given != types.UNKNOWN and not types.is_number(given):
            raise context.error("42804", f"an activation is a number, found {given}", node)
    return self_contained(context, query, node)
