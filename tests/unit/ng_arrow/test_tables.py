"""Whatever the user brings becomes a table, and a table becomes Python values."""

import datetime
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from ng_arrow.tables import python_rows, schema_of, stream_to_table, table_from_any
from ng_arrow.types import arrow_type, field_type, ngql_type

PLAIN = pa.table({"a": [1, 2], "b": ["x", None]})


@pytest.mark.parametrize(
    "data",
    [
        PLAIN,
        PLAIN.to_batches()[0],
        PLAIN.to_reader(),
        {"a": [1, 2], "b": ["x", None]},
        {"a": np.array([1, 2]), "b": pa.array(["x", None])},
        {"a": np.array([1, 2], ">i8"), "b": ("x", None)},
        {"a": np.array([1, 0, 2, 0])[::2], "b": iter(["x", None])},
        {"a": range(1, 3), "b": pd.Series(["x", None], dtype=object)},
        {"a": pl.Series([1, 2]), "b": ["x", None]},
        [{"a": 1, "b": "x"}, {"a": 2}],
        iter([{"a": 1, "b": "x"}, {"b": None, "a": 2}]),
        pl.DataFrame({"a": [1, 2], "b": ["x", None]}),
        pd.DataFrame({"a": [1, 2], "b": pd.Series(["x", None], dtype=object)}),
        duckdb.sql("SELECT * FROM (VALUES (1::BIGINT, 'x'), (2, NULL)) t(a, b)"),
    ],
    ids=lambda data: f"{type(data).__module__}.{type(data).__name__}",
)
def test_table_from_any(data: Any) -> None:
    assert table_from_any(data).to_pydict() == {"a": [1, 2], "b": ["x", None]}


def test_numpy_matrix_is_a_column_of_lists() -> None:
    table = table_from_any({"coords": np.arange(16, dtype="f4").reshape(8, 2).T})
    assert table.schema.field("coords").type == pa.list_(pa.float32(), 8)
    assert table["coords"].to_pylist() == [[0, 2, 4, 6, 8, 10, 12, 14], [1, 3, 5, 7, 9, 11, 13, 15]]


def test_props_keep_their_own_keys() -> None:
    rows = [{"props": {"a": 1}}, {"props": {"b": None}}, {}]
    assert table_from_any(rows)["props"].to_pylist() == [
        '{"a": 1}',
        '{"b": null}',
        None,
    ]


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (5, TypeError),
        ("abc", TypeError),
        ([1, 2], TypeError),
        ({"a": 5}, TypeError),
        ({"a": "abc"}, TypeError),
        ({1: [1]}, TypeError),
        ({"a": [1], "b": [1, 2]}, ValueError),
        ({"a": [object()]}, ValueError),
        ({"a": [1, "x"]}, (TypeError, ValueError)),
        ({"a": np.zeros((2, 2, 2))}, ValueError),
        ({"a": np.array([[1, object()]], dtype=object)}, TypeError),
        ({"a": np.array([b"raw"], dtype="V3")}, TypeError),
    ],
)
def test_what_is_no_table(data: Any, error: Any) -> None:
    with pytest.raises(error):
        table_from_any(data)


def test_streams_share_buffers() -> None:
    class Wrapped:
        def __arrow_c_stream__(self, requested_schema: object = None) -> object:
            return PLAIN.__arrow_c_stream__(requested_schema)

        def __arrow_c_schema__(self) -> object:
            return PLAIN.schema.__arrow_c_schema__()

    table = stream_to_table(Wrapped())
    assert table["a"].chunk(0).buffers()[1].address == PLAIN["a"].chunk(0).buffers()[1].address
    assert schema_of(Wrapped()) == PLAIN.schema


def test_python_rows() -> None:
    noon = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
    table = pa.table(
        {
            "t": pa.array([noon, None], pa.timestamp("us", "Etc/UTC")),
            "h": pa.array([10**30, None], pa.decimal128(38, 0)),
            "p": ['{"a": 1}', None],
        }
    )
    rows = list(python_rows(table, ["TIMESTAMPTZ", "HUGEINT", "JSON"]))
    assert rows == [(noon, 10**30, {"a": 1}), (None, None, None)]
    assert rows[0][0].tzinfo is datetime.UTC and type(rows[0][1]) is int
    long = pa.table({"n": range(10_000)})
    assert [row[0] for row in python_rows(long, start=4000, count=5000)] == list(range(4000, 9000))
    assert list(python_rows(pa.table({}), [])) == []


@pytest.mark.parametrize(
    ("data_type", "name"),
    [
        (pa.int64(), "BIGINT"),
        (pa.uint16(), "INTEGER"),
        (pa.list_(pa.float32(), 8), "FLOAT[8]"),
        (pa.list_(pa.float64()), "DOUBLE[]"),
        (pa.dictionary(pa.int16(), pa.string()), "TEXT"),
        (pa.timestamp("us", "UTC"), "TIMESTAMPTZ"),
        (pa.timestamp("us"), "TIMESTAMP"),
        (pa.decimal128(38, 0), "HUGEINT"),
        (pa.decimal128(10, 2), "DECIMAL(10,2)"),
        (pa.struct([("a", pa.int32())]), "STRUCT(a INTEGER)"),
        (pa.map_(pa.string(), pa.int32()), "MAP(TEXT, INTEGER)"),
        (pa.json_(), "JSON"),
        (pa.time64("us"), "TIME"),
        (pa.duration("us"), "INTERVAL"),
    ],
)
def test_type_names(data_type: pa.DataType, name: str) -> None:
    assert ngql_type(data_type) == name


def test_type_names_both_ways() -> None:
    for name in ("BIGINT", "TEXT", "FLOAT[8]", "REAL", "DOUBLE", "INTEGER", "TIMESTAMPTZ", "BOOLEAN"):
        assert ngql_type(arrow_type(name)) == name
    assert field_type(pa.field("p", pa.string(), metadata={"ngql:type": "JSON"})) == "JSON"


def test_intervals_are_timedeltas_unless_they_have_months() -> None:
    pause = datetime.timedelta(days=3, hours=-1, microseconds=5)
    months = pa.MonthDayNano([1, 2, 3000])
    column = pa.array([(0, 3, -3_599_999_995_000), None, months], pa.month_day_nano_interval())
    assert list(python_rows(pa.table({"v": column}))) == [(pause,), (None,), (months,)]
    assert list(python_rows(pa.table({"v": pa.array([pause])}))) == [(pause,)]
