"""Patterns as the engine takes them: dicts, in which each run fills parameters and the ids of inner queries in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ngql import bound, values
from ngql.engine import Engine
from ngql.filters import filter_of
from ngql.lower.costs import cost_of
from ngql.values import Late

__all__ = ["columns_of", "edge_of", "fed", "first_column", "node_of", "together"]


def together(value: Any) -> Any:
    """A list or dict with late parts as one late value."""
    if isinstance(value, dict):
        parts = {name: together(part) for name, part in value.items()}
        if not any(isinstance(part, Late) for part in parts.values()):
            return parts
        return Late(
            lambda engine, given: {name: values.late(part, engine, given) for name, part in parts.items()}
        )
    if isinstance(value, (list, tuple)):
        made = [together(part) for part in value]
        if not any(isinstance(part, Late) for part in made):
            return value
        kind = type(value)
        return Late(lambda engine, given: kind(values.late(part, engine, given) for part in made))
    return value


def fed(count: int) -> list[Late]:
    """Readers of the relations that inner queries gave, which a run appends to the values."""

    def reader(place: int) -> Late:
        return Late(lambda engine, given: given[place])

    return [reader(place) for place in range(-count, 0)]


def first_column(relation: Late) -> Late:
    """The values of a relation's first column, as an array."""

    def read(engine: Engine, given: Sequence[Any]) -> Any:
        from ng_arrow.tables import stream_to_table

        return stream_to_table(relation.read(engine, given)).column(0).to_numpy()

    return Late(read)


def node_of(node: bound.NodePart, ids: Late | None) -> dict[str, Any]:
    """A token of a pattern."""
    parts = {"filter": filter_of(node.filter), "ids": ids, "same": node.same}
    return {name: part for name, part in parts.items() if part is not None}


def edge_of(edge: bound.EdgePart) -> dict[str, Any]:
    """A connection of a pattern."""
    parts: dict[str, Any] = {
        "via": None if edge.via is None else list(edge.via),
        "direction": edge.direction,
        "filter": filter_of(edge.filter),
        "hops": (values.hops(edge.low), values.hops(edge.high)),
        "cost": None if edge.cost is None else cost_of(edge.cost),
    }
    return {name: part for name, part in parts.items() if part is not None}


def columns_of(
    pattern: bound.MatchSource, wanted: Sequence[str] | None
) -> dict[str, tuple[str, int | None, str]]:
    """Which part of the pattern each column is of."""
    places = dict(pattern.variables)
    columns: dict[str, tuple[str, int | None, str]] = {}
    for name in wanted if wanted is not None else [name for name, _ in pattern.columns]:
        variable, _, column = name.rpartition(".")
        if variable == pattern.path:
            columns[name] = ("path", None, column)
        elif places[variable] >= 0:
            columns[name] = ("node", places[variable], column)
        else:
            columns[name] = ("edge", -1 - places[variable], column)
    return columns
