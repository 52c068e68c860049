"""The core form of a statement answers as the statement does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from naive_engine import NaiveEngine

import ngql
from ng_arrow.duck import Tail
from ng_arrow.tables import python_rows
from ngql.desugar import desugar
from ngql.parse import parse

ENGINE = NaiveEngine.memory()
POINTS = np.random.default_rng(5).integers(0, 3, (30, 8)).astype("f4")
ENGINE.create_tokens(
    pa.table(
        {"key": [f"k{i}" for i in range(30)], "coords": list(POINTS.tolist()), "type": ["word", "event"] * 15}
    )
)


@pytest.fixture(scope="module")
def tail() -> Iterator[Tail]:
    opened = Tail()
    yield opened
    opened.close()


def rows(text: str, tail: Tail) -> list[tuple[Any, ...]]:
    parameters = {"q": [1.0] * 8} if "$q" in text else None
    program = ngql.compile(text, ngql.Catalog.of(ENGINE), ngql.kinds_of(parameters))
    relation = ngql.execute.run(program, ENGINE, parameters, tail).relation
    return relation.rows() if hasattr(relation, "rows") else list(python_rows(relation))


@pytest.mark.parametrize(
    ("text", "core"),
    [
        (
            "SELECT key, distance FROM tokens NEAR $q WITHIN 4 WHERE type = 'word' LIMIT 5",
            "SELECT key, coords <-> $q AS distance FROM tokens WHERE coords <-> $q <= 4 AND type = 'word'"
            " ORDER BY distance, id LIMIT 5",
        ),
        (
            "SELECT key FROM tokens NEAR 'k3' LIMIT 4",
            "SELECT key FROM tokens WHERE key IS DISTINCT FROM 'k3' ORDER BY coords <-> (SELECT coords FROM tokens"
            " WHERE key = 'k3'), id LIMIT 4",
        ),
        (
            "SELECT t.key FROM tokens t IN BOX (0,0,*,*,*,*,*,*) TO (1,1,*,*,*,*,*,*)",
            "SELECT t.key FROM tokens AS t WHERE t.coords IN BOX (0, 0, *, *, *, *, *, *) TO (1, 1, *, *, *, *, *, *)"
            " ORDER BY id",
        ),
        (
            "SELECT type, min(distance) AS d FROM tokens NEAR $q WHERE distance < 3 GROUP BY type ORDER BY type",
            "SELECT type, min(coords <-> $q) AS d FROM tokens WHERE coords <-> $q < 3 GROUP BY type ORDER BY type",
        ),
        (
            "SELECT count(*) FROM tokens NEAR 3 WITHIN 3",
            "SELECT count(*) FROM tokens WHERE coords <-> (SELECT coords FROM tokens WHERE id = 3) <= 3"
            " AND id IS DISTINCT FROM 3",
        ),
        (
            "SELECT key FROM tokens NEAR $q ORDER BY distance DESC, id LIMIT 3",
            "SELECT key FROM tokens ORDER BY coords <-> $q DESC, id LIMIT 3",
        ),
        ("SELECT key FROM tokens WHERE id = 3", "SELECT key FROM tokens WHERE id = 3"),
    ],
)
def test_core_form(text: str, core: str, tail: Tail) -> None:
    assert desugar(parse(text)) == core
    assert rows(text, tail) == rows(core, tail)


def test_the_kind_of_a_parameter_tells_a_token_from_a_point() -> None:
    tree = parse("SELECT key FROM tokens NEAR $k")
    assert "(SELECT coords FROM tokens WHERE key = $k)" in desugar(tree, (("k", "text"),))
    assert "coords <-> $k" in desugar(tree, (("k", "list"),))


def test_a_path_is_a_core_form() -> None:
    text = "SELECT PATH FROM 'k1' TO $b VIA similar MAX DEPTH 3 BOTH COST u.coords <-> v.coords"
    assert desugar(parse(text)) == text


def test_a_spreading_is_a_core_form_and_its_seeds_are_spelt_out() -> None:
    text = "SELECT SPREAD FROM (SELECT tokens IN BOX $a TO $b) VIA cause STEPS 3 DECAY .5"
    inside = "SELECT * FROM tokens WHERE coords IN BOX $a TO $b ORDER BY id"
    assert desugar(parse(text)) == f"SELECT SPREAD FROM ({inside}) VIA cause STEPS 3 DECAY .5"


def test_neighbors_in_a_box_are_filtered() -> None:
    core = desugar(parse("SELECT NEIGHBORS OF 1 BOTH IN BOX $a TO $b WHERE depth = 1"))
    assert core == "SELECT NEIGHBORS OF 1 BOTH WHERE coords IN BOX $a TO $b AND depth = 1"


def test_a_table_whose_columns_are_renamed_stays_as_it_is() -> None:
    text = "SELECT a FROM tokens AS t (a, b) NEAR $q"
    assert desugar(parse(text)) == text


def test_forms_in_sub_queries_are_spelt_out_too(tail: Tail) -> None:
    text = "SELECT avg(distance) AS m FROM (SELECT tokens NEAR $q LIMIT 3) n"
    core = desugar(parse(text))
    assert "NEAR" not in core
    assert rows(text, tail) == rows(core, tail)
