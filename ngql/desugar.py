"""The core form of a statement: NEAR and IN BOX spelt out over ordinary tables.

What no core form expresses (a walk, a path) stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

from ngql import ast, functions
from ngql.format import format
from ngql.parameters import Kinds

__all__ = ["desugar"]

_ID = ast.ColumnRef((ast.Name("id"),))
_DISTANCE = ast.ColumnRef((ast.Name("distance"),))


def desugar(statement: ast.Statement, kinds: Kinds = ()) -> str:
    """The text of a statement's core form.

    Args:
        statement: the tree.
        kinds: of its parameters, which tell a point from a token.

    Example:
        >>> from ngql.parse import parse
        >>> desugar(parse("SELECT tokens NEAR $q WITHIN 1 LIMIT 3"), (("q", "list"),))
        'SELECT *, coords <-> $q AS distance FROM tokens WHERE coords <-> $q <= 1 ORDER BY distance, id LIMIT 3'
    """
    known = {entry[0]: entry[1] for entry in kinds if isinstance(entry, tuple)}
    known |= {number: kind for number, kind in enumerate(kinds, 1) if isinstance(kind, str)}
    return format(_rewritten(statement, lambda node: _core(node, known)))


def _rewritten(node: Any, change: Callable[[Any], Any]) -> Any:
    """The tree with `change` applied to every node, children first."""
    if isinstance(node, tuple) and not isinstance(node, ast.Span):
        return tuple(_rewritten(entry, change) for entry in node)
    if not is_dataclass(node) or isinstance(node, type):
        return node
    parts = {s.name: _rewritten(getattr(node, s.name), change) for s in fields(node) if s.name != "span"}
    return change(replace(node, **parts))


def _core(node: Any, kinds: dict[str | int, str]) -> Any:
    """One query over one table with a form; anything else as it is."""
    if not isinstance(node, ast.Query) or not isinstance(node.body, ast.Select):
        return node
    select = node.body
    if isinstance(select.head, ast.Neighbors) and isinstance(select.head.form, ast.Box):
        inside = ast.InBox(ast.ColumnRef((ast.Name("coords"),)), select.head.form)
        head = replace(select.head, form=None)
        return replace(node, body=replace(select, head=head, where=_and(inside, select.where)))
    if isinstance(select.head, ast.TokensForm):
        table = ast.TableSource(ast.QualifiedName((select.head.table,)), form=select.head.form)
        select = replace(
            select, head=None, items=(ast.SelectItem(ast.Star()),), sources=(ast.FromItem(table),)
        )
    if len(select.sources) != 1 or select.sources[0].joins:
        return node
    source = select.sources[0].source
    if not isinstance(source, ast.TableSource) or source.form is None or source.columns:
        return node  # under other names, its columns are hard to read
    form = source.form
    select = replace(select, sources=(ast.FromItem(replace(source, form=None)),))
    coords = _column(source, "coords")
    order: tuple[ast.OrderKey, ...]
    if isinstance(form, ast.Box):
        select = replace(select, where=_and(ast.InBox(coords, form), select.where))
        order = node.order_by or (ast.OrderKey(_ID),)
    else:
        distance = ast.Binary("<->", coords, _place(form.target, kinds))
        select = _measured(select, source, form, distance, kinds)
        named = any(item.alias is not None and item.alias.value == "distance" for item in select.items)
        key = _DISTANCE if named else distance
        order = node.order_by or (ast.OrderKey(key), ast.OrderKey(_ID))
        if node.order_by and not named:
            order = _spelt_out(node.order_by, distance)
    if not node.order_by and _folded(select):
        order = ()
    return replace(node, body=select, order_by=order)


def _folded(select: ast.Select) -> bool:
    """Whether rows are grouped or made distinct, so that they come in no order."""
    if select.group_by or select.distinct or select.having is not None:
        return True
    folds: list[bool] = []

    def look(node: Any) -> Any:
        if isinstance(node, ast.Function) and node.over is None:
            folds.append(functions.is_aggregate(node.name.parts[-1].value))
        return node

    _rewritten(select.items, look)
    return any(folds)


def _column(table: ast.TableSource, name: str) -> ast.ColumnRef:
    parts = (ast.Name(name),)
    return ast.ColumnRef(parts if table.alias is None else (table.alias, *parts))


def _token_column(target: ast.Expr, kinds: dict[str | int, str]) -> str | None:
    """The column that names the token of a NEAR: id, key, or None for a point."""
    if isinstance(target, ast.Integer):
        return "id"
    if isinstance(target, ast.String):
        return "key"
    if isinstance(target, ast.Parameter):
        return {"int": "id", "text": "key"}.get(kinds.get(target.name, ""))
    return None


def _place(target: ast.Expr, kinds: dict[str | int, str]) -> ast.Expr:
    """The point of a NEAR; a token's is where the token is."""
    column = _token_column(target, kinds)
    if column is None:
        return target
    tokens = ast.FromItem(ast.TableSource(ast.QualifiedName((ast.Name("tokens"),))))
    coords = ast.SelectItem(ast.ColumnRef((ast.Name("coords"),)))
    there = ast.Comparison("=", ast.ColumnRef((ast.Name(column),)), target)
    return ast.Subquery(ast.Query(ast.Select((coords,), sources=(tokens,), where=there)))


def _measured(
    select: ast.Select,
    table: ast.TableSource,
    form: ast.Near,
    distance: ast.Binary,
    kinds: dict[str | int, str],
) -> ast.Select:
    """NEAR by its definition: the radius a term of WHERE, the token itself left out, the distance spelt out."""
    where = _spelt_out(select.where, distance)
    column = _token_column(form.target, kinds)
    if column is not None:
        where = _and(ast.IsDistinct(_column(table, column), form.target), where)
    if form.radius is not None:
        where = _and(ast.Comparison("<=", distance, form.radius), where)
    items = tuple(shown for item in select.items for shown in _shown(item, distance))
    return replace(
        select,
        items=items,
        where=where,
        group_by=_spelt_out(select.group_by, distance),
        having=_spelt_out(select.having, distance),
    )


def _shown(item: ast.SelectItem, distance: ast.Expr) -> list[ast.SelectItem]:
    """A select item, the distance under its own name."""
    named = ast.SelectItem(distance, ast.Name("distance"))
    if isinstance(item.value, ast.Star):
        return [item, named]
    if _is_distance(item.value):
        return [replace(named, alias=item.alias or named.alias)]
    return [replace(item, value=_spelt_out(item.value, distance))]


def _is_distance(node: Any) -> bool:
    return isinstance(node, ast.ColumnRef) and node.parts[-1].value == "distance"


def _spelt_out(node: Any, distance: ast.Expr) -> Any:
    """The node with the column `distance` replaced by what it is."""
    return _rewritten(node, lambda each: distance if _is_distance(each) else each)


def _and(term: ast.Expr, where: ast.Expr | None) -> ast.Expr:
    if where is None:
        return term
    return ast.And((term, *(where.terms if isinstance(where, ast.And) else (where,))))
