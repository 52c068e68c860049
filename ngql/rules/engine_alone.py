"""A block that asks for nothing but columns of one access needs no tail."""

from __future__ import annotations

from dataclasses import replace

from ngql import bound
from ngql.plan import EngineQuery, Stored
from ngql.rules.shape import keeps_rows, only_source, ordered_by_access

__all__ = ["engine_alone"]


def engine_alone(block: bound.Block) -> bound.Block | EngineQuery:
    """Answer from the access, its columns in the order of the select list."""
    source = only_source(block)
    if source is None or source.near is not None or isinstance(source.access, Stored) or block.ctes:
        return block
    if block.where or block.limit is not None or block.offset is not None:
        return block
    if not keeps_rows(block) or not ordered_by_access(block, source):
        return block
    output = []
    for item in block.items:
        if not isinstance(item.expr, bound.Column) or item.expr.source not in (None, source.alias):
            return block
        output.append((item.expr.name, item.name))
    columns = tuple(dict.fromkeys(name for name, _ in output))
    return EngineQuery(replace(source.access, columns=columns), tuple(output))
