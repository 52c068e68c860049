"""How a node finds the function that prints it, and how names are quoted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from ngql import ast

PRINTERS: dict[type[ast.Node], Callable[[Any], str]] = {}

_N = TypeVar("_N", bound=ast.Node)
_BARE = re.compile(r"[a-z_][a-z_0-9]*")
# Reserved words, and words that some place would read as a keyword although a name may stand there.
_QUOTED = frozenset(
    """
    all and as between case cross distinct else end except exists false from full group having ilike in inner
    intersect into is join lateral left like limit match natural near not null offset on or order qualify return
    returning right select set then true union using values via when where window with within

    acyclic any array at box cast cdna cheapest cost cube current default double extract fetch filter graph_table
    grouping groups interval local over partition prepare quarantine range recursive rollup rows savepoint session
    shortest simple some tables trail try_cast unbounded walk
    """.split()
)


def prints(kind: type[_N]) -> Callable[[Callable[[_N], str]], Callable[[_N], str]]:
    """Register the function that prints this kind of node."""

    def register(function: Callable[[_N], str]) -> Callable[[_N], str]:
        PRINTERS[kind] = function
        return function

    return register


def show(node: ast.Node) -> str:
    """The text of a node, without parentheses around it."""
    return PRINTERS[type(node)](node)


def quote(name: str) -> str:
    """A name, in double quotes where it needs them."""
    if _BARE.fullmatch(name) and name not in _QUOTED:
        return name
    return '"' + name.replace('"', '""') + '"'


def listed(nodes: Iterable[ast.Node]) -> str:
    """Nodes with commas between."""
    return ", ".join(map(show, nodes))


def string(text: str) -> str:
    """A string literal."""
    return "'" + text.replace("'", "''") + "'"


def words(*parts: str | ast.Node | None) -> str:
    """What is there, with blanks between; nodes are printed."""
    return " ".join([show(part) if isinstance(part, ast.Node) else part for part in parts if part])


def after(keyword: str, node: ast.Node | None) -> str:
    """A keyword and a node, or nothing."""
    return "" if node is None else f"{keyword} {show(node)}"


def in_parentheses(nodes: tuple[ast.Node, ...]) -> str:
    """`(a, b)`, or nothing when there are none."""
    return f"({listed(nodes)})" if nodes else ""


@prints(ast.Name)
def _name(node: ast.Name) -> str:
    return quote(node.value)


@prints(ast.QualifiedName)
def _qualified_name(node: ast.QualifiedName) -> str:
    return ".".join(map(show, node.parts))
