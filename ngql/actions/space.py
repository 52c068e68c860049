"""NEAR, BOX, walks and path patterns."""

from __future__ import annotations

from typing import Any

from ngql import ast
from ngql.actions.registry import action, misplaced
from ngql.ast import Span
from ngql.scan import Token

Setting = tuple[str, Any, Span]
"""`(name, value, place)` of an option that may stand anywhere among its kind, but once."""


@action("near")
def near(c: list[Any], span: Span) -> ast.Near:
    """`NEAR target WITHIN radius`."""
    return ast.Near(c[1], c[3] if len(c) > 2 else None, span=span)


@action("box")
def box(c: list[Any], span: Span) -> ast.Box:
    """`IN BOX low TO high`."""
    return ast.Box(c[2], c[4], span=span)


@action("form_opt")
def form_opt(c: list[Any], span: Span) -> Any:
    """The form, or None."""
    return c[0] if c else None


# ---------------------------------------------------------------- heads


def _bare(item: ast.SelectItem) -> ast.Name | None:
    """The name when the item is a single bare name."""
    value = item.value
    if isinstance(value, ast.ColumnRef) and len(value.parts) == 1 and item.alias is None:
        return value.parts[0]
    return None


@action("select_near")
def select_near(c: list[Any], span: Span) -> ast.Select:
    """`SELECT tokens NEAR …`."""
    table = _bare(c[1])
    if table is None:
        hint = "write SELECT tokens NEAR …, or SELECT … FROM tokens NEAR …"
        raise misplaced(c[2].span, 'syntax error at or near "NEAR"', hint)
    return ast.Select(head=ast.TokensForm(table, c[2], span=table.span), where=c[3], span=span)


@action("select_neighbors")
def select_neighbors(c: list[Any], span: Span) -> ast.Select:
    """`SELECT NEIGHBORS OF x …`."""
    word = _bare(c[1])
    if word is None or word.value != "neighbors":
        raise misplaced(c[2].span, 'syntax error at or near "OF"', "write SELECT NEIGHBORS OF …")
    head = ast.Neighbors(c[3], **_settings(c[4]), span=span)
    return ast.Select(head=head, where=c[5], span=span)


@action("select_path")
def select_path(c: list[Any], span: Span) -> ast.Select:
    """`SELECT PATH FROM a TO b …` and `SELECT k PATHS FROM a TO b …`."""
    item = c[1]
    word, count = _bare(item), None
    if item.alias is not None and isinstance(item.value, ast.Integer | ast.Parameter):
        word, count = item.alias, item.value
    if word is None or word.value != ("path" if count is None else "paths"):
        hint = "write SELECT PATH FROM … TO …, or SELECT k PATHS FROM … TO …"
        raise misplaced(c[4].span, 'syntax error at or near "TO"', hint)
    head = ast.Path(c[3], c[5], count, **_settings(c[6]), span=span)
    return ast.Select(head=head, where=c[7], span=span)


@action("select_spread")
def select_spread(c: list[Any], span: Span) -> ast.Select:
    """`SELECT SPREAD FROM (…) …`."""
    word = _bare(c[1])
    if word is None or word.value != "spread":
        raise misplaced(c[1].span, "VIA, STEPS and DECAY after FROM (…) belong to SELECT SPREAD")
    return ast.Select(head=ast.Spread(c[3], **_settings(c[4]), span=span), where=c[5], span=span)


@action("neighbor_options", "path_options", "spread_options")
def settings_list(c: list[Any], span: Span) -> list[Setting]:
    """A list that grows in place."""
    if len(c) < 2:
        return list(c)
    settings: list[Setting] = c[0]
    settings.append(c[1])
    return settings


