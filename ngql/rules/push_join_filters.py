"""ON terms about one source, which the engine can evaluate, move into that source's access."""

from __future__ import annotations

from dataclasses import replace

from ngql import bound, types
from ngql.rules.push_filters import kept_whole, taken
from ngql.rules.shape import with_leaf

__all__ = ["joined_on", "push_join_filters"]


def push_join_filters(block: bound.Block) -> bound.Block:
    """Push what can be: rows that an outer join keeps whatever ON says are never filtered by it."""
    source = None if block.source is None else _pushed(block.source)
    return block if source is block.source else replace(block, source=source)


def joined_on(terms: tuple[bound.Expr, ...]) -> bound.Expr:
    """The condition of a join."""
    if not terms:
        return bound.Constant(True, type=types.BOOLEAN)
    return terms[0] if len(terms) == 1 else bound.Operation("and", terms, type=types.BOOLEAN)


def _pushed(source: bound.Source) -> bound.Source:
    if not isinstance(source, bound.Join):
        return source
    left, right = _pushed(source.left), _pushed(source.right)
    terms, kept = bound.conjuncts(source.on), []
    for term in terms:
        for leaf in (*_filtered(source, "left", left), *_filtered(source, "right", right)):
            new = taken(term, leaf)
            if new is not None:
                left, right = (with_leaf(side, leaf, new) for side in (left, right))
                break
        else:
            kept.append(term)
    if len(kept) < len(terms):
        return replace(source, left=left, right=right, on=joined_on(tuple(kept)))
    if left is source.left and right is source.right:
        return source
    return replace(source, left=left, right=right)


def _filtered(join: bound.Join, side: str, source: bound.Source) -> tuple[bound.AccessSource, ...]:
    """The accesses on a side whose rows are lost when ON is not true."""
    outer = {"inner": (), "left": ("left",), "right": ("right",)}.get(join.kind, ("left", "right"))
    return () if side in outer else tuple(kept_whole(source))
