"""The native engine and the naive one both fit the protocol that the language is written against."""

from __future__ import annotations

import inspect

import naive_engine
import pytest

from ng_engine import _native
from ngql.engine import Engine, Relation

NATIVE = [(Engine, _native.RuntimeStorage), (Relation, _native.Relation)]
NAIVE = [(Engine, naive_engine.NaiveEngine), (Relation, naive_engine.NaiveRelation)]
MEMBERS = [
    pytest.param(protocol, implementation, name, id=f"{implementation.__name__}.{name}")
    for protocol, implementation in NATIVE + NAIVE
    for name in vars(protocol)
    if not name.startswith("_")
]


def parameters(function: object) -> list[tuple[str, object]]:
    assert callable(function)
    return [(p.name, p.kind) for p in inspect.signature(function).parameters.values() if p.name != "self"]


def test_there_is_something_to_compare() -> None:
    assert len(MEMBERS) > 60


@pytest.mark.parametrize(("protocol", "implementation", "name"), MEMBERS)
def test_member(protocol: type, implementation: type, name: str) -> None:
    wanted = inspect.getattr_static(protocol, name)
    offered = getattr(implementation, name)
    if not isinstance(wanted, property):
        assert parameters(offered) == parameters(wanted)