def _settings(settings: list[Setting]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for field, value, place in settings:
        if field in seen:
            raise misplaced(place, f"{_WORDS.get(field, field.upper())} was given twice")
        seen[field] = value
    return seen


_WORDS = {"max_depth": "MAX DEPTH", "form": "NEAR or IN BOX", "direction": "OUT, IN or BOTH"}


@action("neighbor_option", "path_option", "spread_option")
def setting(c: list[Any], span: Span) -> Setting:
    """A setting that another action made, or a form."""
    return ("form", c[0], span) if isinstance(c[0], ast.Near | ast.Box) else c[0]


@action("via")
def via(c: list[Any], span: Span) -> Setting:
    """`VIA a|b`."""
    return "via", c[1], span


@action("walk_direction")
def walk_direction(c: list[Any], span: Span) -> Setting:
    """`OUT`, `IN` or `BOTH`."""
    return "direction", c[0].text.lower(), span


@action("depth")
def depth(c: list[Any], span: Span) -> Setting:
    """`DEPTH n`, `DEPTH m..n`."""
    return "depth", (c[1], c[-1]), span


@action("max_depth")
def max_depth(c: list[Any], span: Span) -> Setting:
    """`MAX DEPTH n`."""
    return "max_depth", c[2], span


@action("cost")
def cost(c: list[Any], span: Span) -> Setting:
    """`COST e`."""
    return "cost", c[1], span


@action("steps")
def steps(c: list[Any], span: Span) -> Setting:
    """`STEPS n`."""
    return "steps", c[1], span


@action("decay_option")
def decay(c: list[Any], span: Span) -> Setting:
    """`DECAY e`."""
    return "decay", c[1], span


# ---------------------------------------------------------------- MATCH


@action("select_match")
def select_match(c: list[Any], span: Span) -> ast.Select:
    """`MATCH … RETURN …`."""
    return ast.Select(c[2], c[0], group_by=c[3], having=c[4], span=span)


@action("select_match_distinct")
def select_match_distinct(c: list[Any], span: Span) -> ast.Select:
    """`MATCH … RETURN DISTINCT …`."""
    return ast.Select(c[3], c[0], c[2], group_by=c[4], having=c[5], span=span)


@action("match")
def match(c: list[Any], span: Span) -> ast.Match:
    """`MATCH pattern, pattern WHERE …`."""
    return ast.Match(tuple(c[1:-1:2]), c[-1], span=span)


@action("graph_table")
def graph_table(c: list[Any], span: Span) -> ast.GraphTable:
    """`GRAPH_TABLE (store MATCH … COLUMNS (…)) g`."""
    alias, columns = c[9]
    if columns:
        raise misplaced(columns[0].span, "GRAPH_TABLE names its columns in COLUMNS")
    return ast.GraphTable(c[2], c[3], c[6], alias, span=span)


@action("path_pattern")
def path_pattern(c: list[Any], span: Span) -> ast.PathPattern:
    """`p = ANY SHORTEST (a)-[e]->(b)`."""
    return ast.PathPattern(c[0], c[1], c[2], tuple(c[3:]), span=span)


@action("path_name_opt")
def path_name_opt(c: list[Any], span: Span) -> ast.Name | None:
    """`p =`."""
    return c[0] if c else None


@action("selector_opt")
def selector_opt(c: list[Any], span: Span) -> ast.Selector | None:
    """`ANY SHORTEST`, `CHEAPEST 3`."""
    if not c:
        return None
    count = None if isinstance(c[-1], Token) else c[-1]
    kind: Any = " ".join(symbol.text.lower() for symbol in c if isinstance(symbol, Token))
    return ast.Selector(kind, count, span=span)


@action("mode_opt")
def mode_opt(c: list[Any], span: Span) -> str | None:
    """`WALK`, `TRAIL`, `ACYCLIC` or `SIMPLE`."""
    return c[0].text.lower() if c else None


@action("node_pattern")
def node_pattern(c: list[Any], span: Span) -> ast.NodePattern:
    """`(a IS type NEAR … WHERE … LIMIT k)`."""
    return ast.NodePattern(*c[1:-1], span=span)


@action("labels_opt")
def labels_opt(c: list[Any], span: Span) -> tuple[ast.Name, ...] | None:
    """`IS a|b`."""
    return c[1] if c else None


@action("edge_inner")
def edge_inner(c: list[Any], span: Span) -> list[Any]:
    """Variable, labels, condition and cost."""
    return c


@action("edge_out")
def edge_out(c: list[Any], span: Span) -> ast.EdgePattern:
    """`-[e]->`."""
    return _edge("out", c, span)


@action("edge_in")
def edge_in(c: list[Any], span: Span) -> ast.EdgePattern:
    """`<-[e]-`."""
    return _edge("in", c, span)


@action("edge_both")
def edge_both(c: list[Any], span: Span) -> ast.EdgePattern:
    """`-[e]-`."""
    return _edge("both", c, span)


def _edge(direction: ast.Direction, c: list[Any], span: Span) -> ast.EdgePattern:
    variable, labels, where, cost = c[2]
    return ast.EdgePattern(direction, variable, labels, where, cost, c[-1], span=span)


@action("arrow_out")
def arrow_out(c: list[Any], span: Span) -> ast.EdgePattern:
    """`->`."""
    return ast.EdgePattern("out", quantifier=c[-1], span=span)


@action("arrow_in")
def arrow_in(c: list[Any], span: Span) -> ast.EdgePattern:
    """`<-`."""
    return ast.EdgePattern("in", quantifier=c[-1], span=span)


@action("quantifier_opt")
def quantifier_opt(c: list[Any], span: Span) -> ast.Quantifier | None:
    """`{n}`, `{n,m}`, `{n,}`, `{,m}`, `*`, `+`."""
    if not c:
        return None
    if len(c) == 1:
        return ast.Quantifier(ast.Integer(0 if c[0].text == "*" else 1, span=span), None, span=span)
    inner = c[1:-1]
    if len(inner) == 1:
        return ast.Quantifier(inner[0], inner[0], span=span)
    low = ast.Integer(0, span=span) if isinstance(inner[0], Token) else inner[0]
    high = None if isinstance(inner[-1], Token) else inner[-1]
    return ast.Quantifier(low, high, span=span)
