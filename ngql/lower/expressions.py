"""Bound expressions as stock sqlglot trees, for DuckDB to run.

Names of parameters and the readers of their values are collected on the way; no value becomes text.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any

from sqlglot import exp
from sqlglot.errors import SqlglotError

from ngql import bound, types, values
from ngql.ast import Span
from ngql.bind.context import error_at
from ngql.filters import COMPARISONS, comparable_number
from ngql.lower.distance import Distances
from ngql.values import Late

__all__ = ["SqlExpressions"]

_BINARY: dict[str, type[exp.Expression]] = {
    "+": exp.Add,
    "-": exp.Sub,
    "*": exp.Mul,
    "/": exp.Div,
    "%": exp.Mod,
    "^": exp.Pow,
    "||": exp.DPipe,
    "&": exp.BitwiseAnd,
    "|": exp.BitwiseOr,
    "<<": exp.BitwiseLeftShift,
    ">>": exp.BitwiseRightShift,
    "=": exp.EQ,
    "<>": exp.NEQ,
    "<": exp.LT,
    "<=": exp.LTE,
    ">": exp.GT,
    ">=": exp.GTE,
    "is distinct from": exp.NullSafeNEQ,
    "is not distinct from": exp.NullSafeEQ,
    "like": exp.Like,
    "ilike": exp.ILike,
    "similar": exp.SimilarTo,
}
_ARITHMETIC = frozenset({"+", "-", "*", "/", "%", "^", "<<", "negative"})
_CALLS = {"->": "json_extract", "->>": "json_extract_string"}
_SIDES = {
    "unbounded preceding": ("UNBOUNDED", "PRECEDING"),
    "unbounded following": ("UNBOUNDED", "FOLLOWING"),
}

LowerQuery = Callable[[bound.Query], exp.Expression]


class SqlExpressions:
    """Translates the expressions of one statement.

    Args:
        text: the statement, for the places of errors.
        lower_query: how a query inside an expression is translated.
    """

    def __init__(self, text: str, lower_query: LowerQuery) -> None:
        self.text = text
        self.parameters: dict[str, tuple[Late, Span | None]] = {}
        self.calls: dict[str, Any] = {}
        """Span of the first call of each function, to place DuckDB's errors."""
        self.suspects: dict[str, list[Span]] = {}
        """Where an error of a kind can come from: `cast`, `arithmetic`, `remainder`, `column NAME`."""
        self._lower_query = lower_query
        self._names: dict[Any, str] = {}
        self._distances = Distances(self)

    def parameter(self, key: Any, name: str, read: Late, span: Span | None) -> exp.Expression:
        """A parameter of the SQL; the same key gives the same parameter again."""
        known = self._names.get(key)
        if known is None:
            known, number = name, 2
            while known in self.parameters:
                known, number = f"{name}_{number}", number + 1
            self._names[key] = known
            self.parameters[known] = (read, span)
        return exp.Placeholder(this=known)

    def __call__(self, node: bound.Expr) -> exp.Expression:
        """One expression."""
        match node:
            case bound.Constant(value=value):
                return _literal(value)
            case bound.Parameter(slot=slot):
                read = Late(lambda _, given: values.plain(given[slot]))
                return self.parameter(slot, f"p{slot + 1}", read, node.span)
            case bound.Column():
                self._suspect(f"column {node.name}", node.span)
                return _column(node)
            case bound.Output(index=index):
                return exp.Literal.number(index + 1)
            case bound.Star(source=source):
                return exp.Star() if source is None else exp.Column(this=exp.Star(), table=identifier(source))
            case bound.Operation():
                return self._operation(node)
            case bound.Distance():
                return self._distances.distance(node)
            case bound.BoxTest():
                return self._distances.box(node)
            case bound.Point():
                return self._distances.point_value(node)
            case bound.Call():
                return self._call(node)
            case bound.ListValue(items=items):
                return exp.Array(expressions=[self(item) for item in items])
            case bound.Case():
                return self._case(node)
            case bound.Cast():
                return self._cast(node)
            case bound.Subquery():
                return self._subquery(node)
            case bound.GroupingSets(kind=kind, sets=sets):
                return self._grouping(kind, sets)
        raise AssertionError(f"no SQL for {type(node).__name__}")

    def operand(self, node: bound.Expr) -> exp.Expression:
        """An expression inside an operator, in parentheses where it is one itself."""
        return _wrapped(self(node))

    def _suspect(self, kind: str, span: Span | None) -> None:
        if span is not None and span.line:
            self.suspects.setdefault(kind, []).append(span)

    # ---- operators

    def _operation(self, node: bound.Operation) -> exp.Expression:
        op, args = node.op, node.args
        if op in _ARITHMETIC:
            self._suspect("remainder" if op == "%" else "arithmetic", node.span)
        if op in ("and", "or"):
            return _balanced(exp.And if op == "and" else exp.Or, [self.operand(arg) for arg in args])
        if op in COMPARISONS or op in ("is distinct from", "is not distinct from"):
            left, right = self._compared(args)
            return _BINARY[op](this=left, expression=right)
        if op in _CALLS:
            return exp.Anonymous(this=_CALLS[op], expressions=[self(arg) for arg in args])
        if op in _BINARY:
            return self._binary(op, args)
        if op in ("in", "not in"):
            operand, *items = self._compared(args)
            return _negated(exp.In(this=operand, expressions=items), op == "not in")
        if op in ("in list", "not in list"):
            members = exp.Select(expressions=[exp.Anonymous(this="unnest", expressions=[self._list(*args)])])
            inside = exp.In(this=self.operand(args[0]), query=exp.Subquery(this=members))
            return _negated(inside, op == "not in list")
        return self._special(op, args, node)

    def _special(self, op: str, args: Sequence[bound.Expr], node: bound.Operation) -> exp.Expression:
        match op:
            case "not":
                return exp.Not(this=self.operand(args[0]))
            case "negative":
                return exp.Neg(this=self.operand(args[0]))
            case "is null" | "is true" | "is false" | "is not null" | "is not true" | "is not false":
                word = op.rsplit(" ", 1)[1]
                what = exp.Null() if word == "null" else exp.Boolean(this=word == "true")
                return _negated(exp.Is(this=self.operand(args[0]), expression=what), "not" in op)
            case "between":
                operand, low, high = map(self.operand, args)
                return exp.Between(this=operand, low=low, high=high)
            case "~" | "~*":
                options = [exp.Literal.string("i")] if op == "~*" else []
                return exp.Anonymous(this="regexp_matches", expressions=[*map(self, args), *options])
            case "[]":
                return exp.Bracket(this=self.operand(args[0]), expressions=[self(args[1])], offset=1)
            case "slice":
                from_, to = node.detail.split(":")
                ends = {"this": self(args[1]) if from_ else None, "expression": self(args[2]) if to else None}
                return exp.Bracket(this=self.operand(args[0]), expressions=[exp.Slice(**ends)], offset=1)
            case "member":
                return exp.Dot(this=exp.Paren(this=self(args[0])), expression=identifier(node.detail))
            case "interval":
                unit = exp.Var(this=node.detail.upper()) if node.detail else None
                return exp.Interval(this=exp.Paren(this=self(args[0])) if unit else self(args[0]), unit=unit)
            case "extract":
                return exp.Extract(this=exp.Var(this=node.detail.upper()), expression=self(args[0]))
            case "at time zone":
                return exp.AtTimeZone(this=self.operand(args[0]), zone=self.operand(args[1]))
            case "collate":
                return exp.Collate(this=self.operand(args[0]), expression=identifier(node.detail))
            case "quantified":
                return self._quantified(node)
        raise error_at(self.text, "0A000", f"operator {op} is not supported yet", node.span)

    def _binary(self, op: str, args: Sequence[bound.Expr]) -> exp.Expression:
        made = self.operand(args[0])
        pattern = op in ("like", "ilike", "similar")
        for arg in args[1:2] if pattern else args[1:]:
            made = _BINARY[op](this=made, expression=self.operand(arg))
        if pattern and len(args) == 3:
            made = exp.Escape(this=made, expression=self.operand(args[2]))
        return made

    def _compared(self, args: Sequence[bound.Expr]) -> list[exp.Expression]:
        """Operands of a comparison.

        Beside a REAL column a constant number is rounded to float32; beside that and a distance it is no NaN. Beside
        type names a text is in lower case.
        """
        if any(isinstance(arg, bound.Column) and arg.folded for arg in args):
            return [
                self._name(arg) if isinstance(arg, bound.Parameter) else self.operand(arg) for arg in args
            ]
        rounded = any(
            isinstance(arg, (bound.Column, bound.Operation)) and arg.type == types.REAL for arg in args
        )
        if not rounded and not any(_is_distance(arg) for arg in args):
            return [self.operand(arg) for arg in args]
        return [self._number(arg, rounded) if values.is_constant(arg) else self.operand(arg) for arg in args]

    def _name(self, node: bound.Parameter) -> exp.Expression:
        """A parameter in lower case, if it holds a text."""
        slot = node.slot

        def read(_: Any, given: Sequence[Any]) -> Any:
            value = values.plain(given[slot])
            return value.lower() if isinstance(value, str) else value

        name = f"p{slot + 1}_name"
        return self.parameter((name, slot), name, Late(read), node.span)

    def _number(self, node: bound.Expr, rounded: bool) -> exp.Expression:
        if isinstance(node, bound.Constant):
            return (
                self(node) if node.value is None or not rounded else _literal(comparable_number(node.value))
            )
        assert isinstance(node, bound.Parameter), node
        slot = node.slot

        def read(_: Any, given: Sequence[Any]) -> Any:
            value = values.plain(given[slot])
            if value is None:
                return None
            narrowed = comparable_number(value)
            return narrowed if rounded else value

        name = f"p{slot + 1}_real" if rounded else f"p{slot + 1}_number"
        return self.parameter((name, slot), name, Late(read), node.span)

    def _list(self, operand: bound.Expr, items: bound.Expr) -> exp.Expression:
        """A list in a parameter: its numbers rounded beside a REAL, its texts in lower case beside type names."""
        folded = isinstance(operand, bound.Column) and operand.folded
        if not isinstance(items, bound.Parameter) or not (folded or operand.type == types.REAL):
            return self(items)
        slot = items.slot

        def member(value: Any) -> Any:
            if folded:
                return value.lower() if isinstance(value, str) else value
            return None if value is None else comparable_number(value)

        name = f"p{slot + 1}_names" if folded else f"p{slot + 1}_reals"
        read = Late(lambda _, given: [member(values.plain(value)) for value in given[slot]])
        return self.parameter((name, slot), name, read, items.span)

    def _unnested(self, node: bound.Expr) -> exp.Expression:
        return exp.Select(expressions=[exp.Anonymous(this="unnest", expressions=[self(node)])])

    def _quantified(self, node: bound.Operation) -> exp.Expression:
        op, quantifier = node.detail.split(" ")
        left, right = node.args
        if isinstance(right, bound.Subquery):
            query = self._lower_query(right.query)
        else:
            assert isinstance(right, bound.Operation), right
            query = self._unnested(right.args[0])
        many = exp.Any if quantifier == "any" else exp.All
        return _BINARY[op](this=self.operand(left), expression=many(this=exp.Subquery(this=query)))

    # ---- the rest

    def _case(self, node: bound.Case) -> exp.Expression:
        return exp.Case(
            this=None if node.operand is None else self(node.operand),
            ifs=[exp.If(this=self(when), true=self(then)) for when, then in node.whens],
            default=None if node.otherwise is None else self(node.otherwise),
        )

    def _cast(self, node: bound.Cast) -> exp.Expression:
        try:
            to = exp.DataType.build(node.to, dialect="duckdb")
        except SqlglotError:
            raise error_at(self.text, "42704", f'type "{node.to}" does not exist', node.span) from None
        if not node.safe:
            self._suspect("cast", node.span)
        kind = exp.TryCast if node.safe else exp.Cast
        return kind(this=self(node.operand), to=to)

    def _subquery(self, node: bound.Subquery) -> exp.Expression:
        query = self._lower_query(node.query)
        if node.kind == "exists":
            return exp.Exists(this=query)
        inner = exp.Subquery(this=query)
        if node.kind in ("in", "not in"):
            assert node.operand is not None
            return _negated(exp.In(this=self.operand(node.operand), query=inner), node.kind == "not in")
        return inner

    def _grouping(self, kind: str, sets: Sequence[Sequence[bound.Expr]]) -> exp.Expression:
        if kind == "sets":
            groups = [exp.Tuple(expressions=[self(key) for key in group]) for group in sets]
            return exp.GroupingSets(expressions=groups)
        keys = [
            self(group[0]) if len(group) == 1 else exp.Tuple(expressions=[self(key) for key in group])
            for group in sets
        ]
        return exp.Rollup(expressions=keys) if kind == "rollup" else exp.Cube(expressions=keys)

    # ---- calls

    def _call(self, node: bound.Call) -> exp.Expression:
        self.calls.setdefault(node.name, node.span)
        if node.name == "centroid":
            return self._distances.centroid(node)
        if node.name == "spread":
            return self._distances.spread(node)
        args: list[exp.Expression] = [self(arg) for arg in node.args]
        args += [exp.Kwarg(this=exp.Var(this=name), expression=self(arg)) for name, arg in node.named]
        if node.distinct:
            args = [exp.Distinct(expressions=args)]
        if node.order:
            args[-1] = exp.Order(this=args[-1], expressions=[self.ordered(key) for key in node.order])
        made: exp.Expression = exp.Anonymous(this=_function_name(node.name), expressions=args)
        made = self.filtered(made, node.filter)
        if node.over is not None:
            made = self.window(node.over, made)
        return made

    def filtered(self, call: exp.Expression, condition: bound.Expr | None) -> exp.Expression:
        """An aggregate over the rows that pass its FILTER."""
        if condition is None:
            return call
        return exp.Filter(this=call, expression=exp.Where(this=self(condition)))

    def ordered(self, key: bound.OrderKey) -> exp.Expression:
        """A sort key with its NULLs placed."""
        return exp.Ordered(this=self(key.expr), desc=key.descending, nulls_first=key.nulls_first)

    def window(self, node: bound.Window, call: exp.Expression) -> exp.Expression:
        """`call OVER …`, or `name AS …` in a WINDOW clause."""
        plain = not node.partition and not node.order and node.frame is None
        if node.name is not None and plain:
            return exp.Window(this=call, alias=identifier(node.name), over="OVER")
        over = "OVER" if not isinstance(call, exp.Identifier) else None
        return exp.Window(
            this=call,
            alias=None if node.name is None else identifier(node.name),
            first=None,
            partition_by=[self(key) for key in node.partition],
            order=exp.Order(expressions=[self.ordered(key) for key in node.order]) if node.order else None,
            spec=None if node.frame is None else self._frame(node.frame),
            over=over,
        )

    def _frame(self, frame: bound.Frame) -> exp.Expression:
        start, start_side = self._end(frame.start)
        end, end_side = self._end(frame.end or bound.FrameBound("current row"))
        return exp.WindowSpec(
            kind=frame.unit.upper(),
            start=start,
            start_side=start_side,
            end=end,
            end_side=end_side,
            exclude=exp.Var(this=frame.exclude.upper()) if frame.exclude else None,
        )

    def _end(self, end: bound.FrameBound) -> tuple[Any, str | None]:
        if end.kind == "current row":
            return "CURRENT ROW", None
        if end.kind in _SIDES:
            return _SIDES[end.kind]
        assert end.offset is not None
        return self(end.offset), end.kind.upper()


