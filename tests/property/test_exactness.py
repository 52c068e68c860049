"""Questions in space against brute force: the same ids, and the same distances to the last bit, in every state.

A case is one question. Everything in it follows from its name, which a failure tells and which repeats it alone:
``CASE=grid/3/7/2 pytest tests/property/test_exactness.py`` (points, world, state, question). ``SOAK`` asks ten times as
many.
"""

from __future__ import annotations

import os
from collections import Counter
from itertools import islice
from pathlib import Path

import numpy as np
import oracle_space as oracle
import pyarrow as pa
import pytest
from oracle_space import Answer, Rows
from space_draw import Draw
from space_questions import KINDS, SPOKEN, Asked, answer
from space_worlds import POINTS, coords, opened

from ng_engine import RuntimeStorage

CASE = os.environ.get("CASE", "").split("/")
WORLDS = 120 if "SOAK" in os.environ else 12
STATES, QUESTIONS = 14, 10
RAN: Counter[str] = Counter()
"""How many cases of each sort have run; `test_so_many_cases_ran` looks at it."""

ATLEAST = {
    # The questions, of which NGQL is asked in sessions of the database alone.
    "nearest": 1700,
    "within": 1600,
    "nearest within": 1700,
    "box": 1600,
    "find_neighbors": 1700,
    "range_query": 1700,
    "nearest batch": 1700,
    "within batch": 1700,
    "NGQL NEAR": 1100,
    "NGQL IN BOX": 1100,
    # The states.
    "loaded": 1100,
    "indexed": 2600,
    "moved": 700,
    "deleted": 800,
    "inserted": 800,
    "reweighed": 400,
    "rescaled": 400,
    "in a transaction": 1600,
    "beside a transaction": 1500,
    "rolled back to a savepoint": 700,
    "rolled back": 800,
    "committed": 400,
    "snapshot": 2800,
    "vacuumed": 600,
    "reopened": 140,
    # Filters, by the share of rows that pass.
    "filter ≤ 0.0%": 1100,
    "filter ≤ 0.1%": 310,
    "filter ≤ 1.0%": 400,
    "filter ≤ 10.0%": 700,
    "filter ≤ 50.0%": 1400,
    "filter ≤ 99.0%": 2100,
    "filter ≤ 100.0%": 1700,
    # And what is easily lost: answers, circles, equal distances, a row exactly on the radius, a second opinion.
    "with rows": 10600,
    "circular": 3500,
    "ties": 4800,
    "on the radius": 2400,
    "scipy": 600,
}
"""Cases of each sort in a run of CI; about four fifths of what it asks now."""


@pytest.mark.parametrize("points", [CASE[0]] if CASE[0] else POINTS)
def test_equals_brute_force(points: str, tmp_path: Path) -> None:
    before = RAN["cases"]
    for number in [int(CASE[1])] if CASE[0] else range(WORLDS):
        with opened(points, number, tmp_path) as world:
            for place, (state, session, rows) in enumerate(islice(world.states(), STATES)):
                if CASE[0] and place > int(CASE[2]):
                    break
                who = Asked(session or world.storage, None if session else world.db)
                ask_all(f"{points}/{number}/{place}", state, who, rows)
    assert CASE[0] or RAN["cases"] - before == WORLDS * STATES * QUESTIONS
    RAN["worlds of points"] += 1


def ask_all(place: str, state: str, who: Asked, rows: Rows) -> None:
    kinds = [name for name in KINDS if who.db or name not in SPOKEN]
    points, *numbers = place.split("/")
    for number in range(QUESTIONS):
        case = f"{place}/{number}"
        if CASE[0] and case != "/".join(CASE):
            continue
        seed = [list(POINTS).index(points), *map(int, numbers), number]
        draw = Draw(np.random.default_rng(seed), rows)
        kind = draw.among(kinds)
        try:
            found, expected = KINDS[kind](who, draw)
            check(found, expected)
            note(state, kind, draw, expected)
            if number == 0:
                draw = Draw(draw.rng, rows)
                RAN["scipy"] += agrees_with_scipy(who, draw)
        except Exception as error:
            error.add_note(f"CASE={case}: {kind} of {len(rows)} rows, {state}\n{draw.asked}")
            raise


