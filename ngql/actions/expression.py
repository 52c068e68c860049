"""Names, literals and expressions."""

from __future__ import annotations

from typing import Any

from ngql import ast
from ngql.actions.registry import action, misplaced
from ngql.ast import Span
from ngql.scan import Token

_INT64 = 1 << 63
_CLOCK = frozenset(("current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"))


@action("name", "word_name")
def name(c: list[Any], span: Span) -> ast.Name:
    """A name, folded unless it was quoted."""
    text = c[0].text
    return ast.Name(text[1:-1].replace('""', '"') if text[0] == '"' else text.lower(), span=span)


@action("name_path")
def name_path(c: list[Any], span: Span) -> list[ast.Name]:
    """`a.b.c`, as a list that grows in place."""
    if len(c) == 1:
        return [c[0]]
    path: list[ast.Name] = c[0]
    path.append(c[2])
    return path


@action(
    "name_list",
    "labels",
    "expr_list",
    "argument_list",
    "type_list",
    "from_list",
    "select_list",
    "assignments",
)
def comma_list(c: list[Any], span: Span) -> tuple[Any, ...]:
    """Every second symbol: the others separate."""
    return tuple(c[::2])


@action("qualified_name")
def qualified_name(c: list[Any], span: Span) -> ast.QualifiedName:
    """`name` or `store.name`."""
    return ast.QualifiedName(tuple(c[::2]), span=span)


@action("integer")
def integer(c: list[Any], span: Span) -> ast.Integer:
    """An int64; 2⁶³ itself passes here, for a minus sign may stand before it (`ngql.parse` looks again)."""
    digits = c[0].text.lstrip("0")
    if len(digits) > 19 or int(digits or "0") > _INT64:
        raise integer_range(span)
    return ast.Integer(int(digits or "0"), span=span)


def integer_range(span: Span) -> Exception:
    """The error for an integer that is none of int64."""
    return misplaced(span, "integer out of range", "a larger number needs a decimal point", "22003")


@action("real")
def real(c: list[Any], span: Span) -> ast.Real:
    """A number with a point or exponent."""
    text = c[0].text
    value = float(text)
    if value == float("inf"):
        raise misplaced(span, "number out of range for double precision", None, "22003")
    return ast.Real(value, text, span=span)


@action("string")
def string(c: list[Any], span: Span) -> ast.String:
    """A string."""
    return ast.String(unquoted(c[0]), span=span)


def unquoted(token: Token) -> str:
    """The content of a string token."""
    return token.text[1:-1].replace("''", "'")


@action("word_string")
def word_string(c: list[Any], span: Span) -> ast.String:
    """A bare word where a value is expected."""
    return ast.String(c[0].text.lower(), span=span)


@action("true")
def true(c: list[Any], span: Span) -> ast.Boolean:
    """`TRUE`."""
    return ast.Boolean(True, span=span)


@action("false")
def false(c: list[Any], span: Span) -> ast.Boolean:
    """`FALSE`."""
    return ast.Boolean(False, span=span)


@action("null")
def null(c: list[Any], span: Span) -> ast.Null:
    """`NULL`."""
    return ast.Null(span=span)


@action("parameter")
def parameter(c: list[Any], span: Span) -> ast.Parameter:
    """`?`, `$1` or `$name`."""
    text = c[0].text
    if text == "?":
        return ast.Parameter(c[0].ordinal, "question", span=span)
    word = text[1:]
    if not word[0].isdigit():
        return ast.Parameter(word, "named", span=span)
    if not word.isdigit():
        raise misplaced(span, f'invalid parameter "{text}"', "a parameter's name begins with a letter")
    if not 1 <= int(word[:6]) <= 65535 or len(word) > 5:
        raise misplaced(span, f"there is no parameter {text}", "parameters are numbered from $1", "42P02")
    return ast.Parameter(int(word), "numbered", span=span)


@action("typed_literal")
def typed_literal(c: list[Any], span: Span) -> ast.TypedLiteral:
    """`DATE '…'`."""
    kind = ast.TypeName(c[0].text.lower(), span=c[0].span)
    return ast.TypedLiteral(kind, unquoted(c[1]), span=span)


