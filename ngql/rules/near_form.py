"""A NEAR in FROM becomes the engine's search, which measures, leaves out the token itself and keeps to WITHIN."""

from __future__ import annotations

from dataclasses import replace

from ngql import bound
from ngql.plan import Nearest, Scan
from ngql.rules.shape import with_source

__all__ = ["near_form"]


def near_form(block: bound.Block) -> bound.Block:
    """Replace the scan below a NEAR; without WITHIN and LIMIT the search gives every row."""
    for source in bound.sources(block.source):
        if not isinstance(source, bound.AccessSource) or source.near is None:
            continue
        access = source.access
        if type(access) is Scan:
            search = Nearest(near=source.near, filter=access.filter, span=source.near.span)
            block = with_source(block, source, replace(source, access=search, near=None))
    return block
