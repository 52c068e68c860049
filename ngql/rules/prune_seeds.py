"""Of the query that gives SPREAD its seeds, the engine hands over the ids and activations alone."""

from __future__ import annotations

from dataclasses import replace

from ngql import bound
from ngql.plan import EngineQuery, Spread
from ngql.rules.shape import with_source
from ngql.seeds import COLUMNS

__all__ = ["prune_seeds"]


def prune_seeds(block: bound.Block) -> bound.Block:
    """`SELECT tokens NEAR …` shows every column; what DuckDB makes it does not make for nothing."""
    for source in tuple(bound.sources(block.source)):
        if not isinstance(source, bound.AccessSource) or not isinstance(source.access, Spread):
            continue
        seeds = source.access.seeds
        if isinstance(seeds, EngineQuery):
            output = tuple((column, name) for column, name in seeds.output if name in COLUMNS)
            columns = tuple(dict.fromkeys(column for column, _ in output))
            seeds = replace(seeds, access=replace(seeds.access, columns=columns), output=output)
            block = with_source(block, source, replace(source, access=replace(source.access, seeds=seeds)))
    return block
