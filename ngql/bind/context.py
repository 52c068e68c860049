"""What binding carries along: the text for error places, the catalog, the parameters, and the names in scope."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from ng_engine.errors import Error, from_sqlstate
from ngql import ast, bound, parameters, types
from ngql.catalog import Catalog, did_you_mean

__all__ = ["CommonTables", "Context", "Scope", "SourceNames", "error_at"]


def error_at(text: str, sqlstate: str, message: str, span: ast.Span | None, hint: str | None = None) -> Error:
    """An error with its place in the statement."""
    error = from_sqlstate(sqlstate, message, hint)
    if span is None or span.line == 0:
        return error
    first_line = text[span.start : span.end].split("\n", 1)[0]
    return error.at(text, span.line, span.column, len(first_line) or 1)


@dataclass(slots=True)
class SourceNames:
    """The columns of one source: `shown` by `*`, `hidden` only by name; None when only DuckDB knows them."""

    alias: str
    shown: Mapping[str, str] | None
    hidden: Mapping[str, str] = field(default_factory=dict)
    typed: bool = False
    """Whether its columns `type` and `mutability` hold names of the store."""
    stored: Mapping[str, str] = field(default_factory=dict)
    """What the source itself calls the columns that its alias renames."""

    def column(self, name: str, span: ast.Span | None = None) -> bound.Column:
        """One of its columns."""
        type_ = self.type_of(name) or types.UNKNOWN
        stored = self.stored.get(name, name)
        folded = self.typed and stored in ("type", "mutability")
        return bound.Column(self.alias, stored, folded, type=type_, span=span)

    def shown_column(self, name: str, type_: str) -> bound.Column:
        """One that `*` shows."""
        return bound.Column(self.alias, self.stored.get(name, name), type=type_)

    def type_of(self, column: str) -> str | None:
        """The type of a column, or None when the source has none of that name (that we know of)."""
        if self.shown is None:
            return self.hidden.get(column)
        return self.shown.get(column) or self.hidden.get(column)

    def names(self) -> Iterable[str]:
        """Every column name we know of."""
        return (*(self.shown or ()), *self.hidden)


@dataclass(slots=True)
class Scope:
    """The sources of one query block, inside those of the blocks around it."""

    parent: Scope | None = None
    sources: list[SourceNames] = field(default_factory=list)
    merged: dict[str, str] = field(default_factory=dict)
    """Columns that a JOIN … USING merges: name → type."""
    is_match: bool = False
    """Whether the sources are the variables of a MATCH."""

    def owns(self, column: str) -> bool:
        """Whether a source of this block has such a column."""
        return column in self.merged or any(source.type_of(column) is not None for source in self.sources)

    def source(self, alias: str) -> SourceNames | None:
        """The source of an alias, here or further out."""
        scope: Scope | None = self
        while scope is not None:
            for source in scope.sources:
                if source.alias == alias:
                    return source
            scope = scope.parent
        return None


@dataclass(slots=True)
class CommonTables:
    """The queries of one WITH, as far as they are bound."""

    recursive: bool
    columns: dict[str, tuple[tuple[str, str], ...] | None] = field(default_factory=dict)
    """Name → columns, None when only DuckDB knows them; a recursive query is here before it is in `queries`."""
    queries: list[bound.Cte] = field(default_factory=list)


class Context:
    """The state of binding one statement."""

    def __init__(self, text: str, catalog: Catalog, kinds: parameters.Kinds) -> None:
        self.text = text
        self.catalog = catalog
        self.metric: bound.MetricSpec | None = None
        self.tables: list[CommonTables] = []
        """Common tables in scope, innermost last."""
        self._used: set[int] = set()
        self._kinds: list[str] = []
        self._slots: dict[str | int, int] = {}
        for slot, entry in enumerate(kinds):
            name, kind = entry if isinstance(entry, tuple) else (slot + 1, entry)
            self._kinds.append(kind)
            self._slots[name] = slot
        self._named = bool(kinds) and isinstance(kinds[0], tuple)

    def error(
        self, sqlstate: str, message: str, at: ast.Node | ast.Span | None, hint: str | None = None
    ) -> Error:
        """An error with the place of a node."""
        return error_at(self.text, sqlstate, message, at.span if isinstance(at, ast.Node) else at, hint)

    def later(self, what: str, at: ast.Node | ast.Span | None, hint: str | None = None) -> Error:
        """The error for what parses and is not built yet."""
        return self.error("0A000", f"{what} is not supported yet", at, hint)

    def parameter(self, node: ast.Parameter) -> bound.Parameter:
        """The slot and kind of a parameter (42P02 when it has no value)."""
        slot = self._slots.get(node.name)
        shown = f"${node.name}" if node.style != "question" else f"? number {node.name}"
        if slot is None:
            hint = None
            if self._kinds and self._named != (node.style == "named"):
                hint = 'pass a dict for $name, a sequence for "?" and $1'
            elif isinstance(node.name, str):
                hint = did_you_mean(node.name, [str(name) for name in self._slots])
            raise self.error("42P02", f"parameter {shown} has no value", node, hint)
        kind = self._kinds[slot]
        if kind == "other":
            raise self.error("42804", f"parameter {shown} is of no type that NGQL has", node)
        self._used.add(slot)
        return bound.Parameter(slot, kind, type=parameters.type_of(kind), span=node.span)

    def check_parameters(self) -> None:
        """Refuse values that no parameter takes (42P02)."""
        unused = [name for name, slot in self._slots.items() if slot not in self._used]
        if unused:
            shown = ", ".join(f"${name}" if self._named else f"number {name}" for name in unused)
            raise from_sqlstate("42P02", f"the statement has no parameter {shown}")

    @contextmanager
    def using(self, metric: bound.MetricSpec | None) -> Iterator[None]:
        """Take distances in this metric meanwhile; None keeps the one around."""
        outer = self.metric
        self.metric = metric or outer
        try:
            yield
        finally:
            self.metric = outer

    def common_table(self, name: str) -> tuple[bool, tuple[tuple[str, str], ...] | None]:
        """Whether a WITH query of this name is in scope, and its columns."""
        for tables in reversed(self.tables):
            if name in tables.columns:
                return True, tables.columns[name]
        return False, None

    def column(self, scope: Scope, node: ast.ColumnRef) -> bound.Column:
        """Resolve a column name (42703, 42702, 42P01)."""
        names = [part.value for part in node.parts]
        if len(names) == 1:
            return self._bare(scope, names[0], node)
        if len(names) == 2:
            return self._qualified(scope, names[0], names[1], node)
        raise self.error("42703", f"column {'.'.join(names)} does not exist", node)

    def _bare(self, scope: Scope, name: str, node: ast.ColumnRef) -> bound.Column:
        at: Scope | None = scope
        while at is not None:
            if name in at.merged:
                return bound.Column(None, name, type=at.merged[name], span=node.span)
            owners = [source for source in at.sources if source.type_of(name) is not None]
            if len(owners) > 1:
                hint = f"write {owners[0].alias}.{name} or {owners[1].alias}.{name}"
                raise self.error("42702", f'column "{name}" is ambiguous', node, hint)
            if owners:
                return owners[0].column(name, node.span)
            if any(source.shown is None for source in at.sources):
                return bound.Column(None, name, span=node.span)
            at = at.parent
        known = [column for source in scope.sources for column in source.names()]
        of_source = f"write {name}.id for one of its columns, {name}.* for all"
        helpful = did_you_mean(name, known) if scope.source(name) is None else of_source
        if helpful is None and name == "spread":
            helpful = "SELECT SPREAD FROM (…) needs STEPS n"
        raise self.error("42703", f'column "{name}" does not exist', node, helpful)

    def _qualified(self, scope: Scope, alias: str, name: str, node: ast.ColumnRef) -> bound.Column:
        source = scope.source(alias)
        if source is None:
            aliases = [each.alias for each in scope.sources]
            hint = did_you_mean(alias, aliases)
            what = "variable of this MATCH" if scope.is_match else "table of this FROM"
            raise self.error("42P01", f'"{alias}" is no {what}', node.parts[0], hint)
        if source.type_of(name) is None and source.shown is not None:
            hint = did_you_mean(name, source.names())
            raise self.error("42703", f'column "{name}" of "{alias}" does not exist', node.parts[1], hint)
        return source.column(name, node.span)
