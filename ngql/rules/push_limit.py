"""LIMIT and OFFSET move into the access when it gives the block's rows, in the block's order, one for one."""

from __future__ import annotations

from dataclasses import replace

from ngql import bound
from ngql.plan import Match, Stored, Whole
from ngql.rules.shape import keeps_rows, only_source, ordered_by_access

__all__ = ["push_limit"]


def push_limit(block: bound.Block) -> bound.Block:
    """Push both or neither."""
    source = only_source(block)
    if source is None or source.near is not None or isinstance(source.access, (Stored, Whole)):
        return block
    if block.limit is None and block.offset is None:
        return block
    if isinstance(source.access, Match) and block.offset is not None:
        return block
    if block.where or not keeps_rows(block) or not ordered_by_access(block, source):
        return block
    access = replace(source.access, limit=block.limit, offset=block.offset)
    return replace(block, source=replace(source, access=access), limit=None, offset=None)
