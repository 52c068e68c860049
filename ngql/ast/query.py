"""Queries: SELECT blocks, their sources, and what stands around them."""

from __future__ import annotations

from typing import Literal, TypeAlias

from ngql.ast.base import Node, node
from ngql.ast.expression import Expr, Function, Name, NamedWindow, OrderKey, Parameter, QualifiedName, Star
from ngql.ast.space import Form, Match, Neighbors, Path, Spread, TokensForm


@node
class SelectItem(Node):
    """An expression of a select list or a `*`, with its alias."""

    value: Expr | Star
    alias: Name | None = None


@node
class TableSource(Node):
    """`tokens AS t NEAR …`: a table, with a form only where it stands for tokens; `columns` renames them."""

    name: QualifiedName
    alias: Name | None = None
    columns: tuple[Name, ...] = ()
    form: Form | None = None


@node
class QuerySource(Node):
    """`(SELECT …) AS s`, `(VALUES …) AS v(a, b)`, `LATERAL (SELECT …) l`."""

    query: Query
    alias: Name | None = None
    columns: tuple[Name, ...] = ()
    lateral: bool = False


@node
class FunctionSource(Node):
    """`generate_series(1, 9) AS g(i)`, `pagerank(damping => .5) r`."""

    function: Function
    alias: Name | None = None
    columns: tuple[Name, ...] = ()
    lateral: bool = False


@node
class GraphTable(Node):
    """`GRAPH_TABLE (store MATCH … COLUMNS (…)) AS g`."""

    graph: QualifiedName
    match: Match
    columns: tuple[SelectItem, ...]
    alias: Name | None = None


@node
class Join(Node):
    """One join step; a cross or natural join has neither condition, any other has exactly one."""

    kind: Literal["inner", "left", "right", "full", "cross"]
    right: Source
    on: Expr | None = None
    using: tuple[Name, ...] = ()
    natural: bool = False


@node
class FromItem(Node):
    """A source and the joins after it, from left to right; a `FromItem` as a source was in parentheses."""

    source: Source
    joins: tuple[Join, ...] = ()


Source: TypeAlias = TableSource | QuerySource | FunctionSource | GraphTable | FromItem


@node
class GroupingSets(Node):
    """`GROUPING SETS ((a, b), ())`, `ROLLUP (a, b)`, `CUBE (a, b)`."""

    kind: Literal["sets", "rollup", "cube"]
    sets: tuple[tuple[Expr, ...], ...]


Head: TypeAlias = TokensForm | Neighbors | Path | Spread | Match


@node
class Select(Node):
    """One SELECT block.

    With a `head` there is no FROM, and no select list, but for `MATCH … RETURN` whose list is `items`.
    `distinct` is False, True, or the expressions of DISTINCT ON.
    """

    items: tuple[SelectItem, ...] = ()
    head: Head | None = None
    distinct: bool | tuple[Expr, ...] = False
    sources: tuple[FromItem, ...] = ()
    where: Expr | None = None
    group_by: tuple[Expr | GroupingSets, ...] = ()
    having: Expr | None = None
    windows: tuple[NamedWindow, ...] = ()
    qualify: Expr | None = None


@node
class Values(Node):
    """`VALUES (a, b), (c, d)`; None is DEFAULT, which only INSERT knows."""

    rows: tuple[tuple[Expr | None, ...], ...]


@node
class SetStep(Node):
    """One `UNION | EXCEPT | INTERSECT [ALL] body`."""

    operator: Literal["union", "except", "intersect"]
    all: bool
    body: Body


@node
class Compound(Node):
    """Two or more bodies under set operations of one precedence, applied from left to right."""

    first: Body
    steps: tuple[SetStep, ...]


Body: TypeAlias = "Select | Values | Compound | Query"
"""A `Query` as a body was in parentheses."""


@node
class CommonTable(Node):
    """`name (columns) AS [NOT] [MATERIALIZED] (query)`."""

    name: Name
    columns: tuple[Name, ...]
    query: Query
    materialized: bool | None = None


@node
class With(Node):
    """`WITH [RECURSIVE] …`."""

    tables: tuple[CommonTable, ...]
    recursive: bool = False


@node
class Option(Node):
    """`name => value`, `name value` or `name`, in parentheses; a bare word as the value is a `String`."""

    name: Name
    value: Expr | None = None


@node
class UsingCdna(Node):
    """`USING CDNA PROFILE p` or `USING CDNA (scale => …, period => …)`."""

    profile: Name | Parameter | None = None
    options: tuple[Option, ...] = ()


@node
class Query(Node):
    """A body with everything that may stand around it; also a statement."""

    body: Body
    with_: With | None = None
    order_by: tuple[OrderKey, ...] = ()
    using_cdna: UsingCdna | None = None
    limit: Expr | None = None
    offset: Expr | None = None
