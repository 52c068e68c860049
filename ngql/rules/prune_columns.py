"""An access hands over only the columns that the block uses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ngql import bound
from ngql.plan import Stored, Whole
from ngql.rules.shape import with_source

__all__ = ["prune_columns"]


def prune_columns(block: bound.Block) -> bound.Block:
    """Name the used columns in the order of the table; at least one, so that rows can be counted."""
    nodes = list(_nodes(block))
    for source in tuple(bound.sources(block.source)):
        if not isinstance(source, bound.AccessSource) or isinstance(source.access, (Stored, Whole)):
            continue
        if any(isinstance(node, bound.Star) and node.source == source.alias for node in nodes):
            continue
        named = [node for node in nodes if isinstance(node, bound.Column)]
        used = dict.fromkeys(node.name for node in named if node.source in (None, source.alias))
        if source.near is not None:
            used |= {"coords": None, "id": None}
            used.pop("distance", None)
        loose = {node.name for node in named if node.source is None}
        shown = dict(source.columns)
        kept = [name for name in used if name not in loose or name in shown]
        if _joined_naturally(block.source):
            kept = list(dict.fromkeys([*kept, *shown]))
        columns = tuple(kept) or (source.columns[0][0],)
        block = with_source(block, source, replace(source, access=replace(source.access, columns=columns)))
    return block


def _nodes(block: bound.Block) -> Iterator[Any]:
    """All nodes but those of the accesses: what an access itself compares it need not hand over."""
    yield from bound.walk(replace(block, source=None))
    stack = [block.source]
    while stack:
        source = stack.pop()
        if isinstance(source, bound.Join):
            stack += [source.left, source.right]
            if source.on is not None:
                yield from bound.walk(source.on)
            yield from (bound.Column(None, name) for name in source.using)
        elif source is not None and not isinstance(source, bound.AccessSource):
            yield from bound.walk(source)


def _joined_naturally(source: bound.Source | None) -> bool:
    if not isinstance(source, bound.Join):
        return False
    return source.natural or _joined_naturally(source.left) or _joined_naturally(source.right)
