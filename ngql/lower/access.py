"""Accesses as engine calls: what is known now is computed now, the rest by each run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ng_engine.errors import from_sqlstate
from ngql import bound, functions, seeds, types, values
from ngql.ast import Span
from ngql.catalog import did_you_mean
from ngql.engine import Engine
from ngql.filters import filter_of
from ngql.lower.costs import cost_metric, cost_of, metric_place
from ngql.lower.match import columns_of, edge_of, fed, first_column, node_of, together
from ngql.plan import (
    Access,
    Boxed,
    Count,
    EngineQuery,
    GraphFunction,
    Lookup,
    Match,
    Nearest,
    Neighbors,
    Pairs,
    Path,
    Scan,
    Spread,
    Whole,
)
from ngql.program import EngineCall, Projection
from ngql.values import Late

__all__ = ["lower_access", "lower_engine_query"]

_INT64 = 1 << 63
_EXTRA = {Nearest: ("distance",), Neighbors: ("depth",), Spread: ("activation",)}


class _Arguments:
    """Collects the arguments of one call."""

    def __init__(self) -> None:
        self.fixed: dict[str, Any] = {}
        self.late: list[tuple[str, Callable[[Engine, Sequence[Any]], Any], Span | None]] = []
        self.reads = 1
        self.tokens: list[tuple[Any, Span | None]] = []
        self.blamed: dict[str, Span | None] = {}
        self.named: tuple[tuple[str, Span | None], ...] = ()

    def add_token(self, name: str, token: bound.Expr) -> None:
        """An argument that names a token; a parameter may name several, where the binder lets it."""
        reader = values.tokens(token)
        self.tokens.append((reader, token.span))
        self.add(name, reader, token.span)

    def add_tokens(self, name: str, tokens: tuple[bound.Expr, ...], span: Span | None) -> None:
        """An argument that lists tokens."""
        readers = [values.token(token) for token in tokens]
        self.tokens += [(reader, token.span) for reader, token in zip(readers, tokens, strict=True)]
        self.add(name, together(readers), span)

    def add(self, name: str, value: Any, span: Span | None, default: Any = None) -> None:
        """An argument, unless it is the method's default."""
        if isinstance(value, Late):
            self.late.append((name, value.read, span))
        elif value is not default and value != default:
            self.fixed[name] = value

    def call(self, method: str, access: Access, text: str) -> EngineCall:
        """The call."""
        tokens = tuple(self.tokens)
        return EngineCall(
            method,
            access.table,
            self.fixed,
            tuple(self.late),
            text,
            access.span,
            self.reads,
            tokens,
            self.blamed,
            named=self.named,
        )


def lower_engine_query(query: EngineQuery, text: str) -> EngineCall | Projection:
    """A query that the engine answers alone."""
    call = lower_access(query.access, text)
    access = query.access
    given: tuple[str, ...]
    match access:
        case Count():
            given = ("count",)
        case Whole():
            given = access.shown
        case _:
            given = access.columns or ()
    if tuple(column for column, _ in query.output) == given and all(c == n for c, n in query.output):
        return call
    return Projection(call, query.output)


def lower_access(access: Access, text: str) -> EngineCall:
    """One access as one call."""
    if isinstance(access, Count):
        return _count(access, text)
    arguments = _Arguments()
    conditions = filter_of(access.filter)
    place = access.filter[0].span if access.filter else None
    if isinstance(access, Path):
        return _path(access, arguments, text)
    if isinstance(access, Match):
        return _match(access, arguments, text)
    if isinstance(access, GraphFunction):
        return _graph_function(access, arguments, text)
    if isinstance(access, Pairs):
        return _join(access, arguments, conditions, text)
    columns = _columns(access)
    if columns is not None:
        arguments.fixed["columns"] = columns
    match access:
        case Nearest():
            return _nearest(access, arguments, conditions, text)
        case Neighbors():
            return _neighbors(access, arguments, conditions, text)
        case Spread():
            return _spread(access, arguments, text)
        case Scan():
            method = "scan"
            arguments.fixed["table"] = access.table
        case Lookup():
            method = "lookup"
            arguments.fixed |= {"table": access.table, "column": access.column}
            arguments.add("values", _looked_up(access), access.span)
        case Boxed():
            method = "box"
            _box(access.box, arguments)
        case _:
            raise AssertionError(f"no engine call for {type(access).__name__}")
    arguments.add("filter", conditions, place)
    _limits(access, arguments, "limit")
    return arguments.call(method, access, text)


