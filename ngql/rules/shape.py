"""Questions about a block that several rules ask."""

from __future__ import annotations

from dataclasses import replace

from ngql import bound, types
from ngql.plan import Lookup, Scan, natural_order

__all__ = ["keeps_rows", "only_source", "ordered_by_access", "resolved", "with_leaf", "with_source"]

_MANY_ROWS = frozenset({"unnest"})


def only_source(block: bound.Block) -> bound.AccessSource | None:
    """The block's source when it is one access without a join."""
    return block.source if isinstance(block.source, bound.AccessSource) else None


def keeps_rows(block: bound.Block) -> bool:
    """Whether every row of the source that passes WHERE gives exactly one row, whatever the others are."""
    if block.aggregated or block.distinct or block.windows or block.qualify is not None:
        return False
    exprs = [item.expr for item in block.items] + [key.expr for key in block.order]
    calls = [
        node for e in exprs for node in bound.walk(e, into_queries=False) if isinstance(node, bound.Call)
    ]
    return not any(call.over is not None or call.name in _MANY_ROWS for call in calls)


def resolved(block: bound.Block, key: bound.OrderKey) -> bound.OrderKey:
    """The sort key with a reference to the select list replaced by what stands there."""
    if isinstance(key.expr, bound.Output):
        return replace(key, expr=block.items[key.expr.index].expr)
    return key


def ordered_by_access(block: bound.Block, source: bound.AccessSource) -> bool:
    """Whether the access already gives the rows in the order the block asks for."""
    keys = tuple(resolved(block, key) for key in block.order)
    given = natural_order(source)
    if not given and isinstance(source.access, (Scan, Lookup)):
        given = (bound.OrderKey(bound.Column(source.alias, "id", type=types.BIGINT)),)
    return keys == given[: len(keys)]


def with_source(block: bound.Block, old: bound.AccessSource, new: bound.AccessSource) -> bound.Block:
    """The block with one source of its FROM replaced."""
    return block if block.source is None else replace(block, source=with_leaf(block.source, old, new))


def with_leaf(source: bound.Source, old: bound.AccessSource, new: bound.AccessSource) -> bound.Source:
    """A join with one of its sources replaced; what it is not part of stays the same."""
    if source is old:
        return new
    if isinstance(source, bound.Join):
        left, right = with_leaf(source.left, old, new), with_leaf(source.right, old, new)
        if left is not source.left or right is not source.right:
            return replace(source, left=left, right=right)
    return source