def identifier(name: str) -> exp.Identifier:
    """A quoted name."""
    return exp.Identifier(this=name, quoted=True)


def double(value: float) -> exp.Expression:
    """A DOUBLE literal; 0.5 alone would be a DECIMAL."""
    if value != value or value in (float("inf"), -float("inf")):
        return exp.Cast(this=exp.Literal.string(repr(value)), to=exp.DataType.build("double"))
    text = repr(abs(value))
    number = exp.Literal.number(text if "e" in text else f"{text}e0")
    return exp.Neg(this=number) if value < 0 else number


def cast(made: exp.Expression, to: str) -> exp.Expression:
    """A cast to a DuckDB type."""
    return exp.Cast(this=made, to=exp.DataType.build(to, dialect="duckdb"))


def _literal(value: Any) -> exp.Expression:
    if value is None:
        return exp.Null()
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, int):
        number = exp.Literal.number(str(abs(value)))
        return exp.Neg(this=number) if value < 0 else number
    if isinstance(value, float):
        return double(value)
    if isinstance(value, datetime.datetime):
        return cast(exp.Literal.string(value.isoformat()), "timestamptz")
    return exp.Literal.string(str(value))


def _column(node: bound.Column) -> exp.Expression:
    table = None if node.source is None else identifier(node.source)
    made = exp.Column(this=identifier(node.name), table=table)
    # uint16 below: an expression such as flags - 8 would be out of its range
    return cast(made, "integer") if node.name == "flags" and node.type == types.INTEGER else made


