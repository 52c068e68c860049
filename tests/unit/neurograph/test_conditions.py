"""`where=`: the user's condition alone is read, and errors show nothing else."""

from typing import Any

import pytest

import neurograph as ng

ZERO = [0.0] * 8

CALLS: list[Any] = [
    lambda db, where, params=None: db.tokens.nearest(ZERO, 3, where=where, params=params),
    lambda db, where, params=None: db.tokens.within(ZERO, 3.0, where=where, params=params),
    lambda db, where, params=None: db.tokens.box(ZERO, [None] * 7 + [9.0], where=where, params=params),
    lambda db, where, params=None: db.tokens.count(where, params),
    lambda db, where, params=None: db.connections.count(where, params),
]
NAMES = ["nearest", "within", "box", "count", "connections"]


@pytest.mark.parametrize("call", CALLS, ids=NAMES)
@pytest.mark.parametrize(
    ("where", "state", "line", "column"),
    [
        ("wieght > 3", "42703", 1, 1),
        ("weight > .1 AND\n  wieght > 3", "42703", 2, 3),
        ("weight > > 3", "42601", 1, 10),
        ("weight >", "42601", 1, 9),
        ("weight > $w", "42P02", 1, 10),
        ("true) OR (true", "42601", 1, 5),
        ("true) --", "42601", 1, 5),
        ("true ORDER BY id", "42601", 1, 6),
        ("true LIMIT 1", "42601", 1, 6),
        ("true; DELETE FROM tokens", "42601", 1, 7),
    ],
)
def test_errors_show_the_condition(
    words: ng.Database, call: Any, where: str, state: str, line: int, column: int
) -> None:
    with pytest.raises(ng.ProgrammingError) as caught:
        call(words, where)
    error = caught.value
    assert (error.sqlstate, error.line, error.column, error.statement) == (state, line, column, where)
    assert f"LINE {line}: {where.splitlines()[line - 1]}\n" in str(error) and "ng_" not in str(error)
    assert words.tokens.count() == 5


@pytest.mark.parametrize("call", CALLS, ids=NAMES)
def test_what_is_no_condition(words: ng.Database, call: Any) -> None:
    for empty in ("", "  \n"):
        with pytest.raises(ValueError, match="where must be a condition"):
            call(words, empty)
    with pytest.raises(TypeError, match="where must be a str, not int"):
        call(words, 5)
    with pytest.raises(TypeError, match="params must be a mapping"):
        call(words, "weight > ?", [1])
    with pytest.raises(ng.NgqlSyntaxError):
        call(words, "-- only a comment")


@pytest.mark.parametrize("call", CALLS, ids=NAMES)
def test_conditions_over_several_lines(words: ng.Database, call: Any) -> None:
    found = call(words, "weight > $w -- a comment\n AND id < 3 /* another */ -- the last", {"w": 0.15})
    assert (found if isinstance(found, int) else len(found)) in (1, 2)


def test_errors_of_other_arguments_have_no_place(words: ng.Database) -> None:
    for call, state in (
        (lambda: words.tokens.nearest(ZERO, -3, where="true"), "22023"),
        (lambda: words.tokens.nearest(ZERO[1:], where="true"), "22P02"),
        (lambda: words.tokens.nearest(ZERO, where="true", profile="nope"), "42704"),
        (lambda: words.tokens.box(ZERO, ZERO[1:], where="true"), "22P02"),
    ):
        with pytest.raises(ng.Error) as caught:
            call()
        assert caught.value.sqlstate == state and caught.value.line is None
        assert "LINE" not in str(caught.value) and "ng_" not in str(caught.value)
    with pytest.raises(TypeError, match="the radius must be a number, not str"):
        words.tokens.within(ZERO, "x", where="true")  # type: ignore[arg-type]
