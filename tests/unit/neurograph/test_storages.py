"""db.tokens, db.connections, db.graph, db.cdna, db.grid: every argument does what it says."""

import datetime
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import neurograph as ng

ZERO = [0.0] * 8


def test_token_round_trip(db: ng.Database) -> None:
    before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=1)
    given = {
        "key": "cup",
        "type": "object",
        "coords": [0.5, -1, 2, 3, 4, 5, 6, 7],
        "weight": 0.25,
        "flags": 0x1005,
    }
    token = db.tokens.create(**given, props={"a": [1, {"b": None}], "é": "x"}, id=77)
    assert token == 77
    found = db.tokens.get("cup")
    assert found is not None and found == db.tokens.get(77)
    assert {name: found[name] for name in given} == given
    assert found["props"] == {"a": [1, {"b": None}], "é": "x"}
    assert before < found["created_at"] == found["updated_at"] and found["created_at"].tzinfo is not None
    assert db.tokens.update("cup", key="mug", type="tool", coords=ZERO, weight=1, props=None)
    changed = db.tokens.get(77)
    assert changed is not None and db.tokens.get("cup") is None
    assert (changed["key"], changed["type"], changed["coords"], changed["weight"]) == (
        "mug",
        "tool",
        ZERO,
        1.0,
    )
    assert changed["props"] is None and changed["created_at"] == found["created_at"]
    assert db.tokens.delete("mug") and not db.tokens.delete("mug") and not db.tokens.update("mug", weight=0.1)
    assert db.tokens.create(coords=ZERO) == 78, "an id is never given twice"


def test_token_pages_counts_and_clear(words: ng.Database) -> None:
    assert words.tokens.list() == [1, 2, 3, 4, 5]
    assert words.tokens.list(limit=2, offset=3) == [4, 5] and words.tokens.list(0) == []
    assert words.tokens.count() == 5
    assert words.tokens.count("type = 'event' AND weight > $w -- a comment", {"w": 0.3}) == 1
    assert words.tokens.clear() == 5
    assert words.tokens.count() == words.connections.count() == 0


@pytest.mark.parametrize(
    "data",
    [
        pa.table({"key": ["x", "y"], "coords": pa.array([ZERO, ZERO], pa.list_(pa.float32(), 8))}),
        {"key": ["x", "y"], "coords": np.zeros((2, 8))},
        {"key": ["x", "y"], "coords": np.zeros((2, 8), "f4")},
        {"key": ["x", "y"], "coords": [ZERO, ZERO]},
        {"key": ["x", "y"], **{f"l{i}": [0.0, 0.0] for i in range(1, 9)}},
        [{"key": "x", "coords": ZERO}, {"key": "y", "coords": tuple(ZERO), "props": {"only": "here"}}],
        ({"key": k, "coords": np.zeros(8)} for k in "xy"),
    ],
    ids=["arrow", "numpy", "float32", "lists", "axes", "rows", "generator"],
)
def test_create_many(db: ng.Database, data: Any) -> None:
    ids = db.tokens.create_many(data)
    assert isinstance(ids, np.ndarray) and ids.dtype == np.int64 and ids.tolist() == [1, 2]
    assert [db.tokens.get(k)["coords"] for k in "xy"] == [ZERO, ZERO]  # type: ignore[index]


def test_create_many_is_all_or_nothing(words: ng.Database) -> None:
    rows = [{"key": "new", "coords": ZERO}, {"key": "a", "coords": ZERO}]
    with pytest.raises(ng.IntegrityError) as caught:
        words.tokens.create_many(rows)
    assert caught.value.sqlstate == "23505" and words.tokens.get("new") is None
    assert len(words.tokens.create_many(rows, on_conflict="nothing")) == 1


CENTRES: list[tuple[Any, list[str]]] = [
    ([2.2, 0, 0, 0, 0, 0, 0, 0], ["c", "d"]),
    (np.array([2.2, 9, 9, 9, 9, 9, 9, 9]), ["c", "d"]),
    ({"physical": 2.2}, ["c", "d"]),
    ({"L1": 2.2, "abstract": 0}, ["c", "d"]),
    ([2.2, None, None, None, None, None, None, None], ["c", "d"]),
    ("b", ["a", "c"]),
    (2, ["a", "c"]),
    (np.int64(2), ["a", "c"]),
]


