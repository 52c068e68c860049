"""The arguments of `pagerank(…)` and `components(…)`: by name, and known before any row is."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ngql import ast, bound, functions
from ngql.bind import points
from ngql.bind.constants import required_number
from ngql.bind.context import Context
from ngql.catalog import did_you_mean

__all__ = ["graph_function"]

Argument = bound.Expr | tuple[bound.Expr, ...] | tuple[str, ...]


def graph_function(context: Context, name: str, alias: str, node: ast.Function) -> bound.GraphFunctionSource:
    """A call of a function of `functions.GRAPH` in FROM.

    Errors: 42883 for an argument that it has not, or that has no name; 42601 for one given twice; 42804 and 42704 for
    values; 0A000 for what takes a row to know.
    """
    known = functions.GRAPH[name]
    if node.distinct or node.order_by:
        raise context.error("42601", f"{name}() folds no rows: DISTINCT and ORDER BY have no meaning", node)
    arguments: dict[str, Argument] = {}
    places: dict[str, ast.Span | None] = {}
    for given in node.arguments:
        if not isinstance(given, ast.NamedArgument):
            hint = f"it takes {_listed(known.arguments)}"
            raise context.error("42883", f"{name}() takes its arguments by name", given, hint)
        what = given.name.value
        if what not in known.arguments:
            hint = did_you_mean(what, known.arguments) or f"it takes {_listed(known.arguments)}"
            raise context.error("42883", f'{name}() has no argument "{what}"', given.name, hint)
        if what in arguments:
            raise context.error("42601", f'argument "{what}" is given twice', given.name)
        if _is_null(context, given.value):
            raise context.error("22023", f"{what} must not be NULL", given.value)
        arguments[what] = _BINDERS[known.arguments[what]](context, given.value, what)
        places[what] = given.value.span
    return bound.GraphFunctionSource(
        alias,
        tuple(known.columns.items()),
        name,
        tuple(arguments.items()),
        tuple(places.items()),
        span=node.span,
    )


def _is_null(context: Context, node: ast.Expr) -> bool:
    return isinstance(node, ast.Null) or (
        isinstance(node, ast.Parameter) and context.parameter(node).kind == "null"
    )


def _listed(arguments: Mapping[str, str]) -> str:
    return ", ".join(f"{name} => …" for name in sorted(arguments))


def _number(context: Context, node: ast.Expr, what: str) -> Argument:
    return required_number(context, node, what)


def _count(context: Context, node: ast.Expr, what: str) -> Argument:
    count = required_number(context, node, what)
    if isinstance(count, bound.Constant):
        if not isinstance(count.value, int):
            raise context.error("22023", f"{what} must be a whole number", node)
        if count.value < 0:
            raise context.error("22023", f"{what} must not be negative", node)
        if count.value >= 1 << 31:
            raise context.error("22003", f"{what} is out of range", node)
    return count


def _tokens(context: Context, node: ast.Expr, what: str) -> Argument:
    if isinstance(node, ast.Array):
        return tuple(_token(context, item, what) for item in node.items)
    if isinstance(node, ast.Parameter):
        return points.tokens(context, node)
    return (_token(context, node, what),)


def _token(context: Context, node: ast.Expr, what: str) -> bound.Expr:
    if not isinstance(node, (ast.Integer, ast.String, ast.Parameter)):
        raise context.error("42804", f"{what} are ids or keys, such as [1, 'beach'], or a parameter", node)
    return points.token(context, node)


def _types(context: Context, node: ast.Expr, what: str) -> Argument:
    if isinstance(node, ast.Parameter):
        parameter = context.parameter(node)
        if parameter.kind not in ("text", "list"):
            raise context.error("42804", f"{what} is a connection type, or a list of them", node)
        return parameter
    names = []
    for item in node.items if isinstance(node, ast.Array) else (node,):
        if not isinstance(item, ast.String):
            raise context.error("42804", f"{what} is a connection type, or a list of them", item)
        names.append(ast.Name(item.value, span=item.span))
    types = points.type_names(context, tuple(names))
    assert types is not None
    return types


_BINDERS: Mapping[str, Callable[[Context, ast.Expr, str], Argument]] = {
    "number": _number,
    "count": _count,
    "tokens": _tokens,
    "types": _types,
}
