"""Planned statements as programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from ngql import bound, connect, prepared, session, statements, store, types, values, writes
from ngql.bind.context import error_at
from ngql.catalog import Catalog
from ngql.lower.queries import lower_query
from ngql.parameters import Kinds
from ngql.program import Program, Rows, Run, TailCall
from ngql.values import Late
from ngql.writes import Written

__all__ = ["lower"]

_CASTS = {
    types.BIGINT: "BIGINT",
    types.INTEGER: "BIGINT",
    types.REAL: "DOUBLE",
    types.TEXT: "VARCHAR",
    types.POINT: "FLOAT[8]",
    types.JSON: "VARCHAR",
}
_READS = frozenset({"SELECT", "SHOW", "DESCRIBE", "EXPLAIN"})
_UNTOUCHED = frozenset(
    {"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "BACKUP", "CHECK STORE", "VACUUM"}
    | {"PREPARE", "EXECUTE", "DEALLOCATE"}
)


def lower(
    statement: statements.Statement, text: str, catalog: Catalog, kinds: Kinds, desugared: str | None = None
) -> Program:
    """Turn a planned statement into a program.

    Args:
        statement: as the rules left it.
        text: its text, for the places of errors.
        catalog: the catalog it was bound against.
        kinds: the kinds of its parameters.
        desugared: what EXPLAIN (DESUGAR) prints.
    """
    return _Lowering(text, catalog, kinds, desugared).program(statement)


class _Lowering:
    def __init__(self, text: str, catalog: Catalog, kinds: Kinds, desugared: str | None) -> None:
        self.text = text
        self.catalog = catalog
        self._kinds = kinds
        self._desugared = desugared

    def program(self, node: statements.Statement) -> Program:
        """The whole statement."""
        body = self._body(node)
        pinned = node.kind in _READS and _reads(body) > 1
        shown = node.types if isinstance(node, statements.Select) else None
        return Program(
            self.text,
            node.kind,
            self._kinds,
            body,
            pinned,
            node.kind not in _READS and node.kind not in _UNTOUCHED,
            shown,
        )

    def _body(self, node: statements.Statement) -> Callable[[Run], Any]:
        match node:
            case statements.Select(query=query):
                step: Callable[[Run], Any] = lower_query(query, self.text)
                return step
            case statements.Insert():
                return self._insert(node)
            case statements.Update():
                return self._update(node)
            case statements.Delete(table=table, query=query):
                returning = self._returning(node.returning, table)
                return writes.Delete(_table(table), lower_query(query, self.text), returning)
            case statements.Connect():
                return self._connect(node)
            case statements.Disconnect():
                return self._disconnect(node)
            case statements.CopyFrom() | statements.CopyTo():
                return self._copy(node)
            case statements.Explain():
                return self._explain(node)
            case _:
                return self._session(node)

    # ---- writes

    def _insert(self, node: statements.Insert) -> writes.Insert:
        kinds = tuple(self._type(node.table, column) for column in node.columns)
        rows = None
        places: tuple[tuple[Any, ...], ...] = ()
        query: Any = None
        if node.rows is not None:
            places = tuple(tuple(None if value is None else value.span for value in row) for row in node.rows)
        if node.query is not None:
            query = lower_query(node.query, self.text, tuple(_CASTS[kind] for kind in kinds))
        elif node.rows is not None and all(_is_plain(v) for row in node.rows for v in row):
            rows = tuple(tuple(_reader(value) for value in row) for row in node.rows)
        else:
            query = self._computed_rows(node, kinds)
        return writes.Insert(
            _table(node.table),
            node.columns,
            kinds,
            rows,
            places,
            query,
            self._conflict(node.conflict, node.table),
            self._returning(node.returning, node.table),
            self.text,
            node.span,
        )

    def _computed_rows(self, node: statements.Insert, kinds: Sequence[str]) -> TailCall:
        """VALUES with expressions: computed by the tail."""
        assert node.rows is not None
        null = bound.Constant(None)
        rows = tuple(tuple(null if value is None else value for value in row) for row in node.rows)
        query = lower_query(bound.ValuesQuery(rows), self.text, tuple(_CASTS[kind] for kind in kinds))
        assert isinstance(query, TailCall)
        return query

    def _type(self, table: str, column: str) -> str:
        return self.catalog.tables[table].type_of(column) or types.UNKNOWN

    def _update(self, node: statements.Update) -> writes.Update:
        casts = ("", *(_CASTS[self._type(node.table, column)] for column in node.columns))
        query = lower_query(node.query, self.text, casts if node.columns else None)
        constants = tuple(
            (column, self._type(node.table, column), _reader(value), value.span)
            for column, value in node.constants
        )
        returning = self._returning(node.returning, node.table)
        return writes.Update(
            _table(node.table), query, node.columns, constants, returning, self.text, node.span
        )

    def _conflict(
        self, node: statements.Conflict | None, table: str
    ) -> Literal["nothing"] | writes.Conflict | None:
        if node is None:
            return None
        if node.query is None:
            return "nothing"
        casts = ("", *(_CASTS[self._type(table, column)] for column in node.columns))
        step = lower_query(node.query, self.text, casts)
        columns = _used(node.query, "rows:old")
        return writes.Conflict(node.target, columns, node.columns, step)

    def _returning(self, node: statements.Returning | None, table: str) -> writes.Returning | None:
        if node is None:
            return None
        new, old = _used(node.query, "rows:new"), _used(node.query, "rows:old")
        block = node.query
        assert isinstance(block, bound.Block), block
        plain = not isinstance(block.source, bound.Join)
        if plain and all(isinstance(item.expr, bound.Column) for item in block.items):
            output = tuple(
                (item.expr.name, item.name) for item in block.items if isinstance(item.expr, bound.Column)
            )
            return writes.Returning(new, old, None, output)
        return writes.Returning(new, old, lower_query(block, self.text))

    def _endpoint(self, node: statements.Endpoint) -> connect.Endpoint:
        token = None if node.token is None else values.token(node.token)
        step = None if node.query is None else lower_query(node.query, self.text)
        return connect.Endpoint(token, step, node.column, self.text, node.span)

    def _connect(self, node: statements.Connect) -> connect.Connect | connect.Weave:
        given = tuple(
            (name, self._type("connections", name), _reader(value), value.span) for name, value in node.values
        )
        conflict = self._conflict(node.conflict, "connections")
        returning = self._returning(node.returning, "connections")
        if node.nearest is not None:
            assert not isinstance(conflict, writes.Conflict)
            k = values.count(node.nearest, "NEAREST")
            return connect.Weave(
                self._endpoint(node.source), k, given, conflict, returning, self.text, node.span
            )
        assert node.target is not None
        if isinstance(conflict, writes.Conflict) and not any(name == "type" for name, *_ in given):
            given = (*given, ("type", types.TEXT, "associated_with", None))
        return connect.Connect(
            self._endpoint(node.source),
            self._endpoint(node.target),
            tuple(name for name, _, _, _ in given),
            tuple(type_ for _, type_, _, _ in given),
            tuple(value for _, _, value, _ in given),
            tuple(place for _, _, _, place in given),
            conflict,
            returning,
            self.text,
            node.span,
        )

    def _disconnect(self, node: statements.Disconnect) -> connect.Disconnect:
        return connect.Disconnect(
            self._endpoint(node.source),
            self._endpoint(node.target),
            None if node.type is None else values.constant(node.type),
            self._returning(node.returning, "connections"),
        )

    def _copy(self, node: statements.CopyFrom | statements.CopyTo) -> Callable[[Run], Written]:
        from ngql.copy import KEPT, CopyFrom, CopyTo, taken

        place = node.file.span
        if isinstance(node, statements.CopyTo):
            query = lower_query(node.query, self.text)
            return CopyTo(query, values.constant(node.file), node.format, node.overwrite, self.text, place)
        table = self.catalog.tables[node.table]
        known, kept, file = taken(table), KEPT[node.table], _raw(node.file)
        return CopyFrom(_table(node.table), file, node.format, node.columns, known, kept, self.text, place)

    # ---- the rest

    def _session(self, node: statements.Statement) -> Callable[[Run], Any]:
        match node:
            case statements.SetProfile(profile=profile, local=local):
                read = profile if isinstance(profile, str) else values.constant(profile)
                return session.SetProfile(read, local, self.text, node.span)
            case statements.SetScale(scales=scales, local=local):
                readers = tuple((axis, values.number(scale, "a scale")) for axis, scale in scales)
                return session.SetScale(readers, local, self.text, node.span)
            case statements.SetFlag(flag=flag, on=on):
                return session.SetFlag(session.FLAGS[flag], on)
            case statements.SetOption(name=name, value=value):
                read = None if value is None else values.constant(value)
                return session.SetOption(name, read, value is None, self.text, node.span)
            case statements.Transaction(method=method, argument=argument):
                return session.Transact(method, argument, self.text, node.span)
            case statements.Show():
                return self._show(node)
            case statements.Backup(file=file, overwrite=overwrite):
                return store.Backup(values.constant(file), overwrite, self.text, file.span, node.span)
            case statements.CheckStore():
                return store.CheckStore(self.text, node.span)
            case statements.Vacuum():
                return store.Vacuum(self.text, node.span)
            case statements.Prepare(name=name, statement=text, kinds=kinds):
                return prepared.Prepare(name, text, kinds, self.text, node.span)
            case statements.Execute(name=name):
                return prepared.Execute(name, tuple(map(_value, node.values)), self.text, node.span)
            case statements.Deallocate(name=name):
                return prepared.Deallocate(name, self.text, node.span)
        raise AssertionError(f"no program for {type(node).__name__}")

    def _show(self, node: statements.Show) -> Callable[[Run], Rows]:
        match node.what:
            case "cdna":
                return session.ShowCdna(self.catalog.axes)
            case "option" | "options":
                return session.ShowOption(node.name, self.text, node.span)
            case "tables":
                names = ["name", "kind"]
            case _:
                names = ["name", "type"]
        rows = Rows(names, [types.TEXT, types.TEXT], node.rows, "catalog")
        return lambda run: rows

    def _explain(self, node: statements.Explain) -> Callable[[Run], Rows]:
        from ngql.explain import Explained

        if node.desugar:
            if self._desugared is None:
                raise error_at(
                    self.text, "0A000", "DESUGAR of this statement is not supported yet", node.span
                )
            lines = [(line,) for line in self._desugared.splitlines()]
            rows = Rows(["desugared"], [types.TEXT], lines, "plan")
            return lambda run: rows
        body = self._body(node.statement)
        return Explained(node.statement.kind, body, node.analyze, node.format)


def _table(name: str) -> Literal["tokens", "connections"]:
    return "tokens" if name == "tokens" else "connections"


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bound.Constant, bound.Parameter, bound.Point))


def _reader(value: bound.Expr | None) -> Any:
    """A constant to store."""
    if value is None:
        return None
    return values.stored_point(value) if isinstance(value, bound.Point) else values.constant(value)


def _value(value: bound.Expr) -> Any:
    """A value of EXECUTE: of a point its numbers, None for an axis left out."""
    if not isinstance(value, bound.Point) or value.items is None:
        return values.constant(value)
    numbers = [None if item is None else values.number(item, "a coordinate") for item in value.items]
    return Late(lambda engine, given: [values.late(number, engine, given) for number in numbers])


def _raw(value: bound.Expr) -> Any:
    """A parameter exactly as given, which may be a table."""
    if isinstance(value, bound.Constant):
        return value.value
    assert isinstance(value, bound.Parameter), value
    slot = value.slot
    return Late(lambda engine, given: given[slot])


def _used(query: Any, rows: str) -> tuple[str, ...]:
    """The columns that a query reads of rows a write hands to it."""
    aliases = {
        node.alias
        for node in bound.walk(query)
        if isinstance(node, bound.AccessSource) and node.access.table == rows
    }
    if not aliases:
        return ()
    names = [
        node.name for node in bound.walk(query) if isinstance(node, bound.Column) and node.source in aliases
    ]
    return tuple(dict.fromkeys(("id", *names)))


def _reads(body: Any) -> int:
    """How often a run may ask the engine; a tail over its rows also asks for metrics and tokens."""
    own = int(getattr(body, "reads", 0))
    if isinstance(body, TailCall):
        return own + len(body.parameters)
    return own
