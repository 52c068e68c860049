"""A tree into text: one line, canonical case, quotes and parentheses only where they are needed.

`parse(format(tree))` equals `tree`, spans aside, for every tree that `parse` makes.
"""

from __future__ import annotations

from ngql import ast
from ngql.format import expression, query, statement
from ngql.format.registry import show

__all__ = ["expression", "format", "query", "statement"]


def format(node: ast.Node) -> str:
    """The text of a tree.

    Args:
        node: a statement, or any part of one.

    Example:
        >>> from ngql.parse import parse
        >>> format(parse("select KEY from Tokens where (weight>.5) and not(type='word')"))
        "SELECT key FROM tokens WHERE weight > .5 AND NOT type = 'word'"
    """
    return show(node)
