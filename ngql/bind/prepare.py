"""PREPARE, EXECUTE and DEALLOCATE."""

from __future__ import annotations

from collections.abc import Mapping

from ngql import ast, bound, statements
from ngql.bind import points
from ngql.bind.context import Context, Scope
from ngql.bind.queries import Queries
from ngql.catalog import did_you_mean

__all__ = ["Prepares"]

_KINDS: Mapping[str, str] = {
    **dict.fromkeys(("bigint", "int8", "integer", "int", "int4", "smallint", "int2"), "int"),
    **dict.fromkeys(("real", "float4", "float", "double", "double precision", "float8"), "float"),
    **dict.fromkeys(("numeric", "decimal"), "decimal"),
    **dict.fromkeys(("text", "varchar", "string"), "text"),
    **dict.fromkeys(("boolean", "bool"), "bool"),
    **dict.fromkeys(("timestamptz", "timestamp", "timestamp with time zone"), "timestamp"),
    **{name: name for name in ("date", "time", "interval", "uuid")},
    **dict.fromkeys(("bytea", "blob"), "blob"),
    "json": "partial",
}


class Prepares:
    """Binds the statements about prepared statements.

    Args:
        context: the statement's state.
        queries: binds the values of EXECUTE.
    """

    def __init__(self, context: Context, queries: Queries) -> None:
        self.context = context
        self._queries = queries

    def prepare(self, node: ast.Prepare) -> statements.Statement:
        """PREPARE: the statement is kept as text; what it means depends on the values it is run with."""
        if isinstance(node.statement, ast.Execute):
            raise self.context.error("42601", "PREPARE of EXECUTE", node.statement)
        span = node.statement.span
        kinds = tuple(self._kind(type_) for type_ in node.types) if node.types else None
        text = self.context.text[span.start : span.end]
        return statements.Prepare(node.name.value, text, kinds, kind="PREPARE", span=node.span)

    def _kind(self, node: ast.TypeName) -> str:
        if node.dimensions:
            return "list"
        kind = _KINDS.get(node.name.lower())
        if kind is None:
            hint = did_you_mean(node.name.lower(), _KINDS)
            raise self.context.error("42704", f'type "{node.name}" does not exist', node, hint)
        return kind

    def execute(self, node: ast.Execute) -> statements.Statement:
        """EXECUTE with literals, points and parameters."""
        values = tuple(self._value(argument) for argument in node.arguments)
        return statements.Execute(node.name.value, values, kind="EXECUTE", span=node.span)

    def _value(self, node: ast.Expr) -> bound.Expr:
        if isinstance(node, (ast.Row, ast.NamedRow)):
            return points.point(self.context, node, tokens=False)
        value = self._queries.expressions(Scope()).bind(node)
        if not isinstance(value, (bound.Constant, bound.Parameter)):
            raise self.context.later("a computed value", node, "give a literal or a parameter")
        return value

    def deallocate(self, node: ast.Deallocate) -> statements.Statement:
        """DEALLOCATE."""
        name = None if node.name is None else node.name.value
        return statements.Deallocate(name, kind="DEALLOCATE", span=node.span)
