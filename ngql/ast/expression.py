"""Names, literals and expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from ngql.ast.base import Node, node

if TYPE_CHECKING:
    from ngql.ast.query import Query
    from ngql.ast.space import Box


@node
class Name(Node):
    """An identifier: folded to lower case unless it was double-quoted."""

    value: str


@node
class QualifiedName(Node):
    """`name` or `store.name`, of a table or function."""

    parts: tuple[Name, ...]


@node
class Null(Node):
    """`NULL`."""


@node
class Boolean(Node):
    """`TRUE` or `FALSE`."""

    value: bool


@node
class Integer(Node):
    """An integer within int64; a minus sign before the digits belongs to it."""

    value: int


@node
class Real(Node):
    """A number with a point or an exponent; `text` is as written (its scale matters to DECIMAL)."""

    value: float
    text: str


@node
class String(Node):
    """A string, quotes and doublings removed."""

    value: str


@node
class TypeName(Node):
    """A type: lower-case name (one space inside `double precision`), parameters, array dimensions.

    `dimensions` holds a length or None for each pair of brackets: `FLOAT[8]` has `(8,)`, `TEXT[]` `(None,)`.
    """

    name: str
    parameters: tuple[int, ...] = ()
    dimensions: tuple[int | None, ...] = ()


@node
class TypedLiteral(Node):
    """`DATE '2026-01-01'`, `TIMESTAMP '…'`, `TIMESTAMPTZ '…'`, `TIME '…'`, `JSON '…'`."""

    type: TypeName
    text: str


@node
class Interval(Node):
    """`INTERVAL '3 days'`, `INTERVAL '3' DAY`, `INTERVAL 3 DAY`; the unit is lower case."""

    value: Expr
    unit: str | None


@node
class Parameter(Node):
    """`$name` (a str), `$1` (an int from 1), or `?` (numbered from 1 in order of the text)."""

    name: str | int
    style: Literal["named", "numbered", "question"]


# ---------------------------------------------------------------- expressions


@node
class ColumnRef(Node):
    """`weight`, `t.weight`, `old.weight`, `excluded.coords`: one or more names."""

    parts: tuple[Name, ...]


@node
class Star(Node):
    """`*` or `t.*` in a select list; `*` in a point (the axis is left out) and in `count(*)`."""

    table: Name | None = None


@node
class Row(Node):
    """`(a, b, …)` of two or more items, or with a `*`: a row, and a point where one is expected."""

    items: tuple[Expr | Star, ...]


@node
class NamedArgument(Node):
    """`name => value`."""

    name: Name
    value: Expr


@node
class NamedRow(Node):
    """`(emotional => .9, social => .2)`: a partial point, or the value of an option."""

    items: tuple[NamedArgument, ...]


@node
class Unary(Node):
    """A sign before an operand that is no literal."""

    operator: Literal["-", "+"]
    operand: Expr


@node
class Binary(Node):
    """Two operands: `+ - * / % ^ || <-> <+> <=> -> ->> & | << >>`, or another symbol DuckDB may know."""

    operator: str
    left: Expr
    right: Expr


@node
class Chain(Node):
    """Three or more operands joined by operators of one precedence; applied from left to right.

    `links` holds one link for every operand after the first. Two operands are a `Binary`.
    """

    first: Expr
    links: tuple[ChainLink, ...]


@node
class ChainLink(Node):
    """One `operator operand` of a chain; the span is the operator's."""

    operator: str
    operand: Expr


@node
class Comparison(Node):
    """`a = b`; `!=` is written `<>`."""

    operator: Literal["=", "<>", "<", "<=", ">", ">="]
    left: Expr
    right: Expr


@node
class Quantified(Node):
    """`a = ANY (query or array)`, `a < ALL (…)`; SOME is ANY."""

    operator: Literal["=", "<>", "<", "<=", ">", ">="]
    left: Expr
    quantifier: Literal["any", "all"]
    right: Expr


@node
class And(Node):
    """Two or more terms."""

    terms: tuple[Expr, ...]


@node
class Or(Node):
    """Two or more terms."""

    terms: tuple[Expr, ...]


@node
class Not(Node):
    """`NOT x`."""

    operand: Expr


@node
class Is(Node):
    """`x IS [NOT] NULL | TRUE | FALSE | UNKNOWN`."""

    operand: Expr
    what: Literal["null", "true", "false", "unknown"]
    negated: bool = False


@node
class IsDistinct(Node):
    """`a IS [NOT] DISTINCT FROM b`."""

    left: Expr
    right: Expr
    negated: bool = False


@node
class Between(Node):
    """`x [NOT] BETWEEN low AND high`."""

    operand: Expr
    low: Expr
    high: Expr
    negated: bool = False


