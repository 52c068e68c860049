"""`db.graph`: what ways cost, told in NGQL."""

import inspect
from typing import Any

import pytest

import neurograph as ng


@pytest.fixture
def roads(words: ng.Database) -> ng.Database:
    """From a to d: one far hop, or three of which every one is cheap."""
    words.connections.create("a", "d", "similar", weight=10.0)
    return words


def way(db: ng.Database, **options: Any) -> list[tuple[str, float]]:
    return [(row["key"], row["cost"]) for row in db.graph.path("a", "d", **options).dicts()]


def test_the_cheapest_way(roads: ng.Database) -> None:
    chain = [("a", 0.0), ("b", 1.0), ("c", 2.0), ("d", 3.0)]
    assert way(roads) == [("a", 0.0), ("d", 1.0)]
    assert way(roads, cost="e.weight") == chain
    assert way(roads, cost="e.weight", max_depth=2) == [("a", 0.0), ("d", 10.0)]
    assert way(roads, cost="e.weight", via="similar") == [("a", 0.0), ("d", 10.0)]
    assert way(roads, cost="e.weight", via=["cause", "similar"], max_depth=3) == chain
    assert way(roads, cost="e.weight", via=[]) == way(roads, via=[]) == []
    assert way(roads, cost="u.coords <-> v.coords -- a comment", max_depth=1) == [("a", 0.0), ("d", 3.0)]
    result = roads.graph.path("d", "a", cost="e.weight", direction="in")
    assert result.columns == ["step", "id", "key", "type", "connection", "cost"]
    assert [row["key"] for row in result.dicts()] == ["d", "c", "b", "a"]
    assert len(roads.graph.path("d", "a", cost="e.weight", direction="out")) == 0
    assert len(roads.graph.path("d", "a", cost="e.weight", direction="both")) == 4
    assert roads.graph.path(1, 1, cost="e.weight").dicts()[0]["key"] == "a"


def test_parameters_and_profiles(roads: ng.Database) -> None:
    cost, here = "greatest($least, v.coords <-> $here)", [3.0] + [0.0] * 7
    assert way(roads, cost=cost, params={"least": 5, "here": here}) == [("a", 0.0), ("d", 5.0)]
    assert way(roads, cost=cost, params={"least": 0, "here": {"physical": 3}})[-1][1] == 0.0
    roads.tokens.update("d", coords=[0.0, 2.0] + [0.0] * 6)
    assert way(roads, cost="u.coords <-> v.coords", max_depth=1)[-1][1] == 2.0
    assert way(roads, cost="u.coords <-> v.coords", max_depth=1, profile="explorer")[-1][1] == 3.0


def test_the_cheapest_ways(roads: ng.Database) -> None:
    def ways(k: int, **options: Any) -> list[tuple[int, str, float]]:
        return [
            (row["path"], row["key"], row["cost"])
            for row in roads.graph.paths("a", "d", k, **options).dicts()
            if row["step"] > 0
        ]

    chain = [("b", 1.0), ("c", 2.0), ("d", 3.0)]
    assert ways(1) == [(1, "d", 1.0)]
    assert ways(9) == [(1, "d", 1.0), *((2, *step) for step in chain)]
    assert ways(2, cost="e.weight") == [*((1, *step) for step in chain), (2, "d", 10.0)]
    assert (
        ways(2, max_depth=1, cost="$w", params={"w": 3}) == ways(1, max_depth=2, cost="3") == [(1, "d", 3.0)]
    )
    assert ways(2, via="similar") == ways(2, via="similar", max_depth=3) == [(1, "d", 1.0)]
    assert ways(2, via=[]) == ways(2, via=[], cost="1") == []
    result = roads.graph.paths("d", "a", 2, cost="e.weight", direction="in", profile="explorer")
    assert result.columns == ["path", "step", "id", "key", "type", "connection", "cost"] and len(result) == 6
    for options in ({}, {"cost": "e.weight"}):
        with pytest.raises(ng.DataError) as caught:
            ways(0, **options)
        assert caught.value.sqlstate == "22023" and caught.value.line is None
    with pytest.raises(ng.Error) as blamed:
        ways(2, cost="1 + e.wieght")
    assert (blamed.value.sqlstate, blamed.value.line, blamed.value.column) == ("42703", 1, 7)


