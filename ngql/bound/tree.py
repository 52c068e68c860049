"""Walking and rewriting bound trees, whatever their nodes are."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from typing import Any

from ngql.ast import Span
from ngql.bound.expression import Subquery

__all__ = ["children", "rewrite", "walk"]

_PARTS: dict[type, tuple[str, ...] | None] = {}


def _parts(kind: type) -> tuple[str, ...] | None:
    """The fields of a node's class that may hold nodes; None for what is no node."""
    if kind not in _PARTS:
        parts = tuple(spec.name for spec in fields(kind) if spec.compare) if is_dataclass(kind) else None
        _PARTS[kind] = parts
    return _PARTS[kind]


_PLAIN = frozenset({str, int, float, bool, type(None), Span, datetime})


def children(node: Any) -> Iterator[Any]:
    """The nodes directly inside a node, in the order of its fields."""
    for name in _parts(type(node)) or ():
        value = getattr(node, name)
        if type(value) not in _PLAIN:
            yield from _nodes(value)


def _nodes(value: Any) -> Iterator[Any]:
    if type(value) is tuple:
        for entry in value:
            if type(entry) not in _PLAIN:
                yield from _nodes(entry)
    elif _parts(type(value)) is not None:
        yield value


def walk(node: Any, into_queries: bool = True) -> Iterator[Any]:
    """The node and everything below it, in the order of the text; without recursion, so depth costs no stack."""
    stack = [node]
    while stack:
        at = stack.pop()
        yield at
        if into_queries or not isinstance(at, Subquery):
            below = list(children(at))
            below.reverse()
            stack += below
        elif at.operand is not None:
            stack.append(at.operand)


def rewrite(node: Any, change: Callable[[Any], Any]) -> Any:
    """The tree with `change` applied to every node, children first; parts that stay the same are shared."""
    if type(node) is tuple:
        done = [entry if type(entry) in _PLAIN else rewrite(entry, change) for entry in node]
        return node if all(map(operator.is_, done, node)) else tuple(done)
    names = _parts(type(node))
    if names is None:
        return node
    changed = {}
    for name in names:
        value = getattr(node, name)
        if type(value) not in _PLAIN:
            done = rewrite(value, change)
            if done is not value:
                changed[name] = done
    return change(replace(node, **changed) if changed else node)
