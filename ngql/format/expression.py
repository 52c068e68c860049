"""Expressions as text, with the parentheses that their precedence asks for and no others."""

from __future__ import annotations

from typing import Any

from ngql import ast
from ngql.format.registry import after, listed, prints, quote, show, string, words

# From loosest to tightest; an operand is put in parentheses when it binds looser than its place asks for.
(
    OR,
    AND,
    NOT,
    IS,
    COMPARISON,
    PREDICATE,
    OPERATION,
    ADDITIVE,
    PRODUCT,
    POWER,
    UNARY,
    POSTFIX,
    SUBSCRIPT,
    ATOM,
) = range(14)

_LEVELS: dict[type[Any], int] = {
    ast.Or: OR,
    ast.And: AND,
    ast.Not: NOT,
    ast.Is: IS,
    ast.IsDistinct: IS,
    ast.Comparison: COMPARISON,
    ast.Quantified: COMPARISON,
    ast.Between: PREDICATE,
    ast.InList: PREDICATE,
    ast.InQuery: PREDICATE,
    ast.InParameter: PREDICATE,
    ast.InBox: PREDICATE,
    ast.Like: PREDICATE,
    ast.Unary: UNARY,
    ast.Cast: POSTFIX,
    ast.AtTimeZone: POSTFIX,
    ast.Collate: POSTFIX,
    ast.ColumnRef: SUBSCRIPT,
    ast.Index: SUBSCRIPT,
    ast.Slice: SUBSCRIPT,
}
_OPERATORS = {"+": ADDITIVE, "-": ADDITIVE, "*": PRODUCT, "/": PRODUCT, "//": PRODUCT, "%": PRODUCT}
_CLOCK = frozenset(("current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"))


def operand(node: ast.Node, place: int) -> str:
    """An expression where only what binds as tightly as `place` may stand bare."""
    text = show(node)
    return text if _level(node) >= place else f"({text})"


def _level(node: ast.Node) -> int:
    if isinstance(node, ast.Integer | ast.Real):
        return UNARY if node.value < 0 or show(node)[0] == "-" else ATOM
    if isinstance(node, ast.Binary):
        return _operator_level(node.operator)
    if isinstance(node, ast.Chain):
        return _operator_level(node.links[0].operator)
    if isinstance(node, ast.Cast) and node.lenient:
        return ATOM
    return _LEVELS.get(type(node), ATOM)


def _operator_level(operator: str) -> int:
    return POWER if operator in ("^", "**") else _OPERATORS.get(operator, OPERATION)


def _not(negated: bool) -> str:
    return "NOT " if negated else ""


@prints(ast.Null)
def _null(node: ast.Null) -> str:
    return "NULL"


@prints(ast.Boolean)
def _boolean(node: ast.Boolean) -> str:
    return "TRUE" if node.value else "FALSE"


@prints(ast.Integer)
def _integer(node: ast.Integer) -> str:
    return str(node.value)


@prints(ast.Real)
def _real(node: ast.Real) -> str:
    return node.text


@prints(ast.String)
def _string(node: ast.String) -> str:
    return string(node.value)


@prints(ast.TypeName)
def _type_name(node: ast.TypeName) -> str:
    spelled = node.name.split(" ")
    name = node.name.upper() if len(spelled) > 1 else quote(node.name)
    parameters = f"({', '.join(map(str, node.parameters))})" if node.parameters else ""
    dimensions = "".join("[]" if length is None else f"[{length}]" for length in node.dimensions)
    return name + parameters + dimensions


@prints(ast.TypedLiteral)
def _typed_literal(node: ast.TypedLiteral) -> str:
    return f"{node.type.name.upper()} {string(node.text)}"


@prints(ast.Interval)
def _interval(node: ast.Interval) -> str:
    bare = isinstance(node.value, ast.String | ast.Parameter) or (
        isinstance(node.value, ast.Integer) and node.value.value >= 0
    )
    value = show(node.value) if bare else f"({show(node.value)})"
    return words("INTERVAL", value, node.unit and node.unit.upper())


@prints(ast.Parameter)
def _parameter(node: ast.Parameter) -> str:
    return "?" if node.style == "question" else f"${node.name}"


@prints(ast.ColumnRef)
def _column(node: ast.ColumnRef) -> str:
    return ".".join(map(show, node.parts))


@prints(ast.Star)
def _star(node: ast.Star) -> str:
    return "*" if node.table is None else f"{show(node.table)}.*"