@action("interval")
def interval(c: list[Any], span: Span) -> ast.Interval:
    """`INTERVAL '3' DAY`."""
    return ast.Interval(c[1], c[2].text.lower() if len(c) > 2 else None, span=span)


@action("interval_paren")
def interval_paren(c: list[Any], span: Span) -> ast.Interval:
    """`INTERVAL (n + 1) DAY`."""
    return ast.Interval(c[2], c[4].text.lower(), span=span)


@action("column")
def column(c: list[Any], span: Span) -> ast.ColumnRef | ast.Function:
    """A column, or one of SQL's functions without parentheses."""
    path = c[0]
    first = path[0]
    quoted = first.span.end - first.span.start != len(first.value)
    if len(path) == 1 and first.value in _CLOCK and not quoted:
        return ast.Function(ast.QualifiedName((first,), span=span), (), span=span)
    return ast.ColumnRef(tuple(path), span=span)


@action("expr")
def or_(c: list[Any], span: Span) -> ast.Or:
    """`a OR b OR c`."""
    return ast.Or(tuple(c[::2]), span=span)


@action("conjunction")
def and_(c: list[Any], span: Span) -> ast.And:
    """`a AND b AND c`."""
    return ast.And(tuple(c[::2]), span=span)


@action("not_")
def not_(c: list[Any], span: Span) -> ast.Not:
    """`NOT a`."""
    return ast.Not(c[1], span=span)


@action("truth")
def truth(c: list[Any], span: Span) -> Token:
    """`TRUE`, `FALSE` or `UNKNOWN` after IS."""
    token: Token = c[0]
    return token


@action("is_what")
def is_what(c: list[Any], span: Span) -> ast.Is:
    """`x IS [NOT] NULL | TRUE | FALSE | UNKNOWN`."""
    return ast.Is(c[0], c[-1].text.lower(), len(c) == 4, span=span)


@action("is_distinct")
def is_distinct(c: list[Any], span: Span) -> ast.IsDistinct:
    """`a IS [NOT] DISTINCT FROM b`."""
    return ast.IsDistinct(c[0], c[-1], len(c) == 6, span=span)


@action(
    "comparison_operator",
    "infix",
    "additive_operator",
    "multiplicative_operator",
    "power_operator",
    "quantifier",
)
def first_symbol(c: list[Any], span: Span) -> Any:
    """The only symbol, as it is."""
    return c[0]


def _comparison(token: Token) -> Any:
    return "<>" if token.text == "!=" else token.text


@action("compare")
def compare(c: list[Any], span: Span) -> ast.Comparison:
    """`a < b`."""
    return ast.Comparison(_comparison(c[1]), c[0], c[2], span=span)


@action("quantified_query")
def quantified_query(c: list[Any], span: Span) -> ast.Quantified:
    """`a = ANY (SELECT …)`."""
    right = ast.Subquery(c[3], span=c[3].span)
    return ast.Quantified(_comparison(c[1]), c[0], _quantifier(c[2]), right, span=span)


@action("quantified")
def quantified(c: list[Any], span: Span) -> ast.Quantified:
    """`a = ANY (array)`."""
    return ast.Quantified(_comparison(c[1]), c[0], _quantifier(c[2]), c[4], span=span)


def _quantifier(token: Token) -> Any:
    return "all" if token.type == "ALL" else "any"


@action("between")
def between(c: list[Any], span: Span) -> ast.Between:
    """`x BETWEEN low AND high`."""
    return ast.Between(c[0], c[2], c[4], span=span)


@action("not_between")
def not_between(c: list[Any], span: Span) -> ast.Between:
    """`x NOT BETWEEN low AND high`."""
    return ast.Between(c[0], c[3], c[5], True, span=span)


@action("in_list")
def in_list(c: list[Any], span: Span) -> ast.InList:
    """`x [NOT] IN (a, b)`."""
    return ast.InList(c[0], c[-2], c[1].type == "NOT", span=span)


