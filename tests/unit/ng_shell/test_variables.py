"""Values of `-v`."""

import pytest

from ng_shell.variables import assignment, value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("42", 42),
        ("-1.5e3", -1500.0),
        ("beach", "beach"),
        ('"42"', "42"),
        ("", ""),
        ("[0.5, 1]", [0.5, 1]),
        ('{"emotional": 0.9}', {"emotional": 0.9}),
        ("true", True),
        ("null", None),
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("1 2", "1 2"),
        ("'x' OR 1=1 --", "'x' OR 1=1 --"),
    ],
)
def test_value(text, expected):
    assert value(text) == expected
    assert type(value(text)) is type(expected)


def test_assignment():
    assert assignment("q=[1, 2]") == ("q", [1, 2])
    assert assignment("text=a=b") == ("text", "a=b")


@pytest.mark.parametrize("text", ["q", "=1", "1=2", "a b=3", "ä=1"])
def test_no_assignment(text):
    with pytest.raises(ValueError, match="expected name=value"):
        assignment(text)