@pytest.mark.parametrize(("q", "expected"), CENTRES, ids=[str(q) for q, _ in CENTRES])
def test_nearest_takes_every_kind_of_centre(words: ng.Database, q: Any, expected: list[str]) -> None:
    assert [row["key"] for row in words.tokens.nearest(q, k=2).dicts()] == expected
    same = words.tokens.nearest(
        q if not isinstance(q, np.int64) else int(q), k=2, where="weight >= $w", params={"w": 0}
    )
    assert [row["key"] for row in same.dicts()] == expected
    assert list(same) == list(words.tokens.nearest(q, k=2)), "the two ways agree to the last bit"


def test_nearest_conditions_and_profiles(words: ng.Database) -> None:
    assert [r["key"] for r in words.tokens.nearest(ZERO, k=2, where="type = 'event'").dicts()] == ["b", "d"]
    assert [
        r["key"]
        for r in words.tokens.nearest(
            ZERO, k=9, where="type = $t OR weight > .45", params={"t": "state"}
        ).dicts()
    ] == ["e"]
    far = [0.0] * 7 + [1.0]
    assert words.tokens.nearest(far, k=1).dicts()[0]["distance"] == 1.0
    assert words.tokens.nearest(far, k=1, profile="explorer").dicts()[0]["distance"] == 5.0
    assert words.tokens.nearest(far, k=1, profile="explorer", where="true").dicts()[0]["distance"] == 5.0
    assert words.tokens.nearest({"abstract": 1}, k=1, profile="explorer").dicts()[0]["distance"] == 5.0
    with pytest.raises(ng.ProgrammingError) as caught:
        words.tokens.nearest(far, profile="no such")
    assert caught.value.sqlstate == "42704"
    with pytest.raises(ng.ProgrammingError):
        words.tokens.nearest(far, profile='x" LIMIT 5 --', where="true")


def test_nearest_for_many_points(words: ng.Database) -> None:
    r = words.tokens.nearest(np.array([ZERO, [3.9] + [0] * 7]), k=2)
    assert r.columns == ["query", "id", "distance"]
    assert [(q, i) for q, i, _ in r] == [(0, 1), (0, 2), (1, 5), (1, 4)]
    assert [tuple(row) for row in words.tokens.nearest([ZERO, ZERO], k=1)] == [(0, 1, 0.0), (1, 1, 0.0)]
    with pytest.raises(ng.NotSupportedError):
        words.tokens.nearest(np.zeros((2, 8)), where="true")


def test_within_and_box(words: ng.Database) -> None:
    assert [r["key"] for r in words.tokens.within(ZERO, 2.0).dicts()] == ["a", "b", "c"]
    assert [r["key"] for r in words.tokens.within("c", 1.0).dicts()] == ["b", "d"]
    assert [r["key"] for r in words.tokens.within(ZERO, 2, where="type = 'object'").dicts()] == ["a", "c"]
    assert [r["key"] for r in words.tokens.within({"physical": 4}, 1).dicts()] == ["e", "d"]
    low, high = [1.0] + [None] * 7, [3.0] + [None] * 7
    assert [r["key"] for r in words.tokens.box(low, high).dicts()] == ["b", "c", "d"]
    assert [r["key"] for r in words.tokens.box(low, high, limit=1, offset=1).dicts()] == ["c"]
    assert [
        r["key"] for r in words.tokens.box(low, high, where="type = 'event'", limit=5, offset=1).dicts()
    ] == ["d"]
    assert [r["key"] for r in words.tokens.box(low, high, where="type = 'event'").dicts()] == ["b", "d"]


