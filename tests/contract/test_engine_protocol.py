"""The native engine and the naive one both fit the protocol that the language is written against."""

from __future__ import annotations

import inspect

import naive_engine
import pytest

from ng_engine import RuntimeStorage
from ngql.engine import Engine, Relation

ENGINES = {"native": RuntimeStorage.memory(), "naive": naive_engine.NaiveEngine.memory()}
MEMBERS = [
    pytest.param(protocol, offered, name, id=f"{who}-{name}")
    for who, engine in ENGINES.items()
    for protocol, offered in [(Engine, engine), (Relation, engine.scan("tokens"))]
    for name in vars(protocol)
    if not name.startswith("_")
]


def parameters(function: object) -> list[tuple[str, object]]:
    assert callable(function)
    return [(p.name, p.kind) for p in inspect.signature(function).parameters.values() if p.name != "self"]


def test_there_is_something_to_compare() -> None:
    assert len(MEMBERS) > 60


@pytest.mark.parametrize(("protocol", "offered", "name"), MEMBERS)
def test_member(protocol: type, offered: object, name: str) -> None:
    wanted = inspect.getattr_static(protocol, name)
    member = getattr(offered, name)
    if not isinstance(wanted, property):
        assert parameters(member) == parameters(wanted)
