"""COPY … FROM and COPY … TO."""

from __future__ import annotations

from typing import Any

from ngql import ast, bound, statements, types
from ngql.bind.writes import Writes
from ngql.catalog import did_you_mean

__all__ = ["Copies"]

_FORMATS = ("parquet", "csv", "ndjson", "arrow")


class Copies(Writes):
    """Binds the statement that moves whole tables."""

    def copy(self, node: ast.Copy) -> statements.Statement:
        """COPY … FROM and COPY … TO."""
        options = self._options(node)
        file: bound.Expr
        if isinstance(node.file, ast.String):
            file = bound.Constant(node.file.value, type=types.TEXT, span=node.file.span)
        else:
            file = self.context.parameter(node.file)
        if node.direction == "to":
            if file.type != types.TEXT:
                raise self.context.error("42804", "COPY TO needs the name of a file", node.file)
            query = self._copied(node)
            overwrite = options.get("overwrite", False)
            return statements.CopyTo(
                query, file, options.get("format"), overwrite, kind="COPY", span=node.span
            )
        assert node.table is not None
        table = self._table(node.table)
        if "overwrite" in options:
            raise self.context.error("42704", 'COPY FROM has no option "overwrite"', node)
        columns = tuple(name.value for name in node.columns)
        return statements.CopyFrom(
            table.name, columns, file, options.get("format"), kind="COPY", span=node.span
        )

    def _copied(self, node: ast.Copy) -> bound.Query:
        if node.query is not None:
            return self._queries.bind(node.query)[0]
        assert node.table is not None
        star: tuple[ast.SelectItem, ...] = (ast.SelectItem(ast.Star()),)
        if node.columns:
            star = tuple(ast.SelectItem(ast.ColumnRef((name,), span=name.span)) for name in node.columns)
        source = ast.FromItem(ast.TableSource(node.table, span=node.table.span))
        return self._queries.bind(ast.Query(ast.Select(star, sources=(source,))))[0]

    def _options(self, node: ast.Copy) -> dict[str, Any]:
        options: dict[str, Any] = {}
        for option in node.options:
            name, value = option.name.value, option.value
            if name in ("on_error", "rejects"):
                raise self.context.later(f"COPY with {name.upper()}", option)
            if name == "format":
                options["format"] = self._format(option)
            elif name == "overwrite":
                if value is not None and not isinstance(value, ast.Boolean):
                    raise self.context.error("22023", "OVERWRITE is true or false", option)
                options["overwrite"] = value is None or value.value
            else:
                hint = did_you_mean(name, ("format", "overwrite", "on_error", "rejects"))
                raise self.context.error("42704", f'COPY has no option "{name}"', option, hint)
        return options

    def _format(self, option: ast.Option) -> str:
        value = option.value
        if isinstance(value, ast.ColumnRef) and len(value.parts) == 1:
            name = value.parts[0].value
        else:
            name = value.value.lower() if isinstance(value, ast.String) else ""
        if name == "g2o":
            raise self.context.later("the format g2o", option)
        if name not in _FORMATS:
            raise self.context.error("22023", f"FORMAT is one of {', '.join(_FORMATS)}", option)
        return name
