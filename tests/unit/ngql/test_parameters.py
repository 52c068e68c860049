"""Kinds of parameters."""

from __future__ import annotations

import datetime
import decimal
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pytest

from ngql.parameters import kind_of, kinds_of


class Pair(NamedTuple):
    a: float
    b: float | None


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "null"),
        (True, "bool"),
        (np.bool_(True), "bool"),
        (1, "int"),
        (np.int64(1), "int"),
        (1.5, "float"),
        (np.float32(1.5), "float"),
        ("a", "text"),
        (np.str_("a"), "text"),
        (b"a", "blob"),
        ([0.0] * 8, "list"),
        ((0.0,) * 8, "list"),
        (np.zeros(8), "list"),
        ([0.0, None], "starred"),
        (Pair(1.0, None), "starred"),
        (Pair(1.0, 2.0), "list"),
        ({"l1": 1.0}, "partial"),
        (OrderedDict(l1=1.0), "partial"),
        (datetime.datetime(2026, 1, 1), "timestamp"),
        (datetime.date(2026, 1, 1), "date"),
        (decimal.Decimal("0.1"), "decimal"),
        (pa.table({"a": [1]}), "stream"),
        (object(), "other"),
        ({1, 2}, "other"),
    ],
)
def test_kind(value: Any, kind: str) -> None:
    assert kind_of(value) == kind


def test_kinds_are_hashable_and_keep_names() -> None:
    kinds = kinds_of({"q": [0.0] * 8, "k": 1})
    assert kinds == (("q", "list"), ("k", "int"))
    assert hash(kinds) == hash(kinds_of({"q": [1.0] * 8, "k": 2}))
    assert kinds_of(None) == kinds_of({}) == kinds_of([]) == ()


def test_one_text_is_no_sequence_of_parameters() -> None:
    with pytest.raises(TypeError, match="dict"):
        kinds_of("abc")
