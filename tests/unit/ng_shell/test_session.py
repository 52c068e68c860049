"""Statements, meta-commands, results and errors, in one process."""

import io
import json
import sys

import pytest

import neurograph
from ng_shell import meta
from ng_shell.render import Format, Output
from ng_shell.session import Failed, Session


@pytest.fixture
def shell():
    with neurograph.connect() as db:
        session = Session(db)
        session.run_script(
            "INSERT INTO tokens (key, type, coords) VALUES ('cup', 'object', (1,0,0,0,0,0,0,0))"
        )
        yield session
        session.output.close()


def ran(session, script, capsys, name=None):
    """`(stdout, stderr)` of a script that succeeds."""
    capsys.readouterr()
    session.run_script(script, name)
    return capsys.readouterr()


def failure(session, script, capsys, name=None):
    """What a failing script says on standard error."""
    capsys.readouterr()
    with pytest.raises(Failed):
        session.run_script(script, name)
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err


def test_rows_go_to_stdout_and_words_to_stderr(shell, capsys):
    captured = ran(shell, "SELECT key FROM tokens; DELETE FROM tokens", capsys)
    assert captured.out == " key\n-----\n cup\n(1 row)\n"
    assert captured.err == "DELETE 1\n"


def test_quiet_says_nothing_about_writes(shell, capsys):
    shell.quiet = True
    assert ran(shell, "DELETE FROM tokens", capsys) == ("", "")


@pytest.mark.parametrize(
    ("style", "expected"),
    [
        ("csv", "key,n\ncup,1\n"),
        ("ndjson", '{"key": "cup", "n": 1}\n'),
        ("json", '[{"key": "cup", "n": 1}]\n'),
        ("markdown", "| key | n |\n| --- | ---: |\n| cup | 1 |\n"),
        ("unaligned", "key|n\ncup|1\n(1 row)\n"),
    ],
)
def test_styles(shell, capsys, style, expected):
    shell.form = Format(style)
    assert ran(shell, "SELECT key, 1 AS n FROM tokens", capsys).out == expected


def test_expanded_and_tuples_only(shell, capsys):
    assert ran(shell, "\\x on\nSELECT key FROM tokens", capsys).out == "-[ RECORD 1 ]+-\nkey | cup\n"
    assert ran(shell, "\\x\n\\t on\nSELECT key FROM tokens", capsys).out == " cup\n"


def test_csv_tuples_only_has_no_heading(shell, capsys):
    shell.form = Format("csv", tuples_only=True)
    assert ran(shell, "SELECT key FROM tokens", capsys).out == "cup\n"


def test_variables_are_bound_and_the_others_left_alone(shell, capsys):
    shell.variables = {"k": "cup", "other": 1}
    assert ran(shell, "\\t\nSELECT type FROM tokens WHERE key = $k", capsys).out == " object\n"
    assert "k" in failure(shell, "\\unset k\nSELECT type FROM tokens WHERE key = $k", capsys)


def test_set_reads_values_as_the_command_line_does(shell, capsys):
    ran(shell, "\\set q [1, 0, 0, 0, 0, 0, 0, 0]\n\\set name beach", capsys)
    assert shell.variables == {"q": [1, 0, 0, 0, 0, 0, 0, 0], "name": "beach"}
    assert ran(shell, "\\set", capsys).out == "name = 'beach'\nq = [1, 0, 0, 0, 0, 0, 0, 0]\n"


def test_an_error_stops_the_script_and_names_file_and_line(shell, capsys):
    error = failure(
        shell, "-- first\n;\n\n  SELECT nope\n FROM tokens; DELETE FROM tokens", capsys, "words.ngql"
    )
    assert error.splitlines() == [
        'words.ngql:4: ERROR: column "nope" does not exist',
        "LINE 4:   SELECT nope",
        "                 ^^^^",
    ]
    assert shell.db.tokens.count() == 1


def test_errors_of_meta_commands(shell, capsys):
    assert failure(shell, "\\timng", capsys) == "invalid command \\timng\nHINT: did you mean \\timing?\n"
    assert (
        failure(shell, "\n\\zzzz", capsys, "f")
        == "f:2: invalid command \\zzzz\nHINT: \\? lists the commands\n"
    )
    assert (
        failure(shell, "\\d tokns", capsys) == 'table "tokns" does not exist\nHINT: did you mean "tokens"?\n'
    )
    assert "on or off" in failure(shell, "\\x maybe", capsys)
    assert "No such file" in failure(shell, "\\i /no/such/file", capsys)
    assert "missing required argument" in failure(shell, "\\i", capsys)
    assert "No such file" in failure(shell, "\\o /no/such/directory/file", capsys)
    assert "needs a terminal" in failure(shell, "\\e", capsys)
    assert "extra argument" in failure(shell, "\\d a b", capsys)


