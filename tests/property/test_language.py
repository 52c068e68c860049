"""Random SELECTs answer alike on every path.

The naive engine, the native engine with the optimizer's rules, the native engine without them (DuckDB does everything
relational), and for plain SQL DuckDB itself over the exported table.
"""

from __future__ import annotations

import math
import os
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import Phase, given, note, settings
from hypothesis import strategies as st
from naive_engine import NaiveEngine

import ngql
from ng_arrow.duck import Tail
from ng_arrow.tables import python_rows, stream_to_table
from ng_engine import RuntimeStorage
from ng_engine.errors import Error
from ngql.optimize import RULES

AXES = ["physical", "sensory", "l3", "emotional", "l8"]
NUMBERS = ["weight", "id", "flags", *AXES]
TEXTS = ["key", "type"]
ROWS = 80


def rows(seed: int) -> pa.Table:
    """Tokens on a coarse grid, so that distances tie and comparisons hit."""
    rng = np.random.default_rng(seed)
    grid = rng.integers(0, 4, (ROWS, 8)) / 2.0
    return pa.table(
        {
            "key": [f"k{i}" if i % 4 else None for i in range(ROWS)],
            "type": [["word", "event", "object"][i] for i in rng.integers(0, 3, ROWS)],
            "coords": pa.FixedSizeListArray.from_arrays(pa.array(grid.ravel(), pa.float32()), 8),
            "weight": pa.array(rng.integers(0, 11, ROWS) / 10.0, pa.float32()),
        }
    )


def edges(seed: int) -> pa.Table:
    rng = np.random.default_rng(seed + 1)
    pairs = sorted({(int(a), int(b)) for a, b in rng.integers(1, ROWS + 1, (120, 2))})
    kinds = [["similar", "cause"][i] for i in rng.integers(0, 2, len(pairs))]
    weights = pa.array(rng.random(len(pairs)), pa.float32())
    ends = {"source": [a for a, _ in pairs], "target": [b for _, b in pairs]}
    return pa.table({**ends, "type": kinds, "weight": weights})


class World:
    """One set of rows in both engines and in DuckDB."""

    def __init__(self, seed: int) -> None:
        self.native, self.naive = RuntimeStorage.memory(), NaiveEngine.memory()
        for engine in (self.native, self.naive):
            engine.create_tokens(rows(seed))
            engine.create_connections(edges(seed))
        self.catalog = ngql.Catalog.of(self.native)
        self._key: Any = None
        self.exported = stream_to_table(
            self.native.scan("tokens", columns=["id", "key", "type", "weight", "flags", *AXES])
        )

    def compiled(self, text: str, parameters: Any, rules: Any) -> ngql.Program:
        """The program, which serves both engines: the catalogs are equal."""
        key = (text, ngql.kinds_of(parameters), rules)
        if key != self._key:
            self._program = ngql.compile(text, self.catalog, key[1], rules)
            self._key = key
        return self._program

    def run(self, engine: Any, text: str, parameters: Any, rules: Any, tail: Tail) -> list[tuple[Any, ...]]:
        """The rows, or the SQLSTATE as their only row."""
        program = self.compiled(text, parameters, rules)
        try:
            relation = ngql.execute.run(program, engine, parameters, tail).relation
        except Error as error:
            return [(error.sqlstate,)]
        return relation.rows() if hasattr(relation, "rows") else list(python_rows(relation))


TAIL = Tail()
WORLDS = [World(seed) for seed in range(3)]

