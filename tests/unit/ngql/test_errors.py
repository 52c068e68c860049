"""Syntax errors: exact texts with caret and hint."""

import textwrap

import pytest

from ng_engine.errors import NgqlSyntaxError
from ngql import errors
from ngql.errors import closest
from ngql.parse import parse

TEXTS = {
    "SELECT key FORM tokens": """
        syntax error at or near "FORM"
        LINE 1: SELECT key FORM tokens
                           ^^^^
        HINT: did you mean "FROM"?
        """,
    "SELECT * FORM tokens": """
        syntax error at or near "FORM"
        LINE 1: SELECT * FORM tokens
                         ^^^^
        HINT: did you mean "FROM"?
        """,
    "SELECT id FROM tokens WEHRE id = 1": """
        syntax error at or near "WEHRE"
        LINE 1: SELECT id FROM tokens WEHRE id = 1
                                      ^^^^^
        HINT: did you mean "WHERE"?
        """,
    "SELET 1": """
        syntax error at or near "SELET"
        LINE 1: SELET 1
                ^^^^^
        HINT: did you mean "SELECT"?
        """,
    "SELECT * tokens": """
        syntax error at or near "tokens"
        LINE 1: SELECT * tokens
                         ^^^^^^
        HINT: expected FROM before the table
        """,
    "SELECT key, FROM tokens": """
        syntax error at or near "FROM"
        LINE 1: SELECT key, FROM tokens
                            ^^^^
        HINT: remove the comma before "FROM"
        """,
    "SELECT tokens NEAR (1,2,) LIMIT 3": """
        syntax error at or near ")"
        LINE 1: SELECT tokens NEAR (1,2,) LIMIT 3
                                        ^
        HINT: remove the comma before ")"
        """,
    "SELECT id FROM tokens WHERE type == 'word'": """
        syntax error at or near "=="
        LINE 1: SELECT id FROM tokens WHERE type == 'word'
                                                 ^^
        HINT: equality is written "="
        """,
    """CONNECT "beach" TO 'sea'""": """
        syntax error at or near ""beach""
        LINE 1: CONNECT "beach" TO 'sea'
                        ^^^^^^^
        HINT: strings are written in single quotes; double quotes are for names
        """,
    "MATCH (a)-->(b) RETURN a": """
        syntax error at end of input
        LINE 1: MATCH (a)-->(b) RETURN a
                         ^
        HINT: Cypher's --> begins a comment here: write -[]-> or ->
        """,
    "MATCH (a)-[e]->(b)": """
        syntax error at end of input
        LINE 1: MATCH (a)-[e]->(b)
                                  ^
        HINT: a MATCH ends with RETURN and what to return
        """,
    "SELECT order FROM tokens": """
        syntax error at or near "order"
        LINE 1: SELECT order FROM tokens
                       ^^^^^
        HINT: "order" is a reserved word: as a name it is written in double quotes
        """,
    "SELECT tokens NEAR": """
        syntax error at end of input
        LINE 1: SELECT tokens NEAR
                                  ^
        HINT: expected an expression
        """,
    "SELECT id\nFROM tokens\n\tWHERE id = 1 LIMIT 5,\n10": """
        syntax error at or near ","
        LINE 3:  WHERE id = 1 LIMIT 5,
                                     ^
        HINT: write LIMIT count OFFSET start
        """,
    "SELECT count(* FROM tokens": """
        syntax error at or near "FROM"
        LINE 1: SELECT count(* FROM tokens
                               ^^^^
        HINT: expected ")"
        """,
    "SELECT foo OF 'x'": """
        syntax error at or near "OF"
        LINE 1: SELECT foo OF 'x'
                           ^^
        HINT: write SELECT NEIGHBORS OF …
        """,
    "SELECT NEIGHBORS OF 'a' DEPTH 1 OUT DEPTH 2": """
        DEPTH was given twice
        LINE 1: SELECT NEIGHBORS OF 'a' DEPTH 1 OUT DEPTH 2
                                                    ^^^^^^^
        """,
    "SELECT 'abc": """
        unterminated quoted string at or near "'abc"
        LINE 1: SELECT 'abc
                       ^^^^
        HINT: a string ends with ', and a ' inside it is doubled
        """,
    "SELECT `a`": """
        invalid character "`"
        LINE 1: SELECT `a`
                       ^
        HINT: names are quoted with double quotes
        """,
    "SELECT tоkens": """
        invalid character U+043E "о" (cyrillic small letter o)
        LINE 1: SELECT tоkens
                        ^
        HINT: a name with other than ASCII letters is written in double quotes
        """,
    "SELECT 1;\n  DELETE FROM tokens": """
        cannot execute several statements at once
        LINE 2:   DELETE FROM tokens
                  ^^^^^^
        HINT: use script() for several statements
        """,
    "SELECT f(a => 1, 2)": """
        positional argument cannot follow named argument
        LINE 1: SELECT f(a => 1, 2)
                                 ^
        """,
    "SELECT 9223372036854775808": """
        integer out of range
        LINE 1: SELECT 9223372036854775808
                       ^^^^^^^^^^^^^^^^^^^
        HINT: a larger number needs a decimal point
        """,
}


