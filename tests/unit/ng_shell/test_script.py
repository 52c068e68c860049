"""Scripts into pieces."""

import time

import pytest

from ng_shell.script import parameters, pieces


def texts(script):
    return [piece.text for piece in pieces(script)]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("", []),
        (" ;; -- x\n;", []),
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1; SELECT ';' -- ;\n;", ["SELECT 1", "SELECT ';'"]),
        ("\\x on\nSELECT 1;\n\\q", ["\\x on", "SELECT 1", "\\q"]),
        ("  \\echo a; b 'c\nSELECT 2", ["\\echo a; b 'c", "SELECT 2"]),
        ("-- it's a comment\n\\d tokens\r\n", ["\\d tokens"]),
        ("SELECT 1; \\x\nSELECT 2", ["SELECT 1", "\\x", "SELECT 2"]),
        ("SELECT\n\\x", ["SELECT\n\\x"]),
        ("SELECT 'open\n\\x;", ["SELECT 'open\n\\x;"]),
    ],
)
def test_pieces(script, expected):
    assert texts(script) == expected
    assert all(script.startswith(piece.text, piece.start) for piece in pieces(script))


def test_a_long_script_is_cut_in_linear_time():
    began = time.perf_counter()
    assert len(texts("SELECT 1;\n\\x\n" * 20_000)) == 40_000
    assert time.perf_counter() - began < 5.0


def test_parameters_are_not_found_in_strings_and_comments():
    assert parameters("SELECT $a, '$b', \"$c\", $1, ? -- $d\n /* $e */ + $a2") == {"a", "a2"}