def check(found: Answer, expected: Answer) -> None:
    for name, a, b in zip(("ids", "distances"), found, expected, strict=True):
        if np.array_equal(a.view(np.int64), b.view(np.int64)):
            continue
        place = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
        raise AssertionError(
            f"{len(a)} rows, not {len(b)}; {name} differ at {place}:"
            f" {a[place : place + 3].tolist()}, not {b[place : place + 3].tolist()}"
        )


def agrees_with_scipy(who: Asked, draw: Draw) -> bool:
    """Whether scipy could be asked for a second opinion, which differs by its own rounding alone."""
    metric, point = draw.metric(), draw.point()
    radius = draw.radius(point, metric)
    draw.asked = {"point": point, "metric": metric, "radius": radius}
    opinion = oracle.second_opinion(draw.rows, oracle.rounded(point), metric, 10, radius)
    if opinion is None:
        return False
    distances, surely, perhaps = opinion
    found = [row[0] for row in who.storage.nearest(point, 10, metric=metric, columns=["distance"]).rows()]
    np.testing.assert_allclose(found, distances, rtol=oracle.TOLERANCE, atol=oracle.TOLERANCE * radius)
    assert surely <= len(who.storage.within(point, radius, metric=metric, columns=["id"])) <= perhaps
    return True


def note(state: str, kind: str, draw: Draw, expected: Answer) -> None:
    """Count the case as what it was."""
    asked = draw.asked | draw.asked.get("params", {})
    period = (asked.get("metric") or (0, asked.get("period", [0])))[1]
    distances = expected[1]
    RAN.update(["cases", kind, state])
    RAN["circular"] += any(period)
    RAN["ties"] += "BOX" not in kind.upper() and len(np.unique(distances)) < len(distances)
    RAN["on the radius"] += bool(len(distances) and distances[-1] == asked.get("radius", asked.get("r")))
    RAN["with rows"] += bool(len(expected[0]))
    if draw.share is not None:
        most = next(share for share in (0, 0.001, 0.01, 0.1, 0.5, 0.99, 1) if draw.share <= share)
        RAN[f"filter ≤ {most:.1%}"] += 1


@pytest.mark.parametrize("turn", range(WORLDS))
def test_rows_that_change_while_their_tree_is_built(turn: int) -> None:
    """The gardener begins when a commit ends; of what changes meanwhile its tree knows nothing."""
    rng = np.random.default_rng([99, turn])
    storage, n = RuntimeStorage.memory(), 60_000
    points = rng.random((n, 8), dtype=np.float32)
    ids = 1 + rng.permutation(2 * n)[:n]
    places = rng.permutation(n)[:600].reshape(6, 100)
    moved = rng.random((6, 100, 8), dtype=np.float32)
    moves = [pa.table({"id": ids[p], "coords": coords(m)}) for p, m in zip(places, moved, strict=True)]
    tokens = pa.table({"id": ids, "coords": coords(points)})
    # Nothing between: whatever takes a millisecond lets the gardener finish first.
    storage.create_tokens(tokens)
    for move, gone in zip(moves, places, strict=True):
        storage.update_tokens(move)
        storage.delete_tokens(ids[gone[:10]])
    points[places] = moved
    left = np.setdiff1d(np.arange(n), places[:, :10])
    left = left[np.argsort(ids[left])]
    distances = oracle.distances(points[left].T.astype(np.float64), np.full(8, 0.5), oracle.PLAIN)
    order = np.argsort(distances, kind="stable")
    for _ in range(2):
        # All rows, each at its distance: no row where it was, none left out.
        found = storage.within([0.5] * 8, 9, columns=["id", "distance"])
        check(answer(found), (ids[left][order], distances[order]))
        storage.settle()
    assert found.access.startswith("kd-tree")


@pytest.mark.skipif(CASE[0] != "", reason="one case alone")
def test_so_many_cases_ran() -> None:
    if RAN["worlds of points"] < len(POINTS):
        pytest.skip("only when every world has been asked")
    assert RAN["cases"] == len(POINTS) * WORLDS * STATES * QUESTIONS >= 20_000
    assert {name: RAN[name] for name in ATLEAST if RAN[name] < ATLEAST[name] * WORLDS // 12} == {}
