"""Queries: blocks, set operations, WITH, and what surrounds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ngql import ast, bound, functions, types
from ngql.bind import points
from ngql.bind.constants import literal_number
from ngql.bind.context import CommonTables, Context, Scope
from ngql.bind.expressions import Expressions
from ngql.bind.sources import Sources, rename_columns
from ngql.catalog import did_you_mean

__all__ = ["Columns", "Queries"]

Columns = tuple[tuple[str, str], ...] | None
"""Name and type of each column of a query; None when only DuckDB knows them."""


class Queries:
    """Binds queries.

    Args:
        context: the statement's state.
    """

    def __init__(self, context: Context) -> None:
        self.context = context

    def expressions(self, scope: Scope) -> Expressions:
        """A binder of expressions over a scope."""
        return Expressions(self.context, scope, self.bind)

    def bind(self, node: ast.Query, outer: Scope | None = None) -> tuple[bound.Query, Columns]:
        """A query inside `outer`, and the columns it gives."""
        metric = None if node.using_cdna is None else points.metric_spec(self.context, node.using_cdna)
        with self.context.using(metric):
            ctes = self._with(node.with_, outer)
            try:
                query, columns = self._surrounded(node, outer)
            finally:
                if node.with_ is not None:
                    self.context.tables.pop()
        if not ctes:
            return query, columns
        assert node.with_ is not None
        return replace(query, ctes=ctes, recursive=node.with_.recursive), columns

    def _with(self, node: ast.With | None, outer: Scope | None) -> tuple[bound.Cte, ...]:
        if node is None:
            return ()
        tables = CommonTables(node.recursive)
        self.context.tables.append(tables)
        for table in node.tables:
            name = table.name.value
            if name in tables.columns:
                raise self.context.error("42712", f'WITH names "{name}" twice', table.name)
            if node.recursive:
                tables.columns[name] = tuple((c.value, types.UNKNOWN) for c in table.columns) or None
            query, columns = self.bind(table.query, outer)
            renamed = rename_columns(self.context, columns, table.columns)
            tables.columns[name] = renamed
            names = tuple(column.value for column in table.columns)
            tables.queries.append(bound.Cte(name, query, names, table.materialized))
        return tuple(tables.queries)

    def _surrounded(self, node: ast.Query, outer: Scope | None) -> tuple[bound.Query, Columns]:
        body = node.body
        if isinstance(body, ast.Select):
            return self._select(body, node, outer)
        if isinstance(body, ast.Query):
            query, columns = self.bind(body, outer)
            if (
                not node.order_by
                and node.limit is None
                and node.offset is None
                and not (query.ctes and node.with_)
            ):
                return query, columns
            return self._wrapped(query, columns, node, outer)
        if isinstance(body, ast.Values):
            query, columns = self._values(body, outer)
        else:
            query, columns = self._compound(body, outer)
        order = tuple(self._result_key(key, body, columns) for key in node.order_by)
        limit, offset = self._limits(node)
        return replace(query, order=order, limit=limit, offset=offset), columns

    def _wrapped(
        self, query: bound.Query, columns: Columns, node: ast.Query, outer: Scope | None
    ) -> tuple[bound.Query, Columns]:
        """A parenthesised query with an ORDER BY or LIMIT of its own around it."""
        source = bound.DerivedSource("q", query, columns)
        if columns is None:
            items: tuple[bound.Item, ...] = (bound.Item(bound.Star("q"), "*"),)
        else:
            items = tuple(bound.Item(bound.Column("q", name, type=t), name) for name, t in columns)
        order = tuple(self._outer_key(key, columns) for key in node.order_by)
        limit, offset = self._limits(node)
        return bound.Block(items, source, order=order, limit=limit, offset=offset), columns

    def _limits(self, node: ast.Query) -> tuple[bound.Expr | None, bound.Expr | None]:
        return self._limit(node.limit, "LIMIT"), self._limit(node.offset, "OFFSET")

    def _limit(self, node: ast.Expr | None, what: str) -> bound.Expr | None:
        if node is None or isinstance(node, ast.Null):
            return None
        expr: bound.Expr | None
        expr = self.context.parameter(node) if isinstance(node, ast.Parameter) else literal_number(node)
        if isinstance(node, (ast.String, ast.Boolean)):
            raise self.context.error("42804", f"{what} must be a whole number", node)
        if expr is None:
            raise self.context.later(f"a computed {what}", node, "give a number or a parameter")
        if isinstance(expr, bound.Constant):
            if expr.type == types.DOUBLE:
                raise self.context.error("22023", f"{what} must be a whole number", node)
            if expr.value < 0:
                raise self.context.error("22023", f"{what} must not be negative", node)
        return expr

    def _result_key(
        self, key: ast.OrderKey, body: ast.Values | ast.Compound, columns: Columns
    ) -> bound.OrderKey:
        """A sort key over a set operation or VALUES, whose rows are all there is to sort by."""
        if isinstance(body, ast.Compound) and not _is_output(key):
            message = (
                "invalid UNION/INTERSECT/EXCEPT ORDER BY clause: only names of result columns can be used"
            )
            hint = "add the expression to every SELECT, or move the UNION into a FROM clause"
            raise self.context.error("0A000", message, key.key, hint)
        return self._outer_key(key, columns)

    def _outer_key(self, key: ast.OrderKey, columns: Columns) -> bound.OrderKey:
        """A sort key over a finished query: a column of the result by name or number."""
        if isinstance(key.key, ast.Integer):
            index = self._ordinal(key.key, None if columns is None else len(columns), "ORDER BY")
            return Expressions.order_key(key, bound.Output(index))
        if not isinstance(key.key, ast.ColumnRef) or len(key.key.parts) != 1:
            raise self.context.later("ORDER BY an expression over a query in parentheses or VALUES", key.key)
        name = key.key.parts[0].value
        if columns is None:
            return Expressions.order_key(key, bound.Column(None, name, span=key.key.span))
        for index, (known, type_) in enumerate(columns):
            if known == name:
                return Expressions.order_key(key, bound.Output(index, type=type_))
        hint = did_you_mean(name, [known for known, _ in columns])
        raise self.context.error("42703", f'column "{name}" does not exist', key.key, hint)

    def _ordinal(self, node: ast.Integer, count: int | None, where: str) -> int:
        if node.value < 1 or (count is not None and node.value > count):
            raise self.context.error(
                "42P10", f"{where} position {node.value} is not in the select list", node
            )
        return node.value - 1

    # ---- VALUES, set operations

    def _values(self, node: ast.Values, outer: Scope | None) -> tuple[bound.Query, Columns]:
        expressions = Expressions(self.context, Scope(outer), self.bind)
        rows = []
        for row in node.rows:
            if len(row) != len(node.rows[0]):
                raise self.context.error("42601", "VALUES rows differ in length", node)
            if any(value is None for value in row):
                raise self.context.error("42601", "DEFAULT stands only in INSERT", node)
            rows.append(tuple(expressions.bind(value) for value in row if value is not None))
        columns = tuple((f"col{i}", value.type) for i, value in enumerate(rows[0]))
        return bound.ValuesQuery(tuple(rows)), columns

    def _compound(self, node: ast.Compound, outer: Scope | None) -> tuple[bound.Query, Columns]:
        query, columns = self._body(node.first, outer)
        for step in node.steps:
            right, others = self._body(step.body, outer)
            if columns is not None and others is not None:
                if len(columns) != len(others):
                    message = f"{step.operator.upper()} needs as many columns on both sides"
                    raise self.context.error("42601", f"{message}: {len(columns)} and {len(others)}", step)
                columns = tuple(
                    (name, type_ if type_ == other else types.UNKNOWN)
                    for (name, type_), (_, other) in zip(columns, others, strict=True)
                )
            query = bound.SetOperation(step.operator, step.all, query, right)
        return query, columns

    def _body(self, body: ast.Body, outer: Scope | None) -> tuple[bound.Query, Columns]:
        if isinstance(body, ast.Query):
            return self.bind(body, outer)
        return self._surrounded(ast.Query(body, span=body.span), outer)

    # ---- SELECT

    def _select(self, node: ast.Select, query: ast.Query, outer: Scope | None) -> tuple[bound.Query, Columns]:
        scope = Scope(outer)
        expressions = Expressions(self.context, scope, self.bind)
        sources = Sources(self.context, scope, expressions, self.bind)
        source = sources.bind(node)
        items = self._items(node, scope, expressions, source)
        written = node.head.where if isinstance(node.head, ast.Match) else node.where
        where = expressions.condition(written, "WHERE")
        if where is not None:
            self._refuse_aggregate(where, "WHERE")
        group = tuple(self._group_key(key, node, items, scope, expressions) for key in node.group_by)
        expressions.aliases = self._aliases(node, items)
        having = expressions.condition(node.having, "HAVING")
        qualify = expressions.condition(node.qualify, "QUALIFY")
        expressions.aliases = {}
        order = tuple(self._order_key(key, node, items, expressions) for key in query.order_by)
        limit, offset = self._limits(query)
        distinct = node.distinct
        aggregated = (
            bool(group)
            or having is not None
            or any(
                has_aggregate(expr) for expr in (*(item.expr for item in items), *(key.expr for key in order))
            )
        )
        single = source is not None and not isinstance(source, bound.Join)
        block = bound.Block(
            items,
            source,
            (*sources.conditions, *bound.conjuncts(where)),
            group,
            having,
            distinct if isinstance(distinct, bool) else tuple(expressions.bind(key) for key in distinct),
            tuple((w.name.value, expressions.window(w.window)) for w in node.windows),
            qualify,
            aggregated,
            single and not aggregated and not order and not distinct,
            order=self._tie_broken(order, source, aggregated or bool(distinct)),
            limit=limit,
            offset=offset,
        )
        block = sources.measured(block)
        if any(isinstance(item.expr, bound.Star) for item in items):
            return block, None
        return block, tuple((item.name, item.expr.type) for item in items)

    def _items(
        self, node: ast.Select, scope: Scope, expressions: Expressions, source: bound.Source | None
    ) -> tuple[bound.Item, ...]:
        if node.head is not None and not isinstance(node.head, ast.Match):
            return self._starred(ast.Star(span=node.span), scope)
        if source is None and any(isinstance(item.value, ast.Star) for item in node.items):
            raise self.context.error("42601", "SELECT * needs a FROM", node)
        return self.items(node.items, scope, expressions)

    def items(
        self, nodes: Sequence[ast.SelectItem], scope: Scope, expressions: Expressions
    ) -> tuple[bound.Item, ...]:
        """A select list, its stars spelt out."""
        items: list[bound.Item] = []
        for item in nodes:
            if isinstance(item.value, ast.Star):
                items += self._starred(item.value, scope)
                continue
            expr = expressions.bind(item.value)
            name = item.alias.value if item.alias is not None else item_name(item.value)
            items.append(bound.Item(expr, name))
        return tuple(items)

    def _starred(self, star: ast.Star, scope: Scope) -> tuple[bound.Item, ...]:
        sources = scope.sources
        if star.table is not None:
            sources = [source for source in sources if source.alias == star.table.value]
            if not sources:
                hint = did_you_mean(star.table.value, [source.alias for source in scope.sources])
                raise self.context.error(
                    "42P01", f'"{star.table.value}" is no table of this FROM', star, hint
                )
        items: list[bound.Item] = []
        merged: set[str] = set()
        for source in sources:
            if source.shown is None:
                items.append(bound.Item(bound.Star(source.alias), "*"))
                continue
            for name, type_ in source.shown.items():
                if star.table is None and name in scope.merged:
                    if name not in merged:
                        items.append(bound.Item(bound.Column(None, name, type=type_), name))
                    merged.add(name)
                else:
                    items.append(bound.Item(source.shown_column(name, type_), name))
        return tuple(items)

    def _group_key(
        self,
        key: ast.Expr | ast.GroupingSets,
        node: ast.Select,
        items: tuple[bound.Item, ...],
        scope: Scope,
        expressions: Expressions,
    ) -> bound.Expr:
        if isinstance(key, ast.GroupingSets):
            sets = tuple(tuple(expressions.bind(each) for each in group) for group in key.sets)
            return bound.GroupingSets(key.kind, sets, span=key.span)
        if isinstance(key, ast.Integer):
            return bound.Output(self._ordinal(key, len(items), "GROUP BY"), span=key.span)
        if isinstance(key, ast.ColumnRef) and len(key.parts) == 1:
            name = key.parts[0].value
            index = self._alias(name, node, items)
            if index is not None and not scope.owns(name):
                return bound.Output(index, type=items[index].expr.type, span=key.span)
        expr = expressions.bind(key)
        self._refuse_aggregate(expr, "GROUP BY")
        return expr

    def _order_key(
        self, key: ast.OrderKey, node: ast.Select, items: tuple[bound.Item, ...], expressions: Expressions
    ) -> bound.OrderKey:
        if isinstance(key.key, ast.Integer):
            index: int | None = self._ordinal(key.key, len(items), "ORDER BY")
        elif isinstance(key.key, ast.ColumnRef) and len(key.key.parts) == 1:
            index = self._alias(key.key.parts[0].value, node, items)
        else:
            index = None
        if index is not None:
            expr: bound.Expr = bound.Output(index, type=items[index].expr.type, span=key.key.span)
            return expressions.order_key(key, expr)
        return expressions.order_key(key, expressions.bind(key.key))

    @staticmethod
    def _aliases(node: ast.Select, items: tuple[bound.Item, ...]) -> dict[str, bound.Expr]:
        """Name → expression of the select items that an AS names."""
        named = {item.alias.value for item in node.items if item.alias is not None}
        return {item.name: item.expr for item in items if item.name in named}

    @staticmethod
    def _alias(name: str, node: ast.Select, items: tuple[bound.Item, ...]) -> int | None:
        """The select item that an AS gives this name."""
        if any(isinstance(item.expr, bound.Star) for item in items):
            return None
        aliases = {item.alias.value for item in node.items if item.alias is not None}
        if name not in aliases:
            return None
        return next(i for i, item in enumerate(items) if item.name == name)

    def _tie_broken(
        self, order: tuple[bound.OrderKey, ...], source: bound.Source | None, folded: bool
    ) -> tuple[bound.OrderKey, ...]:
        """Ties among one table's rows are broken by id, as everywhere; so a LIMIT cuts the same way every time."""
        tables = ("tokens", "connections")
        of_tokens = (bound.TableSource, bound.NeighborsSource, bound.SpreadSource, bound.GraphFunctionSource)
        if not order or folded or not isinstance(source, of_tokens):
            return order
        if isinstance(source, bound.TableSource) and source.table not in tables:
            return order
        by_id = bound.Column(source.alias, "id", type=types.BIGINT)
        return order if any(key.expr == by_id for key in order) else (*order, bound.OrderKey(by_id))

    def _refuse_aggregate(self, expr: bound.Expr, where: str) -> None:
        for node in bound.walk(expr, into_queries=False):
            if isinstance(node, bound.Call) and node.over is None and functions.is_aggregate(node.name):
                raise self.context.error("42803", f"{node.name}() is not allowed in {where}", node.span)


