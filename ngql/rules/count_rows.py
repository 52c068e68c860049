"""`SELECT count(*)` over one table, or over what a search finds in it, is a count: nothing is gathered or sorted."""

from __future__ import annotations

from dataclasses import replace

from ngql import bound
from ngql.plan import Boxed, Count, EngineQuery, Nearest, Scan
from ngql.rules.distance_filter import bounded
from ngql.rules.shape import only_source

__all__ = ["count_rows"]


def count_rows(block: bound.Block) -> bound.Block | EngineQuery:
    """Count in the engine when nothing but the count is asked."""
    source = only_source(block)
    if source is None or source.near is not None:
        return block
    rest = (block.where, block.group, block.having, block.order, block.limit, block.offset, block.ctes)
    if any(rest) or block.distinct or block.qualify is not None or len(block.items) != 1:
        return block
    if source.access.limit is not None or source.access.offset is not None:
        return block
    match block.items[0].expr:
        case bound.Call(
            name="count", args=(bound.Star(),), distinct=False, filter=None, over=None, span=span
        ):
            counted = _counted(source)
            if counted is not None:
                return EngineQuery(replace(counted, span=span), (("count", block.items[0].name),))
    return block


def _counted(source: bound.AccessSource) -> Count | None:
    """The count of what a scan, a search within a radius or one in a box gives."""
    access = source.access
    if isinstance(access, Nearest):
        return _within(access, source)
    if type(access) is Scan or isinstance(access, Boxed):
        return Count(table=access.table, of=access)
    return None


def _within(access: Nearest, source: bound.AccessSource) -> Count | None:
    """A bound on the distance among the conditions is the radius of the count, and no condition any more."""
    if access.near.radius is not None:
        return Count(of=access)
    for term in access.filter:
        found = bounded(term, source)
        if found is not None and (found.near, found.limit) == (access.near, access.within):
            rest = tuple(other for other in access.filter if other is not term)
            return Count(of=replace(access, filter=rest), within=found.limit, strict=found.strict)
    return None
