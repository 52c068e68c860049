"""MATCH: patterns of tokens and connections, their variables, and which conditions the engine takes into its walk.

A pattern becomes one source whose columns are those of its variables, `a.key`. What the engine can evaluate of a
token's or connection's WHERE restricts the walk; the rest is a condition on the rows found, where that is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ngql import ast, bound, functions, types
from ngql.bind import points
from ngql.bind.context import Context, Scope, SourceNames
from ngql.bind.costs import Costs
from ngql.bind.expressions import BindQuery, Expressions
from ngql.bind.self_contained import self_contained
from ngql.catalog import did_you_mean
from ngql.filters import is_filter

__all__ = ["Matches"]

_KEY_HINT = "name it, and compare the ids of two tokens in WHERE"


@dataclass(slots=True)
class _Variable(SourceNames):
    """A variable of a pattern: its columns are columns of the pattern."""

    pattern: str = ""

    def column(self, name: str, span: ast.Span | None = None) -> bound.Column:
        """One of its columns."""
        own = SourceNames.column(self, name, span)
        return replace(own, source=self.pattern, name=f"{self.alias}.{name}")

    def shown_column(self, name: str, type_: str) -> bound.Column:
        """One that `*` shows."""
        return bound.Column(self.pattern, f"{self.alias}.{name}", type=type_)


@dataclass(slots=True)
class _Pattern:
    """A path pattern while it is bound."""

    node: ast.PathPattern
    alias: str
    nodes: list[ast.NodePattern]
    edges: list[ast.EdgePattern]
    places: dict[str, int] = field(default_factory=dict)
    """Where each token variable stands first."""
    edge_places: dict[str, int] = field(default_factory=dict)

    @property
    def selects(self) -> bool:
        return self.node.selector is not None

    def is_single(self, edge: ast.EdgePattern) -> bool:
        """Whether the edge stands for one connection."""
        count = edge.quantifier
        if count is None:
            return True
        return isinstance(count.low, ast.Integer) and count.low.value == 1 and count.low == count.high


class Matches:
    """Binds the patterns of one MATCH, and gives their variables to the block's scope.

    Args:
        context: the statement's state.
        scope: of the block.
        bind_query: how a query inside is bound.
    """

    def __init__(self, context: Context, scope: Scope, bind_query: BindQuery) -> None:
        self.context = context
        self.scope = scope
        self._bind_query = bind_query
        self._near: dict[tuple[str, str], bound.Near] = {}
        self._where: list[bound.Expr] = []

    def bind(self, node: ast.Match) -> tuple[bound.Source, tuple[bound.Expr, ...]]:
        """The source of a MATCH, and the conditions inside its patterns that are left to the rows found."""
        self.scope.is_match = True
        source: bound.Source | None = None
        for number, pattern in enumerate(node.patterns, 1):
            right, on = self._pattern(pattern, f"match_{number}")
            kind = "cross" if on is None else "inner"
            source = right if source is None else bound.Join(kind, source, right, on)
        assert source is not None, node
        return source, tuple(self._where)

    def measured(self, tree: Any) -> Any:
        """The tree with `distance` of each token with a NEAR as the distance it is."""
        if not self._near:
            return tree

        def change(node: object) -> object:
            near = self._near.get((node.source or "", node.name)) if isinstance(node, bound.Column) else None
            if near is None or not isinstance(node, bound.Column):
                return node
            coords = replace(node, name=f"{node.name.rpartition('.')[0]}.coords", type=types.POINT)
            return bound.Distance("<->", coords, near.point, near.metric, type=types.DOUBLE, span=node.span)

        return bound.rewrite(tree, change)

    # ---- variables

    def _pattern(self, node: ast.PathPattern, alias: str) -> tuple[bound.MatchSource, bound.Expr | None]:
        nodes = [element for element in node.elements if isinstance(element, ast.NodePattern)]
        edges = [element for element in node.elements if isinstance(element, ast.EdgePattern)]
        pattern = _Pattern(node, alias, nodes, edges)
        columns: list[tuple[str, str]] = []
        joined: list[bound.Expr] = []
        for place, element in enumerate(nodes):
            self._token_variable(pattern, place, element, columns, joined)
        for place, edge in enumerate(edges):
            self._edge_variable(pattern, place, edge, columns)
        if node.variable is not None:
            parts = functions.PATHS.values()
            self._declare(_Variable(node.variable.value, {}, dict(parts), pattern=alias), node.variable)
            columns += [(f"{node.variable.value}.{name}", type_) for name, type_ in parts]
        variables = (
            *pattern.places.items(),
            *((name, -1 - place) for name, place in pattern.edge_places.items()),
        )
        source = bound.MatchSource(
            alias,
            tuple(columns),
            variables,
            None if node.variable is None else node.variable.value,
            tuple(self._token(pattern, place) for place in range(len(nodes))),
            tuple(self._edge(pattern, place) for place in range(len(edges))),
            node.mode or "walk",
            None if node.selector is None else node.selector.kind,
            self._count(pattern),
            span=node.span,
        )
        on = bound.Operation("and", tuple(joined), type=types.BOOLEAN) if len(joined) > 1 else None
        return source, on or (joined[0] if joined else None)

    def _token_variable(
        self,
        pattern: _Pattern,
        place: int,
        node: ast.NodePattern,
        columns: list[tuple[str, str]],
        joined: list[bound.Expr],
    ) -> None:
        if node.variable is None or node.variable.value in pattern.places:
            return
        name = node.variable.value
        pattern.places[name] = place
        table = self.context.catalog.tables["tokens"]
        shown = dict(table.shown)
        if isinstance(node.form, ast.Near):
            shown["distance"] = types.DOUBLE
        columns += [
            (f"{name}.{column}", type_) for column, type_ in (*table.shown.items(), *table.hidden.items())
        ]
        known = self.scope.source(name) if any(s.alias == name for s in self.scope.sources) else None
        if known is not None:
            if not isinstance(known, _Variable) or "coords" not in (known.shown or {}):
                raise self._twice(node.variable)
            id = bound.Column(pattern.alias, f"{name}.id", type=types.BIGINT)
            joined.append(bound.Operation("=", (known.column("id"), id), type=types.BOOLEAN))
            return
        self._declare(_Variable(name, shown, table.hidden, True, pattern=pattern.alias), node.variable)

    def _edge_variable(
        self, pattern: _Pattern, place: int, edge: ast.EdgePattern, columns: list[tuple[str, str]]
    ) -> None:
        if edge.variable is None:
            return
        name = edge.variable.value
        if any(source.alias == name for source in self.scope.sources):
            raise self._twice(edge.variable)
        pattern.edge_places[name] = place
        # A walk along several connections has no column of one.
        shown = self.context.catalog.tables["connections"].shown if pattern.is_single(edge) else {}
        self._declare(_Variable(name, shown, {}, True, pattern=pattern.alias), edge.variable)
        columns += [(f"{name}.{column}", type_) for column, type_ in shown.items()]

    def _declare(self, variable: _Variable, name: ast.Name) -> None:
        if any(source.alias == variable.alias for source in self.scope.sources):
            raise self._twice(name)
        self.scope.sources.append(variable)

    def _twice(self, name: ast.Name) -> Exception:
        hint = "only a token can stand twice, and is then the same"
        return self.context.error("42712", f'the name "{name.value}" stands twice in MATCH', name, hint)

    # ---- elements

    def _token(self, pattern: _Pattern, place: int) -> bound.NodePart:
        node = pattern.nodes[place]
        name = None if node.variable is None else node.variable.value
        first = None if name is None else pattern.places[name]
        filters = list(self._labels(node, name or ""))
        query: bound.Query | None = None
        terms = list(self._terms(pattern, node, name, "tokens"))
        if node.form is not None or node.limit is not None:
            query = self._chosen(pattern, node, name)
            filters, terms = [], []
        for written, term in terms:
            if self._is_taken(term, name or "", "tokens"):
                filters.append(term)
            elif not pattern.selects:
                self._where.append(self._of_rows(pattern, node, written))
            elif self._is_about(term, name):
                query = self._chosen(pattern, node, name)
                filters = []
                break
            elif place in (0, len(pattern.nodes) - 1) and self._of_ends(pattern, term):
                self._where.append(self._of_rows(pattern, node, written))
            else:
                hint = "a selector picks by the two ends of a path; put the condition into a query around it"
                raise self.context.later("such a condition inside a pattern with a selector", written, hint)
        return bound.NodePart(tuple(filters), query, first if first != place else None)

    def _edge(self, pattern: _Pattern, place: int) -> bound.EdgePart:
        edge = pattern.edges[place]
        name = None if edge.variable is None else edge.variable.value
        filters: list[bound.Expr] = []
        for written, term in self._terms(pattern, edge, name, "connections"):
            if self._is_taken(term, name or "", "connections"):
                filters.append(term)
            elif pattern.is_single(edge) and not pattern.selects:
                self._where.append(self._of_rows(pattern, edge, written))
            else:
                hint = "the engine compares columns of the connection with constants while it walks"
                raise self.context.later("such a condition on the connections of a walk", written, hint)
        cost = None
        if edge.cost is not None:
            cost = Costs(self.context, self._cost_names(pattern, place)).bind(edge.cost)
        low, high = self._hops(pattern, edge)
        via = points.type_names(self.context, edge.labels)
        return bound.EdgePart(tuple(filters), via, edge.direction, low, high, cost, span=edge.span)

    def _labels(self, node: ast.NodePattern, name: str) -> tuple[bound.Expr, ...]:
        if node.labels is None:
            return ()
        known = self.context.catalog.token_types
        for label in node.labels:
            if label.value.lower() not in known:
                hint = did_you_mean(label.value.lower(), known)
                raise self.context.error("42704", f'token type "{label.value}" does not exist', label, hint)
        column = bound.Column(name, "type", True, type=types.TEXT)
        wanted = (bound.Constant(label.value.lower(), type=types.TEXT) for label in node.labels)
        return (bound.Operation("in", (column, *wanted), type=types.BOOLEAN),)

    def _chosen(self, pattern: _Pattern, node: ast.NodePattern, name: str | None) -> bound.Query:
        """The ids of the tokens that a node with a form, a LIMIT or a condition of DuckDB's can be."""
        alias = ast.Name(name or "tokens", span=node.span)
        table = ast.QualifiedName((ast.Name("tokens", span=node.span),), span=node.span)
        where = [] if node.where is None else [node.where]
        if node.labels is not None:
            self._labels(node, "")
            column = ast.ColumnRef((alias, ast.Name("type")), span=node.span)
            labels = tuple(ast.String(label.value.lower(), span=label.span) for label in node.labels)
            where.append(ast.InList(column, labels, span=node.span))
        condition = (
            None if not where else where[0] if len(where) == 1 else ast.And(tuple(where), span=node.span)
        )
        id = ast.SelectItem(ast.ColumnRef((alias, ast.Name("id")), span=node.span), span=node.span)
        source = ast.FromItem(ast.TableSource(table, alias, form=node.form, span=node.span), span=node.span)
        select = ast.Select((id,), sources=(source,), where=condition, span=node.span)
        bare = ast.Query(select, limit=node.limit, span=node.span)
        query = self_contained(self.context, self._bind_query(bare, self.scope.parent)[0], node)
        if isinstance(node.form, ast.Near) and name is not None and isinstance(query, bound.Block):
            table_source = query.source
            if isinstance(table_source, bound.TableSource) and isinstance(table_source.form, bound.Near):
                self._near[pattern.alias, f"{name}.distance"] = table_source.form
        return query

    # ---- conditions

    def _terms(
        self, pattern: _Pattern, node: ast.NodePattern | ast.EdgePattern, name: str | None, table: str
    ) -> list[tuple[ast.Expr, bound.Expr]]:
        """The terms of an element's WHERE, as written and bound: its own columns under its own name."""
        if node.where is None or (isinstance(node, ast.NodePattern) and (node.form or node.limit)):
            return []
        known = self.context.catalog.tables[table]
        own = SourceNames(name or "", known.shown, known.hidden, True)
        expressions = Expressions(self.context, Scope(self.scope, [own], is_match=True), self._bind_query)
        written = node.where.terms if isinstance(node.where, ast.And) else (node.where,)
        bound_terms = [(term, expressions.condition(term, "WHERE")) for term in written]
        return [(term, expr) for term, expr in bound_terms if expr is not None]

    def _of_rows(
        self, pattern: _Pattern, node: ast.NodePattern | ast.EdgePattern, written: ast.Expr
    ) -> bound.Expr:
        """The same condition on the rows found: needs the element's columns, and so its name."""
        if node.variable is None:
            raise self.context.later("such a condition on an element without a name", written, "name it")
        own = self.scope.source(node.variable.value)
        assert own is not None, node
        expressions = Expressions(self.context, Scope(self.scope, [own]), self._bind_query)
        expr = expressions.condition(written, "WHERE")
        assert expr is not None, written
        return expr

    def _is_taken(self, term: bound.Expr, name: str, table: str) -> bool:
        """Whether the engine can evaluate the term while it walks."""
        return self._is_about(term, name) and is_filter(term, name, table)

    @staticmethod
    def _is_about(term: bound.Expr, name: str | None) -> bool:
        columns = [node for node in bound.walk(term) if isinstance(node, bound.Column)]
        return all(column.source == (name or "") for column in columns)

    @staticmethod
    def _of_ends(pattern: _Pattern, term: bound.Expr) -> bool:
        """Whether a condition is about the two ends of the path alone."""
        ends = [
            node.variable.value for node in (pattern.nodes[0], pattern.nodes[-1]) if node.variable is not None
        ]
        columns = [node for node in bound.walk(term) if isinstance(node, bound.Column)]
        return all(
            column.source in ends
            or (column.source == pattern.alias and column.name.rpartition(".")[0] in ends)
            for column in columns
        )

    # ---- numbers

    def _hops(self, pattern: _Pattern, edge: ast.EdgePattern) -> tuple[bound.Expr, bound.Expr | None]:
        one = bound.Constant(1, type=types.BIGINT)
        if edge.quantifier is None:
            return one, one
        low, high = edge.quantifier.low, edge.quantifier.high
        ends = self._number(low), None if high is None else self._number(high)
        if high is None and not pattern.selects and (pattern.node.mode or "walk") == "walk":
            hint = "give the quantifier an upper bound, or the pattern ANY SHORTEST or TRAIL or another like them"
            raise self.context.error("42601", "the walk has no end", edge.quantifier, hint)
        known = [end.value for end in ends if isinstance(end, bound.Constant)]
        none = isinstance(ends[1], bound.Constant) and ends[1].value == 0
        if none or (len(known) == 2 and known[0] > known[1]):
            raise self.context.error("22023", "a quantifier is {m,n} with m ≤ n and n ≥ 1", edge.quantifier)
        return ends

    def _number(self, node: ast.Count, least: int = 0) -> bound.Expr:
        if isinstance(node, ast.Parameter):
            return self.context.parameter(node)
        if node.value >= 1 << 31:
            raise self.context.error("22003", "the number of hops is out of range", node)
        if node.value < least:
            raise self.context.error("22023", f"the number of paths counts from {least}", node)
        return bound.Constant(node.value, type=types.BIGINT, span=node.span)

    def _count(self, pattern: _Pattern) -> bound.Expr | None:
        selector = pattern.node.selector
        if selector is None:
            return None
        if "cheapest" in selector.kind and not any(edge.cost is not None for edge in pattern.edges):
            hint = "write what a hop costs into an edge: -[e COST e.weight]->"
            raise self.context.error("42601", f"{selector.kind.upper()} needs a COST", selector, hint)
        first = {name: place for name, place in pattern.places.items() if 0 < place < len(pattern.nodes) - 1}
        for place, node in enumerate(pattern.nodes):
            name = None if node.variable is None else node.variable.value
            if name in first and first[name] != place and (pattern.node.mode or "walk") == "walk":
                what = "a token that stands twice inside a pattern with a selector"
                raise self.context.later(what, node, _KEY_HINT)
        return None if selector.count is None else self._number(selector.count, 1)

    def _cost_names(self, pattern: _Pattern, place: int) -> Mapping[str, str]:
        """What a COST may call the connection and its ends: e, u and v, or what the pattern calls them."""
        names = {"e": "e", "u": "u", "v": "v"}
        edge = pattern.edges[place]
        if edge.variable is not None:
            names[edge.variable.value] = "e"
        if pattern.is_single(edge):
            for node, end in ((pattern.nodes[place], "u"), (pattern.nodes[place + 1], "v")):
                if node.variable is not None:
                    names[node.variable.value] = end
        return names
