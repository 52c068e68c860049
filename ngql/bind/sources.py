"""FROM: tables with their forms, derived tables, joins; and the heads that stand for a FROM."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ngql import ast, bound, functions, types
from ngql.bind import points
from ngql.bind.constants import required_number
from ngql.bind.context import Context, Scope, SourceNames
from ngql.bind.costs import Costs
from ngql.bind.expressions import BindQuery, Expressions
from ngql.bind.graph_functions import graph_function
from ngql.bind.match import Matches
from ngql.bind.seeds import bind_seeds
from ngql.catalog import LATER, Table, did_you_mean

__all__ = ["PATH_COLUMNS", "Sources", "rename_columns"]

DISTANCE = {"distance": types.DOUBLE}
DEPTH = {"depth": types.INTEGER}
ACTIVATION = {"activation": types.DOUBLE}
PATH_COLUMNS = {
    "step": types.INTEGER,
    "id": types.BIGINT,
    "key": types.TEXT,
    "type": types.TEXT,
    "connection": types.BIGINT,
    "cost": types.DOUBLE,
}
PATHS_COLUMNS = {"path": types.INTEGER, **PATH_COLUMNS}


class Sources:
    """Binds the FROM of one block and fills the block's scope."""

    def __init__(
        self, context: Context, scope: Scope, expressions: Expressions, bind_query: BindQuery
    ) -> None:
        self.context = context
        self.scope = scope
        self.expressions = expressions
        self._bind_query = bind_query
        self._merges = False
        self._matches = Matches(context, scope, bind_query)
        self.conditions: tuple[bound.Expr, ...] = ()
        """What the patterns of a MATCH ask of the rows found."""

    def measured(self, block: bound.Block) -> bound.Block:
        """The block with the distances of a MATCH spelt out."""
        measured: bound.Block = self._matches.measured(block)
        return measured

    def bind(self, node: ast.Select) -> bound.Source | None:
        """The source of a SELECT, or None without FROM."""
        self._merges = any(map(_merges, node.sources))
        if node.head is not None:
            return self._head(node.head)
        return self.beside(None, node.sources)

    def beside(self, source: bound.Source | None, items: Sequence[ast.FromItem]) -> bound.Source | None:
        """The source with those of a list beside it."""
        for item in items:
            right = self._item(item)
            source = right if source is None else bound.Join("cross", source, right)
        return source

    # ---- heads

    def _head(self, head: ast.Head) -> bound.Source:
        match head:
            case ast.TokensForm(table=table, form=form):
                name = ast.QualifiedName((table,), span=table.span)
                return self._table(ast.TableSource(name, form=form, span=head.span))
            case ast.Neighbors():
                return self._neighbors(head)
            case ast.Path():
                return self._path(head)
            case ast.Spread():
                return self._spread(head)
            case _:
                source, self.conditions = self._matches.bind(head)
                return source

    def _neighbors(self, node: ast.Neighbors) -> bound.NeighborsSource:
        box = self.expressions.box(node.form) if isinstance(node.form, ast.Box) else None
        near = self._near(node.form) if isinstance(node.form, ast.Near) else None
        shown = {**types.TOKEN_COLUMNS, **DEPTH, **(DISTANCE if near else {})}
        self._add("neighbors", shown, self._axes(), node, typed=True)
        return bound.NeighborsSource(
            "neighbors",
            tuple(shown.items()),
            points.tokens(self.context, node.of),
            self._depth(node),
            points.type_names(self.context, node.via),
            node.direction or "out",
            near,
            box,
            span=node.span,
        )

    def _path(self, node: ast.Path) -> bound.PathSource:
        alias, shown = ("path", PATH_COLUMNS) if node.count is None else ("paths", PATHS_COLUMNS)
        self._add(alias, shown, {}, node, typed=True)
        return bound.PathSource(
            alias,
            tuple(shown.items()),
            points.token(self.context, node.source),
            points.token(self.context, node.target),
            points.type_names(self.context, node.via),
            None if node.max_depth is None else self._count(node.max_depth),
            node.direction or "out",
            None if node.cost is None else Costs(self.context).bind(node.cost),
            None if node.count is None else self._ways(node.count),
            span=node.span,
        )

    def _spread(self, node: ast.Spread) -> bound.SpreadSource:
        if node.steps is None:
            hint = "STEPS n says how often activation is passed on"
            raise self.context.error("42601", "SELECT SPREAD needs STEPS", node, hint)
        seeds = bind_seeds(self.context, self._bind_query, node.seeds)
        shown = {**types.TOKEN_COLUMNS, **ACTIVATION}
        self._add("spread", shown, self._axes(), node, typed=True)
        return bound.SpreadSource(
            "spread",
            tuple(shown.items()),
            seeds,
            points.type_names(self.context, node.via),
            self._count(node.steps, "the number of steps"),
            None if node.decay is None else required_number(self.context, node.decay, "the decay"),
            node.direction or "out",
            span=node.span,
            seeds_span=node.seeds.span,
        )

    def _ways(self, node: ast.Count) -> bound.Expr:
        if isinstance(node, ast.Integer) and node.value < 1:
            raise self.context.error("22023", "the number of paths counts from 1", node)
        return self._count(node, "the number of paths")

    def _depth(self, node: ast.Neighbors) -> tuple[bound.Expr, bound.Expr]:
        if node.depth is None:
            one = bound.Constant(1, type=types.BIGINT)
            return one, one
        low, high = (self._count(end) for end in node.depth)
        ends = [end.value for end in (low, high) if isinstance(end, bound.Constant)]
        if ends and (min(ends) < 1 or ends != sorted(ends)):
            raise self.context.error("22023", "DEPTH counts from 1, the lower end first", node.depth[0])
        return low, high

    def _count(self, node: ast.Count, what: str = "the number of hops") -> bound.Expr:
        if isinstance(node, ast.Parameter):
            return self.context.parameter(node)
        if node.value >= 1 << 31:
            raise self.context.error("22003", f"{what} is out of range", node)
        return bound.Constant(node.value, type=types.BIGINT, span=node.span)

    # ---- FROM

    def _item(self, item: ast.FromItem) -> bound.Source:
        source = self._source(item.source)
        for join in item.joins:
            known = len(self.scope.sources)
            right = self._source(join.right)
            if join.natural:
                self._merge_common(known)
            for name in join.using:
                self._merge(name, known)
            on = self.expressions.condition(join.on, "ON")
            using = tuple(name.value for name in join.using)
            source = bound.Join(join.kind, source, right, on, using, join.natural)
        return source

    def _source(self, node: ast.Source) -> bound.Source:
        match node:
            case ast.FromItem():
                return self._item(node)
            case ast.TableSource():
                return self._table(node)
            case ast.QuerySource():
                return self._derived(node)
            case ast.FunctionSource():
                return self._function(node)
            case _:
                return self._graph_table(node)

    def _table(self, node: ast.TableSource) -> bound.Source:
        names = [part.value for part in node.name.parts]
        alias = node.alias.value if node.alias is not None else names[-1]
        if len(names) == 1:
            known, columns = self.context.common_table(names[0])
            if known:
                return self._common_table(node, alias, columns)
        table = self.table(node.name)
        form = None if node.form is None else self._form(node.form, table)
        shown = dict(table.shown)
        if isinstance(form, bound.Near):
            shown |= DISTANCE
        source = bound.TableSource(alias, table.name, tuple(shown.items()), form)
        return self._renamed(source, table.hidden, node, typed=table.kind == "engine")

    def _renamed(
        self,
        source: bound.TableSource | bound.GraphFunctionSource,
        hidden: Mapping[str, str],
        node: ast.TableSource | ast.FunctionSource,
        *,
        typed: bool,
    ) -> bound.Source:
        """A table with the column names of its alias: known to the scope alone, unless a join merges by name."""
        columns = rename_columns(self.context, source.columns, node.columns)
        assert columns is not None
        if not node.columns:
            self._add(source.alias, dict(columns), hidden, node, typed=typed)
            return source
        shown = dict(self._distinct_names(columns, node))
        stored = {new: old for (new, _), (old, _) in zip(columns, source.columns, strict=True)}
        names = SourceNames(source.alias, shown, hidden, typed, stored)
        if not self._merges:
            self._add_names(names, node)
            return source
        items = tuple(bound.Item(names.column(name), name) for name in shown)
        self._add(source.alias, shown, {}, node)
        return bound.DerivedSource(source.alias, bound.Block(items, source), columns)

    def table(self, name: ast.QualifiedName) -> Table:
        """A table of the catalog (42P01)."""
        parts = [part.value for part in name.parts]
        if len(parts) != 1:
            raise self.context.error("42P01", f'table "{".".join(parts)}" does not exist', name)
        table = self.context.catalog.tables.get(parts[0])
        if table is None and parts[0] in LATER:
            raise self.context.later(f"the table {parts[0]}", name)
        if table is None:
            hint = did_you_mean(parts[0], self.context.catalog.tables)
            raise self.context.error("42P01", f'table "{parts[0]}" does not exist', name, hint)
        return table

    def _common_table(
        self, node: ast.TableSource, alias: str, columns: tuple[tuple[str, str], ...] | None
    ) -> bound.CteSource:
        if node.form is not None:
            raise self.context.error("42601", "NEAR and IN BOX need the table tokens", node.form)
        columns = rename_columns(self.context, columns, node.columns)
        if columns is not None:
            columns = self._distinct_names(columns, node)
        self._add(alias, None if columns is None else dict(columns), {}, node)
        names = tuple(name.value for name in node.columns)
        return bound.CteSource(alias, node.name.parts[0].value, columns, names)

    def _form(self, form: ast.Form, table: Table) -> bound.Near | bound.Box:
        if table.name != "tokens":
            hint = "only tokens have coordinates"
            raise self.context.error("42601", "NEAR and IN BOX need the table tokens", form, hint)
        return self._near(form) if isinstance(form, ast.Near) else self.expressions.box(form)

    def _near(self, form: ast.Form) -> bound.Near:
        assert isinstance(form, ast.Near), form
        place = points.point(self.context, form.target, tokens=True)
        radius: bound.Expr | None = None
        if form.radius is not None:
            radius = required_number(self.context, form.radius, "the radius")
            if isinstance(radius, bound.Constant) and radius.value < 0:
                raise self.context.error("22023", "the radius must not be negative", form.radius)
        return bound.Near(place, radius, self.context.metric, span=form.span)

    def _derived(self, node: ast.QuerySource) -> bound.DerivedSource:
        query, columns = self._bind_query(node.query, self.scope if node.lateral else self.scope.parent)
        alias = node.alias.value if node.alias is not None else self._unnamed()
        columns = rename_columns(self.context, columns, node.columns)
        if columns is not None:
            columns = self._distinct_names(columns, node)
        self._add(alias, None if columns is None else dict(columns), {}, node)
        names = tuple(name.value for name in node.columns)
        return bound.DerivedSource(alias, query, columns, names, node.lateral)

    def _graph_table(self, node: ast.GraphTable) -> bound.DerivedSource:
        """A MATCH with its columns, as the query it is."""
        name = ".".join(part.value for part in node.graph.parts)
        if name != "store":
            hint = "the tokens and connections of this store are the graph store"
            raise self.context.error("42P01", f'graph "{name}" does not exist', node.graph, hint)
        select = ast.Select(node.columns, node.match, span=node.span)
        return self._derived(ast.QuerySource(ast.Query(select, span=node.span), node.alias, span=node.span))

    def _distinct_names(
        self, columns: tuple[tuple[str, str], ...], node: ast.Source
    ) -> tuple[tuple[str, str], ...]:
        seen: set[str] = set()
        for name, _ in columns:
            if name in seen:
                what = "sub-query" if isinstance(node, ast.QuerySource) else "table"
                message = f'the {what} has two columns named "{name}"'
                raise self.context.error("42702", message, node, "name one of them with AS")
            seen.add(name)
        return columns

    def _function(self, node: ast.FunctionSource) -> bound.Source:
        name = ".".join(part.value for part in node.function.name.parts)
        if name in functions.GRAPH:
            return self._graph_function(name, node)
        if name not in functions.TABLE_FUNCTIONS and name not in functions.FILES:
            self._refuse_function(name, node.function.name)
        call = self.expressions.bind(node.function)
        assert isinstance(call, bound.Call), call
        alias = node.alias.value if node.alias is not None else name
        self._add(alias, None, {column.value: types.UNKNOWN for column in node.columns}, node)
        return bound.FunctionSource(alias, call, tuple(column.value for column in node.columns))

    def _graph_function(self, name: str, node: ast.FunctionSource) -> bound.Source:
        alias = node.alias.value if node.alias is not None else name
        source = graph_function(self.context, name, alias, node.function)
        return self._renamed(source, {}, node, typed=False)

    def _refuse_function(self, name: str, node: ast.Node) -> None:
        if functions.is_refused(name):
            raise self.context.error("42501", f"function {name} is not allowed", node)
        allowed = sorted({*functions.TABLE_FUNCTIONS, *functions.GRAPH})
        hint = did_you_mean(name, allowed) or f"FROM can call {', '.join(allowed)}"
        raise self.context.error("42883", f"table function {name} does not exist", node, hint)

    # ---- names

    def _axes(self) -> Mapping[str, str]:
        return self.context.catalog.tables["tokens"].hidden

    def _unnamed(self) -> str:
        return f"unnamed_{len(self.scope.sources) + 1}"

    def _add(
        self,
        alias: str,
        shown: Mapping[str, str] | None,
        hidden: Mapping[str, str],
        node: ast.Node,
        *,
        typed: bool = False,
    ) -> None:
        self._add_names(SourceNames(alias, shown, hidden, typed), node)

    def _add_names(self, names: SourceNames, node: ast.Node) -> None:
        if any(source.alias == names.alias for source in self.scope.sources):
            message = f'the name "{names.alias}" stands twice in FROM'
            raise self.context.error("42712", message, node, "add an alias")
        self.scope.sources.append(names)

    def _merge(self, name: ast.Name, known: int) -> None:
        """JOIN … USING: the column of both sides becomes one."""
        left, right = self.scope.sources[:known], self.scope.sources[known:]
        for side in (left, right):
            closed = all(source.shown is not None for source in side)
            if closed and not any(source.type_of(name.value) for source in side):
                names = [column for source in side for column in source.names()]
                hint = did_you_mean(name.value, names)
                message = f'column "{name.value}" is not on both sides of the join'
                raise self.context.error("42703", message, name, hint)
        found = [type_ for source in left if (type_ := source.type_of(name.value))]
        self.scope.merged[name.value] = found[0] if found else types.UNKNOWN

    def _merge_common(self, known: int) -> None:
        left, right = self.scope.sources[:known], self.scope.sources[known:]
        if any(source.shown is None for source in (*left, *right)):
            return
        for column, type_ in [pair for source in left for pair in (source.shown or {}).items()]:
            if any(column in (source.shown or {}) for source in right):
                self.scope.merged[column] = type_


def _merges(item: ast.FromItem) -> bool:
    """Whether a join in it makes one column of two by their name."""
    nested = (item.source, *(join.right for join in item.joins))
    return any(join.using or join.natural for join in item.joins) or any(
        _merges(source) for source in nested if isinstance(source, ast.FromItem)
    )


def rename_columns(
    context: Context, columns: tuple[tuple[str, str], ...] | None, names: tuple[ast.Name, ...]
) -> tuple[tuple[str, str], ...] | None:
    """The columns under the names of an alias list, which may be shorter."""
    if not names:
        return columns
    if columns is None:
        return tuple((name.value, types.UNKNOWN) for name in names)
    if len(names) > len(columns):
        raise context.error("42P10", f"{len(names)} column names for {len(columns)} columns", names[-1])
    kept = [(name.value, type_) for name, (_, type_) in zip(names, columns, strict=False)]
    return (*kept, *columns[len(names) :])