def _limits(access: Access, arguments: _Arguments, name: str) -> None:
    limit = values.count(access.limit, "LIMIT")
    if name == "k" and limit is None:
        arguments.fixed["k"] = None
    else:
        arguments.add(name, limit, access.limit.span if access.limit else None)
    offset = values.count(access.offset, "OFFSET")
    if isinstance(offset, Late):
        read = offset.read
        offset = Late(lambda engine, given: read(engine, given) or 0)
    arguments.add("offset", offset or 0, access.offset.span if access.offset else None, 0)


def _columns(access: Access) -> list[str] | None:
    """The columns to hand over; None when they are exactly what the engine gives by itself."""
    if access.columns is None:
        return None
    stored = types.TOKEN_COLUMNS if access.table == "tokens" else types.CONNECTION_COLUMNS
    extra: tuple[str, ...] = _EXTRA.get(type(access), ())
    if isinstance(access, Neighbors) and access.near is not None:
        extra = ("depth", "distance")
    return None if access.columns == (*stored, *extra) else list(access.columns)


def _near(near: bound.Near, arguments: _Arguments, name: str) -> None:
    point, metric = values.point(near.point), values.metric(near.metric, near.point)
    arguments.add(name, point, near.point.span)
    arguments.add("metric", metric, near.metric.span if near.metric else near.span)
    if near.op == "<+>":
        arguments.add("norm", "l1", near.span)
    arguments.reads += near.point.is_token + isinstance(metric, Late)


def _place(near: bound.Near, arguments: _Arguments) -> None:
    """The place of a search; a token is not among its own neighbours."""
    _near(near, arguments, "points")
    if near.point.is_token:
        assert near.point.value is not None
        arguments.add_token("exclude", near.point.value)


def _box(box: bound.Box, arguments: _Arguments) -> None:
    arguments.add("low", values.corner(box.low), box.low.span)
    arguments.add("high", values.corner(box.high, box.low), box.high.span)


def _nearest(access: Nearest, arguments: _Arguments, conditions: Any, text: str) -> EngineCall:
    near = access.near
    _place(near, arguments)
    arguments.add("filter", conditions, access.filter[0].span if access.filter else None)
    if near.radius is not None:
        arguments.add("radius", values.radius(near.radius), near.radius.span)
    elif access.within is not None:
        arguments.add("radius", _preselecting(access.within), access.within.span)
    if access.limit is None and access.offset is None and near.radius is not None:
        return arguments.call("within", access, text)
    _limits(access, arguments, "k")
    return arguments.call("nearest", access, text)


def _count(access: Count, text: str) -> EngineCall:
    """The number as a relation: what finding it cost is part of it."""
    counted, arguments = access.of, _Arguments()
    match counted:
        case Scan():
            method = "count"
            arguments.fixed["table"] = counted.table
        case Nearest(near=near):
            method = "count_within"
            _place(near, arguments)
            if access.within is not None:
                arguments.add("radius", _compared(access.within), access.within.span)
                arguments.add("strict", access.strict, None, False)
            else:
                assert near.radius is not None
                arguments.add("radius", values.radius(near.radius), near.radius.span)
        case Boxed(box=box):
            method = "count_box"
            _box(box, arguments)
    arguments.add("filter", filter_of(counted.filter), counted.filter[0].span if counted.filter else None)
    arguments.fixed["relation"] = True
    return arguments.call(method, access, text)


def _join(access: Pairs, arguments: _Arguments, conditions: Any, text: str) -> EngineCall:
    arguments.add("radius", _compared(access.radius), access.radius.span)
    arguments.add("strict", access.strict, None, False)
    arguments.add("filter_a", conditions, access.filter[0].span if access.filter else None)
    arguments.add(
        "filter_b", filter_of(access.filter_b), access.filter_b[0].span if access.filter_b else None
    )
    metric = values.metric(access.metric)
    arguments.add("metric", metric, access.metric.span if access.metric else access.span)
    arguments.reads += isinstance(metric, Late)
    arguments.add("ids", access.ids, None)
    if access.columns is not None:
        arguments.fixed["columns"] = [name for name in ("a", "b", "distance") if name in access.columns]
    return arguments.call("join", access, text)


