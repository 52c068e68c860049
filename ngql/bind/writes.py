"""Writes of rows: INSERT, UPDATE, DELETE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ngql import ast, bound, statements, types
from ngql.bind.context import Context, Scope, SourceNames
from ngql.bind.expressions import Expressions
from ngql.bind.queries import Columns, Queries
from ngql.bind.sources import Sources
from ngql.catalog import Table, did_you_mean
from ngql.statements import ROWS

__all__ = ["Writes", "is_plain"]

_GIVEN_BY_ENGINE = frozenset({"created_at", "updated_at", "last_activated_at", "evidence", "activations"})
_FIXED = frozenset({"id", "source", "target"})
_UNIQUE = {"tokens": (("key",), ("id",)), "connections": (("source", "target", "type"), ("id",))}
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "tokens": {"type": "undefined", "weight": 0.5, "flags": 5, "key": None, "props": None},
    "connections": {"weight": 1.0, "confidence": 0.5, "rigidity": 0.5, "levels": 0, "props": None},
}


class Writes:
    """Binds the statements that change rows; the base of those that change connections and copy."""

    def __init__(self, context: Context, queries: Queries) -> None:
        self.context = context
        self._queries = queries

    def _table(self, name: ast.QualifiedName) -> Table:
        """A table that takes writes (42P01, 42501)."""
        scope = Scope()
        table = Sources(self.context, scope, self._queries.expressions(scope), self._queries.bind).table(name)
        if table.kind != "engine":
            raise self.context.error("42501", f'the table "{table.name}" cannot be written', name)
        return table

    def _column(self, table: Table, name: ast.Name, *, update: bool) -> str:
        """A column that the user may write."""
        column = name.value
        type_ = table.type_of(column)
        if type_ is None:
            hint = did_you_mean(column, (*table.shown, *table.hidden))
            message = f'column "{column}" of "{table.name}" does not exist'
            raise self.context.error("42703", message, name, hint)
        if column in _GIVEN_BY_ENGINE:
            raise self.context.error("42501", f'column "{column}" is kept by the engine', name)
        if update and column in _FIXED:
            raise self.context.error("42501", f'column "{column}" never changes', name)
        return column

    def _distinct(self, columns: Sequence[str], nodes: Sequence[ast.Node], table: Table) -> None:
        """No column twice, an axis under its two names included (42601)."""
        numbers = self.context.catalog.axis_numbers if table.name == "tokens" else {}
        seen: set[str | int] = set()
        for column, node in zip(columns, nodes, strict=False):
            key: str | int = numbers.get(column, column)
            if key in seen:
                raise self.context.error("42601", f'column "{column}" is given twice', node)
            seen.add(key)
        if "coords" in columns and any(isinstance(key, int) for key in seen):
            raise self.context.error("42601", "give coords, or the axes one by one, not both", nodes[0])

    def _value(
        self, expressions: Expressions, node: ast.Expr | None, column: str, table: Table
    ) -> bound.Expr | None:
        """A value for a column: points for coords, everything else by type (42804); None is DEFAULT."""
        if node is None:
            return None
        type_ = table.type_of(column) or types.UNKNOWN
        if type_ == types.POINT:
            return self._stored_point(expressions, node)
        if type_ == types.JSON and isinstance(node, ast.Parameter):
            return self.context.parameter(node)
        expr = expressions.bind(node)
        null = isinstance(expr, bound.Constant) and expr.value is None
        if isinstance(expr, bound.Parameter) and expr.kind in ("list", "starred", "partial"):
            raise self.context.error("42804", f'column "{column}" takes {type_}', node)
        if not null and not types.comparable(type_, expr.type):
            message = f'column "{column}" takes {type_}, found {expr.type}'
            raise self.context.error("42804", message, node)
        return expr

    def _stored_point(self, expressions: Expressions, node: ast.Expr) -> bound.Expr:
        if isinstance(node, ast.Null):
            raise self.context.error("22P02", "a token needs a point", node)
        expr = expressions.point(node)
        if isinstance(expr, bound.Point) and expr.is_partial:
            raise self.context.error("22P02", "a stored point needs all eight coordinates", node)
        return expr

    # ---- INSERT

    def insert(self, node: ast.Insert) -> statements.Statement:
        """INSERT INTO …."""
        table = self._table(node.table)
        columns = tuple(self._column(table, name, update=False) for name in node.columns)
        self._distinct(columns, node.columns, table)
        rows: tuple[tuple[bound.Expr | None, ...], ...] | None = None
        query: bound.Query | None = None
        if node.query is None:
            rows = ((),)
            columns = ()
        elif isinstance(node.query.body, ast.Values) and _is_bare(node.query):
            columns, rows = self._rows(table, columns, node.query.body, bool(node.columns))
        else:
            query, given = self._queries.bind(node.query)
            columns = self._for_query(table, columns, given, node)
        if table.name == "tokens" and not self._places(columns):
            raise self.context.error("22P02", "a token needs coords, or all eight axes", node)
        return statements.Insert(
            table.name,
            columns,
            rows,
            query,
            self._conflict(node.conflict, table, columns, node.alias),
            self._returning(node.returning, table, ("new",)),
            kind="INSERT",
            span=node.span,
        )

    def _places(self, columns: Sequence[str]) -> bool:
        numbers = self.context.catalog.axis_numbers
        return "coords" in columns or len({numbers[c] for c in columns if c in numbers}) == types.AXIS_COUNT

    def _in_order(self, table: Table, count: int, at: ast.Node) -> tuple[str, ...]:
        """The first columns of `*`, where INSERT names none."""
        if count > len(table.shown):
            message = f"{count} values for {len(table.shown)} columns"
            raise self.context.error("42601", message, at)
        return tuple(table.shown)[:count]

    def _rows(
        self, table: Table, columns: tuple[str, ...], node: ast.Values, named: bool
    ) -> tuple[tuple[str, ...], tuple[tuple[bound.Expr | None, ...], ...]]:
        expressions = self._queries.expressions(Scope())
        columns = columns if named else self._in_order(table, len(node.rows[0]), node)
        rows = []
        for row in node.rows:
            if len(row) != len(columns):
                message = f"{len(row)} values for {len(columns)} columns"
                raise self.context.error("42601", message, next((v for v in row if v is not None), node))
            rows.append(
                tuple(self._value(expressions, v, c, table) for v, c in zip(row, columns, strict=True))
            )
        for i, column in enumerate(columns):
            if column in _GIVEN_BY_ENGINE and any(row[i] is not None for row in rows):
                raise self.context.error("42501", f'column "{column}" is kept by the engine', node)
        kept = [i for i, column in enumerate(columns) if column not in _GIVEN_BY_ENGINE]
        return tuple(columns[i] for i in kept), tuple(tuple(row[i] for i in kept) for row in rows)

    def _for_query(
        self, table: Table, columns: tuple[str, ...], given: Columns, node: ast.Insert
    ) -> tuple[str, ...]:
        assert node.query is not None
        if given is None:
            if not columns:
                raise self.context.later("INSERT of SELECT * from what only DuckDB knows", node.query)
            return columns
        columns = columns or self._in_order(table, len(given), node.query)
        if len(columns) != len(given):
            message = f"the query gives {len(given)} columns for {len(columns)}"
            raise self.context.error("42601", message, node.query)
        for column, (_, found) in zip(columns, given, strict=True):
            wanted = table.type_of(column) or types.UNKNOWN
            if not types.comparable(wanted, found):
                message = f'column "{column}" takes {wanted}, found {found}'
                raise self.context.error("42804", message, node.query)
            self._column(table, ast.Name(column, span=node.query.span), update=False)
        return columns

    def _conflict(
        self,
        node: ast.Conflict | None,
        table: Table,
        given: Sequence[str],
        alias: ast.Name | None = None,
    ) -> statements.Conflict | None:
        if node is None:
            return None
        target = tuple(name.value for name in node.columns)
        if target and sorted(target) not in [sorted(unique) for unique in _UNIQUE[table.name]]:
            shown = " or ".join(f"({', '.join(unique)})" for unique in _UNIQUE[table.name])
            raise self.context.error(
                "42P10", "no unique constraint over these columns", node, f"it is {shown}"
            )
        if not node.assignments:
            return statements.Conflict(target)
        if not target and table.name == "tokens":
            raise self.context.error(
                "42601", "DO UPDATE needs the columns that may conflict", node, "ON CONFLICT (key)"
            )
        target = target or _UNIQUE[table.name][0]
        old = alias.value if alias is not None else table.name
        excluded = {column: table.type_of(column) or types.UNKNOWN for column in given}
        outer = Scope(sources=[SourceNames("excluded", excluded)])
        only_old = Scope(outer, [SourceNames(old, table.shown, table.hidden, True)])
        columns, items = self._assignments(node.assignments, table, only_old, old)
        expressions = self._queries.expressions(only_old)
        where = expressions.condition(node.where, "WHERE")
        joined = tuple(
            bound.Operation(
                "=",
                (
                    bound.Column(old, name, type=table.type_of(name) or types.UNKNOWN),
                    bound.Column("excluded", name, type=table.type_of(name) or types.UNKNOWN),
                ),
                type=types.BOOLEAN,
            )
            for name in target
        )
        left, right = self._rows_source(old, "old", table), self._rows_source("excluded", "excluded", table)
        source = bound.Join("inner", left, right, _all(joined))
        block = bound.Block(items, source, bound.conjuncts(where))
        return statements.Conflict(target, columns, block)

    def _rows_source(self, alias: str, rows: str, table: Table) -> bound.TableSource:
        """Rows that the statement itself hands over: new, old or excluded."""
        return bound.TableSource(alias, f"{ROWS}{rows}", tuple(table.shown.items()))

    def _assignments(
        self, nodes: Sequence[ast.Assignment], table: Table, scope: Scope, alias: str
    ) -> tuple[tuple[str, ...], tuple[bound.Item, ...]]:
        """The id and the new values, as the select list of the query that computes them."""
        expressions = self._queries.expressions(scope)
        items = [bound.Item(bound.Column(alias, "id", type=types.BIGINT), "id")]
        columns = []
        for node in nodes:
            column = self._column(table, node.column, update=True)
            value = self._value(expressions, node.value, column, table)
            columns.append(column)
            items.append(bound.Item(self._default(table, column, node) if value is None else value, column))
        self._distinct(columns, [node.column for node in nodes], table)
        return tuple(columns), tuple(items)

    def _default(self, table: Table, column: str, node: ast.Assignment) -> bound.Expr:
        defaults = _DEFAULTS[table.name]
        if column not in defaults:
            raise self.context.error("42601", f'column "{column}" has no DEFAULT', node)
        return bound.Constant(defaults[column], type=table.type_of(column) or types.UNKNOWN, span=node.span)

    # ---- UPDATE, DELETE

    def update(self, node: ast.Update) -> statements.Statement:
        """UPDATE … SET …."""
        table = self._table(node.table)
        scope, target = self._target(table, node.alias)
        source = self._beside(target, scope, node.sources)
        columns, items = self._assignments(node.assignments, table, scope, target.alias)
        where = self._queries.expressions(scope).condition(node.where, "WHERE")
        constants, computed = [], [items[0]]
        for column, item in zip(columns, items[1:], strict=True):
            if is_plain(item.expr):
                constants.append((column, item.expr))
            else:
                computed.append(item)
        once = (items[0].expr,) if node.sources else False
        block = bound.Block(tuple(computed), source, bound.conjuncts(where), distinct=once)
        return statements.Update(
            table.name,
            block,
            tuple(item.name for item in computed[1:]),
            tuple(constants),
            self._returning(node.returning, table, ("new", "old")),
            kind="UPDATE",
            span=node.span,
        )

    def delete(self, node: ast.Delete) -> statements.Statement:
        """DELETE FROM …."""
        table = self._table(node.table)
        scope, target = self._target(table, node.alias)
        source = self._beside(target, scope, node.sources)
        where = self._queries.expressions(scope).condition(node.where, "WHERE")
        items = (bound.Item(bound.Column(target.alias, "id", type=types.BIGINT), "id"),)
        block = bound.Block(items, source, bound.conjuncts(where), distinct=bool(node.sources))
        returning = self._returning(node.returning, table, ("old",))
        return statements.Delete(table.name, block, returning, kind="DELETE", span=node.span)

    def _target(self, table: Table, alias: ast.Name | None) -> tuple[Scope, bound.TableSource]:
        name = alias.value if alias is not None else table.name
        scope = Scope(sources=[SourceNames(name, table.shown, table.hidden, True)])
        return scope, bound.TableSource(name, table.name, tuple(table.shown.items()))

    def _beside(self, target: bound.TableSource, scope: Scope, items: Sequence[ast.FromItem]) -> bound.Source:
        """The table written, with the sources of FROM or USING; a row that meets several of theirs is written once."""
        sources = Sources(self.context, scope, self._queries.expressions(scope), self._queries.bind)
        return sources.beside(target, items) or target

    def _returning(
        self, nodes: Sequence[ast.SelectItem], table: Table, sources: tuple[str, ...]
    ) -> statements.Returning | None:
        """RETURNING over the rows after (`new`) and before (`old`); a bare column is of the first."""
        if not nodes:
            return None
        main = SourceNames(sources[0], table.shown, table.hidden, True)
        outer = [SourceNames(name, table.shown, table.hidden, True) for name in sources[1:]]
        scope = Scope(Scope(sources=outer) if outer else None, [main])
        expressions = self._queries.expressions(scope)
        items = self._queries.items(nodes, scope, expressions)
        used = {c.source for item in items for c in bound.walk(item.expr) if isinstance(c, bound.Column)}
        source: bound.Source = self._rows_source(sources[0], sources[0], table)
        if used & set(sources[1:]):
            left, right = (bound.Column(name, "id", type=types.BIGINT) for name in sources)
            on = bound.Operation("=", (left, right), type=types.BOOLEAN)
            source = bound.Join("inner", source, self._rows_source(sources[1], sources[1], table), on)
        order = (bound.OrderKey(bound.Column(sources[0], "id", type=types.BIGINT)),)
        block = bound.Block(items, source, order=order)
        return statements.Returning(block, tuple(item.expr.type for item in items))


def _is_bare(query: ast.Query) -> bool:
    """VALUES with nothing around it."""
    return query.with_ is None and not query.order_by and query.limit is None and query.offset is None


def is_plain(expr: bound.Expr) -> bool:
    """A value that is the same for every row and needs no computation."""
    return isinstance(expr, (bound.Constant, bound.Parameter, bound.Point))


def _all(terms: tuple[bound.Expr, ...]) -> bound.Expr:
    return terms[0] if len(terms) == 1 else bound.Operation("and", terms, type=types.BOOLEAN)
