"""Predicates: comparisons, membership, truth; and the checks of types that every expression shares."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ngql import ast, bound, types
from ngql.bind import points
from ngql.bind.context import Context, Scope

__all__ = ["BindQuery", "Predicates", "negate"]

_NOT_A_TEXT = frozenset({types.BIGINT, types.INTEGER, types.REAL, types.DOUBLE, types.BOOLEAN, types.POINT})

BindQuery = Callable[[ast.Query, Scope | None], tuple[bound.Query, tuple[tuple[str, str], ...] | None]]


def negate(expr: bound.Expr, negated: bool) -> bound.Expr:
    """`NOT expr` when `negated`."""
    if not negated:
        return expr
    return bound.Operation("not", (expr,), type=types.BOOLEAN, span=expr.span)


def _folded(expr: bound.Expr, beside: bound.Expr) -> bound.Expr:
    """A text beside type names in lower case, as they are."""
    if isinstance(beside, bound.Column) and beside.folded and isinstance(expr, bound.Constant):
        return replace(expr, value=expr.value.lower()) if isinstance(expr.value, str) else expr
    return expr


class Predicates:
    """The part of `Expressions` that gives truth values.

    Args:
        context: the statement's state.
        scope: the names the expressions may use.
        bind_query: how a query inside an expression is bound.
    """

    def __init__(self, context: Context, scope: Scope, bind_query: BindQuery) -> None:
        self.context = context
        self.scope = scope
        self.aliases: dict[str, bound.Expr] = {}
        """What the select list calls its columns, where such names may be used: in HAVING and QUALIFY."""
        self._bind_query = bind_query

    def condition(self, node: ast.Expr | None, what: str) -> bound.Expr | None:
        """A truth value (42804)."""
        if node is None:
            return None
        expr = self.bind(node)
        self._need(expr, {types.BOOLEAN}, what)
        return expr

    def order_keys(self, nodes: Sequence[ast.OrderKey]) -> tuple[bound.OrderKey, ...]:
        """Sort keys inside a call or a window."""
        return tuple(self.order_key(node, self.bind(node.key)) for node in nodes)

    @staticmethod
    def order_key(node: ast.OrderKey, expr: bound.Expr) -> bound.OrderKey:
        """A sort key with its NULLs where PostgreSQL puts them."""
        nulls_first = node.descending if node.nulls is None else node.nulls == "first"
        return bound.OrderKey(expr, node.descending, nulls_first)

    def bind(self, node: ast.Expr) -> bound.Expr:
        """One expression."""
        raise NotImplementedError

    def point(self, node: ast.Expr) -> bound.Expr:
        """An operand of a distance."""
        raise NotImplementedError

    def _columnref(self, node: ast.ColumnRef) -> bound.Expr:
        raise NotImplementedError

    # ---- comparisons

    def _comparison(self, node: ast.Comparison) -> bound.Expr:
        left, right = self._compared(node.left, node.right), self._compared(node.right, node.left)
        return self._compare(node.operator, left, right, node.span)

    def _compared(self, node: ast.Expr, other: ast.Expr) -> bound.Expr:
        """An operand of a comparison; beside a point, a row or a parameter is a point."""
        if isinstance(node, (ast.Row, ast.Array, ast.Parameter)) and isinstance(other, ast.ColumnRef):
            column = self._columnref(other)
            if column.type == types.POINT:
                return self.point(node)
        return self.bind(node)

    def _compare(self, op: str, left: bound.Expr, right: bound.Expr, span: ast.Span | None) -> bound.Expr:
        if not types.comparable(left.type, right.type):
            message = f"cannot compare {left.type} with {right.type}"
            raise self.context.error("42804", message, span)
        args = _folded(left, right), _folded(right, left)
        return bound.Operation(op, args, type=types.BOOLEAN, span=span)

    def _quantified(self, node: ast.Quantified) -> bound.Expr:
        left = self.bind(node.left)
        if isinstance(node.right, ast.Subquery):
            query, _ = self._bind_query(node.right.query, self.scope)
            right: bound.Expr = bound.Subquery(query, "rows", span=node.right.span)
        else:
            right = self.bind(node.right)
            if node.operator == "=" and node.quantifier == "any" and isinstance(right, bound.Parameter):
                return bound.Operation("in list", (left, right), type=types.BOOLEAN, span=node.span)
            right = bound.Operation("unnested", (right,), span=node.right.span)
        detail = f"{node.operator} {node.quantifier}"
        return bound.Operation("quantified", (left, right), detail, type=types.BOOLEAN, span=node.span)

    def _and(self, node: ast.And) -> bound.Expr:
        return self._connected("and", node.terms, node.span)

    def _or(self, node: ast.Or) -> bound.Expr:
        return self._connected("or", node.terms, node.span)

    def _connected(self, op: str, terms: Sequence[ast.Expr], span: ast.Span) -> bound.Expr:
        args = tuple(self.bind(term) for term in terms)
        for arg in args:
            self._need(arg, {types.BOOLEAN}, op.upper())
        return bound.Operation(op, args, type=types.BOOLEAN, span=span)

    def _not(self, node: ast.Not) -> bound.Expr:
        operand = self.bind(node.operand)
        self._need(operand, {types.BOOLEAN}, "NOT")
        return bound.Operation("not", (operand,), type=types.BOOLEAN, span=node.span)

    def _is(self, node: ast.Is) -> bound.Expr:
        operand = self.bind(node.operand)
        if node.what != "null":
            self._need(operand, {types.BOOLEAN}, f"IS {node.what.upper()}")
        what = "null" if node.what == "unknown" else node.what
        op = f"is not {what}" if node.negated else f"is {what}"
        return bound.Operation(op, (operand,), type=types.BOOLEAN, span=node.span)

    def _isdistinct(self, node: ast.IsDistinct) -> bound.Expr:
        op = "is not distinct from" if node.negated else "is distinct from"
        return self._compare(op, self.bind(node.left), self.bind(node.right), node.span)

    def _between(self, node: ast.Between) -> bound.Expr:
        operand, low, high = self.bind(node.operand), self.bind(node.low), self.bind(node.high)
        above, below = (
            self._compare(">=", operand, low, node.span),
            self._compare("<=", operand, high, node.span),
        )
        if isinstance(operand, (bound.Column, bound.Distance)):
            both: bound.Expr = bound.Operation("and", (above, below), type=types.BOOLEAN, span=node.span)
        else:
            both = bound.Operation("between", (operand, low, high), type=types.BOOLEAN, span=node.span)
        return negate(both, node.negated)

    def _inlist(self, node: ast.InList) -> bound.Expr:
        operand = self.bind(node.operand)
        items = tuple(self.bind(item) for item in node.items)
        for item in items:
            self._compare("=", operand, item, item.span)
        items = tuple(_folded(item, operand) for item in items)
        op = "not in" if node.negated else "in"
        return bound.Operation(op, (operand, *items), type=types.BOOLEAN, span=node.span)

    def _inparameter(self, node: ast.InParameter) -> bound.Expr:
        operand, items = self.bind(node.operand), self.bind(node.parameter)
        assert isinstance(items, bound.Parameter), items
        if items.kind not in ("list", "starred"):
            raise self.context.error("42804", "IN needs a parameter that holds a list", node.parameter)
        op = "not in list" if node.negated else "in list"
        return bound.Operation(op, (operand, items), type=types.BOOLEAN, span=node.span)

    def _inquery(self, node: ast.InQuery) -> bound.Expr:
        operand = self.bind(node.operand)
        query, columns = self._bind_query(node.query, self.scope)
        if columns is not None and len(columns) != 1:
            raise self.context.error(
                "42601", f"IN needs one column, the query has {len(columns)}", node.query
            )
        if columns is not None and not types.comparable(operand.type, columns[0][1]):
            message = f"cannot compare {operand.type} with {columns[0][1]}"
            raise self.context.error("42804", message, node)
        kind = "not in" if node.negated else "in"
        return bound.Subquery(query, kind, operand, type=types.BOOLEAN, span=node.span)

    def _inbox(self, node: ast.InBox) -> bound.Expr:
        operand = self.bind(node.operand)
        self._need(operand, {types.POINT}, "IN BOX")
        box = self.box(node.box)
        test = bound.BoxTest(operand, box.low, box.high, type=types.BOOLEAN, span=node.span)
        return negate(test, node.negated)

    def box(self, node: ast.Box) -> bound.Box:
        """The two corners of a box."""
        low = points.point(self.context, node.low, tokens=False)
        high = points.point(self.context, node.high, tokens=False)
        return bound.Box(low, high, span=node.span)

    def _like(self, node: ast.Like) -> bound.Expr:
        operand, pattern = self.bind(node.operand), self.bind(node.pattern)
        for each in (operand, pattern):
            self._refuse(each, _NOT_A_TEXT, node.kind.upper())
        escape = () if node.escape is None else (self.bind(node.escape),)
        like = bound.Operation(node.kind, (operand, pattern, *escape), type=types.BOOLEAN, span=node.span)
        return negate(like, node.negated)

    # ---- types

    def _need(self, expr: bound.Expr, wanted: set[str], what: str) -> None:
        null = isinstance(expr, bound.Constant) and expr.value is None
        if expr.type not in wanted and expr.type != types.UNKNOWN and not null:
            message = f"{what} needs {' or '.join(sorted(wanted))}, found {expr.type}"
            raise self.context.error("42804", message, expr.span)

    def _refuse(self, expr: bound.Expr, unwanted: frozenset[str], what: str) -> None:
        if expr.type in unwanted:
            raise self.context.error("42804", f"{what} cannot take {expr.type}", expr.span)
