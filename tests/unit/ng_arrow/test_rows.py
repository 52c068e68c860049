"""Python rows as typed Arrow tables."""

from __future__ import annotations

import pyarrow as pa

from ng_arrow.rows import table_from_columns, with_columns
from ng_arrow.types import schema_types


def test_types_are_those_asked_for() -> None:
    names, kinds = ["a", "b", "c", "d"], ["INTEGER", "REAL", "JSON", "FLOAT[8]"]
    table = table_from_columns(names, kinds, [[1, None], [0.5, None], [{"x": 1}, None], [[0.0] * 8, None]])
    assert schema_types(table.schema) == kinds
    assert table.column("c").to_pylist() == ['{"x": 1}', None]


def test_no_rows_keep_their_types() -> None:
    table = table_from_columns(["a"], ["TEXT"], [[]])
    assert (table.num_rows, table.schema.types) == (0, [pa.string()])


def test_a_type_without_a_fixed_arrow_type_is_inferred() -> None:
    assert table_from_columns(["a"], ["DOUBLE[]"], [[[1.0]]]).schema.types == [pa.list_(pa.float64())]


def test_constant_columns() -> None:
    table = with_columns(pa.table({"id": [1, 2]}), ["w", "p"], ["REAL", "JSON"], [0.5, {"x": 1}])
    assert table.to_pylist() == [{"id": 1, "w": 0.5, "p": '{"x": 1}'}, {"id": 2, "w": 0.5, "p": '{"x": 1}'}]
