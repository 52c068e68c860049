"""`coords <-> point < r` (or `<+>`) bounds a search: the index visits only what lies within r."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from ngql import bound, values
from ngql.filters import FLIPPED, is_distance
from ngql.plan import Nearest, Scan
from ngql.rules.shape import with_source

__all__ = ["bounded", "distance_filter"]


class Bounded(NamedTuple):
    """A limit to the distance from a point, which may itself be reached unless it is strict."""

    near: bound.Near
    limit: bound.Expr
    strict: bool


def distance_filter(block: bound.Block) -> bound.Block:
    """Give the first such term of a scan or an unbounded search to the index; the filter keeps the exact test."""
    for source in bound.sources(block.source):
        if not isinstance(source, bound.AccessSource) or source.near is not None:
            continue
        access = source.access
        found = next(filter(None, (bounded(term, source) for term in access.filter)), None)
        if found is None:
            continue
        near = found.near
        if type(access) is Scan:
            search = Nearest(near=near, filter=access.filter, within=found.limit, span=near.span)
        elif isinstance(access, Nearest) and access.within is None and access.near.radius is None:
            if access.near != near:
                continue
            search = replace(access, within=found.limit)
        else:
            continue
        block = with_source(block, source, replace(source, access=search))
    return block


def bounded(term: bound.Expr, source: bound.AccessSource) -> Bounded | None:
    """The bound that a condition sets to the distance of the source's rows from a point, if it does nothing else."""
    match term:
        case bound.Operation(op=op, args=(left, right)) if op in FLIPPED:
            if values.is_constant(left):
                left, right, op = right, left, FLIPPED[op]
            if (
                op in ("<", "<=")
                and isinstance(left, bound.Distance)
                and is_distance(left, source.alias, source.access.table)
            ):
                assert isinstance(left.right, bound.Point)
                near = bound.Near(left.right, None, left.metric, left.op, span=left.span)
                return Bounded(near, right, strict=op == "<")
    return None