def _compared(limit: bound.Expr) -> Any:
    """A bound as a distance compares with it: with NULL none does, and a number beyond all others is infinite."""

    def widened(value: Any) -> float:
        if value is None:
            return -1.0
        if value != value:
            raise from_sqlstate("22003", "NaN cannot be compared with a distance")
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf

    read = values.constant(limit)
    if isinstance(read, Late):
        return Late(lambda engine, given: widened(read.read(engine, given)))
    return widened(read)


def _preselecting(limit: bound.Expr) -> Any:
    """A radius for a comparison that the filter decides: whatever passes it lies within."""
    read = values.constant(limit)

    def clipped(value: Any) -> float | None:
        if value is None or value < 0 or value != value:
            return 0.0
        try:
            widened = float(value)
        except OverflowError:
            return None
        return None if math.isinf(widened) else widened

    if isinstance(read, Late):
        return Late(lambda engine, given: clipped(read.read(engine, given)))
    return clipped(read)


def _looked_up(access: Lookup) -> Any:
    """The ids or keys: lists in parameters spread out, NULLs and ids that cannot be left out."""
    by_key = access.column == "key"
    readers = [values.constant(value) for value in access.values]

    def kept(given: Any) -> bool:
        if given is None:
            return False
        if by_key and isinstance(given, str):
            return True
        if by_key or isinstance(given, bool) or not isinstance(given, int):
            what = "texts" if by_key else "whole numbers"
            raise from_sqlstate("42804", f"{access.column} is compared with {what} only")
        return -_INT64 <= given < _INT64

    def read(engine: Engine, given: Sequence[Any]) -> list[Any]:
        found: list[Any] = []
        for reader in readers:
            value = values.late(reader, engine, given)
            found += value if isinstance(value, (list, tuple)) else [value]
        return [value for value in found if kept(value)]

    if any(isinstance(reader, Late) for reader in readers):
        return Late(read)
    return [value for value in readers if kept(value)]


def _neighbors(access: Neighbors, arguments: _Arguments, conditions: Any, text: str) -> EngineCall:
    arguments.add_token("tokens", access.token)
    arguments.add("depth", _depth(access), access.depth[1].span or access.span, (1, 1))
    arguments.add("via", None if access.via is None else list(access.via), None)
    arguments.add("direction", access.direction, None, "out")
    near = access.near
    if near is not None:
        _near(near, arguments, "near")
        arguments.add("radius", values.radius(near.radius), near.radius.span if near.radius else None)
        if near.point.is_token:
            assert near.point.value is not None
            conditions = _without(near.point.value, conditions)
            arguments.reads += 1
    arguments.add("filter", conditions, access.filter[0].span if access.filter else access.span)
    _limits(access, arguments, "k")
    return arguments.call("neighbors", access, text)


def _depth(access: Neighbors) -> Any:
    low, high = (values.hops(end) for end in access.depth)
    if not isinstance(low, Late) and not isinstance(high, Late):
        return low, high

    def read(engine: Engine, given: Sequence[Any]) -> tuple[int, int]:
        ends = values.late(low, engine, given), values.late(high, engine, given)
        if not 1 <= ends[0] <= ends[1]:
            raise from_sqlstate("22023", "DEPTH counts from 1, the lower end first")
        return ends

    return Late(read)


def _without(token: bound.Expr, conditions: Any) -> Late:
    """The filter, and not the token that NEAR names."""
    name = values.token(token)

    def read(engine: Engine, given: Sequence[Any]) -> Any:
        other = ("<>", "id", engine.resolve(values.late(name, engine, given)))
        rest = values.late(conditions, engine, given)
        return other if rest is None else ("and", other, rest)

    return Late(read)


def _spread(access: Spread, arguments: _Arguments, text: str) -> EngineCall:
    (rows,) = fed(1)
    read = Late(lambda engine, given: seeds.seeds(rows.read(engine, given), engine.check_interrupt))
    arguments.add("seeds", read, access.seeds_span)
    arguments.add("via", None if access.via is None else list(access.via), None)
    arguments.add("direction", access.direction, None, "out")
    arguments.add("steps", values.hops(access.steps, "the number of steps"), access.steps.span)
    if access.decay is not None:
        arguments.add("decay", values.number(access.decay, "the decay"), access.decay.span)
        arguments.named = (("decay", access.decay.span),)
    arguments.blamed["42704"] = access.seeds_span
    _limits(access, arguments, "limit")
    return _fed(arguments.call("spread", access, text), "seeds", [access.seeds], text)


