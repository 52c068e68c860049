"""The datasets: exact for every filter, and pushed into the engine where it can say them."""

import datetime
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from naive_engine import NaiveEngine

import neurograph as ng
from ng_arrow.dataset import ConnectionsDataset, TokensDataset
from ng_arrow.substrait import decode
from ng_engine.errors import NotSupportedError

F = pc.field
NOON = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)


class Spy:
    """An engine that remembers what it was asked."""

    def __init__(self, engine: Any) -> None:
        self.engine = engine
        self.scans: list[dict[str, Any]] = []

    @property
    def axes(self) -> list[str]:
        return self.engine.axes

    def scan(self, table: str, **options: Any) -> Any:
        relation = self.engine.scan(table, **options)
        self.scans.append({"table": table, "rows": len(relation), **options})
        return relation


@pytest.fixture(scope="module")
def engine() -> NaiveEngine:
    engine = NaiveEngine.memory()
    count = 200
    engine.create_tokens(
        pa.table(
            {
                "key": [None if i % 3 == 0 else f"k{i:03}" for i in range(count)],
                "type": [("object", "event", "state")[i % 3] for i in range(count)],
                "coords": pa.array(
                    [[i / 10, -i / 7, 0, 1, 2, 3, 4, 5] for i in range(count)], pa.list_(pa.float32(), 8)
                ),
                "weight": pa.array([i / count for i in range(count)], pa.float32()),
                "flags": pa.array([5 if i % 2 else 4 for i in range(count)], pa.uint16()),
                "props": ['{"n": 1}' if i % 2 else None for i in range(count)],
            }
        )
    )
    engine.create_connections(
        pa.table({"source": [1, 2, 3], "target": [2, 3, 4], "type": ["cause", "cause", "similar"]})
    )
    return engine


@pytest.fixture
def spy(engine: NaiveEngine) -> Spy:
    return Spy(engine.snapshot())


PUSHED = [
    (F("id") > 150, (">", "id", 150)),
    (pc.scalar(150) < F("id"), (">", "id", 150)),
    (F("id") > -5, (">", "id", -5)),
    (F("weight") < 0.5, ("<", "weight", 0.5)),
    (F("weight") < pa.scalar(0.25, pa.float32()), ("<", "weight", 0.25)),
    (F("physical") >= 3, (">=", "physical", 3.0)),
    (F("type") == "event", ("=", "type", "event")),
    (F("type") != "event", ("<>", "type", "event")),
    (F("key") >= "k100", (">=", "key", "k100")),
    (F("key").is_null(), ("is_null", "key")),
    (F("key").is_valid(), ("is_not_null", "key")),
    (~F("key").is_null(), ("is_not_null", "key")),
    (F("id").isin([1, 2, 500]), ("in", "id", [1, 2, 500])),
    (F("flags") == 5, ("=", "flags", 5)),
    (F("created_at") > pa.scalar(NOON, pa.timestamp("us", "UTC")), (">", "created_at", NOON)),
    (~(F("id") > 5), ("<=", "id", 5)),
    ((F("id") > 5) & (F("id") < 9), ("and", (">", "id", 5), ("<", "id", 9))),
    (~((F("id") > 5) & (F("id") < 9)), ("or", ("<=", "id", 5), (">=", "id", 9))),
    ((F("id") == 5) | (F("key") == "k001"), ("or", ("=", "id", 5), ("=", "key", "k001"))),
    (F("id") == pa.scalar(None, pa.int64()), ("const", False)),
    (pc.scalar(True), ("const", True)),
]


@pytest.mark.parametrize(("expression", "expected"), PUSHED, ids=[str(e) for e, _ in PUSHED])
def test_decodes(spy: Spy, expression: pc.Expression, expected: tuple[Any, ...]) -> None:
    assert decode(expression, TokensDataset(spy).schema) == (expected, True)


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">=", "=", "<>"])
@pytest.mark.parametrize("value", [0.1, 0.3, 1e300, -1e300, 1e-300, float("inf"), float("-inf"), 0.25])
def test_double_against_float32_is_exact(engine: NaiveEngine, operator: str, value: float) -> None:
    call = {
        "<": "less",
        "<=": "less_equal",
        ">": "greater",
        ">=": "greater_equal",
        "=": "equal",
        "<>": "not_equal",
    }
    expression = pc.Expression._call(call[operator], [F("weight"), pc.scalar(value)])
    dataset = TokensDataset(engine.snapshot())
    pushed, exact = decode(expression, dataset.schema)
    assert exact and pushed is not None
    expected = dataset.to_table().filter(expression)["id"].to_pylist()
    assert dataset.to_table(filter=expression)["id"].to_pylist() == expected


