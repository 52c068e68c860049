"""What may stand at the cursor."""

from types import SimpleNamespace

import pytest

from ngql import functions
from ngql.complete import complete


def table(*shown, hidden=()):
    return SimpleNamespace(shown=dict.fromkeys(shown, "X"), hidden=dict.fromkeys(hidden, "X"))


CATALOG = SimpleNamespace(
    axes=("physical", "l1"),
    tables={
        "tokens": table("id", "key", "weight", hidden=["physical"]),
        "connections": table("source", "target", "weight"),
        "Odd": table("x"),
    },
    token_types=frozenset({"word"}),
    connection_types=frozenset({"similar", "cause", "and"}),
    profiles=frozenset({"explorer", "analyst"}),
)


@pytest.fixture(autouse=True)
def _few_functions(monkeypatch):
    monkeypatch.setattr(functions, "names", lambda: frozenset({"count", "centroid"}))


def texts(text, kind=None):
    """Completions at the `|`, or at the end."""
    cursor = text.index("|") if "|" in text else len(text)
    found = complete(text.replace("|", ""), cursor, CATALOG)
    return [each.text for each in found if kind in (None, each.kind)]


def test_keywords_from_the_state_of_the_parser():
    assert texts("SEL") == ["SELECT"]
    assert texts("sel") == ["select"]
    assert "FROM" in texts("SELECT id ")
    assert "FROM" not in texts("SELECT ")
    assert texts("SELECT id FROM tokens w") == ["where", "window"]
    assert "BY" in texts("SELECT id FROM tokens GROUP ") and len(texts("SELECT id FROM tokens GROUP ")) == 1
    assert {"WHERE", "VIA", "DEPTH", "BOTH"} <= set(texts("SELECT NEIGHBORS OF 'a' "))


def test_forms_after_select():
    assert texts("SELECT ", "form") == [
        "tokens NEAR",
        "tokens IN BOX",
        "NEIGHBORS OF",
        "PATH FROM",
        "SPREAD FROM",
    ]
    assert texts("SELECT tok", "form") == ["tokens near", "tokens in box"]


def test_tables():
    assert texts("SELECT id FROM ", "table") == ['"Odd"', "connections", "tokens"]
    assert texts("INSERT INTO tok") == ["tokens"]


def test_columns_of_the_tables_in_the_statement():
    assert texts("SELECT | FROM tokens", "column") == ["id", "key", "physical", "weight"]
    assert texts("SELECT | FROM connections", "column") == ["source", "target", "weight"]
    assert "distance" in texts("SELECT | FROM tokens NEAR $q", "column")
    assert "distance" not in texts("SELECT | FROM tokens", "column")
    assert texts("UPDATE tokens SET we") == ["weight"]
    assert texts("INSERT INTO tokens (k") == ["key"]


def test_columns_behind_an_alias():
    assert texts("SELECT c.| FROM tokens t JOIN connections AS c ON TRUE") == ["source", "target", "weight"]
    assert texts("SELECT x.| FROM tokens t") == []


def test_inside_cost():
    assert texts("SELECT PATH FROM 1 TO 2 C") == ["COST"]
    path = "SELECT PATH FROM 1 TO 2 COST "
    assert texts(path, "column") == ["e", "u", "v"]
    assert texts(f"{path}e.weight * ")[:3] == ["e", "u", "v"]
    assert {"least", "sqrt"} <= set(texts(path, "function")) and "count" not in texts(path)
    assert texts(f"{path}2 * (1 + e.|") == ["source", "target", "weight"]
    assert texts(f"{path}e.weight - v.") == ["id", "key", "physical", "weight"]
    assert texts(f"{path}c.") == []
    assert texts(f"{path}e.weight MAX DEPTH 3 WHERE ", "column")[:2] == ["id", "key"]
    assert texts("SELECT e.| FROM connections e, (SELECT PATH FROM 1 TO 2 COST u.weight) p") == [
        "source",
        "target",
        "weight",
    ]


def test_spread_and_the_functions_of_from():
    assert {"VIA", "STEPS", "DECAY", "BOTH"} <= set(texts("SELECT SPREAD FROM (SELECT 1 AS id) "))
    assert "activation" in texts(
        "SELECT a| FROM (SELECT SPREAD FROM (SELECT id FROM tokens) STEPS 1) s", "column"
    )
    assert texts("SELECT * FROM p", "function") == ["pagerank"]
    assert texts("SELECT p", "function") == []
    assert texts("SELECT * FROM components(")[:1] == ["via"]
    assert texts("SELECT * FROM pagerank(seeds => [1, 2], d", "argument") == ["damping"]
    assert texts("SELECT * FROM pagerank(seeds => abs(1), via => 'cause', ", "argument") == [
        "damping",
        "max_iterations",
        "tolerance",
    ]
    assert "VIA" not in texts("SELECT count(") and texts("SELECT count(", "argument") == []
    assert texts("SELECT * FROM pagerank(seeds => [1, ", "argument") == []


def test_types_profiles_axes_and_functions():
    assert texts("CONNECT 1 TO 2 AS ") == ['"and"', "cause", "similar"]
    assert texts("SELECT NEIGHBORS OF 'a' VIA similar|".replace("|", "") + "|c".replace("|", "")) == []
    assert texts("SELECT NEIGHBORS OF 'a' VIA c", "type") == ["cause"]
    assert texts("SELECT tokens NEAR $q USING CDNA PROFILE e") == ["explorer"]
    assert texts("SET CDNA PROFILE a") == ["analyst"]
    assert texts("SET CDNA SCALE ", "axis") == ["l1", "physical"]
    assert texts("SELECT cou", "function") == ["count"]


def test_only_the_statement_around_the_cursor_counts():
    assert texts("SELECT FROM FROM; SELECT | FROM connections; SELECT 1", "column") == [
        "source",
        "target",
        "weight",
    ]


def test_the_word_before_the_cursor_is_replaced():
    (completion,) = complete("SELECT 1; SELECT id FROM con", 28, CATALOG)
    assert (completion.text, completion.start, completion.kind) == ("connections", 25, "table")


@pytest.mark.parametrize(
    "text",
    ["SELECT 'a", "SELECT -- a", "SELECT /* a", "SELECT $a", "SELECT 1", 'SELECT "a', "SELECT FROM FROM a"],
)
def test_silence(text):
    assert texts(text) == []
