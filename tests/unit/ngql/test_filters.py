"""Predicates as engine filters: negation, NULL, rounding, ranges."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from naive_engine import NaiveEngine

import ngql
from ng_engine.errors import Error
from ngql import bound
from ngql.bind import bind
from ngql.filters import filter_of, is_filter
from ngql.parse import parse
from ngql.plan import plan
from ngql.values import late

ENGINE = NaiveEngine.memory()
CATALOG = ngql.Catalog.of(ENGINE)


def translated(condition: str, parameters: dict[str, Any] | None = None) -> Any:
    """The filter of a WHERE over tokens, or None when the engine cannot evaluate it."""
    text = f"SELECT key FROM tokens WHERE {condition}"
    statement = plan(bind(parse(text), text, CATALOG, ngql.kinds_of(parameters)))
    block = statement.query
    assert isinstance(block.source, bound.AccessSource)
    if not all(is_filter(term, block.source.alias, block.source.access.table) for term in block.where):
        return None
    return late(filter_of(block.where), ENGINE, list((parameters or {}).values()))


FLOAT32_OF_0_1 = 0.10000000149011612


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("weight > .5", (">", "weight", 0.5)),
        (".5 > weight", ("<", "weight", 0.5)),
        ("weight = .1", ("=", "weight", FLOAT32_OF_0_1)),
        ("l1 <> 1", ("<>", "l1", 1.0)),
        ("weight < 1e300", ("<", "weight", float("inf"))),
        ("id = 7", ("=", "id", 7)),
        ("type = 'word' AND id > 1", ("and", ("=", "type", "word"), (">", "id", 1))),
        ("NOT (type = 'word' OR id > 1)", ("and", ("<>", "type", "word"), ("<=", "id", 1))),
        ("NOT NOT id > 1", (">", "id", 1)),
        ("key IS NULL", ("is_null", "key")),
        ("NOT key IS NULL", ("is_not_null", "key")),
        ("key = NULL", ("const", False)),
        ("NOT key = NULL", ("const", False)),
        ("TRUE", ("const", True)),
        ("NOT NULL", ("const", False)),
        ("id IN (1, 2)", ("in", "id", [1, 2])),
        ("id IN (1, NULL)", ("in", "id", [1])),
        ("id NOT IN (1, 2)", ("not_in", "id", [1, 2])),
        ("id NOT IN (1, NULL)", ("and", ("<>", "id", 1), ("const", False))),
        ("NOT id IN (1, 2)", ("not_in", "id", [1, 2])),
        ("weight BETWEEN .5 AND 1", ("and", (">=", "weight", 0.5), ("<=", "weight", 1.0))),
        ("created_at > '2026-01-01T00:00:00Z'", (">", "created_at", datetime(2026, 1, 1, tzinfo=UTC))),
    ],
)
def test_what_the_engine_evaluates(condition: str, expected: Any) -> None:
    assert translated(condition) == expected


@pytest.mark.parametrize(
    "condition",
    [
        "length(key) > 1",
        "weight > confidence_of(key)",
        "weight + 1 > 2",
        "weight > physical",
        "key LIKE 'a%'",
        "id > 2.5",
        "created_at > 'yesterday'",
        "props = '{}'",
        "coords IS NULL",
        "EXISTS (SELECT 1)",
    ],
)
def test_what_is_left_to_the_tail(condition: str) -> None:
    assert translated(condition) is None


@pytest.mark.parametrize(
    ("condition", "value", "expected"),
    [
        ("id = $v", 2**70, ("const", False)),
        ("id <> $v", 2**70, ("is_not_null", "id")),
        ("id < $v", 2**70, ("is_not_null", "id")),
        ("id > $v", 2**70, ("const", False)),
        ("id > $v", -(2**70), ("is_not_null", "id")),
        ("weight > $v", 10**400, (">", "weight", float("inf"))),
        ("weight > $v", None, ("const", False)),
        ("key = $v", "x' OR 1=1", ("=", "key", "x' OR 1=1")),
        ("id IN $v", [1, None], ("or", ("=", "id", 1), ("const", False))),
        ("id IN $v", [], ("const", False)),
        ("id NOT IN $v", [], ("const", True)),
        ("coords <-> (0,0,0,0,0,0,0,0) < $v", None, ("const", False)),
        ("coords <-> (0,0,0,0,0,0,0,0) < $v", 2, ("distance", "<", [0.0] * 8, None, 2.0)),
    ],
)
def test_values_of_parameters(condition: str, value: Any, expected: Any) -> None:
    assert translated(condition, {"v": value}) == expected


@pytest.mark.parametrize("condition", ["weight > $v", "coords <-> (0,0,0,0,0,0,0,0) < $v"])
def test_nan_is_refused(condition: str) -> None:
    with pytest.raises(Error, match="NaN") as caught:
        translated(condition, {"v": float("nan")})
    assert caught.value.sqlstate == "22003"


def test_a_list_of_the_wrong_type_is_refused() -> None:
    with pytest.raises(Error) as caught:
        translated("id IN $v", {"v": ["a"]})
    assert caught.value.sqlstate == "42804"
