"""`coords IN BOX …` in WHERE becomes the engine's box search."""

from __future__ import annotations

from dataclasses import replace

from ngql import bound
from ngql.plan import Boxed, Scan
from ngql.rules.push_filters import kept_whole
from ngql.rules.shape import with_source

__all__ = ["box_filter"]


def box_filter(block: bound.Block) -> bound.Block:
    """Take the first such term of a plain scan."""
    for source in tuple(kept_whole(block.source)):
        if type(source.access) is not Scan or source.access.table != "tokens" or source.near is not None:
            continue
        for term in block.where:
            match term:
                case bound.BoxTest(operand=bound.Column(source=alias, name="coords"), low=low, high=high):
                    if alias != source.alias:
                        continue
                    boxed = Boxed(
                        box=bound.Box(low, high, span=term.span), filter=source.access.filter, span=term.span
                    )
                    where = tuple(other for other in block.where if other is not term)
                    block = with_source(replace(block, where=where), source, replace(source, access=boxed))
                    break
    return block