@action("in_query")
def in_query(c: list[Any], span: Span) -> ast.InQuery:
    """`x [NOT] IN (SELECT …)`."""
    return ast.InQuery(c[0], c[-1], c[1].type == "NOT", span=span)


@action("in_parameter")
def in_parameter(c: list[Any], span: Span) -> ast.InParameter:
    """`x [NOT] IN $list`."""
    return ast.InParameter(c[0], c[-1], c[1].type == "NOT", span=span)


@action("in_box")
def in_box(c: list[Any], span: Span) -> ast.InBox:
    """`x [NOT] IN BOX low TO high`."""
    return ast.InBox(c[0], c[-1], len(c) == 3, span=span)


@action("like_operator")
def like_operator(c: list[Any], span: Span) -> Token:
    """The first word decides."""
    token: Token = c[0]
    return token


@action("like")
def like(c: list[Any], span: Span) -> ast.Like:
    """`x [NOT] LIKE pattern`, `x ~ pattern`."""
    return _like(c, c[-1], None, span)


@action("like_escape")
def like_escape(c: list[Any], span: Span) -> ast.Like:
    """`x [NOT] LIKE pattern ESCAPE e`."""
    return _like(c, c[-3], c[-1], span)


def _like(c: list[Any], pattern: Any, escape: Any, span: Span) -> ast.Like:
    negated = isinstance(c[1], Token) and c[1].type == "NOT"
    operator = c[2] if negated else c[1]
    kind = operator.text.lower()
    if kind[0] in "~!" and (escape is not None or (negated and len(c) > 3)):
        raise misplaced(operator.span, f'"{kind}" takes neither NOT nor ESCAPE', "use !~ or LIKE")
    negated = negated or kind[0] == "!"
    return ast.Like(c[0], kind.lstrip("!"), pattern, escape, negated, span=span)


@action("operation", "additive", "multiplicative", "power")
def operation(c: list[Any], span: Span) -> ast.Binary | ast.Chain:
    """Operators of one precedence, from left to right."""
    if len(c) == 3:
        return ast.Binary(c[1].text, c[0], c[2], span=span)
    links = (ast.ChainLink(c[i].text, c[i + 1], span=c[i].span) for i in range(1, len(c), 2))
    return ast.Chain(c[0], tuple(links), span=span)


@action("minus")
def minus(c: list[Any], span: Span) -> Any:
    """A sign melts into a literal without one."""
    operand = c[1]
    if isinstance(operand, ast.Integer) and operand.value >= 0:
        return ast.Integer(-operand.value, span=span)
    if isinstance(operand, ast.Real) and operand.text[0] != "-":
        return ast.Real(-operand.value, "-" + operand.text, span=span)
    return ast.Unary("-", operand, span=span)


@action("plus")
def plus(c: list[Any], span: Span) -> ast.Unary:
    """`+ x`."""
    return ast.Unary("+", c[1], span=span)


@action("cast")
def cast(c: list[Any], span: Span) -> ast.Cast:
    """`x::type`."""
    return ast.Cast(c[0], c[2], span=span)


@action("cast_call")
def cast_call(c: list[Any], span: Span) -> ast.Cast:
    """`CAST(x AS type)`, `TRY_CAST(x AS type)`."""
    return ast.Cast(c[2], c[4], c[0].type == "TRY_CAST", span=span)


@action("at_time_zone")
def at_time_zone(c: list[Any], span: Span) -> ast.AtTimeZone:
    """`x AT TIME ZONE zone`."""
    return ast.AtTimeZone(c[0], c[4], span=span)


@action("collate")
def collate(c: list[Any], span: Span) -> ast.Collate:
    """`x COLLATE name`."""
    return ast.Collate(c[0], c[2], span=span)


@action("index")
def index(c: list[Any], span: Span) -> ast.Index:
    """`x[i]`."""
    return ast.Index(c[0], c[2], span=span)