@prints(ast.Row)
def _row(node: ast.Row) -> str:
    return f"({listed(node.items)})"


@prints(ast.NamedArgument)
def _named_argument(node: ast.NamedArgument) -> str:
    name = "via" if node.name.value == "via" else show(node.name)  # reserved, but not here
    return f"{name} => {show(node.value)}"


@prints(ast.NamedRow)
def _named_row(node: ast.NamedRow) -> str:
    return f"({listed(node.items)})"


@prints(ast.Unary)
def _unary(node: ast.Unary) -> str:
    return f"{node.operator} {operand(node.operand, UNARY)}"


@prints(ast.Binary)
def _binary(node: ast.Binary) -> str:
    place = _operator_level(node.operator) + 1
    return f"{operand(node.left, place)} {node.operator} {operand(node.right, place)}"


@prints(ast.Chain)
def _chain(node: ast.Chain) -> str:
    place = _operator_level(node.links[0].operator) + 1
    parts = [operand(node.first, place)]
    for link in node.links:
        parts += (link.operator, operand(link.operand, place))
    return " ".join(parts)


@prints(ast.Comparison)
def _comparison(node: ast.Comparison) -> str:
    return f"{operand(node.left, PREDICATE)} {node.operator} {operand(node.right, PREDICATE)}"


@prints(ast.Quantified)
def _quantified(node: ast.Quantified) -> str:
    right = show(node.right) if isinstance(node.right, ast.Subquery) else f"({show(node.right)})"
    return f"{operand(node.left, PREDICATE)} {node.operator} {node.quantifier.upper()} {right}"


@prints(ast.And)
def _and(node: ast.And) -> str:
    return " AND ".join([operand(term, NOT) for term in node.terms])


@prints(ast.Or)
def _or(node: ast.Or) -> str:
    return " OR ".join([operand(term, AND) for term in node.terms])


@prints(ast.Not)
def _negation(node: ast.Not) -> str:
    return f"NOT {operand(node.operand, NOT)}"


@prints(ast.Is)
def _is(node: ast.Is) -> str:
    return f"{operand(node.operand, IS)} IS {_not(node.negated)}{node.what.upper()}"


@prints(ast.IsDistinct)
def _is_distinct(node: ast.IsDistinct) -> str:
    left, right = operand(node.left, IS), operand(node.right, COMPARISON)
    return f"{left} IS {_not(node.negated)}DISTINCT FROM {right}"


@prints(ast.Between)
def _between(node: ast.Between) -> str:
    value, low, high = (operand(each, OPERATION) for each in (node.operand, node.low, node.high))
    return f"{value} {_not(node.negated)}BETWEEN {low} AND {high}"


@prints(ast.InList)
def _in_list(node: ast.InList) -> str:
    return f"{operand(node.operand, OPERATION)} {_not(node.negated)}IN ({listed(node.items)})"


@prints(ast.InQuery)
def _in_query(node: ast.InQuery) -> str:
    return f"{operand(node.operand, OPERATION)} {_not(node.negated)}IN ({show(node.query)})"


@prints(ast.InParameter)
def _in_parameter(node: ast.InParameter) -> str:
    return f"{operand(node.operand, OPERATION)} {_not(node.negated)}IN {show(node.parameter)}"


@prints(ast.InBox)
def _in_box(node: ast.InBox) -> str:
    return f"{operand(node.operand, OPERATION)} {_not(node.negated)}{show(node.box)}"


@prints(ast.Box)
def _box(node: ast.Box) -> str:
    return f"IN BOX {operand(node.low, ADDITIVE)} TO {operand(node.high, ADDITIVE)}"


@prints(ast.Near)
def _near(node: ast.Near) -> str:
    near = f"NEAR {operand(node.target, ADDITIVE)}"
    return near if node.radius is None else f"{near} WITHIN {operand(node.radius, ADDITIVE)}"


_LIKE = {"like": "LIKE", "ilike": "ILIKE", "similar": "SIMILAR TO"}


@prints(ast.Like)
def _like(node: ast.Like) -> str:
    value, pattern = operand(node.operand, OPERATION), operand(node.pattern, OPERATION)
    if node.kind in _LIKE:
        operator = _not(node.negated) + _LIKE[node.kind]
    else:
        operator = ("!" if node.negated else "") + node.kind
    escape = "" if node.escape is None else f"ESCAPE {operand(node.escape, OPERATION)}"
    return words(value, operator, pattern, escape)


