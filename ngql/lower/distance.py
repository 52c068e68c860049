"""Distances, boxes, centroids and spreads spelt out for the tail, to the last bit as the engine computes them.

Coordinates are widened to DOUBLE, axes summed in order, products written as products, one root at the end. Scales and
periods are parameters: the metric that holds is known only when the statement runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from ngql import bound, types, values
from ngql.values import Late

if TYPE_CHECKING:
    from ngql.lower.expressions import SqlExpressions

__all__ = ["Distances"]

_AXES = range(1, types.AXIS_COUNT + 1)


class Distances:
    """The language's own expressions as SQL."""

    def __init__(self, expressions: SqlExpressions) -> None:
        self._sql = expressions

    # ---- operands

    def _axis(self, node: bound.Expr) -> Callable[[int], exp.Expression]:
        """Axis number from 1 → that coordinate as DOUBLE."""
        if isinstance(node, bound.Point):
            point = self.point(node)
            return lambda i: _at(point, i)
        if isinstance(node, bound.ListValue):
            items = [self._sql(item) for item in node.items]
            return lambda i: _cast(_cast(items[i - 1], "float"), "double")
        made = self._sql.operand(node)
        return lambda i: _cast(_at(made, i), "double")

    def point(self, node: bound.Point) -> exp.Expression:
        """A constant point as a parameter: a list of eight."""
        return self._sql.parameter(("point", node), "point", values.stored_point(node), node.span)

    def point_value(self, node: bound.Point) -> exp.Expression:
        """A constant point as a value of type FLOAT[8]."""
        return _cast(self.point(node), "FLOAT[8]")

    def _metric(self, part: str, spec: bound.MetricSpec | None, place: bound.Point | None) -> exp.Expression:
        """The scale or the period of a metric, as a parameter: a list of eight."""
        read = values.metric(spec, place)
        if read is None:
            read = Late(lambda engine, _: engine.metric())
        mask = place if place is not None and place.is_partial else None
        index = 0 if part == "scale" else 1
        late = Late(lambda engine, given: list(values.late(read, engine, given)[index]))
        span = spec.span if spec is not None else mask.span if mask is not None else None
        return self._sql.parameter((part, spec, mask), part, late, span)

    # ---- <-> and <+>

    def distance(self, node: bound.Distance) -> exp.Expression:
        """`a <-> b` or `a <+> b`."""
        place = next((side for side in (node.left, node.right) if isinstance(side, bound.Point)), None)
        if place is not None and isinstance(node.left, bound.Point) and isinstance(node.right, bound.Point):
            place = node.left if node.left.is_partial else node.right
        scale = self._metric("scale", node.metric, place)
        period = self._metric("period", node.metric, place)
        left, right = self._axis(node.left), self._axis(node.right)
        terms = [self._term(node.op, left(i), right(i), _at(scale, i), _at(period, i)) for i in _AXES]
        total = _sum(terms)
        return _call("sqrt", total) if node.op == "<->" else exp.Paren(this=total)

    def _term(
        self,
        op: str,
        left: exp.Expression,
        right: exp.Expression,
        scale: exp.Expression,
        period: exp.Expression,
    ) -> exp.Expression:
        """One axis: nothing when its scale is 0, whatever stands there."""
        delta = _call("abs", exp.Sub(this=left, expression=right))
        rest = exp.Mod(this=delta.copy(), expression=period.copy())
        around = exp.Case(
            ifs=[
                exp.If(this=exp.EQ(this=period.copy(), expression=_zero()), true=delta.copy()),
                exp.If(
                    this=exp.GT(this=delta.copy(), expression=period.copy()),
                    true=_call(
                        "least", rest, exp.Sub(this=period.copy(), expression=exp.Paren(this=rest.copy()))
                    ),
                ),
            ],
            default=_call("least", delta.copy(), exp.Sub(this=period.copy(), expression=delta.copy())),
        )
        part = exp.Paren(this=exp.Mul(this=scale.copy(), expression=around))
        term = exp.Mul(this=part, expression=part.copy()) if op == "<->" else part
        live = exp.If(this=exp.EQ(this=scale.copy(), expression=_zero()), true=_zero())
        return exp.Case(ifs=[live], default=term)

    # ---- boxes

    def box(self, node: bound.BoxTest) -> exp.Expression:
        """`a IN BOX low TO high`; an open corner passes."""
        inside = self._axis(node.operand)
        low = self._sql.parameter(("corner", node.low), "low", values.corner(node.low), node.low.span)
        high = self._sql.parameter(
            ("corner", node.high), "high", values.corner(node.high, node.low), node.high.span
        )
        tests: list[exp.Expression] = []
        for i in _AXES:
            for corner, compare in ((low, exp.GTE), (high, exp.LTE)):
                held = compare(this=inside(i), expression=_at(corner, i))
                is_open = exp.Is(this=_at(corner, i), expression=exp.Null())
                tests.append(exp.Paren(this=exp.Or(this=is_open, expression=held)))
        return exp.Paren(this=exp.and_(*tests, copy=False))

    # ---- aggregates

    def centroid(self, node: bound.Call) -> exp.Expression:
        """The mean of every axis, NULL without rows; on a circular axis the plain mean."""
        axis = self._axis(node.args[0])
        means = [self._sql.filtered(_call("avg", axis(i)), node.filter) for i in _AXES]
        return self._unless_empty(node, _cast(exp.Array(expressions=means), "FLOAT[8]"))

    def spread(self, node: bound.Call) -> exp.Expression:
        """√ of the mean squared distance to the centroid: √Σ s²·variance, every axis taken as straight."""
        measured = node.args[1]
        assert isinstance(measured, bound.Distance), measured
        scale = self._metric("scale", measured.metric, None)
        axis = self._axis(node.args[0])
        terms = []
        for i in _AXES:
            variance = self._sql.filtered(_call("var_pop", axis(i)), node.filter)
            square = exp.Mul(this=_at(scale, i), expression=_at(scale, i))
            terms.append(exp.Mul(this=square, expression=variance))
        return self._unless_empty(node, _call("sqrt", _sum(terms)))

    def _unless_empty(self, node: bound.Call, made: exp.Expression) -> exp.Expression:
        count = self._sql.filtered(_call("count", self._sql(node.args[0])), node.filter)
        empty = exp.If(this=exp.EQ(this=count, expression=exp.Literal.number(0)), true=exp.Null())
        return exp.Case(ifs=[empty], default=made)


def _at(made: exp.Expression, i: int) -> exp.Expression:
    return exp.Bracket(this=made.copy(), expressions=[exp.Literal.number(i)], offset=1)


def _cast(made: exp.Expression, to: str) -> exp.Expression:
    return exp.Cast(this=made.copy(), to=exp.DataType.build(to, dialect="duckdb"))


def _call(name: str, *args: Any) -> exp.Expression:
    return exp.Anonymous(this=name, expressions=list(args))


def _zero() -> exp.Expression:
    return exp.Literal.number("0e0")


def _sum(terms: Sequence[exp.Expression]) -> exp.Expression:
    total = terms[0]
    for term in terms[1:]:
        total = exp.Add(this=total, expression=term)
    return total