@pytest.mark.parametrize("text", TEXTS)
def test_message(text):
    with pytest.raises(Exception) as caught:
        parse(text)
    assert str(caught.value) == textwrap.dedent(TEXTS[text]).strip("\n").rstrip()


@pytest.mark.parametrize(("broken", "hint"), errors._EXAMPLES)
def test_every_example_breaks_and_has_its_hint(broken, hint):
    with pytest.raises(NgqlSyntaxError) as caught:
        parse(broken)
    assert caught.value.hint == hint


def test_examples_speak_for_statements_like_them():
    with pytest.raises(NgqlSyntaxError) as caught:
        parse("SELECT t.id, count(*) AS n FROM tokens t WHERE t.weight > 0 GROUP t.id")
    assert caught.value.hint == "write GROUP BY"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT key FROM PATH FROM 'a' TO 'b'",
        "SELECT key FROM (SELECT 1) FROM tokens",
        "SELECT (key FROM tokens)",
        "UPDATE tokens WHERE id = 1",
        "SELECT count(key FROM tokens",
        "DELETE FROM tokens RETURNING id LIMIT 1",
    ],
)
def test_a_reserved_word_is_named_only_where_a_name_is_due(text):
    with pytest.raises(NgqlSyntaxError) as caught:
        parse(text)
    assert "reserved" not in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("text", "column", "hint"),
    [
        ("SELECT * FROM $t", 15, "a table name cannot be a parameter"),
        ("SELECT * FROM '/etc/passwd' WHERE 1 = 1", 15, "a table name is not a string; COPY reads files"),
        ("SELECT key FROM tokens, $t", 25, "a table name cannot be a parameter"),
        ("SELECT key FROM tokens JOIN 'x' ON true", 29, "a table name is not a string; COPY reads files"),
        ("INSERT INTO $t VALUES (1)", 13, "a table name cannot be a parameter"),
        ("SELECT PATH FROM 'a'", 21, "expected TO"),
        ("SELECT key FROM NEIGHBORS OF 'k'", 30, "use a sub-query: FROM (SELECT NEIGHBORS OF …) n"),
        ("SELECT key FROM PATH FROM 'a' TO 'b'", 22, "use a sub-query: FROM (SELECT PATH FROM … TO …) p"),
    ],
)
def test_what_is_no_table(text, column, hint):
    with pytest.raises(NgqlSyntaxError) as caught:
        parse(text)
    assert (caught.value.column, caught.value.hint) == (column, hint)


def test_control_characters_are_shown_escaped():
    with pytest.raises(NgqlSyntaxError) as caught:
        parse("SELECT 'a\x1b[31m' FROM FROM")
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("FORM", "FROM"),
        ("SELET", "SELECT"),
        ("FROM", None),
        ("X", None),
        ("ORDRE", "ORDER"),
        ("TOKENS", None),
    ],
)
def test_closest(word, found):
    assert closest(word, ["FROM", "SELECT", "ORDER", "BY"]) == found
