"""`ORDER BY coords <-> point` (or `<+>`) over one table is the engine's search; a LIMIT makes it the k nearest."""

from __future__ import annotations

from dataclasses import replace

from ngql import bound, types
from ngql.filters import is_distance
from ngql.plan import Nearest, Scan, natural_order
from ngql.rules.shape import keeps_rows, only_source, resolved

__all__ = ["order_by_distance"]


def order_by_distance(block: bound.Block) -> bound.Block:
    """Search instead of sort; the same distance in the select list becomes the search's own column."""
    source = only_source(block)
    if source is None or type(source.access) is not Scan or source.near is not None:
        return block
    if not block.order or block.where or not keeps_rows(block):
        return block
    first, *ties = [resolved(block, key) for key in block.order]
    measured = first.expr
    if (
        first.descending
        or not is_distance(measured, source.alias, source.access.table)
        or not isinstance(measured, bound.Distance)
    ):
        return block
    by_id = bound.OrderKey(bound.Column(source.alias, "id", type=types.BIGINT))
    if ties not in ([], [by_id]):
        return block
    assert isinstance(measured.right, bound.Point)
    near = bound.Near(measured.right, None, measured.metric, measured.op, span=measured.span)
    search = Nearest(near=near, filter=source.access.filter, span=measured.span)
    column = bound.Column(source.alias, "distance", type=types.DOUBLE)
    items = bound.rewrite(block.items, lambda node: column if node == measured else node)
    found = replace(source, access=search)
    return replace(block, items=items, source=found, order=natural_order(found))