@pytest.mark.parametrize(
    ("cost", "state", "line", "column"),
    [
        ("weight", "42703", 1, 1),
        ("e.weight +\n  e.wieght", "42703", 2, 5),
        ("t.weight", "42P01", 1, 1),
        ("e.type", "42804", 1, 1),
        ("1 + $w", "42P02", 1, 5),
        ("1 + round(e.weight)", "0A000", 1, 5),
        ("e.weight > 1", "0A000", 1, 1),
        ("e.weight, 1", "42601", 1, 9),
        ("e.weight * -1", "22003", 1, 1),
        ("e.weight +", "42601", 1, 11),
        ("1) MAX DEPTH 0 COST (1", "42601", 1, 2),
        ("1 MAX DEPTH 0", "42601", 1, 3),
        ("1) --", "42601", 1, 2),
        ("1; DELETE FROM tokens", "42601", 1, 4),
    ],
)
def test_errors_show_the_cost(roads: ng.Database, cost: str, state: str, line: int, column: int) -> None:
    with pytest.raises(ng.Error) as caught:
        way(roads, cost=cost)
    error = caught.value
    assert (error.sqlstate, error.statement) == (state, cost)
    shown = str(error)
    assert f"LINE {line}: {cost.splitlines()[line - 1]}" in shown and "ng_" not in shown
    assert (error.line, error.column) == (line, column)
    assert roads.tokens.count() == 5


@pytest.mark.parametrize(
    ("options", "state"),
    [
        ({"via": "nobody"}, "42704"),
        ({"via": 'x" COST 1 VIA "y'}, "42704"),
        ({"profile": "nobody"}, "42704"),
        ({"max_depth": -1}, "22023"),
        ({"direction": "out COST 1"}, "22023"),
        ({"params": {"unused": 1}}, "42P02"),
    ],
)
def test_errors_of_other_arguments_have_no_place(
    roads: ng.Database, options: dict[str, Any], state: str
) -> None:
    with pytest.raises(ng.Error) as caught:
        way(roads, cost="e.weight", **options)
    assert caught.value.sqlstate == state and caught.value.line is None
    assert "LINE" not in str(caught.value) and "ng_" not in str(caught.value)


def test_what_is_no_cost(roads: ng.Database) -> None:
    with pytest.raises(ng.ProgrammingError) as caught:
        roads.graph.path("a", "nobody", cost="e.weight")
    assert caught.value.sqlstate == "42704" and caught.value.line is None
    for options in ({"params": {}}, {"profile": "explorer"}):
        with pytest.raises(ValueError, match="params and profile need cost"):
            way(roads, **options)
    with pytest.raises(ValueError, match="cost must be an expression"):
        way(roads, cost=" \n")
    for cost in (5, 1.0, ("e", "weight"), b"e.weight"):
        with pytest.raises(TypeError, match="cost must be a str, not"):
            way(roads, cost=cost)
    with pytest.raises(TypeError, match="params must be a mapping"):
        way(roads, cost="?", params=[1])
    with pytest.raises(TypeError, match="a profile is named by text here"):
        way(roads, cost="e.weight", profile=1)


def test_what_is_left_out_is_the_same_in_a_statement(roads: ng.Database) -> None:
    """The language leaves out what is not given, and the engine's defaults are those of the methods."""
    ranked = roads.execute("SELECT * FROM pagerank()").fetchall()
    assert ranked == roads.graph.pagerank().fetchall()
    assert len({score for _, score in ranked}) > 2
    assert roads.execute("SELECT * FROM components()").fetchall() == roads.graph.components().fetchall()
    spread = "SELECT key, activation FROM (SELECT SPREAD FROM (SELECT 1 AS id) STEPS $n) s"
    steps = inspect.signature(roads.graph.spread).parameters["steps"].default
    told = roads.execute(spread, {"n": steps}).fetchall()
    assert told == [(row["key"], row["activation"]) for row in roads.graph.spread(1).dicts()]
