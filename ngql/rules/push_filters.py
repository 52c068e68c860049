"""WHERE terms about one source, which the engine can evaluate, move into that source's access."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ngql import bound, types
from ngql.filters import is_filter
from ngql.plan import Boxed, Lookup, Nearest, Neighbors, Scan
from ngql.rules.shape import with_source

__all__ = ["kept_whole", "push_filters", "taken"]

_TAKE_FILTERS = (Scan, Lookup, Nearest, Boxed, Neighbors)


def push_filters(block: bound.Block) -> bound.Block:
    """Push what can be; a source that an outer join may fill with NULLs keeps its terms above the join."""
    for source in tuple(kept_whole(block.source)):
        new, left = source, []
        for term in block.where:
            more = taken(term, new)
            if more is None:
                left.append(term)
            else:
                new = more
        if new is not source:
            block = with_source(replace(block, where=tuple(left)), source, new)
    return block


def taken(term: bound.Expr, source: bound.AccessSource) -> bound.AccessSource | None:
    """The source with a condition as one more of its filters, if the engine can evaluate that."""
    access = source.access
    if not isinstance(access, _TAKE_FILTERS) or access.limit is not None or access.offset is not None:
        return None
    if type(access) is Scan and source.near is None and isinstance(term, bound.BoxTest):
        return None  # a search in the box finds the rows sooner
    term = _spelt_out(term, source)
    if not (_about(term, source) and is_filter(term, source.alias, access.table)):
        return None
    return replace(source, access=replace(access, filter=(*access.filter, term)))


def kept_whole(source: bound.Source | None, nullable: bool = False) -> Iterator[bound.AccessSource]:
    """The accesses whose rows reach WHERE as they are."""
    if isinstance(source, bound.AccessSource) and not nullable:
        yield source
    elif isinstance(source, bound.Join):
        yield from kept_whole(source.left, nullable or source.kind in ("right", "full"))
        yield from kept_whole(source.right, nullable or source.kind in ("left", "full"))


def _spelt_out(term: bound.Expr, source: bound.AccessSource) -> bound.Expr:
    """The term with the source's `distance` as the distance it is."""
    near = source.near or getattr(source.access, "near", None)
    if near is None:
        return term

    def change(node: object) -> object:
        if isinstance(node, bound.Column) and (node.source, node.name) == (source.alias, "distance"):
            coords = bound.Column(source.alias, "coords", type=types.POINT)
            return bound.Distance("<->", coords, near.point, near.metric, type=types.DOUBLE, span=node.span)
        return node

    changed: bound.Expr = bound.rewrite(term, change)
    return changed


def _about(term: bound.Expr, source: bound.AccessSource) -> bool:
    """Whether the term names columns of this source only."""
    columns = [node for node in bound.walk(term) if isinstance(node, bound.Column)]
    return all(column.source == source.alias for column in columns)