# An example costs up to three compilations and two runs of DuckDB, 100 ms on a busy machine. Explaining a failure runs
# hundreds of further examples, after the minutes that shrinking it may take.
_PHASES = tuple(phase for phase in Phase if phase is not Phase.explain)
FEW = settings(max_examples=settings.default.max_examples * 2 // 5, phases=_PHASES)
MANY = settings(phases=_PHASES)
# The distance between two tables spelt out takes DuckDB as long to compile as ten other statements.
JOINS = settings(max_examples=max(1, settings.default.max_examples // 10), phases=_PHASES)

number = st.sampled_from(["0", "1", "0.5", ".3", "2", "-1", "0.1", "40", "1e300"])
name = st.sampled_from(["'word'", "'event'", "'k5'", "'k9'", "'nothing'", "'k70'"])
# In a list, DuckDB gives every member one type; here each member is compared by itself.
member = st.sampled_from(["0", "1", "0.5", ".3", "2", "-1", "0.1", "40"])
comparison = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])


box = st.builds(
    "IN BOX {} TO {}".format,
    st.sampled_from(["(0, *, 0, *, 0, *, 0, *)", "(0, .5, *, *, *, *, *, *)", "(*, *, 1, .5, *, *, *, .25)"]),
    st.lists(st.sampled_from(["1", "1.5", "2", ".5", "*"]), min_size=7, max_size=7).map(
        lambda c: f"(1.5, {', '.join(c)})"
    ),
)
in_box = st.builds("coords {}{}".format, st.sampled_from(["", "NOT "]), box)


def leaf(distance: bool) -> st.SearchStrategy[str]:
    numeric = st.builds("{} {} {}".format, st.sampled_from(NUMBERS), comparison, number)
    flipped = st.builds("{} {} {}".format, number, comparison, st.sampled_from(NUMBERS))
    textual = st.builds("{} {} {}".format, st.sampled_from(TEXTS), comparison, name)
    null = st.builds(
        "{} IS {}NULL".format, st.sampled_from([*TEXTS, "weight"]), st.sampled_from(["", "NOT "])
    )
    members = st.lists(member, min_size=1, max_size=4).map(", ".join)
    within = st.builds(
        "{} {}IN ({})".format, st.sampled_from(NUMBERS), st.sampled_from(["", "NOT "]), members
    )
    names = st.lists(st.one_of(name, st.just("NULL")), min_size=1, max_size=3).map(", ".join)
    named = st.builds("key {}IN ({})".format, st.sampled_from(["", "NOT "]), names)
    between = st.builds("{} BETWEEN {} AND {}".format, st.sampled_from(NUMBERS), member, member)
    like = st.builds("key LIKE {}".format, st.sampled_from(["'k%'", "'%5'", "'k_'"]))
    columns = st.builds("{} {} {}".format, st.sampled_from(AXES), comparison, st.sampled_from(AXES))
    leaves = [numeric, flipped, textual, null, within, named, between, like, columns]
    if distance:
        leaves += [st.builds("distance {} {}".format, comparison, number), in_box]
    return st.one_of(leaves)


def predicate(distance: bool) -> st.SearchStrategy[str]:
    return st.recursive(
        leaf(distance),
        lambda inner: st.one_of(
            st.builds("({} AND {})".format, inner, inner),
            st.builds("({} OR {})".format, inner, inner),
            st.builds("NOT ({})".format, inner),
        ),
        max_leaves=5,
    )


coordinate = st.sampled_from(["0", "0.5", "1", ".25", "2"])
point = st.lists(coordinate, min_size=8, max_size=8).map(lambda c: f"({', '.join(c)})")
starred = st.lists(st.one_of(coordinate, st.just("*")), min_size=7, max_size=7).map(
    lambda c: f"(1, {', '.join(c)})"
)
place = st.one_of(point, starred, st.sampled_from(["'k5'", "7", "$q", "(emotional => 1, l8 => 0)"]))
radius = st.sampled_from(
    ["", "", " WITHIN 1", " WITHIN 2.5", " WITHIN 0", " WITHIN $r", " WITHIN $r * 4 / 3 - .1"]
)
metric = st.sampled_from(
    [
        "",
        "",
        " USING CDNA PROFILE creative",
        " USING CDNA (scale => (0, 1, 2, 0, 0, .5, 3, 0))",
        " USING CDNA (period => (1.5, 0, .7, 2, 0, 1, 0, 0))",
    ]
)
order_key = st.builds(
    "{}{}".format,
    st.sampled_from([*NUMBERS, *TEXTS]),
    st.sampled_from([" ASC NULLS LAST", " DESC NULLS FIRST", " NULLS FIRST", " DESC NULLS LAST"]),
)
limits = st.sampled_from(
    ["", " LIMIT 0", " LIMIT 3", " LIMIT 7 OFFSET 4", " LIMIT 100", " OFFSET 70", " LIMIT $k"]
)


@st.composite
def near_query(draw: st.DrawFn) -> str:
    form = f"NEAR {draw(place)}{draw(radius)}"
    where = f" WHERE {draw(predicate(True))}" if draw(st.booleans()) else ""
    if draw(st.integers(0, 3)) == 0:
        items = "type, count(*) AS n, min(distance) AS d"
        return f"SELECT {items} FROM tokens {form}{where} GROUP BY type ORDER BY type{draw(metric)}"
    columns = ", ".join(
        draw(
            st.lists(st.sampled_from(["id", "key", "distance", "weight", "sensory"]), min_size=1, max_size=3)
        )
    )
    order = f" ORDER BY {draw(order_key)}" if draw(st.integers(0, 3)) == 0 else ""
    return f"SELECT {columns} FROM tokens {form}{where}{order}{draw(metric)}{draw(limits)}"


@st.composite
def distance_query(draw: st.DrawFn) -> str:
    at = draw(st.one_of(point, starred, st.just("$q")))
    terms = [draw(predicate(False)) for _ in range(draw(st.integers(0, 2)))]
    if draw(st.booleans()):
        terms.append(f"coords <-> {at} {draw(comparison)} {draw(st.sampled_from(['1', '$r', '2.5', '-1']))}")
    if draw(st.integers(0, 3)) == 0:
        terms.append(f"coords IN BOX (0, *, 0, *, 0, *, 0, *) TO {draw(point)}")
    where = f" WHERE {' AND '.join(terms)}" if terms else ""
    down = draw(st.sampled_from(["", "", " DESC"]))
    order = f"ORDER BY coords <-> {at}{down}{draw(metric)}"
    return f"SELECT id, coords <-> {at} AS d FROM tokens{where} {order}{draw(limits)}"


@st.composite
def plain_query(draw: st.DrawFn) -> str:
    where = f" WHERE {draw(predicate(False))}" if draw(st.integers(0, 3)) else ""
    if draw(st.integers(0, 2)) == 0:
        items = "type, count(*), count(key), min(weight), max(emotional)"
        return f"SELECT {items} FROM tokens{where} GROUP BY type ORDER BY type"
    keys = [*draw(st.lists(order_key, max_size=2)), "id"]
    columns = ", ".join(
        draw(st.lists(st.sampled_from([*NUMBERS, *TEXTS]), min_size=1, max_size=3, unique=True))
    )
    return f"SELECT {columns} FROM tokens{where} ORDER BY {', '.join(keys)}{draw(limits)}"


@st.composite
def walk_query(draw: st.DrawFn) -> str:
    depth = draw(st.sampled_from(["", " DEPTH 2", " DEPTH 1..3", " DEPTH 2..4"]))
    via = draw(st.sampled_from(["", " VIA similar", " VIA causal|semantic"]))
    direction = draw(st.sampled_from(["", " IN", " BOTH"]))
    form = draw(st.sampled_from(["", " NEAR $q", " NEAR 'k5' WITHIN 3", f" {draw(box)}"]))
    where = draw(st.sampled_from(["", f" WHERE {draw(predicate(False))}", f" WHERE {draw(in_box)}"]))
    start = draw(st.one_of(st.integers(1, ROWS).map(str), st.just("$starts")))
    return f"SELECT NEIGHBORS OF {start}{depth}{via}{direction}{form}{where}{draw(limits)}"


@st.composite
def spread_query(draw: st.DrawFn) -> str:
    seeds = draw(
        st.sampled_from(
            [
                f"SELECT id FROM tokens WHERE {draw(predicate(False))}",
                f"SELECT id, weight - .3 AS activation FROM tokens WHERE {draw(predicate(False))}",
                f"SELECT id, distance AS activation FROM tokens NEAR {draw(place)} LIMIT 5",
                f"SELECT tokens NEAR {draw(place)}{draw(radius)} LIMIT 3",
                "SELECT source AS id FROM connections WHERE weight > .8",
                "SELECT NEIGHBORS OF $starts",
                "SELECT 200 AS id",
            ]
        )
    )
    via = draw(st.sampled_from(["", " VIA similar", " VIA causal|semantic"]))
    direction = draw(st.sampled_from(["", " IN", " BOTH"]))
    decay = draw(st.sampled_from(["", " DECAY 1", " DECAY 1.0 / 3", " DECAY $r / 2", " DECAY 0"]))
    where = draw(st.sampled_from(["", f" WHERE {draw(predicate(False))}", " WHERE activation > .1"]))
    steps = draw(st.integers(0, 4))
    return f"SELECT SPREAD FROM ({seeds}){via}{direction} STEPS {steps}{decay}{where}{draw(limits)}"


near_pair = st.builds(
    str.format,
    st.sampled_from(
        [
            "a.coords <-> b.coords {} {}",
            "b.coords <-> a.coords {} {}",
            "a.coords <-> b.coords BETWEEN .5 AND {1}",
        ]
    ),
    st.sampled_from(["<", "<=", "<", "<=", ">"]),
    st.sampled_from(["1", "1.5", "0", "-1", "$r", "2.5", "0.7071067811865476", "1e300"]),
)
near_join = st.one_of(near_pair, st.builds("{1} > a.coords <-> b.coords".format, comparison, number))
pair_term = st.sampled_from(
    [
        "a.id < b.id",
        "b.id <= a.id",
        "a.id <> b.id",
        "a.type = b.type",
        "a.weight > .5",
        "b.type = 'word'",
        "a.key IN ('k5', 'k9', 'k70')",
        "b.coords <-> $q < 2.5",
        "a.coords <-> b.coords > .8",
        "b.coords IN BOX (0, *, *, .5, *, *, *, *) TO (1, *, *, 2, *, *, *, *)",
        "a.weight + b.weight < 1",
        "a.weight < .2 OR b.weight < .2",
    ]
)
joined_tables = st.sampled_from(
    [
        "tokens a JOIN tokens b ON {on}",
        "tokens a, tokens b WHERE {on}",
        "tokens a LEFT JOIN tokens b ON {on}",
        "tokens a RIGHT JOIN tokens b ON {on}",
        "tokens a FULL JOIN tokens b ON {on}",
        "tokens a JOIN connections c ON c.source = a.id JOIN tokens b ON {on}",
        "connections c JOIN tokens a ON c.source = a.id JOIN tokens b ON c.target = b.id AND {on}",
        "tokens a JOIN tokens b ON {on} LEFT JOIN tokens c ON b.coords <-> c.coords <= .5 AND c.id > b.id",
    ]
)


@st.composite
def join_query(draw: st.DrawFn) -> str:
    """Two tables of tokens near each other, whatever else is joined, filtered and folded."""
    terms = [draw(near_join), *draw(st.lists(pair_term, max_size=2))]
    tables = draw(joined_tables).format(on=" AND ".join(draw(st.permutations(terms))))
    if " WHERE " not in tables:
        more = draw(st.lists(pair_term, max_size=2))
        tables += f" WHERE {' AND '.join(more)}" if more else ""
    kind = draw(st.integers(0, 3))
    if kind == 0:
        items = "count(*), count(b.id), min(a.coords <-> b.coords), max(b.coords <-> a.coords)"
        return f"SELECT a.type, {items} FROM {tables} GROUP BY a.type ORDER BY 1{draw(metric)}"
    if kind == 1:
        return f"SELECT count(*), min(a.coords <-> b.coords) AS d FROM {tables}{draw(metric)}"
    measured = ", a.coords <-> b.coords AS d" if kind == 2 else ""
    limit = draw(st.sampled_from(["", " LIMIT 9"]))
    # What a third table adds are rows that look the same.
    return f"SELECT a.id, b.id, a.key{measured} FROM {tables} ORDER BY a.id, b.id{draw(metric)}{limit}"


@st.composite
def count_query(draw: st.DrawFn) -> str:
    """How many there are, by themselves, about a place, within a distance from it, or in a box."""
    at = draw(st.one_of(point, starred, st.just("$q")))
    limit = draw(st.sampled_from(["1", "$r", "2.5", "-1", "0", "NULL"]))
    form, *terms = draw(
        st.sampled_from(
            [
                ("",),
                (f"NEAR {draw(place)}{draw(radius)}",),
                ("", f"coords <-> {at} {draw(comparison)} {limit}"),
                ("", f"coords <+> {at} <= {limit}", f"coords <+> {at} > .5"),
                ("", f"{limit} > coords <-> {at}", f"coords <-> $q < {limit}"),
                (f"NEAR {at} WITHIN 2.5", f"coords <-> {at} < {limit}"),
                (f"IN BOX (0, *, 0, *, 0, *, 0, *) TO {draw(point)}",),
                ("", f"coords IN BOX (0, *, 0, *, 0, *, 0, *) TO {draw(point)}"),
            ]
        )
    )
    terms += [draw(predicate(False)) for _ in range(draw(st.integers(0, 1)))]
    where = f" WHERE {' AND '.join(terms)}" if terms else ""
    using = draw(metric) if "<" in where or "NEAR" in form else ""
    return f"SELECT count(*) FROM tokens {form}{where}{using}"


query = st.one_of(near_query(), distance_query(), plain_query(), count_query(), walk_query(), spread_query())
VALUES: dict[str, Any] = {
    "q": [0.5, 1.0, 0.1, 0.0, 2.0, 1.5, 0.3, 1.0],
    "r": 1.75,
    "k": 5,
    "starts": [3, "k9", 3, 50],
}


def used(text: str) -> dict[str, Any]:
    return {name: value for name, value in VALUES.items() if f"${name}" in text}


def comparable(found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [tuple("NaN" if isinstance(v, float) and math.isnan(v) else v for v in row) for row in found]


def without_times(text: str, found: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """A walk shows every column; the engines wrote their rows at different times."""
    shown = text.startswith(("SELECT NEIGHBORS", "SELECT SPREAD"))
    return [row[:6] + row[8:] for row in found] if shown else found


def every_path_gives_the_same_rows(text: str, world: World) -> None:
    note(text)
    parameters = used(text)
    expected = without_times(text, comparable(world.run(world.naive, text, parameters, RULES, TAIL)))
    for engine, rules in ((world.native, RULES), (world.native, ())):
        found = without_times(text, comparable(world.run(engine, text, parameters, rules, TAIL)))
        assert found == expected, f"{type(engine).__name__}, {len(rules)} rules"


@FEW
@given(text=query, world=st.sampled_from(WORLDS))
def test_every_path_gives_the_same_rows(text: str, world: World) -> None:
    every_path_gives_the_same_rows(text, world)


@JOINS
@given(text=join_query(), world=st.sampled_from(WORLDS))
def test_every_path_gives_the_same_pairs(text: str, world: World) -> None:
    every_path_gives_the_same_rows(text, world)


@pytest.mark.slow
@pytest.mark.skipif(
    "HYPOTHESIS_PROFILE" not in os.environ, reason="takes minutes: HYPOTHESIS_PROFILE=soak runs it"
)
@MANY
@given(text=st.one_of(query, join_query()), world=st.sampled_from(WORLDS))
def test_every_path_gives_the_same_rows_at_length(text: str, world: World) -> None:
    every_path_gives_the_same_rows(text, world)


@FEW
@given(text=plain_query(), world=st.sampled_from(WORLDS))
def test_plain_sql_is_duckdb_over_the_exported_table(text: str, world: World) -> None:
    note(text)
    parameters = used(text)
    found = world.run(world.native, text, parameters, RULES, TAIL)
    expected = list(python_rows(TAIL.run(text, {"tokens": world.exported}, parameters)))
    assert comparable(found) == comparable(expected)


# What a hop costs: never negative, and nothing that a float32 could not hold.
hop_place = st.sampled_from(["u.coords", "v.coords", "$q", "(0, 1, .5, 2, 0, 1, 0, 1)"])
amount = st.recursive(
    st.one_of(
        st.sampled_from(["e.weight", "e.weight", "e.confidence", "e.id", "e.source"]),
        st.builds("u.{}".format, st.sampled_from(["weight", *AXES])),
        st.builds("v.{}".format, st.sampled_from(["weight", *AXES])),
        st.sampled_from(["1", ".5", "$r", "7 / 2", "(2 ^ .5)"]),
        st.builds("({} <-> {})".format, st.sampled_from(["u.coords", "v.coords"]), hop_place),
    ),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "*"]), inner),
        st.builds("({} + {} * {} + {})".format, inner, inner, inner, inner),
        st.builds("{} / (1 + {})".format, inner, inner),
        st.builds("abs({} - {})".format, inner, inner),
        st.builds("{}({}, {})".format, st.sampled_from(["least", "greatest"]), inner, inner),
        st.builds("sqrt({})".format, inner),
        st.builds("ln(1 + {})".format, inner),
        st.builds("exp(-{})".format, inner),
        st.builds("pow({}, 2)".format, inner),
    ),
    max_leaves=4,
)