NOT_PUSHED = [
    F("key").isin(["k001", None]),
    ~F("key").isin(["k001"]),
    F("id") + 1 > 100,
    pc.starts_with(F("key"), "k1"),
    F("id") > 5.5,
    F("type") > "event",
    F("weight") == float("nan"),
    pc.is_null(F("weight"), nan_is_null=True),
    F("props").is_null(),
    F("props").is_valid(),
    F("props") == '{"n": 1}',
    F("props").isin(['{"n": 1}']),
]


@pytest.mark.parametrize("expression", [e for e, _ in PUSHED] + NOT_PUSHED, ids=str)
def test_every_filter_is_applied_exactly(spy: Spy, expression: pc.Expression) -> None:
    dataset = TokensDataset(spy)
    expected = dataset.to_table().filter(expression)
    assert dataset.to_table(filter=expression).to_pydict() == expected.to_pydict()
    few = dataset.to_table(columns=["key", "id"], filter=expression)
    assert few.to_pydict() == expected.select(["key", "id"]).to_pydict()
    assert dataset.count_rows(filter=expression) == len(expected)


@pytest.mark.parametrize("expression", NOT_PUSHED, ids=str)
def test_what_cannot_be_said_is_not_pushed(spy: Spy, expression: pc.Expression) -> None:
    assert decode(expression, TokensDataset(spy).schema) == (None, False)


def test_one_strange_part_does_not_spoil_the_others(spy: Spy) -> None:
    expression = (F("id") > 150) & pc.starts_with(F("key"), "k1") & (F("id") < 160)
    dataset = TokensDataset(spy)
    pushed, exact = decode(expression, dataset.schema)
    assert pushed == ("and", (">", "id", 150), ("<", "id", 160)) and not exact
    assert dataset.to_table(filter=expression).equals(dataset.to_table().filter(expression))
    assert spy.scans[-2]["rows"] == 9


# DuckDB before 2.0 also asks for the columns that only the pushed filter needs.
SOME = {"type", "weight", "key", "flags", "physical", "created_at", "id"}

DUCKDB = [
    ("SELECT id FROM tokens WHERE id > 190", {"id"}, 10),
    ("SELECT key FROM tokens WHERE type = 'event' AND weight < 0.1", {"key"}, 7),
    ("SELECT id FROM tokens WHERE type IN ('event', 'nothing')", {"id"}, 67),
    ("SELECT id FROM tokens WHERE key IS NULL", {"id"}, 67),
    ("SELECT id FROM tokens WHERE key >= 'k190'", {"id"}, 7),
    ("SELECT id FROM tokens WHERE id IN (3, 4, 5, 9)", {"id"}, 4),
    ("SELECT id FROM tokens WHERE id BETWEEN 3 AND 7", {"id"}, 5),
    ("SELECT id FROM tokens WHERE flags = 5 LIMIT 1", {"id"}, 100),
    ("SELECT id FROM tokens WHERE physical < 1", {"id"}, 10),
    ("SELECT sum(weight) FROM tokens WHERE created_at < '1999-01-01'", {"weight"}, 0),
    ("SELECT id FROM tokens WHERE NOT (id > 3)", {"id"}, 3),
]


