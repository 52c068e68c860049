"""Rows as text: aligned for eyes, exact for machines."""

import csv
import datetime
import decimal
import io
import json

import pytest

from ng_arrow import display

COLUMNS = ["id", "key", "weight", "coords"]
TYPES = ["BIGINT", "TEXT", "REAL", "FLOAT[8]"]
ROWS = [(1, "sea", 0.10000000149011612, [0.5, 0.10000000149011612]), (20, None, 1.0, None)]


def test_aligned() -> None:
    assert display.text_table(COLUMNS, TYPES, ROWS) == (
        " id | key | weight |   coords\n"
        "----+-----+--------+------------\n"
        "  1 | sea |    0.1 | [0.5, 0.1]\n"
        " 20 |     |    1.0 |\n"
        "(2 rows)"
    )
    assert display.text_table(["n"], ["BIGINT"], [], null="∅") == " n\n---\n(0 rows)"
    assert display.text_table(["n"], ["BIGINT"], [(None,)], null="∅", tuples_only=True) == " ∅"


def test_expanded_markdown_unaligned() -> None:
    assert display.text_table(
        COLUMNS[:2], TYPES[:2], [row[:2] for row in ROWS], style="expanded", null="NULL"
    ) == ("-[ RECORD 1 ]+-\nid  | 1\nkey | sea\n-[ RECORD 2 ]+-\nid  | 20\nkey | NULL")
    assert display.text_table(["a|b"], ["BIGINT"], [(1,)], style="markdown") == "| a\\|b |\n| ---: |\n| 1 |"
    assert (
        display.text_table(COLUMNS[:2], TYPES[:2], [row[:2] for row in ROWS], style="unaligned")
        == "id|key\n1|sea\n20|\n(2 rows)"
    )
    assert (
        display.text_table(
            COLUMNS[:2],
            TYPES[:2],
            [row[:2] for row in ROWS],
            style="unaligned",
            tuples_only=True,
            separator=";",
        )
        == "1;sea\n20;"
    )


@pytest.mark.parametrize("style", ["aligned", "expanded", "markdown", "unaligned"])
def test_no_value_drives_the_terminal(style: str) -> None:
    evil = "\x1b[31mred\x07\u202eright\n\t\r\x00\ud800"
    shown = display.text_table([evil], ["TEXT"], [(evil,), ({evil: 1},), ([evil],)], style=style)
    assert not any(ord(c) < 32 and c != "\n" for c in shown)
    assert "\u202e" not in shown and "\ud800" not in shown
    assert "\\x1b[31mred\\x07\\u202eright\\n\\t\\r\\x00\\ud800" in shown
    assert len(set(map(len, shown.split("\n")))) < 6, "a value never breaks its line"


def test_wide_and_combining_characters_line_up() -> None:
    lines = display.text_table(
        ["k", "n"], ["TEXT", "BIGINT"], [("海", 1), ("ab", 2), ("e\u0301", 3), ("", 4)]
    ).split("\n")
    places = {display.width(line[: line.index("|")]) for line in lines if "|" in line}
    assert places == {4}


def test_csv_is_read_back() -> None:
    rows = [(1, 'a"b,c\nd'), (2, ""), (3, None), (4, "plain")]
    text = display.text_table(["id", "te,xt"], ["BIGINT", "TEXT"], rows, style="csv")
    assert text.split("\n")[0] == 'id,"te,xt"'
    assert list(csv.reader(io.StringIO(text)))[1:] == [
        ["1", 'a"b,c\nd'],
        ["2", ""],
        ["3", ""],
        ["4", "plain"],
    ]
    assert '2,""' in text and "\n3,\n" in text
    assert (
        display.text_table(["a"], ["TEXT"], [("x;y",)], style="csv", header=False, delimiter=";") == '"x;y"'
    )


def test_json() -> None:
    when = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
    columns = ["i", "big", "f", "nan", "inf", "t", "d", "props", "b", "none", "s", "r"]
    types = [
        "BIGINT",
        "HUGEINT",
        "DOUBLE",
        "DOUBLE",
        "REAL",
        "TIMESTAMPTZ",
        "DECIMAL(5,2)",
        "JSON",
        "BYTEA",
        "TEXT",
        "TEXT",
        "REAL",
    ]
    row = (
        1,
        2**70,
        1e-300,
        float("nan"),
        float("-inf"),
        when,
        decimal.Decimal("1.50"),
        {"a": [1, None]},
        b"\x01",
        None,
        'q"\n\ud800',
        0.10000000149011612,
    )
    line = display.text_table(columns, types, [row], style="ndjson")
    found = json.loads(line, parse_float=str, parse_int=int)
    assert found == {
        "i": 1, "big": 2**70, "f": "1e-300", "nan": "NaN", "inf": "-Infinity",
        "t": "2026-01-01T12:00:00+00:00", "d": "1.50", "props": {"a": [1, None]}, "b": "\\x01",
        "none": None, "s": 'q"\n\ud800', "r": "0.1",
    }  # fmt: skip
    assert json.loads(display.text_table(["a"], ["BIGINT"], [(1,), (2,)], style="json")) == [
        {"a": 1},
        {"a": 2},
    ]
    assert display.text_table(["a"], ["BIGINT"], [], style="json") == "[]"
    assert line.encode()


def test_streaming_styles_do_not_wait_for_the_end() -> None:
    def endless():  # type: ignore[no-untyped-def]
        while True:
            yield (1,)

    for style in (
        display.unaligned,
        display.csv_lines,
        display.json_lines,
        display.json_array,
        display.expanded,
    ):
        lines = style(["a"], ["BIGINT"], endless())
        assert [next(lines) for _ in range(10)]


def test_html_is_escaped() -> None:
    shown = display.html_table(["<b>"], ["TEXT"], [("<script>",), (None,)], more=3)
    assert "<script>" not in shown and "&lt;script&gt;" in shown and "&lt;b&gt;" in shown
    assert "… 3 more rows" in shown and "NULL" in shown
