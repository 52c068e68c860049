"""`a.coords <-> b.coords < r` joins two scans of tokens: the index finds the pairs, and these join both by id."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from ngql import bound, functions, types, values
from ngql.filters import COMPARISONS, FLIPPED, is_number
from ngql.plan import Pairs, Scan
from ngql.rules.push_filters import kept_whole
from ngql.rules.push_join_filters import joined_on

__all__ = ["near_join"]

_COLUMNS = (("a", types.BIGINT), ("b", types.BIGINT), ("distance", types.DOUBLE))
_UNIQUE = frozenset({"id", "key", "source", "target"})


def near_join(block: bound.Block) -> bound.Block:
    """Find pairs for every two scans that nothing else brings together; what remains of the conditions stays."""
    joins = list(_joins(block.source))
    if any(join.natural for join in joins) or any(_may_be_ours(node) for node in bound.walk(block)):
        return block
    while True:
        found = next(_candidates(block), None)
        if found is None:
            return block
        block = _joined(block, found)


@dataclass(frozen=True, slots=True)
class _Found:
    """A condition that makes a join one of near pairs: a stands on its left side, b on its right."""

    join: bound.Join
    home: bound.Join | None
    """The join whose ON it stands in; None for WHERE."""
    term: bound.Expr
    distance: bound.Distance
    op: str
    limit: bound.Expr
    a: bound.AccessSource
    b: bound.AccessSource
    whole: bool
    """Whether WHERE sees the rows of both as they are."""


def _candidates(block: bound.Block) -> Iterator[_Found]:
    """Where the terms stand does not matter as long as no outer join comes between."""
    whole = {source.alias for source in kept_whole(block.source)}
    for home, term in _terms(block):
        match _bounded(term):
            case (distance, op, limit):
                one, other = distance.left, distance.right
            case _:
                continue
        assert isinstance(one, bound.Column) and isinstance(other, bound.Column)
        ends = {one.source, other.source}
        inner = ends <= whole and (home is None or home.kind in ("inner", "cross"))
        for join in _joins(block.source) if inner else filter(None, (home,)):
            a, b = (next((s for s in bound.sources(side) if s.alias in ends), None) for side in _both(join))
            if a is None or b is None or a.alias == b.alias or join.using or join.kind == "full":
                continue
            if _is_plain(a) and _is_plain(b) and not _related(block, a.alias, b.alias):
                assert isinstance(a, bound.AccessSource) and isinstance(b, bound.AccessSource)
                yield _Found(join, home, term, distance, op, limit, a, b, inner)


def _joins(source: bound.Source | None) -> Iterator[bound.Join]:
    """Every join of a FROM, inner ones first."""
    if isinstance(source, bound.Join):
        yield from _joins(source.left)
        yield from _joins(source.right)
        yield source


def _both(join: bound.Join) -> tuple[bound.Source, bound.Source]:
    return join.left, join.right


def _terms(block: bound.Block) -> Iterator[tuple[bound.Join | None, bound.Expr]]:
    for join in _joins(block.source):
        for term in bound.conjuncts(join.on):
            yield join, term
    for term in block.where:
        yield None, term


def _may_be_ours(node: Any) -> bool:
    """A column whose source only DuckDB knows must not find itself among those of the pairs."""
    return isinstance(node, bound.Column) and node.source is None and node.name in dict(_COLUMNS)


def _bounded(term: bound.Expr) -> tuple[bound.Distance, str, bound.Expr] | None:
    """A term that gives the distance of two tokens an upper bound."""
    match term:
        case bound.Operation(op=op, args=(measured, limit)) if op in COMPARISONS:
            if values.is_constant(measured):
                measured, limit, op = limit, measured, FLIPPED[op]
        case _:
            return None
    match measured:
        case bound.Distance(
            op="<->",
            left=bound.Column(name="coords", source=str() as one),
            right=bound.Column(name="coords", source=str() as other),
        ) if one != other and op in ("<", "<=") and is_number(limit):
            return measured, op, limit
    return None


def _is_plain(source: bound.Source) -> bool:
    if not isinstance(source, bound.AccessSource) or source.near is not None:
        return False
    access = source.access
    plain = access.limit is None and access.offset is None
    return type(access) is Scan and access.table == "tokens" and plain


def _related(block: bound.Block, a: str, b: str) -> bool:
    """Whether equal ids or keys bring the two together: then few pairs are left to measure."""
    tables = {s.alias for s in bound.sources(block.source) if _is_ours(s)}
    together = [{s.alias for s in bound.sources(join)} for join in _joins(block.source) if join.using]
    for _, term in _terms(block):
        if isinstance(term, bound.Operation) and term.op == "=" and not _is_loose(term, tables):
            named = {node.source for node in bound.walk(term) if isinstance(node, bound.Column)}
            together.append({name for name in named if name is not None})
    reached = {a}
    while more := [group for group in together if group & reached and not group <= reached]:
        reached.update(*more)
    return b in reached


def _is_ours(source: bound.Source) -> bool:
    return isinstance(source, bound.AccessSource) and source.access.table in ("tokens", "connections")


def _is_loose(term: bound.Operation, tables: set[str]) -> bool:
    """Whether both sides are columns of ours that many rows may share: types, weights, ...."""
    return all(
        isinstance(arg, bound.Column) and arg.source in tables and arg.name not in _UNIQUE
        for arg in term.args
    )


def _joined(block: bound.Block, found: _Found) -> bound.Block:
    """The block with pairs in the place of the condition."""
    name, number = "pairs", 2
    taken = {source.alias for source in bound.sources(block.source)}
    taken |= {str(node.source) for node in bound.walk(block) if isinstance(node, bound.Column)}
    while name in taken:
        name, number = f"pairs_{number}", number + 1
    homes = [found.join, found.home, None] if found.whole else [found.join]
    compared = (
        (term, op)
        for home, term in _terms(block)
        if any(home is other for other in homes)
        for op in _ordered(term, found)
    )
    ids = next(compared, None)
    gone = {id(found.term)}
    if ids is not None:
        gone.add(id(ids[0]))
    access = Pairs(
        radius=found.limit,
        strict=found.op == "<",
        metric=found.distance.metric,
        filter=found.a.access.filter,
        filter_b=found.b.access.filter,
        ids=None if ids is None else ids[1],
        span=found.distance.span,
    )
    pairs = bound.AccessSource(name, access, _COLUMNS)
    source = None if block.source is None else _rebuilt(block.source, found, pairs, gone)
    where = tuple(term for term in block.where if id(term) not in gone)
    return _measured(replace(block, source=source, where=where), found, name)


def _ordered(term: bound.Expr, found: _Found) -> Iterator[str]:
    """How a term compares the ids of a and b."""
    match term:
        case bound.Operation(
            op=op, args=(bound.Column(source=one, name="id"), bound.Column(source=other, name="id"))
        ) if op in COMPARISONS:
            if (one, other) == (found.a.alias, found.b.alias):
                yield op
            elif (other, one) == (found.a.alias, found.b.alias):
                yield FLIPPED[op]


def _rebuilt(source: bound.Source, found: _Found, pairs: bound.AccessSource, gone: set[int]) -> bound.Source:
    """The join without the terms that are gone, and with the pairs."""
    if not isinstance(source, bound.Join):
        return source
    left, right = (_rebuilt(side, found, pairs, gone) for side in _both(source))
    terms = bound.conjuncts(source.on)
    kept = tuple(term for term in terms if id(term) not in gone)
    if source is not found.join:
        if left is not source.left or right is not source.right:
            kept = tuple(_as_column(term, found, pairs.alias) for term in kept)
        on = source.on if kept == terms else joined_on(kept)
        return replace(source, left=left, right=right, on=on)
    kept = tuple(_as_column(term, found, pairs.alias) for term in kept)
    of_a, of_b = _same(pairs, "a", found.a), _same(pairs, "b", found.b)
    if source.kind == "left":
        # Nothing of the right side without its pair: first these two, then the left side as it is.
        right = bound.Join("inner", pairs, right, of_b)
        return replace(source, right=right, left=left, on=joined_on((of_a, *kept)))
    left = bound.Join("inner", left, pairs, of_a)
    kind = "inner" if source.kind == "cross" else source.kind
    return replace(source, kind=kind, left=left, right=right, on=joined_on((of_b, *kept)))


def _same(pairs: bound.AccessSource, column: str, side: bound.AccessSource) -> bound.Expr:
    ends = (
        bound.Column(pairs.alias, column, type=types.BIGINT),
        bound.Column(side.alias, "id", type=types.BIGINT),
    )
    return bound.Operation("=", ends, type=types.BOOLEAN)


def _as_column(expr: Any, found: _Found, name: str, *, only_folded: bool = False) -> Any:
    """What is asked with the distance as the pairs have it; of a sub-query's tables the names may be the same."""
    distance = found.distance
    same = (distance, replace(distance, left=distance.right, right=distance.left))

    def measure(node: Any) -> Any:
        return bound.Column(name, "distance", type=types.DOUBLE, span=node.span) if node in same else node

    def fold(node: Any) -> Any:
        folds = isinstance(node, bound.Call) and node.over is None and functions.is_aggregate(node.name)
        return bound.rewrite(node, measure) if folds else node

    parts = expr if isinstance(expr, tuple) else (expr,)
    if any(isinstance(node, bound.Subquery) for part in parts for node in bound.walk(part)):
        return expr
    return bound.rewrite(expr, fold if only_folded else measure)


def _measured(block: bound.Block, found: _Found, name: str) -> bound.Block:
    """The block without the distance spelt out; outside of aggregates, a grouped one shows only what it groups by."""
    shown = {
        part: _as_column(getattr(block, part), found, name, only_folded=block.aggregated)
        for part in ("items", "order", "having", "qualify", "windows", "distinct")
    }
    return replace(block, where=_as_column(block.where, found, name), **shown)
