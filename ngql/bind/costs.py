"""COST: what a hop costs, said of its connection `e`, the token it leaves `u` and the token it reaches `v`."""

from __future__ import annotations

from collections.abc import Mapping

from ng_engine.errors import Error
from ngql import ast, bound, functions, types
from ngql.bind import points
from ngql.bind.constants import literal_number
from ngql.bind.context import Context
from ngql.catalog import did_you_mean

__all__ = ["Costs"]

_TABLES = {"e": "connections", "u": "tokens", "v": "tokens"}
_OPERATORS = frozenset({"+", "-", "*", "/", "^"})
_NUMBERS = frozenset({"int", "float", "decimal"})
_DEEPEST = 200
_NAMES_HINT = "in COST, e is the connection, u the token left and v the token reached"
_TAKES_HINT = f"COST takes numbers, + - * / ^, {', '.join(functions.COST)}, and distances <-> of points"


class Costs:
    """Binds the expression of a COST.

    Args:
        context: the statement's state.
        names: what the connection (e) and its ends (u, v) may be called; just that unless given.
    """

    def __init__(self, context: Context, names: Mapping[str, str] | None = None) -> None:
        self.context = context
        self._names = names or {name: name for name in _TABLES}

    def bind(self, node: ast.Expr) -> bound.Expr:
        """A number of every hop.

        Errors: 42P01 for an alias that is none of the three, 42703 for a column, 42804 for what is no number,
        42883 for a wrong number of arguments, 54001 for what is too deep, 0A000 for anything the engine cannot
        compute while it walks.
        """
        cost = self._number(node)
        if _levels(cost) > _DEEPEST:
            raise self._too_deep(node)
        self._refuse_two_metrics(cost)
        return cost

    def _number(self, node: ast.Expr) -> bound.Expr:
        match node:
            case ast.Integer() | ast.Real():
                return self._literal(node)
            case ast.String() | ast.Boolean() | ast.Null():
                raise self._no_number(node)
            case ast.Parameter():
                parameter = self.context.parameter(node)
                if parameter.kind not in _NUMBERS:
                    raise self._no_number(node)
                return parameter
            case ast.ColumnRef():
                column = self._column(node)
                if not types.is_number(column.type):
                    raise self.context.error("42804", f"COST needs a number, found {column.type}", node)
                return column
            case ast.Unary(operator=sign):
                operand = self._number(node.operand)
                return operand if sign == "+" else _operation("negative", operand, span=node.span)
            case ast.Binary(operator="<->"):
                left, right = self._place(node.left), self._place(node.right)
                metric = self.context.metric
                return bound.Distance("<->", left, right, metric, type=types.DOUBLE, span=node.span)
            case ast.Binary(operator=op) if op in _OPERATORS:
                return _operation(op, self._number(node.left), self._number(node.right), span=node.span)
            case ast.Chain():
                return self._chain(node)
            case ast.Function():
                return self._function(node)
            case ast.Binary(operator=op):
                raise self._later(f"operator {op}", node)
            case _:
                raise self._later("such an expression", node)

    # ---- errors

    def _later(self, what: str, node: ast.Node | ast.Span) -> Error:
        return self.context.later(f"{what} in COST", node, _TAKES_HINT)

    def _no_number(self, node: ast.Node) -> Error:
        return self.context.error("42804", "COST needs a number", node)

    def _too_deep(self, node: ast.Node) -> Error:
        return self.context.error("54001", f"COST nests deeper than {_DEEPEST} levels", node)

    # ---- names

    def _column(self, node: ast.ColumnRef) -> bound.HopColumn:
        names = [part.value for part in node.parts]
        if len(names) == 1:
            raise self._unqualified(names[0], node)
        if names[0] not in self._names:
            raise self.context.error(
                "42P01", f'"{names[0]}" is not known in COST', node.parts[0], _NAMES_HINT
            )
        known = self._columns(names[0])
        if len(names) > 2 or names[1] not in known:
            hint = did_you_mean(names[1], known)
            message = f'column "{".".join(names[1:])}" of "{names[0]}" does not exist'
            raise self.context.error("42703", message, node.parts[1], hint)
        return bound.HopColumn(self._names[names[0]], names[1], type=known[names[1]], span=node.span)

    def _columns(self, alias: str) -> Mapping[str, str]:
        table = self.context.catalog.tables[_TABLES[self._names[alias]]]
        return {**table.shown, **table.hidden}

    def _unqualified(self, name: str, node: ast.ColumnRef) -> Error:
        """A name alone could be of the connection or of either end, so it is of none."""
        known = [f"{alias}.{column}" for alias in self._names for column in self._columns(alias)]
        owners = [column for column in known if column.partition(".")[2] == name]
        hint = f"write {' or '.join(owners)}" if owners else did_you_mean(f"e.{name}", known) or _NAMES_HINT
        return self.context.error("42703", f'column "{name}" does not exist', node, hint)

    # ---- operators and functions

    def _literal(self, node: ast.Integer | ast.Real) -> bound.Expr:
        number = literal_number(node)
        assert number is not None, node
        if number.value in (float("inf"), -float("inf")):
            raise self.context.error("22003", "the number is out of range", node)
        return number

    def _chain(self, node: ast.Chain) -> bound.Expr:
        if len(node.links) > _DEEPEST:
            raise self._too_deep(node)
        for link in node.links:
            if link.operator == "<->":
                message = "a distance is a number, not a point"
                raise self.context.error("42804", message, link.span, "add parentheses")
            if link.operator not in _OPERATORS:
                raise self._later(f"operator {link.operator}", link.span)
        made = self._number(node.first)
        for link in node.links:
            made = _operation(link.operator, made, self._number(link.operand), span=node.span)
        return made

    def _function(self, node: ast.Function) -> bound.Expr:
        name = ".".join(part.value for part in node.name.parts)
        if name not in functions.COST:
            raise self._later(f"{name}()", node)
        if node.distinct or node.order_by or node.filter is not None or node.over is not None:
            raise self._later(f"{name}() over many rows", node)
        args: list[bound.Expr] = []
        for argument in node.arguments:
            if isinstance(argument, (ast.Star, ast.NamedArgument)):
                raise self._later("such an argument", argument)
            args.append(self._number(argument))
        wanted = functions.COST[name]
        if len(args) != wanted if wanted is not None else not args:
            many = "at least one argument" if wanted is None else f"{wanted} argument{'s' * (wanted > 1)}"
            raise self.context.error("42883", f"{name}() takes {many}", node)
        if wanted is not None:
            return bound.Call(name, tuple(args), type=types.DOUBLE, span=node.span)
        if len(args) > _DEEPEST:
            raise self._too_deep(node)
        made = args[0]
        for arg in args[1:]:
            made = bound.Call(name, (made, arg), type=types.DOUBLE, span=node.span)
        return made

    # ---- distances

    def _place(self, node: ast.Expr) -> bound.Expr:
        """Where an end of the hop is, or a constant point."""
        if not isinstance(node, ast.ColumnRef):
            return points.point(self.context, node, tokens=False)
        column = self._column(node)
        if column.type != types.POINT:
            raise self.context.error("42804", f"a distance needs {types.POINT}, found {column.type}", node)
        return column

    def _refuse_two_metrics(self, cost: bound.Expr) -> None:
        """The engine takes one metric for all distances, so all of them leave out the same axes."""
        distances = [node for node in bound.walk(cost) if isinstance(node, bound.Distance)]
        for distance in distances[1:]:
            if _left_out(distance) != _left_out(distances[0]):
                what = "another distance beside a partial point's in COST"
                raise self.context.later(
                    what, distance.span, "scales of 0 in USING CDNA leave axes out of all"
                )


def _operation(op: str, *args: bound.Expr, span: ast.Span) -> bound.Operation:
    return bound.Operation(op, args, type=types.DOUBLE, span=span)


def _levels(cost: bound.Expr) -> int:
    """How deep it nests."""
    deepest, pending = 0, [(cost, 1)]
    while pending:
        node, level = pending.pop()
        deepest = max(deepest, level)
        if not isinstance(node, bound.Distance):
            pending += [(child, level + 1) for child in bound.children(node)]
    return deepest


def _left_out(distance: bound.Distance) -> object:
    """Which axes a partial point leaves out, to be compared; None when there is no such point."""
    place = distance.partial
    if place is None:
        return None
    return place.value if place.items is None else tuple(item is None for item in place.items)
