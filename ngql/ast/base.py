"""What all nodes share: the span, and how a node class is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import MISSING, FrozenInstanceError, dataclass, field, fields
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
_set = object.__setattr__


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def node(cls: type[_T]) -> type[_T]:
    """Make a frozen, slotted dataclass.

    As `dataclass(frozen=True, slots=True)` would, but only `__init__` is generated; `Node` has the rest for all. The
    standard decorator compiles seven methods a class, which for this package is a tenth of a second at import.
    """
    make: Callable[[type[_T]], type[_T]] = dataclass(init=False, repr=False, eq=False, slots=True)
    made = make(cls)
    named = fields(made)  # type: ignore[arg-type]
    signature = ["self"]
    for each in sorted(named, key=lambda each: each.kw_only is True):
        signature += ["*"] if each.kw_only and "*" not in signature else []
        signature.append(each.name if each.default is MISSING else f"{each.name}=_{each.name}")
    body = "".join(f"\n _set(self, {each.name!r}, {each.name})" for each in named)
    scope: dict[str, object] = {"_set": _set, **{f"_{each.name}": each.default for each in named}}
    exec(f"def __init__({', '.join(signature)}):{body}", scope)
    type.__setattr__(made, "__init__", scope["__init__"])
    return made


@node
class Node:
    """Base of all nodes; frozen, and equal to another of its class that says the same."""

    span: Span = field(default=NOWHERE, kw_only=True, compare=False, repr=False)

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __setstate__(self, state: tuple[None, dict[str, object]]) -> None:
        for name, value in state[1].items():
            _set(self, name, value)

    def _said(self) -> tuple[object, ...]:
        """Every field but the span."""
        positional: tuple[str, ...] = type(self).__match_args__
        return tuple([getattr(self, name) for name in positional])

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._said() == other._said()

    def __hash__(self) -> int:
        return hash((type(self), self._said()))

    def __repr__(self) -> str:
        positional: tuple[str, ...] = type(self).__match_args__
        said = ", ".join([f"{name}={getattr(self, name)!r}" for name in positional])
        return f"{type(self).__name__}({said})"


def children(node: Node) -> list[Node]:
    """The nodes directly below a node, in order."""
    found: list[Node] = []
    pending: list[object] = list(node._said())
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