def _wrapped(made: exp.Expression) -> exp.Expression:
    needs = (exp.Binary, exp.Unary, exp.Between, exp.In, exp.AtTimeZone, exp.Escape, exp.Interval)
    plain = isinstance(made, (exp.Paren, exp.Dot))
    return exp.Paren(this=made) if isinstance(made, needs) and not plain else made


def _is_distance(node: bound.Expr) -> bool:
    """Whether it is a distance, or the column in which a search has it."""
    if isinstance(node, bound.Column):
        return node.name == "distance" and node.type == types.DOUBLE
    return isinstance(node, bound.Distance)


def _negated(made: exp.Expression, negated: bool) -> exp.Expression:
    return exp.Not(this=exp.Paren(this=made)) if negated else made


def _balanced(kind: type[exp.Expression], terms: list[exp.Expression]) -> exp.Expression:
    """A long AND or OR as a shallow tree."""
    while len(terms) > 1:
        pairs = [terms[i : i + 2] for i in range(0, len(terms), 2)]
        terms = [kind(this=pair[0], expression=pair[1]) if len(pair) == 2 else pair[0] for pair in pairs]
    return terms[0]


def _function_name(name: str) -> str:
    plain = name.replace("_", "").replace(".", "").isalnum()
    return name if plain else identifier(name).sql("duckdb")
