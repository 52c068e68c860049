"""`SELECT count(*)` over one table is a count, not a scan."""

from __future__ import annotations

from ngql import bound
from ngql.plan import Count, EngineQuery, Scan
from ngql.rules.shape import only_source

__all__ = ["count_rows"]


def count_rows(block: bound.Block) -> bound.Block | EngineQuery:
    """Count in the engine when nothing but the count is asked."""
    source = only_source(block)
    if source is None or type(source.access) is not Scan or source.near is not None:
        return block
    rest = (block.where, block.group, block.having, block.order, block.limit, block.offset, block.ctes)
    if any(rest) or block.distinct or block.qualify is not None or len(block.items) != 1:
        return block
    if source.access.limit is not None or source.access.offset is not None:
        return block
    match block.items[0].expr:
        case bound.Call(name="count", args=(bound.Star(),), distinct=False, filter=None, over=None):
            access = Count(
                table=source.access.table, filter=source.access.filter, span=block.items[0].expr.span
            )
            return EngineQuery(access, (("count", block.items[0].name),))
    return block