def _is_output(key: ast.OrderKey) -> bool:
    """Whether it names a column of the result, or numbers it."""
    return isinstance(key.key, ast.Integer) or (
        isinstance(key.key, ast.ColumnRef) and len(key.key.parts) == 1
    )


def has_aggregate(expr: bound.Expr) -> bool:
    """Whether the expression folds the rows of its own block."""
    return any(
        isinstance(node, bound.Call) and node.over is None and functions.is_aggregate(node.name)
        for node in bound.walk(expr, into_queries=False)
    )


def item_name(node: ast.Expr) -> str:
    """What PostgreSQL calls an unnamed column."""
    match node:
        case ast.ColumnRef(parts=parts):
            return parts[-1].value
        case ast.Function(name=name):
            return name.parts[-1].value
        case ast.Cast(operand=operand):
            inner = item_name(operand)
            return inner if inner != "?column?" else node.type.name
        case ast.Case():
            return "case"
        case ast.Exists():
            return "exists"
        case ast.Extract():
            return "extract"
        case ast.Subquery(query=ast.Query(body=ast.Select(items=(ast.SelectItem() as item, *_)))):
            if item.alias is not None:
                return item.alias.value
            return "?column?" if isinstance(item.value, ast.Star) else item_name(item.value)
        case ast.Index(operand=operand) | ast.Collate(operand=operand):
            return item_name(operand)
        case ast.Member(name=member):
            return member.value
        case _:
            return "?column?"
