"""The core form of a statement: every form that only NGQL has, spelt out over ordinary tables where SQL can say it.

What no core form expresses (a walk, a path) stays as it is.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

from ngql import ast
from ngql.format import format

__all__ = ["desugar"]

_ID = ast.ColumnRef((ast.Name("id"),))
_DISTANCE = ast.ColumnRef((ast.Name("distance"),))


def desugar(statement: ast.Statement) -> str:
    """The text of a statement's core form.

    Example:
        >>> from ngql.parse import parse
        >>> desugar(parse("SELECT tokens NEAR $q WITHIN 1 LIMIT 3"))
        'SELECT *, coords <-> $q AS distance FROM tokens WHERE coords <-> $q <= 1 ORDER BY distance, id LIMIT 3'
    """
    return format(_rewritten(statement))


def _rewritten(node: Any) -> Any:
    """The tree, every query below in its core form."""
    if isinstance(node, tuple) and not isinstance(node, ast.Span):
        return tuple(_rewritten(entry) for entry in node)
    if not is_dataclass(node) or isinstance(node, type):
        return node
    changes = {
        spec.name: _rewritten(getattr(node, spec.name)) for spec in fields(node) if spec.name != "span"
    }
    done = replace(node, **changes)
    if isinstance(done, ast.Query) and isinstance(done.body, ast.Select):
        return _query(done, done.body)
    return done


def _query(query: ast.Query, select: ast.Select) -> ast.Query:
    """One SELECT over one table with a form."""
    if isinstance(select.head, ast.TokensForm):
        name = ast.QualifiedName((select.head.table,))
        table = ast.TableSource(name, form=select.head.form)
        items: tuple[ast.SelectItem, ...] = (ast.SelectItem(ast.Star()),)
        select = replace(select, head=None, items=items, sources=(ast.FromItem(table),))
    if len(select.sources) != 1 or select.sources[0].joins:
        return replace(query, body=select)
    table_source = select.sources[0].source
    if not isinstance(table_source, ast.TableSource) or table_source.form is None:
        return replace(query, body=select)
    form = table_source.form
    plain = replace(select, sources=(ast.FromItem(replace(table_source, form=None)),))
    ordered = bool(query.order_by or plain.group_by or plain.distinct or plain.having)
    coords = _column(table_source, "coords")
    if isinstance(form, ast.Box):
        plain = replace(plain, where=_and(ast.InBox(coords, form), plain.where))
        order: tuple[ast.OrderKey, ...] = (ast.OrderKey(_ID),)
    else:
        measured = _near(plain, table_source, coords, form)
        if measured is None:
            return replace(query, body=select)
        plain = measured
        order = (ast.OrderKey(_DISTANCE), ast.OrderKey(_ID))
    return replace(query, body=plain, order_by=query.order_by if ordered else order)


def _column(table: ast.TableSource, name: str) -> ast.ColumnRef:
    parts = (ast.Name(name),)
    return ast.ColumnRef(parts if table.alias is None else (table.alias, *parts))


def _near(
    select: ast.Select, table: ast.TableSource, coords: ast.ColumnRef, form: ast.Near
) -> ast.Select | None:
    """NEAR by its definition; None around a token, whose place is a sub-query of its own."""
    where = select.where
    target = form.target
    if isinstance(target, (ast.Integer, ast.String)):
        named = ast.ColumnRef((ast.Name("key" if isinstance(target, ast.String) else "id"),))
        target = ast.Subquery(
            ast.Query(
                ast.Select(
                    (ast.SelectItem(ast.ColumnRef((ast.Name("coords"),))),),
                    sources=(ast.FromItem(ast.TableSource(table.name)),),
                    where=ast.Comparison("=", named, form.target),
                )
            )
        )
        itself = _column(table, named.parts[0].value)
        where = _and(ast.IsDistinct(itself, form.target), where)
    distance = ast.Binary("<->", coords, target)
    if form.radius is not None:
        where = _and(ast.Comparison("<=", distance, form.radius), where)

    def spelt_out(node: Any) -> Any:
        if isinstance(node, ast.ColumnRef) and node.parts[-1].value == "distance":
            return distance
        if isinstance(node, tuple) and not isinstance(node, ast.Span):
            return tuple(spelt_out(entry) for entry in node)
        if not is_dataclass(node) or isinstance(node, (type, ast.Query)):
            return node
        parts = {s.name: spelt_out(getattr(node, s.name)) for s in fields(node) if s.name != "span"}
        return replace(node, **parts)

    items = [_shown(item, distance, spelt_out) for item in select.items]
    shown = tuple(entry for group in items for entry in group)
    return replace(
        select,
        items=shown,
        where=spelt_out(where),
        group_by=spelt_out(select.group_by),
        having=spelt_out(select.having),
    )


def _shown(item: ast.SelectItem, distance: ast.Expr, spelt_out: Any) -> list[ast.SelectItem]:
    """A select item, the distance under its own name."""
    named = ast.SelectItem(distance, ast.Name("distance"))
    if isinstance(item.value, ast.Star):
        return [item, named]
    if isinstance(item.value, ast.ColumnRef) and item.value.parts[-1].value == "distance":
        return [replace(named, alias=item.alias or named.alias)]
    return [replace(item, value=spelt_out(item.value))]


def _and(term: ast.Expr, where: ast.Expr | None) -> ast.Expr:
    if where is None:
        return term
    rest = where.terms if isinstance(where, ast.And) else (where,)
    return ast.And((term, *rest))
