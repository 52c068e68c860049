"""The prompt's pure parts; the rest is in tests/e2e."""

from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

import neurograph
from ng_shell.completer import ShellCompleter
from ng_shell.highlight import NgqlLexer
from ng_shell.repl import continuation, directory, prompt_text, ready
from ng_shell.session import Session


@pytest.fixture
def db():
    with neurograph.connect() as db:
        yield db


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT 1", False),
        ("SELECT 1;", True),
        ("\\x", True),
        (" \\d tokens", True),
        ("SELECT '\\x", False),
        ("", True),
    ],
)
def test_enter_runs_what_is_ready(text, expected):
    assert ready(text) is expected


def test_prompts(db):
    session = Session(db)
    assert prompt_text(session) == "ngql=> "
    db.execute("BEGIN")
    assert prompt_text(session) == "ngql*> "
    with pytest.raises(neurograph.Error):
        db.execute("SELECT wieght FROM tokens")
    assert prompt_text(session) == "ngql!> "
    db.execute("ROLLBACK")
    assert prompt_text(session) == "ngql=> "
    assert continuation(7, 1, 0) == "ngql-> "


def completions(db, text):
    completer = ShellCompleter(db.catalog(db.runtime))
    document = Document(text)
    return [
        (found.text, found.start_position) for found in completer.get_completions(document, CompleteEvent())
    ]


def test_completion(db, tmp_path):
    assert completions(db, "SELECT 1;\nSELECT id FROM conn") == [
        ("connection_types", -4),
        ("connections", -4),
    ]
    assert completions(db, "\\tim") == [("timing", -3)]
    assert completions(db, "\\d tok") == [("token_types", -3), ("tokens", -3)]
    (tmp_path / "words.ngql").touch()
    assert [text for text, _ in completions(db, f"\\i {tmp_path}/wo")] == ["rds.ngql"]
    assert len(completions(db, "SELECT ")) == 200


def test_highlighting_keeps_every_character():
    text = "SELECT 'it\n''s', $q -- x\nFROM \"a\" /* b\n c */ WHERE 1 = \\ 'open"
    line = NgqlLexer().lex_document(Document(text))
    lines = ["".join(piece for _, piece in line(number)) for number in range(text.count("\n") + 1)]
    assert "\n".join(lines) == text
    assert ("class:ngql.keyword", "FROM") in line(2)
    assert line(99) == []


def test_xdg_directories(monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", "/var/state")
    assert directory("XDG_STATE_HOME", "~/.local/state") == Path("/var/state/neurograph")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/someone")
    assert directory("XDG_STATE_HOME", "~/.local/state") == Path("/home/someone/.local/state/neurograph")
