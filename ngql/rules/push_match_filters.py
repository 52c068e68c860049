"""WHERE terms about one variable of a MATCH, which the engine can evaluate, restrict the walk itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from ngql import bound
from ngql.filters import is_filter
from ngql.plan import Match
from ngql.rules.push_filters import kept_whole
from ngql.rules.shape import with_source

__all__ = ["push_match_filters"]

_Part = TypeVar("_Part")


def push_match_filters(block: bound.Block) -> bound.Block:
    """Push what can be. A selector picks by the ends of a path: terms about them choose among the same pairs."""
    for source in tuple(kept_whole(block.source)):
        if not isinstance(source.access, Match):
            continue
        pattern, left = source.access.pattern, []
        for term in block.where:
            more = _taken(term, pattern)
            if more is None:
                left.append(term)
            else:
                pattern = more
        if pattern is not source.access.pattern:
            access = replace(source.access, pattern=pattern)
            block = with_source(replace(block, where=tuple(left)), source, replace(source, access=access))
    return block


def _taken(term: bound.Expr, pattern: bound.MatchSource) -> bound.MatchSource | None:
    """The pattern with a condition as one more of a variable's filters, if the engine can evaluate that."""
    columns = [node for node in bound.walk(term) if isinstance(node, bound.Column)]
    names = {(column.source, column.name.rpartition(".")[0]) for column in columns}
    if len(names) != 1:
        return None
    alias, variable = names.pop()
    place = dict(pattern.variables).get(variable)
    if alias != pattern.alias or place is None:
        return None
    own = _of_variable(term, variable)
    if place >= 0:
        ends = (0, len(pattern.nodes) - 1)
        if (pattern.selector is not None and place not in ends) or not is_filter(own, variable, "tokens"):
            return None
        node = pattern.nodes[place]
        nodes = _exchanged(pattern.nodes, place, replace(node, filter=(*node.filter, own)))
        return replace(pattern, nodes=nodes)
    if pattern.selector is not None or not is_filter(own, variable, "connections"):
        return None
    edge = pattern.edges[-1 - place]
    edges = _exchanged(pattern.edges, -1 - place, replace(edge, filter=(*edge.filter, own)))
    return replace(pattern, edges=edges)


def _of_variable(term: bound.Expr, variable: str) -> bound.Expr:
    """The term with the variable's columns under the names that its table gives them."""

    def change(node: object) -> object:
        if isinstance(node, bound.Column):
            return replace(node, source=variable, name=node.name.rpartition(".")[2])
        return node

    changed: bound.Expr = bound.rewrite(term, change)
    return changed


def _exchanged(parts: tuple[_Part, ...], place: int, part: _Part) -> tuple[_Part, ...]:
    return (*parts[:place], part, *parts[place + 1 :])