@pytest.mark.parametrize(("query", "columns", "examined"), DUCKDB, ids=[q for q, _, _ in DUCKDB])
def test_duckdb_pushes(spy: Spy, query: str, columns: set[str], examined: int) -> None:
    connection = duckdb.connect()
    connection.register("tokens", TokensDataset(spy))
    connection.register("copied", TokensDataset(spy).to_table())
    spy.scans.clear()
    answer = connection.sql(query).fetchall()
    assert answer == connection.sql(query.replace("FROM tokens", "FROM copied")).fetchall()
    asked = set(spy.scans[-1]["columns"])
    assert columns <= asked <= columns | {word for word in query.replace("'", " ").split() if word in SOME}, (
        asked
    )
    if not (
        duckdb.__version__.startswith("1.") and "IS NULL" in query
    ):  # which DuckDB before 2.0 keeps to itself
        assert spy.scans[-1]["rows"] == examined, "the filter ran in the engine"
    connection.close()


def test_duckdb_joins_both_tables_twice(engine: NaiveEngine) -> None:
    snapshot = engine.snapshot()
    connection = duckdb.connect()
    connection.register("tokens", TokensDataset(snapshot))
    connection.register("connections", ConnectionsDataset(snapshot))
    query = """SELECT c.type, a.id, b.key FROM connections c JOIN tokens a ON a.id = c.source
               JOIN tokens b ON b.id = c.target WHERE c.type = 'cause' ORDER BY a.id"""
    expected = [("cause", 1, "k001"), ("cause", 2, "k002")]
    assert connection.sql(query).fetchall() == expected
    assert connection.sql(query).fetchall() == expected
    assert connection.sql("SELECT count(*) FROM tokens").fetchall() == [(200,)]
    assert connection.sql(
        "SELECT l FROM (SELECT coords[2] AS l, id FROM tokens) WHERE id = 8"
    ).fetchall() == [(-1.0,)]
    connection.close()


def test_props_are_filtered_on_both_tables() -> None:
    with ng.connect() as db:
        db.tokens.create_many({"coords": [[0.0] * 8] * 3, "props": [{"n": 1}, None, {"n": 2}]})
        for source, props in ((1, None), (2, {"n": 3})):
            db.connections.create(source, 3, props=props)
        connection = db.duckdb()
        for table, null, full in (("tokens", [2], [1, 3]), ("connections", [1], [2])):
            for test, expected in (("IS NULL", null), ("IS NOT NULL", full), ("LIKE '{%'", full)):
                found = connection.sql(f"SELECT id FROM {table} WHERE props {test} AND id > 0 ORDER BY id")
                assert found.fetchall() == [(id,) for id in expected]
            texts = connection.sql(f"SELECT props FROM {table} WHERE id = {full[0]}").fetchall()
            found = connection.sql(f"SELECT id FROM {table} WHERE props = '{texts[0][0]}'")
            assert found.fetchall() == [(full[0],)]
        connection.close()


def test_polars_pushes(spy: Spy) -> None:
    frame = pl.scan_pyarrow_dataset(TokensDataset(spy))
    spy.scans.clear()
    found = frame.filter((pl.col("id") > 190) & (pl.col("type") == "event")).select("id", "key").collect()
    assert found.rows() == [(191, "k190"), (194, "k193"), (197, "k196"), (200, "k199")]
    assert spy.scans[-1]["rows"] == 4
    assert set(spy.scans[-1]["columns"]) <= {"id", "key", "type"}


def test_unsigned_columns_are_signed_and_axes_are_there(spy: Spy) -> None:
    schema = TokensDataset(spy).schema
    assert schema.field("flags").type == pa.int32()
    assert schema.names[-8:] == spy.axes
    assert not any(pa.types.is_unsigned_integer(field.type) for field in ConnectionsDataset(spy).schema)


def test_columns_as_expressions_and_none(spy: Spy) -> None:
    dataset = TokensDataset(spy)
    table = dataset.to_table(columns={"twice": F("id") * 2}, filter=F("id") <= 3)
    assert table.to_pydict() == {"twice": [2, 4, 6]}
    assert dataset.to_table(columns=[]).num_rows == 200
    assert dataset.head(3, columns=["id"])["id"].to_pylist() == [1, 2, 3]


def test_nothing_reads_the_empty_base(spy: Spy) -> None:
    dataset = TokensDataset(spy)
    for call in (
        lambda: list(dataset.get_fragments()),
        lambda: dataset.replace_schema(dataset.schema),
        lambda: dataset.filter(F("id") > 1),
    ):
        with pytest.raises(NotSupportedError):
            call()