def test_describe(shell, capsys):
    tables = ran(shell, "\\dt", capsys).out
    assert " tokens " in tables and " connections " in tables
    assert ran(shell, "\\d", capsys).out == tables
    described = ran(shell, "\\d Tokens;", capsys).out
    assert " coords     | FLOAT[8]" in described and " emotional  | REAL" in described


def test_echo_and_help_go_to_the_output(shell, capsys):
    assert ran(shell, "\\echo == it's; here ==", capsys).out == "== it's; here ==\n"
    listed = ran(shell, "\\?", capsys).out
    assert all(f"\\{name}" in listed for name in meta.COMMANDS)


def test_output_to_a_file_and_back(shell, capsys, tmp_path):
    file = tmp_path / "out.txt"
    captured = ran(shell, f"\\t\n\\o {file}\nSELECT key FROM tokens;\n\\o\nSELECT 'back' AS x", capsys)
    assert captured.out == " back\n"
    assert file.read_text() == " cup\n"


def test_include(shell, capsys, tmp_path):
    inner = tmp_path / "in ner.ngql"
    inner.write_text("SELECT 1 AS a;\n\\q\nSELECT 2 AS never;")
    outer = tmp_path / "outer.ngql"
    outer.write_text(f"\\i '{inner}'\nSELECT 3 AS c;")
    shell.form.tuples_only = True
    assert ran(shell, f"\\i {outer}", capsys).out == " 1\n 3\n"
    inner.write_text(f"\n\\i {outer}")
    assert "more than 50 levels deep" in failure(shell, f"\\i {outer}", capsys)
    inner.write_text("SELECT 1;\nSELECT FROM FROM")
    shell.output.redirect("/dev/null")
    assert failure(shell, f"\\i {outer}", capsys).startswith(f"{inner}:2: ERROR: syntax error")
    inner.write_bytes(b"SELECT '\xff'")
    assert "not UTF-8" in failure(shell, f"\\i {outer}", capsys)


def test_quit_ends_a_script(shell, capsys):
    with pytest.raises(meta.Quit):
        shell.run_script("\\q\nSELECT 1")


def test_timing_is_told_for_failures_too(shell, capsys):
    shell.timing = True
    assert ran(shell, "DELETE FROM tokens", capsys).err.startswith("DELETE 1\nTime: ")
    assert failure(shell, "SELECT nope", capsys).splitlines()[-1].startswith("Time: ")


def test_arrow_streams(shell, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    file = tmp_path / "out.arrows"
    shell.form = Format("arrow")
    shell.output.redirect(str(file))
    shell.run_script("SELECT key, coords FROM tokens; SELECT 1 AS one")
    shell.output.close()
    with file.open("rb") as stream:
        assert pyarrow.ipc.open_stream(stream).read_all().to_pylist() == [
            {"key": "cup", "coords": [1.0] + [0.0] * 7}
        ]
        assert pyarrow.ipc.open_stream(stream).read_all().to_pylist() == [{"one": 1}]


def test_control_characters_cannot_drive_the_terminal(shell, capsys):
    captured = ran(shell, "SELECT 'a\x1b[2Jb' AS x", capsys)
    assert "\x1b" not in captured.out
    assert "\x1b" not in failure(shell, "SELECT 'a\x1b[2Jb' FROM FROM", capsys)


def test_json_is_json_whatever_is_in_it(shell, capsys):
    shell.form = Format("json")
    rows = json.loads(ran(shell, "SELECT *, 'q\"\\\n' AS text FROM tokens", capsys).out)
    assert rows[0]["text"] == 'q"\\\n' and rows[0]["coords"][0] == 1.0


def test_long_results_go_through_the_pager(shell, monkeypatch, tmp_path):
    paged = tmp_path / "paged"
    program = tmp_path / "pager"
    program.write_text(f'#!/bin/sh\ncat > "{paged}"\n')
    program.chmod(0o755)

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("PAGER", str(program))
    monkeypatch.setenv("LINES", "10")
    monkeypatch.setenv("COLUMNS", "80")
    shell.output = Output(pager=True)
    shell.run_script("SELECT * FROM range(50)")
    assert len(paged.read_text().splitlines()) == 53 and sys.stdout.getvalue() == ""
    shell.run_script("SELECT 1 AS short")
    assert "short" in sys.stdout.getvalue()
    monkeypatch.setenv("PAGER", "")
    shell.run_script("SELECT * FROM range(60)")
    assert "(60 rows)" in sys.stdout.getvalue()
