"""Functions, windows, SELECT blocks and what stands around them."""

from __future__ import annotations

from typing import Any

from ngql import ast
from ngql.actions.registry import action, misplaced
from ngql.ast import Span
from ngql.scan import Token

# ---------------------------------------------------------------- functions and windows


@action("function_call")
def function_call(c: list[Any], span: Span) -> ast.Function:
    """`f()`."""
    return ast.Function(_function_name(c[0]), (), span=span)


@action("function_star")
def function_star(c: list[Any], span: Span) -> ast.Function:
    """`count(*)`."""
    return ast.Function(_function_name(c[0]), (ast.Star(span=c[2].span),), span=span)


@action("function_arguments")
def function_arguments(c: list[Any], span: Span) -> ast.Function:
    """`f(a, b => c ORDER BY d)`."""
    return ast.Function(_function_name(c[0]), _arguments(c[2]), order_by=c[3], span=span)


@action("function_distinct")
def function_distinct(c: list[Any], span: Span) -> ast.Function:
    """`f(DISTINCT a)`."""
    return ast.Function(_function_name(c[0]), _arguments(c[3]), True, c[4], span=span)


def _function_name(name: ast.Name) -> ast.QualifiedName:
    return ast.QualifiedName((name,), span=name.span)


def _arguments(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    named = False
    for argument in arguments:
        if isinstance(argument, ast.NamedArgument):
            named = True
        elif named:
            raise misplaced(argument.span, "positional argument cannot follow named argument")
    return arguments


@action("function")
def function(c: list[Any], span: Span) -> ast.Function:
    """A call with FILTER and OVER."""
    call: ast.Function = c[0]
    condition, over = c[1:]
    if condition is None and over is None:
        return call
    return ast.Function(call.name, call.arguments, call.distinct, call.order_by, condition, over, span=span)


@action("filter_opt")
def filter_opt(c: list[Any], span: Span) -> Any:
    """`FILTER (WHERE …)`."""
    return c[3] if c else None


@action("over_opt")
def over_opt(c: list[Any], span: Span) -> ast.Window | None:
    """`OVER name` or `OVER (…)`."""
    if not c:
        return None
    return ast.Window(base=c[1], span=c[1].span) if len(c) == 2 else c[2]


@action("window")
def window(c: list[Any], span: Span) -> ast.Window:
    """What stands between the parentheses of OVER."""
    return ast.Window(*c, span=span)


@action("named_window")
def named_window(c: list[Any], span: Span) -> ast.NamedWindow:
    """`name AS (…)`."""
    return ast.NamedWindow(c[0], c[3], span=span)


@action("frame_opt")
def frame_opt(c: list[Any], span: Span) -> ast.Frame | None:
    """`ROWS BETWEEN … AND …`."""
    if not c:
        return None
    if len(c) == 3:
        return ast.Frame(c[0], c[1], None, c[2], span=span)
    return ast.Frame(c[0], c[2], c[4], c[5], span=span)


@action("frame_unit", "reinforce_outcome", "feedback_kind")
def lower(c: list[Any], span: Span) -> str:
    """A keyword in lower case."""
    return str(c[0].text.lower())


@action("frame_bound")
def frame_bound(c: list[Any], span: Span) -> ast.FrameBound:
    """`UNBOUNDED PRECEDING`, `3 FOLLOWING`, `CURRENT ROW`."""
    if isinstance(c[0], Token):
        kind: Any = f"{c[0].text} {c[1].text}".lower()
        return ast.FrameBound(kind, span=span)
    kind = c[1].text.lower()
    return ast.FrameBound(kind, c[0], span=span)


@action("exclude_opt")
def exclude_opt(c: list[Any], span: Span) -> str | None:
    """`EXCLUDE …`."""
    return " ".join(token.text.lower() for token in c[1:]) if c else None


@action("window_base_opt", "name_opt", "quarantine_id_opt")
def optional_symbol(c: list[Any], span: Span) -> Any:
    """The symbol, or None."""
    return c[0] if c else None


@action("partition_opt")
def partition_opt(c: list[Any], span: Span) -> tuple[Any, ...]:
    """`PARTITION BY …`."""
    return c[2] if c else ()


# ---------------------------------------------------------------- clauses


@action(
    "where_opt",
    "having_opt",
    "qualify_opt",
    "node_limit_opt",
    "edge_cost_opt",
    "connect_type_opt",
    "insert_alias_opt",
)
def second_symbol(c: list[Any], span: Span) -> Any:
    """What follows the keyword, or None."""
    return c[1] if c else None


@action("group_opt", "order_opt")
def by_list(c: list[Any], span: Span) -> tuple[Any, ...]:
    """`GROUP BY …`, `ORDER BY …`."""
    return tuple(c[2::2])


@action("window_opt")
def window_opt(c: list[Any], span: Span) -> tuple[Any, ...]:
    """`WINDOW …`."""
    return tuple(c[1::2])


@action("rollup", "cube")
def rollup(c: list[Any], span: Span) -> ast.GroupingSets:
    """`ROLLUP (…)`, `CUBE (…)`."""
    kind: Any = c[0].text.lower()
    return ast.GroupingSets(kind, tuple(_set_members(item) for item in c[2]), span=span)


@action("grouping_sets")
def grouping_sets(c: list[Any], span: Span) -> ast.GroupingSets:
    """`GROUPING SETS (…)`."""
    return ast.GroupingSets("sets", tuple(c[3:-1:2]), span=span)


@action("grouping_set")
def grouping_set(c: list[Any], span: Span) -> tuple[Any, ...]:
    """`(a, b)`, `a` or `()`."""
    return () if len(c) == 2 else _set_members(c[0])


def _set_members(item: Any) -> tuple[Any, ...]:
    if isinstance(item, ast.Row):
        for member in item.items:
            if isinstance(member, ast.Star):
                raise misplaced(member.span, 'syntax error at or near "*"')
        return item.items
    return (item,)


@action("order_key")
def order_key(c: list[Any], span: Span) -> ast.OrderKey:
    """`key DESC NULLS LAST`."""
    return ast.OrderKey(c[0], c[1], c[2], span=span)


@action("direction_opt")
def direction_opt(c: list[Any], span: Span) -> bool:
    """Whether DESC."""
    return bool(c) and c[0].type == "DESC"


@action("nulls_opt")
def nulls_opt(c: list[Any], span: Span) -> str | None:
    """`first`, `last` or None."""
    return c[1].text.lower() if c else None


@action("cdna_opt")
def cdna_opt(c: list[Any], span: Span) -> ast.UsingCdna | None:
    """`USING CDNA …`."""
    if not c:
        return None
    if len(c) == 4:
        return ast.UsingCdna(c[3], span=span)
    return ast.UsingCdna(None, c[2], span=span)


@action("limit_opt")
def limit_opt(c: list[Any], span: Span) -> tuple[Any, Any]:
    """`(limit, offset)`, in whichever order they came."""
    limit = offset = None
    for position, symbol in enumerate(c):
        if isinstance(symbol, _Fetch):
            limit = symbol.count
        elif isinstance(symbol, Token) and symbol.type == "LIMIT":
            limit = c[position + 1]
        elif isinstance(symbol, Token) and symbol.type == "OFFSET":
            offset = c[position + 1]
    return limit, offset


@action("limit_count")
def limit_count(c: list[Any], span: Span) -> Any:
    """An expression; None for ALL."""
    return None if isinstance(c[0], Token) else c[0]


class _Fetch:
    """What FETCH FIRST says, until `limit_opt` takes it."""

    def __init__(self, count: ast.Expr) -> None:
        self.count = count


@action("fetch")
def fetch(c: list[Any], span: Span) -> _Fetch:
    """`FETCH FIRST 3 ROWS ONLY`; without a number it is one row."""
    return _Fetch(c[2] if len(c) == 5 else ast.Integer(1, span=span))


@action("first_word", "row_word")
def noise(c: list[Any], span: Span) -> None:
    """Words that say nothing."""


# ---------------------------------------------------------------- queries


@action("start")
def start(c: list[Any], span: Span) -> Any:
    """The statement."""
    return c[0]


@action("query")
def query(c: list[Any], span: Span) -> ast.Query:
    """A body and what follows it."""
    return _query(None, c[0], c[1], c[2], c[3], span)


@action("with_query")
def with_query(c: list[Any], span: Span) -> ast.Query:
    """A query after WITH."""
    return _query(c[0], c[1], c[2], c[3], c[4], span)


def _query(with_: Any, body: Any, order_by: Any, cdna: Any, limit: Any, span: Span) -> ast.Query:
    if isinstance(body, ast.Query) and not (with_ or order_by or cdna or limit[0] or limit[1]):
        return body
    return ast.Query(body, with_, order_by, cdna, limit[0], limit[1], span=span)


@action("with_", "with_recursive")
def with_(c: list[Any], span: Span) -> ast.With:
    """`WITH [RECURSIVE] a AS (…), b AS (…)`."""
    tables = tuple(symbol for symbol in c if isinstance(symbol, ast.CommonTable))
    return ast.With(tables, c[1] is not tables[0], span=span)


@action("common_table")
def common_table(c: list[Any], span: Span) -> ast.CommonTable:
    """`name (columns) AS (query)`."""
    return ast.CommonTable(c[0], c[1], c[4], c[3], span=span)


@action("materialized_opt")
def materialized_opt(c: list[Any], span: Span) -> bool | None:
    """`[NOT] MATERIALIZED`."""
    return len(c) == 1 if c else None


@action("columns_opt", "conflict_columns_opt")
def columns_opt(c: list[Any], span: Span) -> tuple[ast.Name, ...]:
    """`(a, b)`."""
    return c[1] if c else ()


@action("body", "intersection")
def body(c: list[Any], span: Span) -> ast.Compound:
    """Set operations of one precedence."""
    steps = []
    for (operator, every, place), operand in zip(c[1::2], c[2::2], strict=True):
        step = Span(place.line, place.column, place.start, operand.span.end)
        steps.append(ast.SetStep(operator, every, operand, span=step))
    return ast.Compound(c[0], tuple(steps), span=span)


@action("union_operator", "intersect_operator")
def set_operator(c: list[Any], span: Span) -> tuple[str, bool, Span]:
    """`(operator, ALL?, place)`."""
    return c[0].text.lower(), len(c) == 2 and c[1].type == "ALL", span


@action("paren_query")
def paren_query(c: list[Any], span: Span) -> Any:
    """`(query)`."""
    return c[1]


@action("nested_query")
def nested_query(c: list[Any], span: Span) -> Any:
    """A query in parentheses as a body; they count only when something stands around its own body."""
    inner = c[0]
    plain = not (inner.with_ or inner.order_by or inner.using_cdna or inner.limit or inner.offset)
    return inner.body if plain else inner


@action("values")
def values(c: list[Any], span: Span) -> ast.Values:
    """`VALUES (…), (…)`."""
    rows = tuple(c[1::2])
    return ast.Values(rows, span=span)


@action("values_row")
def values_row(c: list[Any], span: Span) -> tuple[Any, ...]:
    """`(a, b)`."""
    return tuple(c[1:-1:2])


@action("default")
def default(c: list[Any], span: Span) -> None:
    """`DEFAULT`."""


# ---------------------------------------------------------------- SELECT


@action("select")
def select(c: list[Any], span: Span) -> ast.Select:
    """`SELECT item …`; `SELECT tokens IN BOX …` has been read as a condition so far."""
    item, rest = c[1], c[2]
    value = item.value
    if (
        isinstance(value, ast.InBox)
        and item.alias is None
        and not value.negated
        and isinstance(value.operand, ast.ColumnRef)
        and [part.value for part in value.operand.parts] == ["tokens"]
        and not any(rest[field] for field in rest if field != "where")
    ):
        head = ast.TokensForm(value.operand.parts[0], value.box, span=item.span)
        return ast.Select(head=head, where=rest["where"], span=span)
    return ast.Select((item,), **rest, span=span)


@action("select_more")
def select_more(c: list[Any], span: Span) -> ast.Select:
    """`SELECT item, item …`."""
    return ast.Select((c[1], *c[3]), **c[4], span=span)


@action("select_distinct")
def select_distinct(c: list[Any], span: Span) -> ast.Select:
    """`SELECT DISTINCT …`."""
    return ast.Select(c[2], distinct=c[1], **c[3], span=span)


@action("distinct")
def distinct(c: list[Any], span: Span) -> bool | tuple[Any, ...]:
    """`ALL`, `DISTINCT` or `DISTINCT ON (…)`."""
    return tuple(c[3]) if len(c) > 1 else bool(c[0].type == "DISTINCT")


@action("no_from")
def no_from(c: list[Any], span: Span) -> dict[str, Any]:
    """What follows a select list without FROM."""
    return dict(zip(("where", "group_by", "having", "windows", "qualify"), c, strict=True))


@action("from_")
def from_(c: list[Any], span: Span) -> dict[str, Any]:
    """`FROM …` and what follows."""
    return {"sources": c[1], **no_from(c[2:], span)}


@action("select_item")
def select_item(c: list[Any], span: Span) -> ast.SelectItem:
    """An expression."""
    return ast.SelectItem(c[0], span=span)


@action("aliased_item")
def aliased_item(c: list[Any], span: Span) -> ast.SelectItem:
    """`expression [AS] alias`."""
    return ast.SelectItem(c[0], c[-1], span=span)


@action("star_item")
def star_item(c: list[Any], span: Span) -> ast.SelectItem:
    """`*`."""
    return ast.SelectItem(ast.Star(span=span), span=span)


@action("qualified_star_item")
def qualified_star_item(c: list[Any], span: Span) -> ast.SelectItem:
    """`t.*`."""
    if len(c[0]) != 1:
        raise misplaced(span, 'expected one name before ".*"')
    return ast.SelectItem(ast.Star(c[0][0], span=span), span=span)


# ---------------------------------------------------------------- FROM


@action("from_item")
def from_item(c: list[Any], span: Span) -> ast.FromItem:
    """A source and its joins."""
    return ast.FromItem(c[0], tuple(c[1:]), span=span)


@action("joined_source")
def joined_source(c: list[Any], span: Span) -> ast.FromItem:
    """`(a JOIN b …)`."""
    return ast.FromItem(c[1], tuple(c[2:-1]), span=span)


@action("join")
def join(c: list[Any], span: Span) -> ast.Join:
    """`LEFT JOIN b ON …`."""
    kind: Any = "inner" if isinstance(c[0], Token) else c[0]
    on, using = c[-1]
    return ast.Join(kind, c[-2], on, using, span=span)


@action("cross_join")
def cross_join(c: list[Any], span: Span) -> ast.Join:
    """`CROSS JOIN b`."""
    return ast.Join("cross", c[2], span=span)


@action("natural_join")
def natural_join(c: list[Any], span: Span) -> ast.Join:
    """`NATURAL LEFT JOIN b`."""
    kind: Any = "inner" if isinstance(c[1], Token) else c[1]
    return ast.Join(kind, c[-1], natural=True, span=span)


@action("join_kind")
def join_kind(c: list[Any], span: Span) -> str:
    """`inner`, `left`, `right` or `full`."""
    return str(c[0].text.lower())


@action("join_condition")
def join_condition(c: list[Any], span: Span) -> tuple[Any, tuple[ast.Name, ...]]:
    """`(on, using)`."""
    return (c[1], ()) if len(c) == 2 else (None, c[2])


@action("alias_opt")
def alias_opt(c: list[Any], span: Span) -> tuple[ast.Name | None, tuple[ast.Name, ...]]:
    """`(alias, columns)`."""
    if not c:
        return None, ()
    if isinstance(c[0], Token):
        c = c[1:]
    return c[0], (c[2] if len(c) > 1 else ())


@action("table_source")
def table_source(c: list[Any], span: Span) -> ast.TableSource:
    """`tokens AS t NEAR …`."""
    alias, columns = c[1]
    return ast.TableSource(c[0], alias, columns, c[2], span=span)


@action("query_source")
def query_source(c: list[Any], span: Span) -> ast.QuerySource:
    """`(SELECT …) s`."""
    return ast.QuerySource(c[0], *c[1], span=span)


@action("lateral_query_source")
def lateral_query_source(c: list[Any], span: Span) -> ast.QuerySource:
    """`LATERAL (SELECT …) s`."""
    alias, columns = c[2]
    return ast.QuerySource(c[1], alias, columns, True, span=span)


@action("function_source")
def function_source(c: list[Any], span: Span) -> ast.FunctionSource:
    """`f(…) s`."""
    return ast.FunctionSource(c[0], *c[1], span=span)


@action("lateral_function_source")
def lateral_function_source(c: list[Any], span: Span) -> ast.FunctionSource:
    """`LATERAL f(…) s`."""
    alias, columns = c[2]
    return ast.FunctionSource(c[1], alias, columns, True, span=span)