def _graph_function(access: GraphFunction, arguments: _Arguments, text: str) -> EngineCall:
    kinds, places = functions.GRAPH[access.function].arguments, dict(access.places)
    for name, value in access.arguments:
        place = places[name]
        match kinds[name]:
            case "number":
                arguments.add(name, values.number(value, name), place)
            case "count":
                arguments.add(name, values.hops(value, name), place)
            case "tokens" if isinstance(value, bound.Parameter):
                arguments.add_token(name, value)
            case "tokens":
                arguments.add_tokens(name, value, place)
            case "types" if isinstance(value, bound.Parameter):
                arguments.add(name, _type_names(value), place)
                arguments.reads += 1
            case "types":
                arguments.add(name, list(value), place)
    arguments.named = access.places
    return arguments.call(access.function, access, text)


def _type_names(parameter: bound.Parameter) -> Late:
    """Connection types that a parameter names: one or a list, families by all their members."""
    named = values.constant(parameter)

    def read(engine: Engine, given: Sequence[Any]) -> list[str]:
        value = values.late(named, engine, given)
        known = engine.connection_types()
        families = {family for _, family, _ in known.values()}
        found: dict[str, None] = {}
        for name in value if isinstance(value, (list, tuple)) else [value]:
            if not isinstance(name, str):
                raise from_sqlstate("42804", "a connection type is named by a text")
            wanted = name.lower()
            if wanted not in known and wanted not in families:
                hint = did_you_mean(wanted, (*known, *filter(None, families)))
                raise from_sqlstate("42704", "the connection type does not exist", hint)
            members = [each for each, (_, family, _) in known.items() if family == wanted]
            found.update(dict.fromkeys([wanted] if wanted in known else members))
        return list(found)

    return Late(read)


def _path(access: Path, arguments: _Arguments, text: str) -> EngineCall:
    arguments.add_token("source", access.start)
    arguments.add_token("target", access.goal)
    arguments.add("via", None if access.via is None else list(access.via), None)
    arguments.add(
        "max_depth", values.hops(access.max_depth), access.max_depth.span if access.max_depth else None
    )
    arguments.add("direction", access.direction, None, "out")
    if access.cost is not None:
        cost, metric = cost_of(access.cost), cost_metric(access.cost)
        arguments.add("cost", cost, access.cost.span)
        if metric is not None:
            arguments.add("metric", metric, metric_place(access.cost))
            arguments.reads += 1
        arguments.blamed["22003"] = access.cost.span
    if access.count is None:
        return arguments.call("path", access, text)
    arguments.add("k", values.hops(access.count, "the number of paths", 1), access.count.span)
    return arguments.call("paths", access, text)


def _match(access: Match, arguments: _Arguments, text: str) -> EngineCall:
    pattern = access.pattern
    queries = [node.query for node in pattern.nodes if node.query is not None]
    readers = map(first_column, fed(len(queries)))
    nodes = [node_of(node, None if node.query is None else next(readers)) for node in pattern.nodes]
    arguments.add("nodes", together(nodes), access.span)
    arguments.add("edges", together([edge_of(edge) for edge in pattern.edges]), access.span)
    arguments.fixed["columns"] = columns_of(pattern, access.columns)
    arguments.add("mode", pattern.mode, None, "walk")
    arguments.add("selector", pattern.selector, None)
    if pattern.count is not None:
        arguments.add("k", values.hops(pattern.count, "the number of paths", 1), pattern.count.span)
    costs = [edge.cost for edge in pattern.edges if edge.cost is not None]
    for cost in costs:
        metric = cost_metric(cost)
        if metric is not None:
            arguments.add("metric", metric, metric_place(cost))
            arguments.reads += 1
            break
    if costs:
        arguments.blamed["22003"] = costs[0].span
    arguments.add("limit", values.count(access.limit, "LIMIT"), access.limit.span if access.limit else None)
    return _fed(arguments.call("match_paths", access, text), "ids", queries, text)


def _fed(call: EngineCall, name: str, queries: Sequence[Any], text: str) -> EngineCall:
    """The call after the queries whose rows it needs."""
    # Not at the top: a query is lowered by its accesses.
    from ngql.lower.queries import lower_query

    feeds = tuple((name, lower_query(query, text)) for query in queries)
    return replace(call, feeds=feeds, reads=call.reads + sum(feed.reads for _, feed in feeds))
