"""Every kind of statement: queries, writes, and what goes on about sessions; the rest is 0A000."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from ngql import ast, parameters, statements
from ngql.bind.connect import Connects
from ngql.bind.context import Context
from ngql.bind.copy import Copies
from ngql.bind.prepare import Prepares
from ngql.bind.queries import Queries
from ngql.bind.session import Session
from ngql.bind.store import Store
from ngql.bind.writes import Writes
from ngql.catalog import Catalog, did_you_mean

__all__ = ["bind"]

_LATER: Mapping[type, str] = {
    ast.Reinforce: "REINFORCE",
    ast.Decay: "DECAY",
    ast.CreateCdnaProfile: "CREATE CDNA PROFILE",
    ast.DropCdnaProfile: "DROP CDNA PROFILE",
    ast.ValidateCdnaProfile: "VALIDATE CDNA PROFILE",
    ast.RollbackCdna: "ROLLBACK CDNA",
    ast.Quarantine: "a statement about the quarantine",
    ast.Attach: "ATTACH",
    ast.Detach: "DETACH",
    ast.Bootstrap: "BOOTSTRAP",
    ast.TextQuery: "QUERY",
    ast.Feedback: "FEEDBACK",
}


def bind(
    node: ast.Statement, text: str, catalog: Catalog, kinds: parameters.Kinds = ()
) -> statements.Statement:
    """Resolve the names and types of a statement.

    Args:
        node: the syntax tree.
        text: the statement, for the places of errors.
        catalog: what may be named.
        kinds: of the parameters, as `ngql.parameters.kinds_of` gives them.

    Errors:
        42703, 42P01, 42704, 42702 for names, 42804 for types, 42P02 for parameters, 22P02 for points,
        0A000 for what is not built yet; each with its place.
    """
    context = Context(text, catalog, kinds)
    bound_statement = _Statements(context).bind(node)
    context.check_parameters()
    return bound_statement


class _Statements:
    def __init__(self, context: Context) -> None:
        self.context = context
        queries = Queries(context)
        self._queries = queries
        writes, session = Writes(context, queries), Session(context, queries)
        connects, copies, store = Connects(context, queries), Copies(context, queries), Store(context)
        prepares = Prepares(context, queries)
        self._binders: dict[type, Callable[[Any], statements.Statement]] = {
            ast.Query: self._query,
            ast.Insert: writes.insert,
            ast.Update: writes.update,
            ast.Delete: writes.delete,
            ast.Connect: connects.connect,
            ast.Disconnect: connects.disconnect,
            ast.Copy: copies.copy,
            ast.SetCdnaProfile: session.set_profile,
            ast.SetCdnaScale: session.set_scale,
            ast.SetCdnaFlag: session.set_flag,
            ast.ShowCdna: session.show_cdna,
            ast.SetOption: session.set_option,
            ast.ResetOption: session.reset_option,
            ast.ShowOption: session.show_option,
            ast.ShowTables: session.show_tables,
            ast.Describe: session.describe,
            ast.Begin: session.begin,
            ast.Commit: session.commit,
            ast.Rollback: session.rollback,
            ast.Savepoint: session.savepoint,
            ast.ReleaseSavepoint: session.release,
            ast.Backup: store.backup,
            ast.CheckStore: store.check_store,
            ast.Vacuum: store.vacuum,
            ast.Prepare: prepares.prepare,
            ast.Execute: prepares.execute,
            ast.Deallocate: prepares.deallocate,
            ast.Explain: self._explain,
        }

    def bind(self, node: ast.Statement) -> statements.Statement:
        binder = self._binders.get(type(node))
        if binder is None:
            raise self.context.later(_LATER.get(type(node), type(node).__name__), node)
        return binder(node)

    def _query(self, node: ast.Query) -> statements.Statement:
        query, columns = self._queries.bind(node)
        kinds = None if columns is None else tuple(type_ for _, type_ in columns)
        return statements.Select(query, kinds, kind="SELECT", span=node.span)

    def _explain(self, node: ast.Explain) -> statements.Statement:
        if isinstance(node.statement, ast.Explain):
            raise self.context.error("42601", "EXPLAIN of EXPLAIN", node.statement)
        desugar = False
        format_: Literal["text", "json"] = "text"
        for option in node.options:
            name = option.name.value
            if name == "desugar" and option.value is None:
                desugar = True
            elif name == "format":
                format_ = self._format(option)
            else:
                hint = did_you_mean(name, ("desugar", "format", "analyze"))
                raise self.context.error("42704", f'EXPLAIN has no option "{name}"', option, hint)
        if isinstance(node.statement, ast.Execute):
            hint = "explain the statement that was prepared"
            raise self.context.later("EXPLAIN of EXECUTE", node.statement, hint)
        inner = self.bind(node.statement)
        if node.analyze and not isinstance(inner, statements.Select):
            raise self.context.error("25006", "EXPLAIN ANALYZE runs queries only, not writes", node.statement)
        return statements.Explain(inner, node.analyze, format_, desugar, kind="EXPLAIN", span=node.span)

    def _format(self, option: ast.Option) -> Literal["text", "json"]:
        value = option.value
        if isinstance(value, ast.ColumnRef) and len(value.parts) == 1:
            name = value.parts[0].value
        elif isinstance(value, ast.String):
            name = value.value.lower()
        else:
            name = ""
        if name == "json":
            return "json"
        if name == "text":
            return "text"
        raise self.context.error("22023", "FORMAT is text or json", option)
