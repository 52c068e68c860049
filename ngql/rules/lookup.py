"""`id = …`, `key = …` and their IN lists are looked up instead of searched for."""

from __future__ import annotations

from dataclasses import replace

from ngql import bound
from ngql.plan import Lookup, Scan
from ngql.rules.shape import with_source

__all__ = ["lookup"]


def lookup(block: bound.Block) -> bound.Block:
    """Take the first such term of a scan's filter; the others stay its filter."""
    for source in bound.sources(block.source):
        if (
            not isinstance(source, bound.AccessSource)
            or type(source.access) is not Scan
            or source.near is not None
        ):
            continue
        access = source.access
        for term in access.filter:
            found = _named(term, access.table)
            if found is None:
                continue
            column, values = found
            rest = tuple(other for other in access.filter if other is not term)
            looked_up = Lookup(table=access.table, column=column, values=values, filter=rest, span=term.span)
            block = with_source(block, source, replace(source, access=looked_up))
            break
    return block


def _named(term: bound.Expr, table: str) -> tuple[str, tuple[bound.Expr, ...]] | None:
    unique = ("id", "key") if table == "tokens" else ("id",)
    match term:
        case bound.Operation(op="=", args=(bound.Column(name=name), value)) if name in unique:
            return name, (value,)
        case bound.Operation(op="=", args=(value, bound.Column(name=name))) if name in unique:
            return name, (value,)
        case bound.Operation(op="in" | "in list", args=(bound.Column(name=name), *items)) if name in unique:
            return name, tuple(items)
    return None
