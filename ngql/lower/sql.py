"""Queries as SQL for DuckDB, over the rows of engine calls."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlglot import exp

from ngql import bound, types, values
from ngql.catalog import INFORMATION
from ngql.lower.access import lower_access, lower_engine_query
from ngql.lower.expressions import SqlExpressions, cast, identifier
from ngql.lower.information import information
from ngql.plan import Access, EngineQuery, GraphFunction, Pairs, Stored, Whole
from ngql.program import RowsInput, TailCall
from ngql.statements import ROWS
from ngql.values import Late

__all__ = ["TailQuery"]

_SET_OPERATIONS: dict[str, type[exp.Expression]] = {
    "union": exp.Union,
    "except": exp.Except,
    "intersect": exp.Intersect,
}


class TailQuery:
    """Builds one SQL statement.

    Args:
        text: the statement, for the places of errors.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._sql = SqlExpressions(text, self._query)
        self._inputs: list[tuple[str, Any]] = []
        self._taken: set[str] = set()
        self._named: dict[str | None, list[str]] = {}
        """Columns that the block names, by the alias of their source: those that `*` leaves out come only by name."""

    def step(self, query: Any, casts: tuple[str, ...] | None) -> TailCall:
        """The query as SQL, its inputs and its parameters."""
        self._taken |= {
            node.name for node in bound.walk(query) if isinstance(node, (bound.Cte, bound.CteSource))
        }
        self._taken |= {
            node.table
            for node in bound.walk(query)
            if isinstance(node, Stored) and not node.table.startswith(ROWS)
        } - set(INFORMATION)
        tree = self._query(query)
        if casts is not None:
            tree = _with_casts(tree, casts)
        sql = tree.sql(dialect="duckdb", normalize_functions=False, comments=False)
        names = {name: span for name, span in self._sql.calls.items() if span is not None}
        parameters = tuple((name, read, span) for name, (read, span) in self._sql.parameters.items())
        reads = sum(getattr(step, "reads", 1) for _, step in self._inputs)
        # Columns that are cast for the engine can fail in the same way as a cast of the statement's own.
        suspects = {
            kind: tuple(spans)
            for kind, spans in self._sql.suspects.items()
            if casts is None or kind != "cast"
        }
        return TailCall(sql, tuple(self._inputs), parameters, self._text, names, suspects, reads)

    # ---- queries

    def _query(self, query: Any) -> exp.Expression:
        match query:
            case EngineQuery():
                return self._engine_query(query)
            case bound.Block():
                tree = self._block(query)
            case bound.SetOperation(op=op, all=all_, left=left, right=right):
                kind = _SET_OPERATIONS[op]
                tree = kind(this=self._branch(left), expression=self._branch(right), distinct=not all_)
            case bound.ValuesQuery(rows=rows):
                tuples = [exp.Tuple(expressions=[self._sql(value) for value in row]) for row in rows]
                tree = exp.Select(
                    expressions=[exp.Star()], from_=exp.From(this=exp.Values(expressions=tuples))
                )
            case _:
                raise AssertionError(f"no SQL for {type(query).__name__}")
        return self._surrounded(tree, query)

    def _branch(self, query: Any) -> exp.Expression:
        """A side of a set operation; parentheses keep its own ORDER BY and LIMIT its own."""
        tree = self._query(query)
        surrounded = query.order or query.limit or query.offset or query.ctes
        return exp.Subquery(this=tree) if surrounded or isinstance(query, bound.SetOperation) else tree

    def _surrounded(self, tree: exp.Expression, query: Any) -> exp.Expression:
        if query.order:
            tree.set("order", exp.Order(expressions=[self._sql.ordered(key) for key in query.order]))
        for name, kind, expr in (("limit", exp.Limit, query.limit), ("offset", exp.Offset, query.offset)):
            if expr is not None:
                tree.set(name, kind(expression=self._row_count(expr, name.upper())))
        if query.ctes:
            ctes = [self._cte(cte) for cte in query.ctes]
            tree.set("with_", exp.With(expressions=ctes, recursive=query.recursive))
        return tree

    def _row_count(self, expr: bound.Expr, what: str) -> exp.Expression:
        count = values.count(expr, what)
        if isinstance(count, Late):
            return self._sql.parameter((what, expr), what.lower(), count, expr.span)
        return self._sql(expr)

    def _cte(self, cte: bound.Cte) -> exp.Expression:
        return exp.CTE(
            this=self._query(cte.query),
            alias=_table_alias(cte.name, cte.names),
            materialized=cte.materialized,
        )

    def _engine_query(self, query: EngineQuery) -> exp.Expression:
        step = lower_engine_query(query, self._text)
        table = self._input(query.access.table, step)
        columns = [exp.Column(this=identifier(name)) for _, name in query.output]
        return exp.Select(expressions=columns, from_=exp.From(this=table))

    # ---- blocks

    def _block(self, block: bound.Block) -> exp.Expression:
        tree = exp.Select(expressions=[self._item(item) for item in block.items])
        if block.distinct:
            on = None
            if not isinstance(block.distinct, bool):
                on = exp.Tuple(expressions=[self._sql(key) for key in block.distinct])
            tree.set("distinct", exp.Distinct(on=on))
        if block.source is not None:
            around, self._named = self._named, _names(block)
            first, joins = self._from(block.source)
            self._named = around
            tree.set("from_", exp.From(this=first))
            tree.set("joins", joins)
        if block.where:
            terms = [self._sql.operand(term) for term in block.where]
            tree.set("where", exp.Where(this=exp.and_(*terms, copy=False) if len(terms) > 1 else terms[0]))
        if block.group:
            tree.set("group", exp.Group(expressions=[self._sql(key) for key in block.group]))
        if block.having is not None:
            tree.set("having", exp.Having(this=self._sql(block.having)))
        if block.qualify is not None:
            tree.set("qualify", exp.Qualify(this=self._sql(block.qualify)))
        if block.windows:
            windows = [self._sql.window(window, identifier(name)) for name, window in block.windows]
            tree.set("windows", windows)
        return tree

    def _item(self, item: bound.Item) -> exp.Expression:
        made = self._sql(item.expr)
        if isinstance(item.expr, bound.Star):
            return made
        return exp.Alias(this=made, alias=identifier(item.name))

    # ---- sources

    def _from(self, source: bound.Source) -> tuple[exp.Expression, list[exp.Expression]]:
        """The first table and the joins after it."""
        if not isinstance(source, bound.Join):
            return self._source(source), []
        first, joins = self._from(source.left)
        right: exp.Expression
        if isinstance(source.right, bound.Join):
            inner, more = self._from(source.right)
            inner.set("joins", more)
            right = exp.Paren(this=inner)
        else:
            right = self._source(source.right)
        join = exp.Join(
            this=right,
            method="NATURAL" if source.natural else None,
            side=source.kind.upper() if source.kind in ("left", "right", "full") else None,
            kind="CROSS" if source.kind == "cross" and not source.natural else None,
            on=None if source.on is None else self._sql(source.on),
            using=[identifier(name) for name in source.using] or None,
        )
        return first, [*joins, join]

    def _source(self, source: Any) -> exp.Expression:
        match source:
            case bound.AccessSource(near=None):
                return self._access(source, source.alias)
            case bound.AccessSource():
                return self._measured(source)
            case bound.DerivedSource(alias=alias, query=query, names=names, lateral=lateral):
                inner = exp.Subquery(this=self._query(query))
                if lateral:
                    return exp.Lateral(this=inner, alias=_table_alias(alias, names), view=False, outer=False)
                inner.set("alias", _table_alias(alias, names))
                return inner
            case bound.CteSource(alias=alias, name=name, names=names):
                return exp.Table(this=identifier(name), alias=_table_alias(alias, names))
            case bound.FunctionSource(alias=alias, call=call, names=names):
                return exp.Table(this=self._sql(call), alias=_table_alias(alias, names))
        raise AssertionError(f"no SQL for {type(source).__name__}")

    def _access(self, source: bound.AccessSource, alias: str | None) -> exp.Expression:
        access = source.access
        if not isinstance(access, Stored):
            named = dict.fromkeys([*(name for name, _ in source.columns), *self._named.get(source.alias, ())])
            if access.columns is None and not isinstance(access, Whole):
                measured = {"distance"} if source.near is not None else set()
                access = replace(access, columns=tuple(name for name in named if name not in measured))
            return self._input(_input_name(access), lower_access(access, self._text), alias)
        if access.table.startswith(ROWS):
            name = access.table.removeprefix(ROWS)
            return self._input(name, RowsInput(name), alias)
        if access.table in INFORMATION:
            return self._input(access.table, information(access.table), alias)
        return exp.Table(this=identifier(access.table), alias=None if alias is None else _table_alias(alias))

    def _input(self, base: str, step: Any, alias: str | None = None) -> exp.Expression:
        name, number = base, 2
        while name in self._taken:
            name, number = f"{base}_{number}", number + 1
        self._taken.add(name)
        self._inputs.append((name, step))
        return exp.Table(this=identifier(name), alias=None if alias is None else _table_alias(alias))

    def _measured(self, source: bound.AccessSource) -> exp.Expression:
        """A NEAR by its definition: measure every row, keep those within, leave out the token itself."""
        near = source.near
        assert near is not None
        row = "t"
        coords = bound.Column(row, "coords", type=types.POINT)
        distance = bound.Distance("<->", coords, near.point, near.metric, type=types.DOUBLE)
        table = self._access(source, row)
        measured = exp.Alias(this=self._sql(distance), alias=identifier("distance"))
        tree = exp.Select(
            expressions=[exp.Column(this=exp.Star(), table=identifier(row)), measured],
            from_=exp.From(this=table),
        )
        terms: list[exp.Expression] = []
        if near.radius is not None:
            radius = values.radius(near.radius)
            limit = radius if isinstance(radius, Late) else Late(lambda engine, given: radius)
            parameter = self._sql.parameter(("radius", near.radius), "radius", limit, near.radius.span)
            terms.append(exp.LTE(this=self._sql(distance), expression=parameter))
        if near.point.is_token:
            id_ = exp.Column(this=identifier("id"), table=identifier(row))
            terms.append(exp.NEQ(this=id_, expression=self._itself(near)))
        if terms:
            tree.set("where", exp.Where(this=exp.and_(*terms, copy=False) if len(terms) > 1 else terms[0]))
        return exp.Subquery(this=tree, alias=_table_alias(source.alias))

    def _itself(self, near: bound.Near) -> exp.Expression:
        assert near.point.value is not None
        token = values.token(near.point.value)
        read = Late(lambda engine, given: engine.resolve(values.late(token, engine, given)))
        return self._sql.parameter(("token", near.point), "token", read, near.point.span)


