"""Points, token references, metrics and type names: the values only this language has."""

from __future__ import annotations

from ngql import ast, bound, types
from ngql.bind.constants import number
from ngql.bind.context import Context
from ngql.catalog import did_you_mean

__all__ = ["metric_spec", "point", "profile", "row_point", "token", "tokens", "type_names"]

POINT_KINDS = frozenset({"list", "starred", "partial"})
TOKEN_KINDS = frozenset({"int", "text"})


def token(context: Context, node: ast.TokenRef) -> bound.Expr:
    """A token reference where no point may stand: an id, a key, or a parameter with one of them."""
    if isinstance(node, ast.Integer):
        return bound.Constant(node.value, type=types.BIGINT, span=node.span)
    if isinstance(node, ast.String):
        return bound.Constant(node.value, type=types.TEXT, span=node.span)
    parameter = context.parameter(node)
    if parameter.kind not in TOKEN_KINDS:
        raise context.error("42804", "a token is named by its id (a number) or its key (a text)", node)
    return parameter


def tokens(context: Context, node: ast.TokenRef) -> bound.Expr:
    """A token reference where several may stand, and no point: a parameter may hold a list of ids and keys."""
    if isinstance(node, ast.Parameter):
        parameter = context.parameter(node)
        if parameter.kind == "list":
            return parameter
    return token(context, node)


def point(context: Context, node: ast.Expr, *, tokens: bool) -> bound.Point:
    """A constant point: a row of eight, a partial point, a parameter, or (with `tokens`) a token's place.

    Errors: 22P02 for a wrong number of coordinates or no live axis, 42804 for what is no point.
    """
    if isinstance(node, ast.Parameter):
        parameter = context.parameter(node)
        allowed = POINT_KINDS | TOKEN_KINDS if tokens else POINT_KINDS
        if parameter.kind not in allowed:
            found = "a token" if parameter.kind in TOKEN_KINDS else "no point"
            raise context.error("42804", f"expected a point, the parameter holds {found}", node)
        return bound.Point(value=parameter, type=types.POINT, span=node.span)
    if tokens and isinstance(node, (ast.Integer, ast.String)):
        return bound.Point(value=token(context, node), type=types.POINT, span=node.span)
    made = row_point(context, node)
    if made is None and isinstance(
        node, (ast.Row, ast.Array, ast.NamedRow, ast.ColumnRef, ast.Function, ast.Subquery)
    ):
        raise context.later("a computed point here", node, "compare distances with <-> instead")
    if made is None:
        expected = "a point or a token" if tokens else "a point"
        hint = "a point is (v1, …, v8), a partial point (axis => value, …)"
        raise context.error("42804", f"expected {expected}", node, hint)
    return made


def row_point(context: Context, node: ast.Expr) -> bound.Point | None:
    """A row, array or named row of constants as a point; None when it is something else or not constant."""
    if isinstance(node, ast.NamedRow):
        return _partial(context, node)
    if not isinstance(node, (ast.Row, ast.Array)):
        return None
    if len(node.items) != types.AXIS_COUNT:
        message = f"a point has {types.AXIS_COUNT} coordinates, found {len(node.items)}"
        raise context.error("22P02", message, node)
    items: list[bound.Expr | None] = []
    for item in node.items:
        if isinstance(item, ast.Star):
            items.append(None)
            continue
        given = coordinate(context, item)
        if given is None:
            return None
        items.append(given)
    if all(item is None for item in items):
        raise context.error("22P02", "the point leaves out every axis", node)
    return bound.Point(items=tuple(items), type=types.POINT, span=node.span)


def coordinate(context: Context, node: ast.Expr) -> bound.Expr | None:
    """A number known before any row is; None when it takes a row to know it."""
    if isinstance(node, (ast.String, ast.Boolean, ast.Null)):
        raise context.error("22P02", "a coordinate must be a number", node)
    if isinstance(node, ast.Parameter):
        parameter = context.parameter(node)
        if not types.is_number(parameter.type) and parameter.kind != "decimal":
            raise context.error("22P02", "a coordinate must be a number", node)
        return parameter
    found = number(context, node)
    if isinstance(found, bound.Constant) and found.value in (float("inf"), -float("inf")):
        raise context.error("22003", "a coordinate must be a finite number", node)
    return found


