"""Numbers that hold for the whole statement: literals, parameters, and arithmetic of both."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ng_engine.errors import Error
from ngql import arithmetic, ast, bound, types
from ngql.bind.context import Context

__all__ = ["NUMBERS", "literal_number", "number", "required_number"]

NUMBERS = frozenset({"int", "float", "decimal", "null"})
"""The kinds of parameters that may stand for a number."""


def literal_number(node: ast.Expr) -> bound.Constant | None:
    """A number literal, with its signs."""
    sign = 1
    while isinstance(node, ast.Unary):
        sign = -sign if node.operator == "-" else sign
        node = node.operand
    if isinstance(node, ast.Integer):
        return bound.Constant(sign * node.value, type=types.BIGINT, span=node.span)
    if isinstance(node, ast.Real):
        return bound.Constant(sign * node.value, type=types.DOUBLE, span=node.span)
    return None


def number(context: Context, node: ast.Expr) -> bound.Expr | None:
    """A number known before any row is; None for what is no number, or takes a row to know.

    Literals are computed here, parameters by each run, once.

    Errors: 22003 for a result that is no finite number.
    """
    literal = literal_number(node)
    if literal is not None:
        return literal
    match node:
        case ast.Parameter():
            parameter = context.parameter(node)
            return parameter if parameter.kind in NUMBERS else None
        case ast.Unary(operator=sign, operand=inner):
            operand = number(context, inner)
            return operand if sign == "+" else _operation(context, "negative", node, operand)
        case ast.Binary(operator=op, left=left, right=right) if op in arithmetic.OPERATORS:
            return _operation(context, op, node, number(context, left), number(context, right))
        case ast.Chain(first=first, links=links):
            made = number(context, first)
            for link in links:
                if made is None or link.operator not in arithmetic.OPERATORS:
                    return None
                made = _operation(context, link.operator, node, made, number(context, link.operand))
            return made
    return None


def required_number(context: Context, node: ast.Expr, what: str) -> bound.Expr:
    """A number known before any row is.

    Errors: 42804 for what is no number, 0A000 for what takes a row to know.
    """
    found = number(context, node)
    if isinstance(found, bound.Constant) and not _is_finite(found.value):
        raise context.error("22003", f"{what} must be a finite number", node)
    if found is not None:
        return found
    misfit = next((operand for operand in _operands(node) if _is_no_number(context, operand)), None)
    if misfit is not None:
        raise context.error("42804", f"{what} must be a number", misfit)
    hint = "it takes numbers, parameters and + - * / ^ of them"
    raise context.later(f"{what} computed so", node, hint)


def _operands(node: ast.Expr) -> Iterator[ast.Expr]:
    """What arithmetic is made of."""
    match node:
        case ast.Unary(operand=operand):
            yield from _operands(operand)
        case ast.Binary(left=left, right=right):
            yield from _operands(left)
            yield from _operands(right)
        case ast.Chain(first=first, links=links):
            yield from _operands(first)
            for link in links:
                yield from _operands(link.operand)
        case _:
            yield node


def _is_no_number(context: Context, node: ast.Expr) -> bool:
    if isinstance(node, ast.Parameter):
        return context.parameter(node).kind not in NUMBERS
    return isinstance(node, (ast.String, ast.Boolean, ast.Null, ast.Row, ast.NamedRow, ast.Array))


def _is_finite(value: int | float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # of an int that no double can hold
        return False


def _operation(
    context: Context, op: str, node: ast.Unary | ast.Binary | ast.Chain, *args: bound.Expr | None
) -> bound.Expr | None:
    operands = tuple(arg for arg in args if arg is not None)
    if len(operands) < len(args):
        return None
    if not all(isinstance(operand, bound.Constant) for operand in operands):
        return bound.Operation(op, operands, type=types.DOUBLE, span=node.span)
    try:
        value = arithmetic.compute(
            op, *(operand.value for operand in operands if isinstance(operand, bound.Constant))
        )
    except Error as error:
        raise context.error(error.sqlstate, error.message, node) from None
    type_ = types.BIGINT if isinstance(value, int) else types.DOUBLE
    return bound.Constant(value, type=type_, span=node.span)