def test_counts_of_within_and_box(words: ng.Database) -> None:
    tokens = words.tokens
    assert (tokens.count_within(ZERO, 2.0), tokens.count_within("c", 1), tokens.count_within(ZERO, 0)) == (
        3,
        2,
        1,
    )
    assert tokens.count_within(ZERO, 2, where="type = $t", params={"t": "object"}) == 2
    assert tokens.count_within("c", 1, where="true") == 2
    assert tokens.count_within({"physical": 4}, 1) == 2
    far = [0.0] * 7 + [1.0]
    assert (tokens.count_within(far, 4), tokens.count_within(far, 4, profile="explorer")) == (4, 0)
    many = tokens.count_within(np.array([ZERO, far]), 1)
    assert isinstance(many, np.ndarray) and many.tolist() == [2, 1]
    low, high = [1.0] + [None] * 7, [3.0] + [None] * 7
    assert (tokens.count_box(low, high), tokens.count_box(low, high, where="type = 'event'")) == (3, 2)
    for radius in (-1, float("nan"), float("inf")):
        with pytest.raises(ng.DataError):
            tokens.count_within(ZERO, radius)


@pytest.mark.parametrize(
    ("q", "error"),
    [
        ([0.0] * 7, ng.DataError),
        ([0.0] * 9, ng.DataError),
        ([float("nan")] + [0.0] * 7, ng.DataError),
        ([math.inf] + [0.0] * 7, ng.DataError),
        ([1e300] + [0.0] * 7, ng.DataError),
        ([None] * 8, ng.DataError),
        ([None] * 7, ng.DataError),
        ({}, ng.DataError),
        ({"nowhere": 1}, ng.ProgrammingError),
        ({"physical": "x"}, (TypeError, ng.DataError)),
        (["x"] * 8, (TypeError, ng.DataError)),
        ("nobody", ng.ProgrammingError),
        (99, ng.ProgrammingError),
        (-1, ng.ProgrammingError),
        (2**70, ng.DataError),
        (True, TypeError),
        (1.5, TypeError),
        (None, TypeError),
        (object(), TypeError),
        (np.zeros((2, 7)), ng.DataError),
        (np.array([object()] * 8), (TypeError, ng.DataError)),
        (np.zeros((2, 2, 2)), ng.Error),
    ],
    ids=str,
)
def test_centres_that_are_none(words: ng.Database, q: Any, error: Any) -> None:
    with pytest.raises(error):
        words.tokens.nearest(q)
    with pytest.raises(error):
        words.tokens.within(q, 1.0)


@pytest.mark.parametrize("k", [-1, 2.5, "x"])
def test_k_that_is_none(words: ng.Database, k: Any) -> None:
    with pytest.raises((ng.DataError, TypeError)):
        words.tokens.nearest(ZERO, k=k)


def test_k_never_allocates_ahead(words: ng.Database) -> None:
    assert len(words.tokens.nearest(ZERO, k=2**62)) == 5 and len(words.tokens.nearest(ZERO, k=0)) == 0


@pytest.mark.parametrize("radius", [float("nan"), -1.0, math.inf, "x"])
def test_radius_that_is_none(words: ng.Database, radius: Any) -> None:
    with pytest.raises((ng.DataError, TypeError)):
        words.tokens.within(ZERO, radius)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, TypeError),
        ({"coords": [0.0] * 7}, ng.DataError),
        ({"coords": [float("nan")] * 8}, ng.DataError),
        ({"coords": [1e39] * 8}, ng.DataError),
        ({"coords": "abcdefgh"}, (TypeError, ng.DataError)),
        ({"coords": np.array(["a"] * 8, dtype=object)}, (TypeError, ng.DataError)),
        ({"coords": [[0.0] * 8]}, (TypeError, ng.DataError)),
        ({"coords": ZERO, "weight": 2}, ng.IntegrityError),
        ({"coords": ZERO, "weight": float("nan")}, ng.DataError),
        ({"coords": ZERO, "flags": 70000}, ng.DataError),
        ({"coords": ZERO, "flags": -1}, ng.DataError),
        ({"coords": ZERO, "id": 0}, ng.DataError),
        ({"coords": ZERO, "id": -5}, ng.DataError),
        ({"coords": ZERO, "id": 2**63}, ng.DataError),
        ({"coords": ZERO, "id": 1}, ng.IntegrityError),
        ({"coords": ZERO, "key": "a"}, ng.IntegrityError),
        ({"coords": ZERO, "key": 5}, TypeError),
        ({"coords": ZERO, "props": [1]}, (TypeError, ng.DataError)),
        ({"coords": ZERO, "props": {"x": float("nan")}}, (ValueError, ng.DataError)),
        ({"coords": ZERO, "props": {"x": object()}}, (TypeError, ng.DataError)),
        ({"coords": ZERO, "nonsense": 1}, TypeError),
    ],
    ids=str,
)
def test_tokens_that_cannot_be(words: ng.Database, fields: dict[str, Any], error: Any) -> None:
    before = words.execute("SELECT * FROM tokens").arrow().to_pydict()
    with pytest.raises(error):
        words.tokens.create(**fields)
    assert words.execute("SELECT * FROM tokens").arrow().to_pydict() == before