@FEW
@given(
    cost=amount,
    walk=st.sampled_from([" BOTH", " BOTH", "", " IN", " BOTH MAX DEPTH 4", " BOTH VIA similar"]),
    over=metric,
    ends=st.lists(st.integers(1, ROWS), min_size=5, max_size=5, unique=True),
    world=st.sampled_from(WORLDS),
)
def test_a_cost_means_what_it_would_in_a_select(
    cost: str, walk: str, over: str, ends: list[int], world: World
) -> None:
    """The cheapest ways cost what they do in the naive engine, and each hop what DuckDB says."""
    text = f"SELECT PATH FROM $u TO $v COST {cost}{walk}{over}"
    select = (
        f"SELECT {cost} AS cost FROM connections e, tokens u, tokens v"
        f" WHERE e.id = $e AND u.id = $u AND v.id = $v{over}"
    )
    note(text)
    longest: list[tuple[Any, ...]] = []
    for end in ends[1:]:
        given = {**used(text), "u": ends[0], "v": end}
        steps, others = (
            world.run(engine, text, given, RULES, TAIL) for engine in (world.native, world.naive)
        )
        assert all(len(row) == 6 for row in steps)
        assert [row[5] for row in steps[-1:]] == pytest.approx([row[5] for row in others[-1:]])
        longest = max(longest, steps, key=len)
    for before, after in pairwise(longest):
        given = {**used(select), "u": before[1], "v": after[1], "e": after[4]}
        ((told,),) = world.run(world.native, select, given, RULES, TAIL)
        # DuckDB computes in float32 where all that is computed with is.
        assert after[5] - before[5] == pytest.approx(told, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_any_one_rule_may_be_left_out(rule: Any) -> None:
    """Rules are independent: each alone, and all but one, give the same rows."""
    texts = [
        "SELECT key, distance FROM tokens NEAR $q WITHIN 4 WHERE type = 'word' AND weight > .3 LIMIT 5",
        "SELECT id, coords <-> $q AS d FROM tokens WHERE weight > .2 ORDER BY coords <-> $q LIMIT 4",
        "SELECT key FROM tokens WHERE id IN (1, 6, 8) AND key IS NOT NULL ORDER BY id",
        "SELECT count(*) FROM tokens WHERE coords <-> $q < 4",
        "SELECT id FROM tokens WHERE coords IN BOX (0,0,0,0,0,0,0,0) TO (1,1,1,2,2,2,2,2) ORDER BY id",
        "SELECT a.id, b.id FROM tokens a JOIN tokens b ON a.coords <-> b.coords <= 1.5 AND b.weight > .5"
        " WHERE a.id < b.id AND a.type = 'word' ORDER BY 1, 2",
    ]
    world = WORLDS[0]
    for text in texts:
        expected = world.run(world.naive, text, used(text), RULES, TAIL)
        assert expected
        for rules in ((rule,), tuple(other for other in RULES if other is not rule)):
            assert world.run(world.native, text, used(text), rules, TAIL) == expected