@action("slice")
def bounds(c: list[Any], span: Span) -> tuple[Any, Any]:
    """The two ends of a slice."""
    colon = next(i for i, symbol in enumerate(c) if isinstance(symbol, Token))
    return (c[0] if colon else None, c[-1] if colon < len(c) - 1 else None)


@action("slice_")
def slice_(c: list[Any], span: Span) -> ast.Slice:
    """`x[low:high]`."""
    return ast.Slice(c[0], *c[2], span=span)


@action("member")
def member(c: list[Any], span: Span) -> ast.Member:
    """`(x).name`."""
    return ast.Member(c[0], c[2], span=span)


@action("subquery")
def subquery(c: list[Any], span: Span) -> ast.Subquery:
    """`(SELECT …)` as a value."""
    return ast.Subquery(c[0], span=span)


@action("paren")
def paren(c: list[Any], span: Span) -> Any:
    """Parentheses leave no node."""
    return c[1]


@action("star")
def star(c: list[Any], span: Span) -> ast.Star:
    """`*` in a point."""
    return ast.Star(span=span)


@action("row")
def row(c: list[Any], span: Span) -> ast.Row:
    """`(a, b)`; in `(*)` the star is still a token."""
    items = (ast.Star(span=item.span) if isinstance(item, Token) else item for item in c[1:-1:2])
    return ast.Row(tuple(items), span=span)


@action("named_argument")
def named_argument(c: list[Any], span: Span) -> ast.NamedArgument:
    """`name => value`."""
    return ast.NamedArgument(c[0], c[2], span=span)


@action("named_row")
def named_row(c: list[Any], span: Span) -> ast.NamedRow:
    """`(emotional => .9)`."""
    return ast.NamedRow(tuple(c[1:-1:2]), span=span)


@action("exists")
def exists(c: list[Any], span: Span) -> ast.Exists:
    """`EXISTS (SELECT …)`."""
    return ast.Exists(c[1], span=span)


@action("when")
def when(c: list[Any], span: Span) -> ast.When:
    """`WHEN … THEN …`."""
    return ast.When(c[1], c[3], span=span)


@action("case_", "case_operand")
def case(c: list[Any], span: Span) -> ast.Case:
    """`CASE … END`."""
    whens = tuple(symbol for symbol in c if isinstance(symbol, ast.When))
    operand = None if isinstance(c[1], ast.When) else c[1]
    otherwise = c[-2] if isinstance(c[-3], Token) and c[-3].type == "ELSE" else None
    return ast.Case(operand, whens, otherwise, span=span)


@action("extract")
def extract(c: list[Any], span: Span) -> ast.Extract:
    """`EXTRACT(part FROM x)`."""
    return ast.Extract(c[2].value.lower(), c[4], span=span)


@action("array")
def array(c: list[Any], span: Span) -> ast.Array:
    """`[a, b]`."""
    return ast.Array(c[1] if len(c) == 3 else (), span=span)


@action("array_word")
def array_word(c: list[Any], span: Span) -> ast.Array:
    """`ARRAY[a, b]`."""
    return ast.Array(c[2] if len(c) == 4 else (), span=span)


@action("type")
def type_(c: list[Any], span: Span) -> ast.TypeName:
    """A type with its parameters and brackets."""
    return ast.TypeName(c[0], c[1], tuple(c[2:]), span=span)


@action("type_name")
def type_name(c: list[Any], span: Span) -> str:
    """The words of a type, one space between."""
    words = [symbol.value if isinstance(symbol, ast.Name) else symbol.text.lower() for symbol in c]
    if len(words) == 4 and words[0] not in ("timestamp", "time"):
        raise misplaced(c[1].span, f'type "{words[0]}" takes no time zone')
    return " ".join(words)


@action("type_parameters_opt")
def type_parameters(c: list[Any], span: Span) -> tuple[int, ...]:
    """`(10, 2)`."""
    return tuple(integer([token], token.span).value for token in c[1:-1:2])


@action("dimension")
def dimension(c: list[Any], span: Span) -> int | None:
    """`[8]` or `[]`."""
    return integer([c[1]], c[1].span).value if len(c) == 3 else None
