"""Queries, walks and patterns as text."""

from __future__ import annotations

from ngql import ast
from ngql.format.expression import ADDITIVE, OPERATION, operand
from ngql.format.registry import after, in_parentheses, listed, prints, show, words


@prints(ast.Query)
def _query(node: ast.Query) -> str:
    return words(
        node.with_,
        _member(node.body),
        f"ORDER BY {listed(node.order_by)}" if node.order_by else "",
        node.using_cdna,
        after("LIMIT", node.limit),
        after("OFFSET", node.offset),
    )


def _member(body: ast.Body) -> str:
    """A body where a `Query` needs its parentheses."""
    return f"({show(body)})" if isinstance(body, ast.Query) else show(body)


def _operand_of(body: ast.Body) -> str:
    """A body between set operators, where a `Compound` needs parentheses too."""
    return f"({show(body)})" if isinstance(body, ast.Query | ast.Compound) else show(body)


@prints(ast.Compound)
def _compound(node: ast.Compound) -> str:
    # INTERSECT binds tighter than UNION and EXCEPT; parentheses are right in either case.
    parts = [_operand_of(node.first)]
    for step in node.steps:
        parts += (step.operator.upper(), "ALL" if step.all else "", _operand_of(step.body))
    return words(*parts)


@prints(ast.With)
def _with(node: ast.With) -> str:
    return words("WITH", "RECURSIVE" if node.recursive else "", listed(node.tables))


@prints(ast.CommonTable)
def _common_table(node: ast.CommonTable) -> str:
    materialized = {None: "", True: "MATERIALIZED", False: "NOT MATERIALIZED"}[node.materialized]
    name = show(node.name) + (f" {in_parentheses(node.columns)}" if node.columns else "")
    return words(name, "AS", materialized, f"({show(node.query)})")


@prints(ast.UsingCdna)
def _using_cdna(node: ast.UsingCdna) -> str:
    what = f"({listed(node.options)})" if node.profile is None else f"PROFILE {show(node.profile)}"
    return f"USING CDNA {what}"


@prints(ast.Option)
def _option(node: ast.Option) -> str:
    return show(node.name) + ("" if node.value is None else f" => {show(node.value)}")


@prints(ast.Values)
def _values(node: ast.Values) -> str:
    rows = [", ".join(["DEFAULT" if item is None else show(item) for item in row]) for row in node.rows]
    return "VALUES " + ", ".join([f"({row})" for row in rows])


@prints(ast.Select)
def _select(node: ast.Select) -> str:
    groups = f"GROUP BY {listed(node.group_by)}" if node.group_by else ""
    if node.distinct is True:
        distinct = "DISTINCT"
    else:
        distinct = f"DISTINCT ON ({listed(node.distinct)})" if node.distinct else ""
    if isinstance(node.head, ast.Match):
        having = after("HAVING", node.having)
        return words(show(node.head), "RETURN", distinct, listed(node.items), groups, having)
    if node.head is not None:
        return words("SELECT", show(node.head), after("WHERE", node.where))
    return words(
        "SELECT",
        distinct,
        listed(node.items),
        f"FROM {listed(node.sources)}" if node.sources else "",
        after("WHERE", node.where),
        groups,
        after("HAVING", node.having),
        f"WINDOW {listed(node.windows)}" if node.windows else "",
        after("QUALIFY", node.qualify),
    )


@prints(ast.SelectItem)
def _select_item(node: ast.SelectItem) -> str:
    return words(show(node.value), after("AS", node.alias))


@prints(ast.GroupingSets)
def _grouping_sets(node: ast.GroupingSets) -> str:
    if node.kind == "sets":
        return "GROUPING SETS (" + ", ".join([f"({listed(members)})" for members in node.sets]) + ")"
    sets = [listed(members) if len(members) == 1 else f"({listed(members)})" for members in node.sets]
    return f"{node.kind.upper()} ({', '.join(sets)})"


# ---------------------------------------------------------------- FROM


def _alias(alias: ast.Name | None, columns: tuple[ast.Name, ...] = ()) -> str:
    return "" if alias is None else words(f"AS {show(alias)}", in_parentheses(columns))


@prints(ast.FromItem)
def _from_item(node: ast.FromItem) -> str:
    source = f"({show(node.source)})" if isinstance(node.source, ast.FromItem) else show(node.source)
    return words(source, *map(show, node.joins))


@prints(ast.Join)
def _join(node: ast.Join) -> str:
    kind = "" if node.kind == "inner" else node.kind.upper()
    right = f"({show(node.right)})" if isinstance(node.right, ast.FromItem) else show(node.right)
    using = f"USING {in_parentheses(node.using)}" if node.using else ""
    return words("NATURAL" if node.natural else "", kind, "JOIN", right, after("ON", node.on), using)