@prints(ast.Exists)
def _exists(node: ast.Exists) -> str:
    return f"EXISTS ({show(node.query)})"


@prints(ast.Subquery)
def _subquery(node: ast.Subquery) -> str:
    return f"({show(node.query)})"


@prints(ast.When)
def _when(node: ast.When) -> str:
    return f"WHEN {show(node.condition)} THEN {show(node.result)}"


@prints(ast.Case)
def _case(node: ast.Case) -> str:
    whens = " ".join(map(show, node.whens))
    return words("CASE", node.operand, whens, after("ELSE", node.otherwise), "END")


@prints(ast.Cast)
def _cast(node: ast.Cast) -> str:
    if node.lenient:
        return f"TRY_CAST({show(node.operand)} AS {show(node.type)})"
    return f"{operand(node.operand, POSTFIX)}::{show(node.type)}"


@prints(ast.Extract)
def _extract(node: ast.Extract) -> str:
    return f"EXTRACT({quote(node.part)} FROM {show(node.source)})"


@prints(ast.AtTimeZone)
def _at_time_zone(node: ast.AtTimeZone) -> str:
    return f"{operand(node.operand, POSTFIX)} AT TIME ZONE {operand(node.zone, SUBSCRIPT)}"


@prints(ast.Collate)
def _collate(node: ast.Collate) -> str:
    return f"{operand(node.operand, POSTFIX)} COLLATE {show(node.collation)}"


@prints(ast.Array)
def _array(node: ast.Array) -> str:
    return f"[{listed(node.items)}]"


@prints(ast.Index)
def _index(node: ast.Index) -> str:
    return f"{operand(node.operand, SUBSCRIPT)}[{show(node.index)}]"


@prints(ast.Slice)
def _slice(node: ast.Slice) -> str:
    low, high = (show(end) if end is not None else "" for end in (node.low, node.high))
    return f"{operand(node.operand, SUBSCRIPT)}[{low} : {high}]"


@prints(ast.Member)
def _member(node: ast.Member) -> str:
    # A bare column or number before the dot would be read as a longer name or number.
    bare = not isinstance(node.operand, ast.ColumnRef | ast.Integer | ast.Real)
    value = operand(node.operand, SUBSCRIPT) if bare else f"({show(node.operand)})"
    return f"{value}.{show(node.name)}"


@prints(ast.Function)
def _function(node: ast.Function) -> str:
    name = node.name.parts[-1].value
    if name in _CLOCK and not node.arguments and node.over is None and node.filter is None:
        return name
    inside = words("DISTINCT" if node.distinct else "", listed(node.arguments), _order_by(node.order_by))
    call = f"{show(node.name)}({inside})"
    filtered = "" if node.filter is None else f"FILTER (WHERE {show(node.filter)})"
    return words(call, filtered, "" if node.over is None else f"OVER {_over(node.over)}")


def _over(node: ast.Window) -> str:
    if node.base is not None and not (node.partition_by or node.order_by or node.frame):
        return show(node.base)
    return f"({show(node)})"


def _order_by(keys: tuple[ast.OrderKey, ...]) -> str:
    return f"ORDER BY {listed(keys)}" if keys else ""


@prints(ast.OrderKey)
def _order_key(node: ast.OrderKey) -> str:
    nulls = node.nulls and f"NULLS {node.nulls.upper()}"
    return words(show(node.key), "DESC" if node.descending else "", nulls)


@prints(ast.Window)
def _window(node: ast.Window) -> str:
    partition = f"PARTITION BY {listed(node.partition_by)}" if node.partition_by else ""
    return words(node.base, partition, _order_by(node.order_by), node.frame)


@prints(ast.NamedWindow)
def _named_window(node: ast.NamedWindow) -> str:
    return f"{show(node.name)} AS ({show(node.window)})"


@prints(ast.Frame)
def _frame(node: ast.Frame) -> str:
    bounds = show(node.start) if node.end is None else f"BETWEEN {show(node.start)} AND {show(node.end)}"
    return words(node.unit.upper(), bounds, node.exclude and f"EXCLUDE {node.exclude.upper()}")


@prints(ast.FrameBound)
def _frame_bound(node: ast.FrameBound) -> str:
    offset = "" if node.offset is None else operand(node.offset, ADDITIVE)
    return words(offset, node.kind.upper())