@node
class InList(Node):
    """`x [NOT] IN (a, b, …)`."""

    operand: Expr
    items: tuple[Expr, ...]
    negated: bool = False


@node
class InQuery(Node):
    """`x [NOT] IN (SELECT …)`."""

    operand: Expr
    query: Query
    negated: bool = False


@node
class InParameter(Node):
    """`x [NOT] IN $list`: the parameter holds the list."""

    operand: Expr
    parameter: Parameter
    negated: bool = False


@node
class Like(Node):
    """`x [NOT] LIKE | ILIKE | SIMILAR TO pattern [ESCAPE e]`, and `x ~ pattern` (`~ ~* !~ !~*`)."""

    operand: Expr
    kind: Literal["like", "ilike", "similar", "~", "~*"]
    pattern: Expr
    escape: Expr | None = None
    negated: bool = False


@node
class Exists(Node):
    """`EXISTS (SELECT …)`."""

    query: Query


@node
class Subquery(Node):
    """`(SELECT …)` as a value."""

    query: Query


@node
class When(Node):
    """`WHEN condition THEN result`."""

    condition: Expr
    result: Expr


@node
class Case(Node):
    """`CASE [operand] WHEN … THEN … [ELSE …] END`."""

    operand: Expr | None
    whens: tuple[When, ...]
    otherwise: Expr | None


@node
class Cast(Node):
    """`CAST(x AS t)`, `x::t`, `TRY_CAST(x AS t)`."""

    operand: Expr
    type: TypeName
    lenient: bool = False


@node
class Extract(Node):
    """`EXTRACT(field FROM source)`."""

    part: str
    source: Expr


@node
class AtTimeZone(Node):
    """`x AT TIME ZONE zone`."""

    operand: Expr
    zone: Expr


@node
class Collate(Node):
    """`x COLLATE name`."""

    operand: Expr
    collation: Name


@node
class Array(Node):
    """`ARRAY[a, b]` or `[a, b]`."""

    items: tuple[Expr, ...]


@node
class Index(Node):
    """`x[i]`, counted from 1."""

    operand: Expr
    index: Expr


@node
class Slice(Node):
    """`x[low:high]`, either end open."""

    operand: Expr
    low: Expr | None
    high: Expr | None


@node
class Member(Node):
    """`(x).name`: a field of a struct."""

    operand: Expr
    name: Name


@node
class Function(Node):
    """A call: positional arguments first, then named ones; `count(*)` has a `Star`."""

    name: QualifiedName
    arguments: tuple[Expr | Star | NamedArgument, ...]
    distinct: bool = False
    order_by: tuple[OrderKey, ...] = ()
    filter: Expr | None = None
    over: Window | None = None


@node
class OrderKey(Node):
    """One key of an ORDER BY."""

    key: Expr
    descending: bool = False
    nulls: Literal["first", "last"] | None = None


@node
class FrameBound(Node):
    """One end of a window frame; `offset` only with preceding and following."""

    kind: Literal["unbounded preceding", "preceding", "current row", "following", "unbounded following"]
    offset: Expr | None = None


@node
class Frame(Node):
    """`ROWS | RANGE | GROUPS start` or `BETWEEN start AND end`, with EXCLUDE."""

    unit: Literal["rows", "range", "groups"]
    start: FrameBound
    end: FrameBound | None = None
    exclude: Literal["current row", "group", "ties", "no others"] | None = None


@node
class Window(Node):
    """`OVER name` (only `base` is set) or `OVER ([base] PARTITION BY … ORDER BY … frame)`."""

    base: Name | None = None
    partition_by: tuple[Expr, ...] = ()
    order_by: tuple[OrderKey, ...] = ()
    frame: Frame | None = None


@node
class NamedWindow(Node):
    """`WINDOW name AS (…)`."""

    name: Name
    window: Window


@node
class InBox(Node):
    """`x [NOT] IN BOX low TO high` as a condition."""

    operand: Expr
    box: Box
    negated: bool = False


Expr: TypeAlias = (
    Null
    | Boolean
    | Integer
    | Real
    | String
    | TypedLiteral
    | Interval
    | Parameter
    | ColumnRef
    | Row
    | NamedRow
    | Unary
    | Binary
    | Chain
    | Comparison
    | Quantified
    | And
    | Or
    | Not
    | Is
    | IsDistinct
    | Between
    | InList
    | InQuery
    | InParameter
    | Like
    | Exists
    | Subquery
    | Case
    | Cast
    | Extract
    | AtTimeZone
    | Collate
    | Array
    | Index
    | Slice
    | Member
    | Function
    | InBox
)

Count: TypeAlias = Integer | Parameter
"""A number that a literal or a parameter gives: a depth, a count of steps or paths."""

TokenRef: TypeAlias = Integer | String | Parameter
"""An id, a key, or a parameter that holds one (or a point)."""
