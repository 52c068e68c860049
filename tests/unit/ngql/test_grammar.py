"""The grammar file: one LALR(1) grammar, no conflicts, one action a rule, and tables that survive their cache."""

import lark
import pytest

from ngql import errors, tables
from ngql.actions import ACTIONS
from ngql.tables import GRAMMAR, load

# Every keyword that may also be a name must be listed by nobody; these are the words that may not.
RESERVED = """
    all and as between case cross distinct else end except exists false from full group having ilike in inner intersect
    into is join lateral left like limit match natural near not null offset on or order qualify return returning right
    select set then true union using values via when where window with within
""".split()


def test_no_conflicts_under_the_contextual_lexer():
    """`strict` makes Lark raise on any shift/reduce conflict; reduce/reduce conflicts always raise."""
    parser = lark.Lark(GRAMMAR.read_text(), parser="lalr", lexer="contextual", strict=True)
    tree = parser.parse(
        "SELECT key, distance FROM tokens NEAR (emotional => .9) WHERE type = 'word' LIMIT 10"
    )
    assert tree.data == "start"


def test_strict_mode_would_notice_a_conflict():
    ambiguous = GRAMMAR.read_text().replace(
        "comparison: predicate\n", "comparison: predicate | comparison OR predicate\n"
    )
    assert ambiguous != GRAMMAR.read_text()
    with pytest.raises(lark.exceptions.GrammarError, match="conflict"):
        lark.Lark(ambiguous, parser="lalr", lexer="contextual", strict=True)


def test_every_rule_has_its_action_and_no_action_is_left_over():
    named = {name for name, _origin, _size, passes_on, melts in load().rules if not passes_on and not melts}
    assert len(named) > 150
    assert named == set(ACTIONS)


def test_every_keyword_is_a_terminal_and_reserved_words_are_as_documented():
    language = load()
    assert language.reserved <= language.keywords
    assert {word.upper() for word in RESERVED} == language.reserved


@pytest.fixture
def fresh():
    """Tables are made anew in the test, and once more after it."""

    def clear():
        load.cache_clear()
        errors._examples.cache_clear()

    clear()
    yield clear
    clear()


def test_the_cache_gives_the_same_tables(tmp_path, monkeypatch, fresh):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = load()
    fresh()
    with monkeypatch.context() as patch:
        patch.setattr(tables, "build", lambda grammar: pytest.fail("the cache was not used"))
        assert load() == made
    (cached,) = (tmp_path / "neurograph").iterdir()
    cached.write_bytes(cached.read_bytes()[:1000])  # a damaged cache is made anew
    fresh()
    assert len(load().actions) == len(made.actions)


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, monkeypatch, fresh):
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(file))
    assert load().keywords
    assert file.read_bytes() == b""
