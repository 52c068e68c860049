"""The `ngql` command as a process: arguments, streams, exit codes, and the prompt at a terminal."""

import json
import os
import signal
import subprocess
import sys
import time

import pexpect
import pytest

COMMAND = [sys.executable, "-m", "ng_shell"]


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A home of its own: no start-up file, no history; the parser's tables stay cached."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    monkeypatch.setenv("XDG_CACHE_HOME", cache)
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "NO_COLOR", "PAGER", "EDITOR", "VISUAL"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


def ngql(*arguments, stdin="", **options):
    """Run the command; `(exit code, stdout, stderr)`."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )
    return done.returncode, done.stdout, done.stderr


INSERT = "INSERT INTO tokens (key, coords) VALUES ('cup', (1,0,0,0,0,0,0,0))"


# ---------------------------------------------------------------- exit codes and streams


def test_version_and_help():
    code, out, err = ngql("--version")
    assert (code, err) == (0, "") and out.startswith("ngql 0.")
    code, out, err = ngql("--help")
    assert (code, err) == (0, "") and "--single-transaction" in out


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["--no-such-option"]])
def test_what_needs_no_store_imports_no_engine(arguments):
    script = (
        "import sys\n"
        "from ng_shell.__main__ import main\n"
        f"try: main({arguments!r})\n"
        "except SystemExit: pass\n"
        "print(sorted({'ng_engine', 'neurograph', 'pyarrow', 'duckdb', 'click'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "['click']"


def test_fine_is_0_and_stdout_holds_nothing_but_results():
    code, out, err = ngql("-c", INSERT, "-c", "SELECT key FROM tokens", "--csv", "--timing")
    assert (code, out) == (0, "key\ncup\n")
    assert err.startswith("INSERT 1\nTime: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nonsense"],
        ["a", "b"],
        ["-v", "noequals"],
        ["-f", "/no/such/file"],
        ["-o", "/no/such/directory/file", "-c", "SELECT 1"],
        ["-f", os.fspath(os.path.dirname(__file__))],
    ],
)
def test_bad_usage_and_own_failures_are_1(arguments):
    code, out, err = ngql(*arguments)
    assert (code, out) == (1, "")
    assert err and "Traceback" not in err


def test_a_store_that_cannot_be_opened_is_2(tmp_path):
    code, out, err = ngql(str(tmp_path / "no" / "such" / "world.ng"), "-c", "SELECT 1")
    assert (code, out) == (2, "")
    assert err.startswith("ngql: could not open ")
    assert "HINT: leave STORE out for a store in memory" in err and "connect(" not in err
    assert ngql("--axes", "a,b", "-c", "SELECT 1")[0] == 2
    (tmp_path / "text").write_text("no store\n" * 1000)
    for arguments in (["text"], ["world.ng", "--read-only"], ["."], ["~/world.ng"], [""]):
        code, out, err = ngql(*arguments, "-c", "SELECT 1", cwd=tmp_path)
        assert (code, out) == (2, ""), arguments
        assert err.startswith(f"ngql: could not open {arguments[0]}: ") and "Traceback" not in err
    assert (tmp_path / "text").read_text() == "no store\n" * 1000
    assert [file.name for file in tmp_path.iterdir()] == ["text"]


def test_a_store_in_a_file(tmp_path):
    code, out, err = ngql("world.ng", "-c", INSERT, cwd=tmp_path)
    assert (code, out, err) == (0, "", "INSERT 1\n")
    code, out, err = ngql(
        "world.ng", "-tA", "-c", "SELECT key FROM tokens", "-c", "CHECK STORE", cwd=tmp_path
    )
    assert (code, out, err) == (0, "cup\n", "CHECK STORE: the store is sound\n")
    code, out, err = ngql(
        "--read-only", "world.ng", "-tA", "-c", "SELECT key FROM tokens; VACUUM", cwd=tmp_path
    )
    assert (code, out) == (3, "cup\n") and "ERROR: " in err and "read-only" in err
    code, out, err = ngql("world.ng", "-c", "BACKUP TO 'copy.ng'", "-c", "VACUUM", cwd=tmp_path)
    assert (code, out, err) == (0, "", "BACKUP\nVACUUM\n")
    code, out, err = ngql("copy.ng", "-qtA", "-c", "SELECT key FROM tokens; CHECK STORE", cwd=tmp_path)
    assert (code, out, err) == (0, "cup\n", "")


def test_a_failed_single_transaction_leaves_the_file_as_it_was(tmp_path):
    assert ngql("world.ng", "-q", "-c", INSERT, cwd=tmp_path)[0] == 0
    code, _, _ = ngql("world.ng", "-1", "-c", "DELETE FROM tokens", "-c", "SELEC", cwd=tmp_path)
    assert code == 3
    assert ngql("world.ng", "-tA", "-c", "SELECT count(*) FROM tokens", cwd=tmp_path)[1] == "1\n"


def test_results_never_go_into_the_store(tmp_path):
    assert ngql("world.ng", "-q", "-c", INSERT, cwd=tmp_path)[0] == 0
    code, out, err = ngql("world.ng", "-o", "world.ng", "-c", "SELECT key FROM tokens", cwd=tmp_path)
    assert (code, out) == (1, "") and "belongs to the open store" in err
    code, out, err = ngql("world.ng", stdin="\\o world.ng\nSELECT 1;", cwd=tmp_path)
    assert (code, out) == (3, "") and "belongs to the open store" in err
    assert ngql("world.ng", "-tA", "-c", "SELECT count(*) FROM tokens", cwd=tmp_path)[1] == "1\n"


def test_a_failed_statement_is_3_and_stops_the_rest():
    code, out, err = ngql("-t", "-A", "-c", "SELECT 1; SELECT * FORM tokens; SELECT 2", "-c", "SELECT 3")
    assert (code, out) == (3, "1\n")
    assert err.splitlines() == [
        'ERROR: syntax error at or near "FORM"',
        "LINE 1: SELECT 1; SELECT * FORM tokens; SELECT 2",
        "                           ^^^^",
        'HINT: did you mean "FROM"?',
    ]


def test_commands_and_files_run_in_the_given_order(tmp_path):
    (tmp_path / "a.ngql").write_text("SELECT 'a' AS x;")
    (tmp_path / "b.ngql").write_text("SELECT 'b' AS x\n")
    code, out, _ = ngql(
        "-qtA", "-f", "a.ngql", "--command=SELECT 'c'", "-f-", "-c", "SELECT 'd'", "--file", "b.ngql",
        stdin="SELECT 'stdin'", cwd=tmp_path,
    )  # fmt: skip
    assert (code, out.split()) == (0, ["a", "c", "stdin", "d", "b"])


def test_errors_in_files_name_the_file_and_its_line(tmp_path):
    (tmp_path / "words.ngql").write_text("-- one\nSELECT 1;\n\n\tSELECT\n  wieght FROM tokens;\n")
    code, _, err = ngql("-f", "words.ngql", cwd=tmp_path)
    assert code == 3
    assert err.splitlines()[:2] == [
        'words.ngql:5: ERROR: column "wieght" does not exist',
        "LINE 5:   wieght FROM tokens;",
    ]
    code, _, err = ngql(stdin="SELECT 1;\nSELECT (;")
    assert code == 3 and err.startswith("<stdin>:2: ERROR: syntax error at end of input")


def test_standard_input_is_read_when_nothing_else_is_given():
    code, out, err = ngql("--json", stdin="SELECT 1 AS a;\n\\echo done\n")
    assert (code, err) == (0, "")
    assert out == '[{"a": 1}]\ndone\n'
    assert ngql(stdin="") == (0, "", "")


def test_input_that_is_no_utf8():
    done = subprocess.run(COMMAND, input=b"SELECT '\xff'", capture_output=True, timeout=60, check=False)
    assert done.returncode == 1 and b"not UTF-8 text at byte 8" in done.stderr


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("--csv", "key,distance\ncup,0.0\n"),
        ("--json", '[{"key": "cup", "distance": 0.0}]\n'),
        ("--ndjson", '{"key": "cup", "distance": 0.0}\n'),
        ("--markdown", "| key | distance |\n| --- | ---: |\n| cup | 0.0 |\n"),
        ("-A", "key|distance\ncup|0.0\n(1 row)\n"),
        ("-At", "cup|0.0\n"),
        (
            "-x",
            "-[ RECORD 1 ]+-\nkey      | cup\ndistance | 0.0\n",
        ),
        ("-q", " key | distance\n-----+----------\n cup |      0.0\n(1 row)\n"),
    ],
)
def test_formats(option, expected):
    query = "SELECT key, distance FROM tokens NEAR $q"
    code, out, _ = ngql(option, "-c", INSERT, "-c", query, "-v", "q=[1,0,0,0,0,0,0,0]")
    assert (code, out) == (0, expected)


def test_arrow_to_a_pipe():
    pyarrow = pytest.importorskip("pyarrow")
    done = subprocess.run(
        [*COMMAND, "--arrow", "-c", "SELECT 7 AS n"], capture_output=True, timeout=60, check=True
    )
    assert pyarrow.ipc.open_stream(done.stdout).read_all().to_pylist() == [{"n": 7}]


def test_output_file(tmp_path):
    assert ngql("--csv", "-o", str(tmp_path / "out"), "-c", "SELECT 1 AS a") == (0, "", "")
    assert (tmp_path / "out").read_text() == "a\n1\n"


def test_variables_are_values_never_text():
    code, out, _ = ngql("-tA", "-c", "SELECT $x, $n + 1", "-v", "x=' OR 1=1 --", "-v", "n=41")
    assert (code, out) == (0, "' OR 1=1 --|42\n")
    code, _, err = ngql("-c", "SELECT $missing")
    assert code == 3 and "missing" in err


def test_single_transaction_commits_all_or_nothing(tmp_path):
    script = tmp_path / "check.ngql"
    script.write_text("SELECT count(*) AS n FROM tokens;")
    code, out, _ = ngql("-1", "-tA", "-c", INSERT, "-f", str(script))
    assert (code, out) == (0, "1\n")
    code, _, err = ngql("-1", "-c", INSERT, "-c", INSERT)  # the second breaks the unique key
    assert code == 3 and "ERROR" in err


def test_read_only():
    code, out, err = ngql("--read-only", "-c", INSERT)
    assert (code, out) == (3, "") and "read-only" in err


def test_a_reader_that_leaves_early_is_no_error():
    process = subprocess.Popen(
        [*COMMAND, "--csv", "-c", "SELECT * FROM range(300000)"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.readline() == b"range\n"
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(60) == 0
    process.stderr.close()


def test_a_signal_ends_it_as_a_signal_would():
    process = subprocess.Popen(
        [
            *COMMAND,
            "-c",
            "SELECT 1",
            "-c",
            "SELECT count(*) FROM range(100000) a, range(100000) b, range(100000) c",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert b"?column?" in process.stdout.readline()
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT
    assert b"Traceback" not in err


def test_no_colour_without_a_terminal():
    _, out, err = ngql("-c", "SELECT 1; SELECT nope")
    assert "\x1b" not in out + err


def test_json_of_every_table_is_json():
    _, out, _ = ngql("--json", "-c", "SELECT * FROM connection_types")
    assert len(json.loads(out)) >= 176


# ---------------------------------------------------------------- the prompt


@pytest.fixture
def prompt(home):
    """A shell at a terminal."""
    processes = []

    def start(*arguments, **environment):
        process = pexpect.spawn(
            COMMAND[0],
            [*COMMAND[1:], *arguments],
            env={**os.environ, "TERM": "xterm", "NO_COLOR": "1", "PROMPT_TOOLKIT_NO_CPR": "1", **environment},
            encoding="utf-8",
            timeout=15,
            dimensions=(50, 120),
        )
        processes.append(process)
        process.expect("ngql=>")
        return process

    yield start
    for process in processes:
        process.close(force=True)


def leave(process):
    """Ctrl-D at the prompt; the exit code. While a statement runs, the terminal would swallow it."""
    process.sendeof()
    process.expect(pexpect.EOF)
    process.wait()
    return process.exitstatus


def test_a_statement_at_the_prompt_and_ctrl_d(prompt):
    shell = prompt()
    shell.sendline("SELECT 40 + 2 AS answer;")
    shell.expect(r" answer\s+-+\s+42\s+\(1 row\)")
    shell.expect("ngql=>")
    assert leave(shell) == 0


def test_several_lines_until_the_statement_is_complete(prompt):
    shell = prompt()
    shell.sendline("SELECT 1 + 1")
    shell.expect("ngql->")
    shell.sendline("AS total;")
    shell.expect(r" total\s+-+\s+2\s")
    shell.expect("ngql=>")


def test_ctrl_c_forgets_what_was_typed(prompt):
    shell = prompt()
    shell.send("SELECT nonsense")
    shell.sendintr()
    shell.expect("ngql=>")
    shell.sendline("SELECT 'fine' AS x;")
    shell.expect(r"fine\s+\(1 row\)")
    shell.expect("ngql=>")
    assert leave(shell) == 0


def test_ctrl_c_cancels_the_running_statement_and_the_store_stays(prompt):
    shell = prompt()
    shell.sendline("INSERT INTO tokens (key, coords) VALUES ('cup', (1,0,0,0,0,0,0,0));")
    shell.expect("INSERT 1")
    shell.expect("ngql=>")
    shell.sendline("SELECT count(*) FROM range(100000) a, range(100000) b, range(100000) c;")
    time.sleep(1)
    shell.sendintr()
    shell.expect("canceled", timeout=10)
    shell.expect("ngql=>")
    shell.sendline("SELECT key FROM tokens;")
    shell.expect(r" cup\s+\(1 row\)")
    shell.expect("ngql=>")
    assert leave(shell) == 0


def test_the_prompt_shows_the_transaction(prompt):
    shell = prompt()
    shell.sendline("BEGIN;")
    shell.expect(r"ngql\*>")
    shell.sendline("ROLLBACK;")
    shell.expect("ngql=>")


def test_errors_at_the_prompt_do_not_end_it(prompt):
    shell = prompt()
    shell.sendline("SELECT * FORM tokens;")
    shell.expect('did you mean "FROM"')
    shell.expect("ngql=>")
    shell.sendline("\\timng")
    shell.expect(r"did you mean \\timing")
    shell.expect("ngql=>")
    shell.sendline("\\q")
    shell.expect(pexpect.EOF)
    shell.wait()
    assert shell.exitstatus == 0


def test_history_is_kept_between_shells(prompt, home):
    first = prompt()
    first.sendline("SELECT 'remembered' AS x;")
    first.expect(r"\(1 row\)")
    first.expect("ngql=>")
    leave(first)
    history = home / ".local" / "state" / "neurograph" / "ngql_history"
    assert "remembered" in history.read_text()
    assert history.stat().st_mode & 0o077 == 0
    second = prompt()
    second.send("\x1b[A")  # up
    second.expect("remembered")
    second.sendline("")
    second.expect(r"\(1 row\)")


def test_start_up_file_runs_unless_told_not_to(prompt, home):
    file = home / ".config" / "neurograph" / "ngqlrc"
    file.parent.mkdir(parents=True)
    file.write_text("\\x on\n")
    shell = prompt()
    shell.sendline("SELECT 1 AS a;")
    shell.expect(r"RECORD 1")
    plain = prompt("-X")
    plain.sendline("SELECT 1 AS a;")
    plain.expect(r"\(1 row\)")


def test_edit_runs_what_the_editor_leaves(prompt, home):
    editor = home / "editor"
    editor.write_text('#!/bin/sh\nsed -i s/one/edited/ "$1"\n')
    editor.chmod(0o755)
    shell = prompt(EDITOR=str(editor))
    shell.sendline("SELECT 'one' AS x;")
    shell.expect(r"\(1 row\)")
    shell.expect("ngql=>")
    shell.sendline("\\e")
    shell.expect(r" edited\s+\(1 row\)")


def test_tab_completes(prompt):
    shell = prompt()
    shell.send("SELECT key FROM tokens WHE\t")
    time.sleep(1)  # completion runs in a thread
    shell.sendline(" key = 'a';")
    shell.expect(r"\(0 rows\)")
