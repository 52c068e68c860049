"""Statements about the store as a whole: BACKUP TO, CHECK STORE, VACUUM."""

from __future__ import annotations

from ngql import ast, bound, statements, types
from ngql.bind.context import Context
from ngql.catalog import did_you_mean

__all__ = ["Store"]


class Store:
    """Binds what is done to a store rather than to its rows."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def backup(self, node: ast.Backup) -> statements.Statement:
        """BACKUP TO 'file' [(OVERWRITE)]."""
        file: bound.Expr
        if isinstance(node.file, ast.String):
            file = bound.Constant(node.file.value, type=types.TEXT, span=node.file.span)
        else:
            file = self.context.parameter(node.file)
            if file.type != types.TEXT:
                raise self.context.error("42804", "BACKUP TO needs the name of a file", node.file)
        overwrite = False
        for option in node.options:
            if option.name.value != "overwrite":
                hint = did_you_mean(option.name.value, ("overwrite",))
                raise self.context.error("42704", f'BACKUP has no option "{option.name.value}"', option, hint)
            if option.value is not None and not isinstance(option.value, ast.Boolean):
                raise self.context.error("22023", "OVERWRITE is true or false", option)
            overwrite = option.value is None or option.value.value
        return statements.Backup(file, overwrite, kind="BACKUP", span=node.span)

    def check_store(self, node: ast.CheckStore) -> statements.Statement:
        """CHECK STORE."""
        return statements.CheckStore(kind="CHECK STORE", span=node.span)

    def vacuum(self, node: ast.Vacuum) -> statements.Statement:
        """VACUUM."""
        return statements.Vacuum(kind="VACUUM", span=node.span)
