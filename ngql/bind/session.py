"""Statements about the profile, settings, tables and transactions."""

from __future__ import annotations

from ngql import ast, bound, statements, types
from ngql.bind import points
from ngql.bind.constants import literal_number
from ngql.bind.context import Context, Scope
from ngql.bind.queries import Queries
from ngql.bind.sources import Sources
from ngql.catalog import did_you_mean

__all__ = ["FLAGS", "Session"]

FLAGS = {"validation": 1, "events": 2, "mutation": 4, "strict": 8}


class Session:
    """Binds the statements that change or show how a session works."""

    def __init__(self, context: Context, queries: Queries) -> None:
        self.context = context
        self._queries = queries

    # ---- the profile

    def set_profile(self, node: ast.SetCdnaProfile) -> statements.Statement:
        """SET [LOCAL] CDNA PROFILE."""
        profile = points.profile(self.context, node.profile)
        return statements.SetProfile(profile, node.local, kind="SET", span=node.span)

    def set_scale(self, node: ast.SetCdnaScale) -> statements.Statement:
        """SET [LOCAL] CDNA SCALE."""
        scales: list[tuple[int, bound.Expr]] = []
        for assignment in node.scales:
            axis = points.axis_number(self.context, assignment.column)
            if any(axis == known for known, _ in scales):
                raise self.context.error("42601", "the axis is given twice", assignment)
            value = assignment.value
            number = None if value is None else points.coordinate(self.context, value)
            if number is None:
                raise self.context.error("42804", "a scale must be a number", assignment)
            if isinstance(number, bound.Constant) and number.value < 0:
                raise self.context.error("22003", "a scale must not be negative", value)
            scales.append((axis, number))
        return statements.SetScale(tuple(scales), node.local, kind="SET", span=node.span)

    def set_flag(self, node: ast.SetCdnaFlag) -> statements.Statement:
        """SET CDNA FLAG."""
        flag = node.flag.value
        if flag not in FLAGS:
            hint = did_you_mean(flag, FLAGS)
            raise self.context.error("42704", f'CDNA flag "{flag}" does not exist', node.flag, hint)
        return statements.SetFlag(flag, node.on, kind="SET", span=node.span)

    def show_cdna(self, node: ast.ShowCdna) -> statements.Statement:
        """SHOW CDNA."""
        return statements.Show("cdna", kind="SHOW", span=node.span)

    # ---- settings and tables

    def set_option(self, node: ast.SetOption) -> statements.Statement:
        """SET name = value."""
        if node.local:
            raise self.context.later("SET LOCAL of a setting", node)
        value = None
        if node.value is not None:
            value = literal_number(node.value)
            if value is None and isinstance(node.value, (ast.String, ast.Boolean)):
                kind = types.TEXT if isinstance(node.value, ast.String) else types.BOOLEAN
                value = bound.Constant(node.value.value, type=kind, span=node.value.span)
            elif value is None and isinstance(node.value, ast.Parameter):
                return statements.SetOption(
                    node.name.value, self.context.parameter(node.value), kind="SET", span=node.span
                )
            if value is None:
                raise self.context.error("22023", "a setting takes a literal or a parameter", node.value)
        return statements.SetOption(node.name.value, value, kind="SET", span=node.span)

    def reset_option(self, node: ast.ResetOption) -> statements.Statement:
        """RESET name | ALL."""
        name = None if node.name is None else node.name.value
        return statements.SetOption(name, None, kind="RESET", span=node.span)

    def show_option(self, node: ast.ShowOption) -> statements.Statement:
        """SHOW name | ALL."""
        if node.name is None:
            return statements.Show("options", kind="SHOW", span=node.span)
        return statements.Show("option", node.name.value, kind="SHOW", span=node.span)

    def show_tables(self, node: ast.ShowTables) -> statements.Statement:
        """SHOW TABLES."""
        rows = tuple((table.name, table.kind) for table in self.context.catalog.tables.values())
        return statements.Show("tables", rows=rows, kind="SHOW", span=node.span)

    def describe(self, node: ast.Describe) -> statements.Statement:
        """DESCRIBE table | query."""
        if isinstance(node.target, ast.QualifiedName):
            scope = Scope()
            from_ = Sources(self.context, scope, self._queries.expressions(scope), self._queries.bind)
            table = from_.table(node.target)
            rows = tuple({**table.shown, **table.hidden}.items())
        else:
            _, columns = self._queries.bind(node.target)
            if columns is None or any(type_ == types.UNKNOWN for _, type_ in columns):
                raise self.context.later("DESCRIBE of a query whose types only DuckDB knows", node.target)
            rows = columns
        return statements.Show("columns", rows=rows, kind="DESCRIBE", span=node.span)

    # ---- transactions

    def begin(self, node: ast.Begin) -> statements.Statement:
        """BEGIN [READ ONLY]."""
        return statements.Transaction("begin", node.read_only, kind="BEGIN", span=node.span)

    def commit(self, node: ast.Commit) -> statements.Statement:
        """COMMIT."""
        return statements.Transaction("commit", kind="COMMIT", span=node.span)

    def rollback(self, node: ast.Rollback) -> statements.Statement:
        """ROLLBACK [TO name]."""
        if node.savepoint is None:
            return statements.Transaction("rollback", kind="ROLLBACK", span=node.span)
        name = node.savepoint.value
        return statements.Transaction("rollback_to", name, kind="ROLLBACK", span=node.span)

    def savepoint(self, node: ast.Savepoint) -> statements.Statement:
        """SAVEPOINT name."""
        return statements.Transaction("savepoint", node.name.value, kind="SAVEPOINT", span=node.span)

    def release(self, node: ast.ReleaseSavepoint) -> statements.Statement:
        """RELEASE name."""
        return statements.Transaction("release", node.name.value, kind="RELEASE", span=node.span)