@prints(ast.TableSource)
def _table_source(node: ast.TableSource) -> str:
    return words(show(node.name), _alias(node.alias, node.columns), node.form)


@prints(ast.QuerySource)
def _query_source(node: ast.QuerySource) -> str:
    lateral = "LATERAL" if node.lateral else ""
    return words(lateral, f"({show(node.query)})", _alias(node.alias, node.columns))


@prints(ast.FunctionSource)
def _function_source(node: ast.FunctionSource) -> str:
    call = show(node.function)
    if not call.endswith(")"):
        call += "()"  # current_date and the like are calls here
    return words("LATERAL" if node.lateral else "", call, _alias(node.alias, node.columns))


@prints(ast.GraphTable)
def _graph_table(node: ast.GraphTable) -> str:
    columns = f"COLUMNS ({listed(node.columns)})"
    return words(f"GRAPH_TABLE ({show(node.graph)} {show(node.match)} {columns})", _alias(node.alias))


# ---------------------------------------------------------------- walks


def _labels(labels: tuple[ast.Name, ...] | None, keyword: str) -> str:
    return "" if labels is None else f"{keyword} {'|'.join(map(show, labels))}"


@prints(ast.TokensForm)
def _tokens_form(node: ast.TokensForm) -> str:
    return f"{show(node.table)} {show(node.form)}"


@prints(ast.Neighbors)
def _neighbors(node: ast.Neighbors) -> str:
    depth = ""
    if node.depth is not None:
        low, high = node.depth
        depth = f"DEPTH {show(low)}" if low == high else f"DEPTH {show(low)} .. {show(high)}"
    direction = node.direction and node.direction.upper()
    form = node.form
    return words("NEIGHBORS OF", show(node.of), depth, _labels(node.via, "VIA"), direction, form)


@prints(ast.Path)
def _path(node: ast.Path) -> str:
    return words(
        "PATH" if node.count is None else f"{show(node.count)} PATHS",
        f"FROM {show(node.source)} TO {show(node.target)}",
        _labels(node.via, "VIA"),
        after("MAX DEPTH", node.max_depth),
        node.direction and node.direction.upper(),
        "" if node.cost is None else f"COST {operand(node.cost, OPERATION)}",
    )


@prints(ast.Spread)
def _spread(node: ast.Spread) -> str:
    return words(
        f"SPREAD FROM ({show(node.seeds)})",
        _labels(node.via, "VIA"),
        after("STEPS", node.steps),
        "" if node.decay is None else f"DECAY {operand(node.decay, ADDITIVE)}",
        node.direction and node.direction.upper(),
    )


@prints(ast.Match)
def _match(node: ast.Match) -> str:
    return words("MATCH", listed(node.patterns), after("WHERE", node.where))


@prints(ast.PathPattern)
def _path_pattern(node: ast.PathPattern) -> str:
    name = "" if node.variable is None else f"{show(node.variable)} ="
    elements = "".join(map(show, node.elements))
    return words(name, node.selector, node.mode and node.mode.upper(), elements)


@prints(ast.Selector)
def _selector(node: ast.Selector) -> str:
    return words(node.kind.upper(), node.count)


@prints(ast.NodePattern)
def _node_pattern(node: ast.NodePattern) -> str:
    inner = words(
        node.variable,
        _labels(node.labels, "IS"),
        node.form,
        after("WHERE", node.where),
        after("LIMIT", node.limit),
    )
    return f"({inner})"


@prints(ast.EdgePattern)
def _edge_pattern(node: ast.EdgePattern) -> str:
    inner = words(
        node.variable,
        _labels(node.labels, "IS"),
        after("WHERE", node.where),
        "" if node.cost is None else f"COST {operand(node.cost, OPERATION)}",
    )
    left, right = {"out": ("-", "->"), "in": ("<-", "-"), "both": ("-", "-")}[node.direction]
    arrow = right if node.direction == "out" else left
    edge = f"{left}[{inner}]{right}" if inner or node.direction == "both" else arrow
    return edge + ("" if node.quantifier is None else show(node.quantifier))


@prints(ast.Quantifier)
def _quantifier(node: ast.Quantifier) -> str:
    low = show(node.low)
    if node.high is None:
        return {"0": "*", "1": "+"}.get(low, f"{{{low},}}")
    return f"{{{low}}}" if node.low == node.high else f"{{{low},{show(node.high)}}}"