def test_numbers_are_kept_as_float32(db: ng.Database) -> None:
    for coords in (
        np.full(8, 0.1),
        np.full(8, 0.1, ">f8"),
        np.full(16, 0.1)[::2],
        np.full(8, 0.1, "f4"),
        [0.1] * 8,
    ):
        token = db.tokens.get(db.tokens.create(coords=coords))
        assert token is not None and token["coords"] == [float(np.float32(0.1))] * 8
    token = db.tokens.get(db.tokens.create(coords=[-0.0] * 8))
    assert token is not None and math.copysign(1, token["coords"][0]) == 1


def test_connections(words: ng.Database) -> None:
    connection = words.connections.create(
        "e",
        1,
        type="loves",
        weight=-3,
        confidence=0.75,
        rigidity=0.25,
        mutability="hypothesis",
        levels=5,
        props={"a": 1},
    )
    found = words.connections.get(connection)
    assert found is not None
    expected = {
        "source": 5, "target": 1, "type": "loves", "weight": -3.0, "confidence": 0.75, "rigidity": 0.25,
        "mutability": "hypothesis", "levels": 5, "props": {"a": 1},
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    assert words.connections.of("e", "out") == [connection] and words.connections.of("e", "in") == []
    assert words.connections.of("b") == [1, 2]
    assert words.connections.update(connection, weight=2) and not words.connections.update(99, weight=1)
    assert words.connections.get(connection)["weight"] == 2  # type: ignore[index]
    assert words.connections.list(2) == [1, 2] and words.connections.count() == 4
    assert words.connections.count("type = 'cause'") == 3
    assert words.connections.delete(connection) and not words.connections.delete(connection)
    assert words.connections.get(connection) is None
    ids = words.connections.create_many(
        [{"source": "a", "target": "e"}, {"source": "a", "target": "b", "type": "cause"}],
        on_conflict="nothing",
    )
    assert len(ids) == 1
    for arguments, state in (
        (("a", "b", "cause"), "23505"),
        (("a", "nobody"), "23503"),
        (("a", 99), "23503"),
    ):
        with pytest.raises(ng.IntegrityError) as caught:
            words.connections.create(*arguments)
        assert caught.value.sqlstate == state
    with pytest.raises(ng.ProgrammingError):
        words.connections.of("nobody")


def test_graph(words: ng.Database) -> None:
    def reached(*args: Any, **options: Any) -> list[tuple[str, int]]:
        return [(row["key"], row["depth"]) for row in words.graph.neighbors(*args, **options).dicts()]

    words.connections.create("a", "e", type="similar")
    assert reached("a") == [("b", 1), ("e", 1)]
    assert reached("a", (1, 3)) == [("b", 1), ("e", 1), ("c", 2), ("d", 3)]
    assert reached("a", (2, 3)) == [("c", 2), ("d", 3)]
    assert reached("a", (1, 3), via=["cause"]) == reached("a", (1, 3), via="cause")
    assert reached("a", (1, 3), via=["cause"]) == [("b", 1), ("c", 2), ("d", 3)]
    assert reached("d", direction="in") == [("c", 1)] and reached("c", direction="both") == [
        ("b", 1),
        ("d", 1),
    ]
    assert reached("a", (1, 3), k=2) == [("b", 1), ("e", 1)]
    assert reached(["a", "b"]) == [("c", 1), ("e", 1)]
    assert reached("a", (1, 3), near="d", k=2) == [("d", 3), ("c", 2)]
    assert reached("a", (1, 3), near=[4.0] + [0] * 7, radius=1.0) == [("e", 1), ("d", 3)]
    assert [row["key"] for row in words.graph.path("a", "d").dicts()] == ["a", "b", "c", "d"]
    assert len(words.graph.path("a", "d", max_depth=2)) == 0 and len(words.graph.path("d", "a")) == 0
    assert len(words.graph.path("d", "a", direction="in")) == 4 and len(words.graph.path("a", "a")) == 1
    assert len(words.graph.path("a", "e", via=["cause"])) == 0
    assert len(words.graph.path("a", "e", via="similar")) == 2
    with pytest.raises(ng.ProgrammingError):
        words.graph.neighbors("nobody")
    with pytest.raises(ValueError, match="need near"):
        words.graph.neighbors("a", radius=1)


def test_cdna(db: ng.Database) -> None:
    assert (db.cdna.profile, db.cdna.flags, db.cdna.scales) == ("default", 3, [1.0] * 8)
    db.cdna.set_profile("analyzer")
    assert db.cdna.profile == "analyst" and db.cdna.flags == 11
    with pytest.raises(ng.IntegrityError):
        db.tokens.create(type="a new type", coords=ZERO)
    db.cdna.scales = [2, 0, 1, 1, 1, 1, 1, 1]
    assert db.cdna.profile == "custom" and db.cdna.scales[:2] == [2.0, 0.0]
    db.cdna.flags = 1
    assert db.cdna.flags == 1 and db.cdna.config()["name"] == "custom"
    db.tokens.create(type="a new type", coords=ZERO)
    assert db.cdna.validate() and {"default", "explorer"} <= {p["name"] for p in db.cdna.profiles()}
    for scales in ([1] * 7, [-1] * 8, [float("nan")] * 8, ["x"] * 8):
        with pytest.raises((ng.DataError, TypeError)):
            db.cdna.scales = scales  # type: ignore[assignment]
    with pytest.raises(ng.ProgrammingError):
        db.cdna.set_profile("nothing")


def test_grid(words: ng.Database) -> None:
    info = words.grid.info()
    assert info["count"] == 5 and tuple(info["bounds"][0]) == (0.0, 4.0)
    assert words.grid.neighbors("c", 1.5) == [(2, 1.0), (4, 1.0)] and words.grid.neighbors(
        3, 9, max_results=1
    ) == [(2, 1.0)]
    assert words.grid.range(ZERO, 1) == words.grid.range("a", 1) == [(1, 0.0), (2, 1.0)]
    assert words.grid.density("a", 1) == pytest.approx(2 / (math.pi**4 / 24))
    assert words.grid.influence("a", 2) == pytest.approx(0.1 + 0.2 / 2)
    for call in (words.grid.density, words.grid.influence):
        for radius in (0, -1, float("nan")):
            with pytest.raises(ng.DataError):
                call("a", radius)


def test_bulk_loads_put_other_columns_into_props(db: ng.Database) -> None:
    rows = {"coords": [ZERO, ZERO], "colour": ["red", None], "n": [1, None], "props": [{"a": 1}, None]}
    ids = db.tokens.create_many(rows)
    db.execute("COPY tokens FROM $t", {"t": rows})
    props = [row[0] for row in db.execute("SELECT props FROM tokens ORDER BY id").fetchall()]
    assert props == [{"a": 1, "colour": "red", "n": 1}, None] * 2
    db.connections.create_many({"source": ids[:1], "target": ids[1:], "why": ["because"]})
    assert db.execute("SELECT props FROM connections").fetchall() == [({"why": "because"},)]


def test_what_was_read_can_be_stored(words: ng.Database) -> None:
    tokens, connections = words.tokens.box([None] * 8, [None] * 8), words.execute("SELECT * FROM connections")
    with ng.connect() as other:
        assert other.tokens.create_many(tokens).tolist() == [1, 2, 3, 4, 5]
        assert other.connections.create_many(connections).tolist() == [1, 2, 3]
        assert other.tokens.get("c")["props"] == words.tokens.get("c")["props"]  # type: ignore[index]
