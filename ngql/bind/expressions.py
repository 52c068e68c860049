"""Expressions: names resolved, the types of what the engine knows checked, the language's own forms spelt out."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from ngql import ast, bound, functions, types
from ngql.bind import points
from ngql.bind.constants import literal_number
from ngql.bind.predicates import BindQuery, Predicates

__all__ = ["BindQuery", "Expressions"]

_LONGEST_CHAIN = 800
_NUMERIC = frozenset({"-", "*", "/", "%", "^", "<<", ">>", "&", "|"})
_DISTANCES = frozenset({"<->", "<+>"})
_RESULTS = {
    "count": types.BIGINT,
    "row_number": types.BIGINT,
    "rank": types.BIGINT,
    "dense_rank": types.BIGINT,
    "spread": types.DOUBLE,
    "centroid": types.POINT,
}
_KEEP_TYPE = frozenset({"min", "max", "any_value", "first", "last", "coalesce", "abs", "nullif"})
_NOT_A_NUMBER = frozenset({types.TEXT, types.BOOLEAN, types.JSON, types.POINT})


class Expressions(Predicates):
    """Binds the expressions of one block.

    Args:
        context: the statement's state.
        scope: the names the expressions may use.
        bind_query: how a query inside an expression is bound.
    """

    def bind(self, node: ast.Expr) -> bound.Expr:
        """One expression."""
        method: Callable[[Any], bound.Expr] | None = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            raise self.context.later(f"{type(node).__name__} in an expression", node)
        return method(node)

    # ---- literals and names

    def _null(self, node: ast.Null) -> bound.Expr:
        return bound.Constant(None, span=node.span)

    def _boolean(self, node: ast.Boolean) -> bound.Expr:
        return bound.Constant(node.value, type=types.BOOLEAN, span=node.span)

    def _integer(self, node: ast.Integer) -> bound.Expr:
        return bound.Constant(node.value, type=types.BIGINT, span=node.span)

    def _real(self, node: ast.Real) -> bound.Expr:
        if node.value in (float("inf"), -float("inf")):
            raise self.context.error("22003", "the number is out of range", node)
        return bound.Constant(node.value, type=types.DOUBLE, span=node.span)

    def _string(self, node: ast.String) -> bound.Expr:
        return bound.Constant(node.value, type=types.TEXT, span=node.span)

    def _typedliteral(self, node: ast.TypedLiteral) -> bound.Expr:
        text = bound.Constant(node.text, type=types.TEXT, span=node.span)
        if node.type.name in ("timestamptz", "timestamp with time zone"):
            try:
                instant = datetime.datetime.fromisoformat(node.text.strip())
            except ValueError:
                raise self.context.error("22P02", "not a timestamp", node) from None
            zoned = instant if instant.tzinfo else instant.replace(tzinfo=datetime.UTC)
            return bound.Constant(zoned, type=types.TIMESTAMPTZ, span=node.span)
        return self._cast_to(text, node.type, False, node.span)

    def _interval(self, node: ast.Interval) -> bound.Expr:
        return bound.Operation("interval", (self.bind(node.value),), node.unit or "", span=node.span)

    def _parameter(self, node: ast.Parameter) -> bound.Expr:
        parameter = self.context.parameter(node)
        if parameter.kind == "stream":
            raise self.context.error(
                "42804", "a table cannot be a value here", node, "register it, or COPY it"
            )
        return parameter

    def _columnref(self, node: ast.ColumnRef) -> bound.Expr:
        alias = self.aliases.get(node.parts[0].value) if len(node.parts) == 1 else None
        if alias is not None and not self.scope.owns(node.parts[0].value):
            return alias
        return self.context.column(self.scope, node)

    def _row(self, node: ast.Row) -> bound.Expr:
        if any(isinstance(item, ast.Star) for item in node.items):
            message = "a point is expected where an axis is left out" if len(node.items) != 8 else ""
            raise self.context.error(
                "22P02", message or "a partial point stands only beside <->, <+> or NEAR", node
            )
        items = tuple(self.bind(item) for item in node.items if not isinstance(item, ast.Star))
        return bound.ListValue(items, span=node.span)

    def _namedrow(self, node: ast.NamedRow) -> bound.Expr:
        raise self.context.error("22P02", "a partial point stands only beside <->, <+> or NEAR", node)

    def _array(self, node: ast.Array) -> bound.Expr:
        return bound.ListValue(tuple(self.bind(item) for item in node.items), span=node.span)

    # ---- operators

    def _unary(self, node: ast.Unary) -> bound.Expr:
        number = literal_number(node)
        if number is not None:
            return number
        operand = self.bind(node.operand)
        self._refuse(operand, _NOT_A_NUMBER, f"operator {node.operator}")
        return operand if node.operator == "+" else bound.Operation("negative", (operand,), span=node.span)

    def _binary(self, node: ast.Binary) -> bound.Expr:
        if node.operator in _DISTANCES:
            return self._distance(node)
        return self._operation(node.operator, self.bind(node.left), self.bind(node.right), node.span)

    def _chain(self, node: ast.Chain) -> bound.Expr:
        if len(node.links) > _LONGEST_CHAIN:
            raise self.context.error("54001", f"more than {_LONGEST_CHAIN} operators in a row", node)
        if any(link.operator in _DISTANCES for link in node.links):
            raise self.context.error("42804", "a distance is a number, not a point", node, "add parentheses")
        left = self.bind(node.first)
        for link in node.links:
            right = self.bind(link.operand)
            if isinstance(left, bound.Operation) and left.op == link.operator and left.detail == "chain":
                left = bound.Operation(left.op, (*left.args, right), "chain", type=left.type, span=node.span)
                self._check_operand(link.operator, right)
            else:
                step = self._operation(link.operator, left, right, node.span)
                assert isinstance(step, bound.Operation), step
                left = bound.Operation(step.op, step.args, "chain", type=step.type, span=node.span)
        return left

    def _operation(self, op: str, left: bound.Expr, right: bound.Expr, span: ast.Span) -> bound.Expr:
        if op == "<=>":
            raise self.context.later("<=> (cosine distance, of the embedding sidecar)", span)
        self._check_operand(op, left)
        self._check_operand(op, right)
        type_ = types.TEXT if op in ("||", "->>") else types.JSON if op == "->" else types.UNKNOWN
        return bound.Operation(op, (left, right), type=type_, span=span)

    def _check_operand(self, op: str, operand: bound.Expr) -> None:
        if op in _NUMERIC or op == "+":
            self._refuse(operand, _NOT_A_NUMBER, f"operator {op}")

    def _distance(self, node: ast.Binary) -> bound.Expr:
        left, right = self.point(node.left), self.point(node.right)
        if isinstance(left, bound.Point) and not isinstance(right, bound.Point):
            left, right = right, left
        return bound.Distance(
            node.operator, left, right, self.context.metric, type=types.DOUBLE, span=node.span
        )

    def point(self, node: ast.Expr) -> bound.Expr:
        """An operand of a distance: a constant point, or a point of every row (42804)."""
        if isinstance(node, (ast.Row, ast.NamedRow, ast.Array)):
            made = points.row_point(self.context, node)
            if made is not None:
                return made
            if isinstance(node, ast.NamedRow):
                raise self.context.later("a partial point of columns", node)
            items = tuple(self.bind(item) for item in node.items if not isinstance(item, ast.Star))
            if len(items) != len(node.items):
                raise self.context.later("a partial point of columns", node)
            return bound.ListValue(items, type=types.POINT, span=node.span)
        if isinstance(node, ast.Parameter):
            return points.point(self.context, node, tokens=False)
        expr = self.bind(node)
        self._need(expr, {types.POINT}, "a distance")
        return expr

    # ---- queries, cases, casts

    def _exists(self, node: ast.Exists) -> bound.Expr:
        query, _ = self._bind_query(node.query, self.scope)
        return bound.Subquery(query, "exists", type=types.BOOLEAN, span=node.span)

    def _subquery(self, node: ast.Subquery) -> bound.Expr:
        query, columns = self._bind_query(node.query, self.scope)
        if columns is not None and len(columns) != 1:
            raise self.context.error("42601", f"a value needs one column, the query has {len(columns)}", node)
        return bound.Subquery(query, type=columns[0][1] if columns else types.UNKNOWN, span=node.span)

    def _case(self, node: ast.Case) -> bound.Expr:
        operand = None if node.operand is None else self.bind(node.operand)
        whens = []
        for when in node.whens:
            condition = self.bind(when.condition)
            if operand is None:
                self._need(condition, {types.BOOLEAN}, "WHEN")
            whens.append((condition, self.bind(when.result)))
        otherwise = None if node.otherwise is None else self.bind(node.otherwise)
        return bound.Case(operand, tuple(whens), otherwise, span=node.span)

    def _cast(self, node: ast.Cast) -> bound.Expr:
        return self._cast_to(self.bind(node.operand), node.type, node.lenient, node.span)

    def _cast_to(self, operand: bound.Expr, to: ast.TypeName, safe: bool, span: ast.Span) -> bound.Expr:
        text = to.name + (f"({', '.join(map(str, to.parameters))})" if to.parameters else "")
        text += "".join("[]" if length is None else f"[{length}]" for length in to.dimensions)
        known = {"real": types.REAL, "float": types.REAL, "text": types.TEXT, "varchar": types.TEXT}
        known |= {name.lower(): name for name in (types.BIGINT, types.INTEGER, types.DOUBLE, types.JSON)}
        known |= {"boolean": types.BOOLEAN, "float[8]": types.POINT}
        return bound.Cast(operand, text, safe, type=known.get(text, types.UNKNOWN), span=span)

    def _extract(self, node: ast.Extract) -> bound.Expr:
        return bound.Operation(
            "extract", (self.bind(node.source),), node.part, type=types.BIGINT, span=node.span
        )

    def _attimezone(self, node: ast.AtTimeZone) -> bound.Expr:
        return bound.Operation(
            "at time zone", (self.bind(node.operand), self.bind(node.zone)), span=node.span
        )

    def _collate(self, node: ast.Collate) -> bound.Expr:
        operand = self.bind(node.operand)
        return bound.Operation("collate", (operand,), node.collation.value, type=operand.type, span=node.span)

    def _index(self, node: ast.Index) -> bound.Expr:
        operand, index = self.bind(node.operand), self.bind(node.index)
        type_ = types.REAL if operand.type == types.POINT else types.UNKNOWN
        return bound.Operation("[]", (operand, index), type=type_, span=node.span)

    def _slice(self, node: ast.Slice) -> bound.Expr:
        ends = [bound.Constant(None) if end is None else self.bind(end) for end in (node.low, node.high)]
        detail = f"{'' if node.low is None else 'low'}:{'' if node.high is None else 'high'}"
        return bound.Operation("slice", (self.bind(node.operand), *ends), detail, span=node.span)

    def _member(self, node: ast.Member) -> bound.Expr:
        return bound.Operation("member", (self.bind(node.operand),), node.name.value, span=node.span)

    # ---- functions

    def _function(self, node: ast.Function) -> bound.Expr:
        name = ".".join(part.value for part in node.name.parts)
        if name in functions.PATHS:
            return self._of_path(node, name)
        if name in functions.GRAPH:
            hint = f"SELECT … FROM {name}(…)"
            raise self.context.error("42883", f"{name}() gives rows, so it stands in FROM", node.name, hint)
        if functions.is_refused(name):
            raise self.context.error("42501", f"function {name} is not allowed", node.name)
        args: list[bound.Expr] = []
        named: list[tuple[str, bound.Expr]] = []
        for argument in node.arguments:
            if isinstance(argument, ast.Star):
                args.append(bound.Star(span=argument.span))
            elif isinstance(argument, ast.NamedArgument):
                named.append((argument.name.value, self.bind(argument.value)))
            else:
                args.append(self.bind(argument))
        if name in functions.OWN:
            return self._own(node, name, args)
        type_ = _RESULTS.get(name, types.UNKNOWN)
        if name in _KEEP_TYPE and args:
            type_ = args[0].type
        filter_ = self.condition(node.filter, "FILTER")
        return bound.Call(
            name,
            tuple(args),
            node.distinct,
            self.order_keys(node.order_by),
            filter_,
            None if node.over is None else self.window(node.over),
            tuple(named),
            type=type_,
            span=node.span,
        )

    def _of_path(self, node: ast.Function, name: str) -> bound.Expr:
        """What a function of a path variable gives: a column of the pattern."""
        column, _ = functions.PATHS[name]
        if len(node.arguments) != 1:
            raise self.context.error("42883", f"{name}() takes one argument, a path", node)
        argument = node.arguments[0]
        alias = (
            argument.parts[0].value
            if isinstance(argument, ast.ColumnRef) and len(argument.parts) == 1
            else ""
        )
        source = self.scope.source(alias)
        if source is None or source.shown or column not in source.hidden:
            hint = "name the path in MATCH: MATCH p = ANY SHORTEST (a)-[e]->*(b)"
            raise self.context.error("42883", f"{name}() takes a path", argument, hint)
        return source.column(column, node.span)

    def _own(self, node: ast.Function, name: str, args: list[bound.Expr]) -> bound.Expr:
        if len(args) != 1:
            raise self.context.error("42883", f"{name}() takes one argument, a point", node)
        self._need(args[0], {types.POINT}, f"{name}()")
        if node.distinct or node.order_by or node.over is not None:
            raise self.context.later(f"{name}() with DISTINCT, ORDER BY or OVER", node)
        metric = (bound.Distance("<->", args[0], args[0], self.context.metric),) if name == "spread" else ()
        filter_ = self.condition(node.filter, "FILTER")
        return bound.Call(name, (args[0], *metric), filter=filter_, type=_RESULTS[name], span=node.span)

    def window(self, node: ast.Window) -> bound.Window:
        """The window of a call, or of a WINDOW clause."""
        frame = None
        if node.frame is not None:
            end = None if node.frame.end is None else self._frame_bound(node.frame.end)
            frame = bound.Frame(node.frame.unit, self._frame_bound(node.frame.start), end, node.frame.exclude)
        return bound.Window(
            None if node.base is None else node.base.value,
            tuple(self.bind(key) for key in node.partition_by),
            self.order_keys(node.order_by),
            frame,
        )

    def _frame_bound(self, node: ast.FrameBound) -> bound.FrameBound:
        return bound.FrameBound(node.kind, None if node.offset is None else self.bind(node.offset))