def _names(block: bound.Block) -> dict[str | None, list[str]]:
    """The columns that a block names, by alias, in its sub-queries too."""
    named: dict[str | None, list[str]] = {}
    for node in bound.walk(block):
        if isinstance(node, bound.Column):
            named.setdefault(node.source, []).append(node.name)
    return named


def _input_name(access: Access) -> str:
    match access:
        case Pairs():
            return "pairs"
        case GraphFunction(function=name):
            return name
    return access.table


def _table_alias(name: str, columns: tuple[str, ...] = ()) -> exp.TableAlias:
    return exp.TableAlias(this=identifier(name), columns=[identifier(column) for column in columns] or None)


def _with_casts(tree: exp.Expression, casts: tuple[str, ...]) -> exp.Expression:
    """The query with its columns renamed c1, c2, … and cast."""
    names = [f"c{i}" for i in range(1, len(casts) + 1)]
    columns: list[exp.Expression] = []
    for name, to in zip(names, casts, strict=True):
        column = exp.Column(this=identifier(name))
        columns.append(exp.Alias(this=cast(column, to) if to else column, alias=identifier(name)))
    inner = exp.Subquery(this=tree, alias=_table_alias("q", tuple(names)))
    return exp.Select(expressions=columns, from_=exp.From(this=inner))
