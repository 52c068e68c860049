"""What the texts show, run: SQL on an empty store, Python as doctests, commands by their output."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

import neurograph as ng

PAGES = ["README.md", "docs/index.md", "docs/LANGUAGE.md", "docs/stores.md"]


def blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """The fenced blocks in one language: (line of the first line inside, text)."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, m.start(1)) + 1, m[1]) for m in found]


def test_language_page_runs(root: Path) -> None:
    examples = blocks(root / "docs/LANGUAGE.md", "sql")
    assert len(examples) >= 5
    with ng.connect() as db:
        for line, text in examples:
            try:
                db.script(text)
            except ng.Error as error:
                pytest.fail(f"docs/LANGUAGE.md, block at line {line}: {error}")


@pytest.mark.parametrize("page", PAGES)
def test_python_examples_show_what_happens(
    page: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    examples = blocks(root / page, "pycon")
    assert examples
    parser = doctest.DocTestParser()
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    names: dict[str, object] = {}
    for line, text in examples:
        test = parser.get_doctest(text, names, page, page, line - 1)
        failures: list[str] = []
        runner.run(test, out=failures.append, clear_globs=False)
        names = test.globs
        assert not failures, "".join(failures)


def test_commands_of_the_readme_print_what_it_says(root: Path, tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("ngql")
    commands = [
        (command, output)
        for _, text in blocks(root / "README.md", "console")
        for command, output in re.findall(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE)
        if command.startswith("ngql ")
    ]
    assert commands
    for command, output in commands:
        done = subprocess.run(
            ["bash", "-c", f'"{program}" {command.removeprefix("ngql ")}'],
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert (done.stderr, done.stdout) == ("", output), command
