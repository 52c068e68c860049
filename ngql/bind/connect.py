"""CONNECT and DISCONNECT."""

from __future__ import annotations

from collections.abc import Sequence

from ngql import ast, bound, statements, types
from ngql.bind import points
from ngql.bind.constants import literal_number
from ngql.bind.context import Scope
from ngql.bind.writes import Writes, is_plain

__all__ = ["Connects"]


class Connects(Writes):
    """Binds the statements that make and remove connections."""

    def connect(self, node: ast.Connect) -> statements.Statement:
        """CONNECT … TO …."""
        table = self.context.catalog.tables["connections"]
        expressions = self._queries.expressions(Scope())
        values: list[tuple[str, bound.Expr]] = []
        if node.type is not None:
            values.append(("type", self._type(node.type)))
        for assignment in node.values:
            value = self._value(expressions, assignment.value, assignment.column.value, table)
            if value is None or not is_plain(value):
                raise self.context.later(
                    "a computed value in CONNECT", assignment, "use INSERT INTO connections"
                )
            values.append((assignment.column.value, value))
        self._distinct([name for name, _ in values], node.values, table)
        nearest: bound.Expr | None = None
        target: statements.Endpoint | None = None
        if isinstance(node.target, ast.Nearest):
            nearest = self._nearest(node, values)
        else:
            target = self._endpoint(node.target)
        return statements.Connect(
            self._endpoint(node.source),
            target,
            nearest,
            tuple(values),
            self._conflict(node.conflict, table, ["source", "target", *(name for name, _ in values)]),
            self._returning(node.returning, table, ("new",)),
            kind="CONNECT",
            span=node.span,
        )

    def _nearest(self, node: ast.Connect, values: Sequence[tuple[str, bound.Expr]]) -> bound.Expr:
        assert isinstance(node.target, ast.Nearest)
        for (name, _), place in zip(values[len(values) - len(node.values) :], node.values, strict=True):
            if name not in ("weight", "confidence"):
                raise self.context.later(f"CONNECT TO NEAREST with {name.upper()}", place)
        if node.conflict is not None and node.conflict.assignments:
            raise self.context.later("CONNECT TO NEAREST … ON CONFLICT DO UPDATE", node.conflict)
        count = node.target.count
        if isinstance(count, ast.Parameter):
            return self.context.parameter(count)
        number = literal_number(count)
        if number is None or number.type != types.BIGINT or number.value < 1:
            raise self.context.error("22023", "NEAREST needs a whole number of at least 1", count)
        return number

    def _type(self, node: ast.Name | ast.Parameter) -> bound.Expr:
        if isinstance(node, ast.Name):
            return bound.Constant(node.value, type=types.TEXT, span=node.span)
        parameter = self.context.parameter(node)
        if parameter.kind != "text":
            raise self.context.error("42804", "a connection type is named by a text", node)
        return parameter

    def _endpoint(self, node: ast.Endpoint) -> statements.Endpoint:
        if not isinstance(node, ast.Query):
            return statements.Endpoint(points.token(self.context, node), span=node.span)
        query, columns = self._queries.bind(node)
        if columns is None:
            raise self.context.later(
                "an endpoint whose columns only DuckDB knows", node, "name the id column"
            )
        names = [name for name, _ in columns]
        if len(columns) == 1:
            column = 0
        elif "id" in names:
            column = names.index("id")
        else:
            raise self.context.error("42601", "an endpoint needs one column, or one named id", node)
        if columns[column][1] not in (types.BIGINT, types.INTEGER, types.TEXT, types.UNKNOWN):
            message = f"an endpoint needs ids or keys, found {columns[column][1]}"
            raise self.context.error("42804", message, node)
        return statements.Endpoint(query=query, column=column, span=node.span)

    def disconnect(self, node: ast.Disconnect) -> statements.Statement:
        """DISCONNECT … FROM …."""
        table = self.context.catalog.tables["connections"]
        return statements.Disconnect(
            self._endpoint(node.source),
            self._endpoint(node.target),
            None if node.type is None else self._type(node.type),
            self._returning(node.returning, table, ("old",)),
            kind="DISCONNECT",
            span=node.span,
        )