def _partial(context: Context, node: ast.NamedRow) -> bound.Point | None:
    items: list[bound.Expr | None] = [None] * types.AXIS_COUNT
    for argument in node.items:
        axis = axis_number(context, argument.name)
        if items[axis] is not None:
            raise context.error("42601", f'axis "{argument.name.value}" is given twice', argument.name)
        given = coordinate(context, argument.value)
        if given is None:
            return None
        items[axis] = given
    return bound.Point(items=tuple(items), type=types.POINT, span=node.span)


def axis_number(context: Context, name: ast.Name) -> int:
    """The axis 0…7 of a name (42703)."""
    numbers = context.catalog.axis_numbers
    axis = numbers.get(name.value)
    if axis is None:
        hint = did_you_mean(name.value, numbers)
        raise context.error("42703", f'axis "{name.value}" does not exist', name, hint)
    return axis


def metric_spec(context: Context, node: ast.UsingCdna) -> bound.MetricSpec:
    """`USING CDNA …`."""
    if node.profile is not None:
        return bound.MetricSpec(profile=profile(context, node.profile), span=node.span)
    given: dict[str, tuple[bound.Expr | None, ...] | bound.Expr] = {}
    for option in node.options:
        name = option.name.value
        if name not in ("scale", "period"):
            hint = did_you_mean(name, ("scale", "period"))
            raise context.error("42704", f'USING CDNA has no option "{name}"', option.name, hint)
        if name in given or option.value is None:
            raise context.error("42601", f'option "{name}" needs one value', option.name)
        given[name] = _axes(context, option.value, name)
    return bound.MetricSpec(scale=given.get("scale"), period=given.get("period"), span=node.span)


def _axes(context: Context, node: ast.Expr, what: str) -> tuple[bound.Expr | None, ...] | bound.Expr:
    """Eight numbers, or a number per named axis; all ≥ 0 and finite (22003)."""
    if isinstance(node, ast.Parameter):
        parameter = context.parameter(node)
        if parameter.kind not in POINT_KINDS:
            raise context.error("42804", f"{what} needs eight numbers or a number per axis", node)
        return parameter
    made = row_point(context, node)
    if made is None or made.items is None:
        raise context.error("42804", f"{what} needs eight numbers or a number per axis", node)
    for item in made.items:
        if isinstance(item, bound.Constant) and item.value < 0:
            raise context.error("22003", f"a {what} must not be negative", item.span)
    return made.items


def profile(context: Context, node: ast.Name | ast.Parameter) -> str | bound.Parameter:
    """A profile by name, or by a parameter that holds its name or number."""
    if isinstance(node, ast.Name):
        return _profile_name(context, node)
    parameter = context.parameter(node)
    if parameter.kind not in TOKEN_KINDS:
        raise context.error("42804", "a profile is named by its name or number", node)
    return parameter


def _profile_name(context: Context, name: ast.Name) -> str:
    """A profile that exists (42704)."""
    if name.value.lower() not in context.catalog.profiles:
        hint = did_you_mean(name.value, context.catalog.profiles)
        raise context.error("42704", f'CDNA profile "{name.value}" does not exist', name, hint)
    return name.value.lower()


def type_names(context: Context, names: tuple[ast.Name, ...] | None) -> tuple[str, ...] | None:
    """The connection types of a VIA: types by name, families by all their members (42704)."""
    if names is None:
        return None
    catalog = context.catalog
    found: dict[str, None] = {}
    for name in names:
        wanted = name.value.lower()
        if wanted in catalog.connection_types:
            found[wanted] = None
        elif wanted in catalog.families:
            found.update(dict.fromkeys(catalog.families[wanted]))
        else:
            hint = did_you_mean(wanted, (*catalog.connection_types, *catalog.families))
            raise context.error("42704", f'connection type "{name.value}" does not exist', name, hint)
    return tuple(found)
