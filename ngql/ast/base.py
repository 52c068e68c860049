"""What all nodes share: the span, and how a node class is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar, dataclass_transform

MAX_DEPTH = 200
"""How many levels a statement may nest, in its text (brackets, CASE, runs of NOT) as in its tree."""


class Span(NamedTuple):
    """A stretch of the statement: 1-based line and column, and the character offsets [start, end)."""

    line: int
    column: int
    start: int
    end: int


NOWHERE = Span(0, 0, 0, 0)
"""The span of a node that no text stands for."""

_T = TypeVar("_T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def node(cls: type[_T]) -> type[_T]:
    """Make a frozen, slotted dataclass."""
    make: Callable[[type[_T]], type[_T]] = dataclass(frozen=True, slots=True)
    return make(cls)


@node
class Node:
    """Base of all nodes."""

    span: Span = field(default=NOWHERE, kw_only=True, compare=False, repr=False)


def children(node: Node) -> list[Node]:
    """The nodes directly below a node, in order."""
    found: list[Node] = []
    positional: tuple[str, ...] = type(node).__match_args__  # every field but the span
    pending: list[object] = [getattr(node, name) for name in positional]
    pending.reverse()
    while pending:
        value = pending.pop()
        if isinstance(value, Node):
            found.append(value)
        elif type(value) is tuple:
            pending.extend(reversed(value))
    return found


def walk(node: Node) -> Iterator[tuple[Node, int]]:
    """A node and every node below it with its level (from 1), parents first; safe at any depth."""
    pending = [(node, 1)]
    while pending:
        current, level = pending.pop()
        yield current, level
        pending.extend((child, level + 1) for child in reversed(children(current)))
