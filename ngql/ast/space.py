"""The forms SQL lacks: nearness, boxes, walks and path patterns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from ngql.ast.base import Node, node
from ngql.ast.expression import Count, Expr, Name, TokenRef

if TYPE_CHECKING:
    from ngql.ast.query import Query


@node
class Near(Node):
    """`NEAR target [WITHIN radius]`; the target is a point expression or a token reference."""

    target: Expr
    radius: Expr | None = None


@node
class Box(Node):
    """`IN BOX low TO high`."""

    low: Expr
    high: Expr


Form: TypeAlias = Near | Box
Direction: TypeAlias = Literal["out", "in", "both"]


@node
class TokensForm(Node):
    """`SELECT tokens NEAR …` or `SELECT tokens IN BOX …`: every column of the rows of one table."""

    table: Name
    form: Form


@node
class Neighbors(Node):
    """`SELECT NEIGHBORS OF x [DEPTH n | m..n] [VIA t|u] [OUT|IN|BOTH] [NEAR … | IN BOX …]`.

    What was left out is None. `DEPTH n` has `depth = (n, n)`.
    """

    of: TokenRef
    depth: tuple[Count, Count] | None = None
    via: tuple[Name, ...] | None = None
    direction: Direction | None = None
    form: Form | None = None


@node
class Path(Node):
    """`SELECT PATH FROM a TO b [VIA …] [MAX DEPTH n] [OUT|IN|BOTH] [COST e]`.

    `SELECT k PATHS FROM …` has `count` set.
    """

    source: TokenRef
    target: TokenRef
    count: Count | None = None
    via: tuple[Name, ...] | None = None
    max_depth: Count | None = None
    direction: Direction | None = None
    cost: Expr | None = None


@node
class Spread(Node):
    """`SELECT SPREAD FROM (query) [VIA …] [STEPS n] [DECAY e] [OUT|IN|BOTH]`."""

    seeds: Query
    via: tuple[Name, ...] | None = None
    steps: Count | None = None
    decay: Expr | None = None
    direction: Direction | None = None


@node
class NodePattern(Node):
    """`(a IS type|type NEAR … WHERE … LIMIT k)`."""

    variable: Name | None = None
    labels: tuple[Name, ...] | None = None
    form: Form | None = None
    where: Expr | None = None
    limit: Expr | None = None


@node
class Quantifier(Node):
    """`{n}`, `{n,m}`, `*` (0, None), `+` (1, None); None is unbounded."""

    low: Count
    high: Count | None


@node
class EdgePattern(Node):
    """`-[e IS type WHERE …]->{1,3}`, `<-[…]-`, `-[…]-`, `->`, `<-`."""

    direction: Direction
    variable: Name | None = None
    labels: tuple[Name, ...] | None = None
    where: Expr | None = None
    cost: Expr | None = None
    quantifier: Quantifier | None = None


@node
class Selector(Node):
    """`ANY`, `ANY SHORTEST`, `ALL SHORTEST`, `SHORTEST k`, `ANY CHEAPEST`, `CHEAPEST k`; `count` is the k."""

    kind: Literal["any", "any shortest", "all shortest", "shortest", "any cheapest", "cheapest"]
    count: Count | None = None


@node
class PathPattern(Node):
    """`p = ANY SHORTEST TRAIL (a)-[e]->(b)`: nodes and edges in turn."""

    variable: Name | None
    selector: Selector | None
    mode: Literal["walk", "trail", "acyclic", "simple"] | None
    elements: tuple[NodePattern | EdgePattern, ...]


@node
class Match(Node):
    """`MATCH pattern, pattern … [WHERE …]`."""

    patterns: tuple[PathPattern, ...]
    where: Expr | None = None
