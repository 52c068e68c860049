"""COST as the engine takes it: nested tuples, with the parameters' values filled in by each run."""

from __future__ import annotations

from typing import Any

from ngql import bound, values
from ngql.ast import Span
from ngql.values import Late

__all__ = ["cost_metric", "cost_of", "metric_place"]

_NAMES = {"negative": "neg", "^": "power", "pow": "power"}


def cost_of(cost: bound.Expr) -> Late:
    """A bound COST for `Engine.path`; late even without parameters, so that EXPLAIN shows it as it is written."""
    made = _term(cost)
    return made if isinstance(made, Late) else Late(lambda engine, given: made)


def cost_metric(cost: bound.Expr) -> Any:
    """The metric of its distances; None when there are none, or when it is the session's."""
    distance = _distance(cost)
    return None if distance is None else values.metric(distance.metric, distance.partial)


def metric_place(cost: bound.Expr) -> Span | None:
    """Where the statement says the metric."""
    distance = _distance(cost)
    if distance is None:
        return None
    return distance.span if distance.metric is None else distance.metric.span


def _distance(cost: bound.Expr) -> bound.Distance | None:
    return next((node for node in bound.walk(cost) if isinstance(node, bound.Distance)), None)


def _term(node: bound.Expr) -> Any:
    match node:
        case bound.Constant() | bound.Parameter():
            return values.number(node, "a number in COST")
        case bound.HopColumn(of=of, name=name):
            return of, name
        case bound.Distance(left=left, right=right):
            return _joined("distance", _place(left), _place(right))
        case bound.Operation(op=name, args=args) | bound.Call(name=name, args=args):
            return _joined(_NAMES.get(name, name), *map(_term, args))
    raise AssertionError(f"no cost: {node}")


def _place(node: bound.Expr) -> Any:
    if isinstance(node, bound.HopColumn):
        return node.of
    assert isinstance(node, bound.Point), node
    return values.point(node)


def _joined(name: str, *parts: Any) -> Any:
    if not any(isinstance(part, Late) for part in parts):
        return name, *parts
    return Late(lambda engine, given: (name, *(values.late(part, engine, given) for part in parts)))
