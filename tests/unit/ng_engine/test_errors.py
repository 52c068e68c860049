"""Errors: classes by SQLSTATE, carets in the right place, nothing that could drive a terminal."""

from __future__ import annotations

import pytest

from ng_engine import errors
from ng_engine.errors import from_sqlstate


@pytest.mark.parametrize(
    ("sqlstate", "cls"),
    [
        ("42601", errors.NgqlSyntaxError),
        ("54001", errors.NgqlSyntaxError),
        ("42703", errors.ProgrammingError),
        ("22003", errors.DataError),
        ("23505", errors.IntegrityError),
        ("0A000", errors.NotSupportedError),
        ("40001", errors.OperationalError),
        ("57014", errors.OperationalError),
        ("XX001", errors.InternalError),
        ("08003", errors.InterfaceError),
    ],
)
def test_the_class_follows_from_the_code(sqlstate: str, cls: type[errors.Error]) -> None:
    error = from_sqlstate(sqlstate, "message", "hint")
    assert type(error) is cls
    assert (error.sqlstate, error.hint, str(error)) == (sqlstate, "hint", "message\nHINT: hint")


def test_the_tree_is_that_of_pep_249() -> None:
    assert issubclass(errors.NgqlSyntaxError, errors.ProgrammingError)
    assert issubclass(errors.ProgrammingError, errors.DatabaseError)
    assert issubclass(errors.DatabaseError, errors.Error)
    assert not issubclass(errors.InterfaceError, errors.DatabaseError)


def test_the_caret_stands_below_the_place() -> None:
    error = from_sqlstate("42703", "no such column").at("SELECT\n\tx,\n  wieght", 3, 3, 6)
    assert str(error) == "no such column\nLINE 3:   wieght\n          ^^^^^^"
    assert (error.line, error.column) == (3, 3)


def test_a_long_line_is_cut_around_the_place() -> None:
    text = "SELECT " + "1 + " * 1000 + "wieght" + " + 1" * 1000
    shown = str(from_sqlstate("42703", "m").at(text, 1, text.index("wieght") + 1, 6)).split("\n")
    assert len(shown[1]) < 200
    assert shown[1].startswith("LINE 1: ...")
    assert shown[1][shown[2].index("^") : shown[2].rindex("^") + 1] == "wieght"


def test_control_characters_are_shown_not_sent() -> None:
    shown = str(from_sqlstate("42601", "bad \x1b[31m name \u202e\ud800").at("\x1b[2Jx y", 1, 7))
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert shown.encode()
    source, caret = shown.split("\n")[1:]
    assert source[caret.index("^")] == "y"
