"""The gate's judgement, on counts that are made up."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from benchmarks import instructions
from benchmarks.instructions import Count, Counts

BASELINE = {"nearest": Count(20_000, 5_000), "get_token by id": Count(100, 1)}


def with_nearest(instructions: int, gave: int = 5_000) -> dict[str, Count]:
    return BASELINE | {"nearest": Count(instructions, gave)}


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (BASELINE, []),
        (with_nearest(21_000), []),
        (with_nearest(21_001), ["nearest: +5.0% instructions"]),
        (with_nearest(22_000), ["nearest: +10.0% instructions"]),
        (with_nearest(10), []),
        (with_nearest(10, 0), ["nearest: it gave 5,000 and gives 0: it does something else"]),
        (BASELINE | {"path": Count(1, 1)}, ["path: the baseline does not have it"]),
        ({"nearest": BASELINE["nearest"]}, ["get_token by id: it is gone"]),
    ],
)
def test_what_is_worse_is_told(now: dict[str, Count], expected: list[str]) -> None:
    assert instructions.problems(BASELINE, now) == expected


def test_what_is_much_better_is_told() -> None:
    assert instructions.improvements(BASELINE, with_nearest(19_000)) == []
    assert instructions.improvements(BASELINE, with_nearest(18_999)) == ["nearest"]


def test_a_table_has_every_path() -> None:
    lines = instructions.table(BASELINE, with_nearest(21_000) | {"path": Count(7, 1)}).splitlines()
    assert [line.split("  ")[0] for line in lines[1:]] == ["nearest", "get_token by id", "path"]
    assert lines[1].split()[-3:] == ["20,000", "21,000", "+5.0%"]


def test_the_baseline_reads_as_it_was_written_and_has_a_line_a_path() -> None:
    counts = Counts({"rustc": "1.95.0", "cpu": "avx2 fma"}, BASELINE)
    text = instructions.write(counts)
    assert instructions.read(text) == counts
    assert json.loads(text) and sum("instructions" in line for line in text.splitlines()) == len(BASELINE)


def test_only_a_profile_of_the_counted_function_counts() -> None:
    profile = "desc: Trigger: --dump-after=hot_path\n\nfn=(1)\n1 5\n\ntotals: 1234\n"
    assert instructions.total(profile) == 1234
    for wrong in (
        profile.replace("1234", "0"),
        profile.replace("hot_path", "main"),
        "desc: Trigger: Program termination\n",
    ):
        with pytest.raises(SystemExit):
            instructions.total(wrong)


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A gate that counts 21,500 for `nearest`, whose baseline is the file."""
    baseline = tmp_path / "instructions.json"
    monkeypatch.setattr(instructions, "ROOT", tmp_path)
    monkeypatch.setattr(instructions, "PROFILES", tmp_path / "build")
    monkeypatch.setattr(instructions, "BASELINE", baseline)
    monkeypatch.setattr(instructions, "build", lambda: tmp_path)
    monkeypatch.setattr(instructions, "count", lambda _: Counts({"rustc": "1.95.0"}, with_nearest(21_500)))
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    return baseline


def test_the_gate_is_shut_until_the_baseline_is_accepted(
    counting: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counting.write_text(instructions.write(Counts({"rustc": "1.95.0"}, BASELINE)))
    assert instructions.main([]) == 1
    assert "nearest: +7.5% instructions" in capsys.readouterr().err
    assert instructions.main(["--accept"]) == 0
    assert instructions.main([]) == 0
    assert instructions.read(counting.read_text()).paths == with_nearest(21_500)


def test_counts_of_another_compiler_are_not_compared(
    counting: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counting.write_text(instructions.write(Counts({"rustc": "1.94.0"}, BASELINE)))
    assert instructions.main([]) == 0
    assert "NOT compared" in (told := capsys.readouterr().err) and "1.94.0" in told and "1.95.0" in told


def test_without_valgrind_it_says_so(
    counting: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert instructions.main([]) == 0
    assert "NOT counted" in capsys.readouterr().err
    assert instructions.main(["--accept"]) == 1
    assert not counting.exists()


def test_the_committed_baseline_is_whole() -> None:
    stored = instructions.read(instructions.BASELINE.read_text("utf-8"))
    assert stored.circumstances.keys() == {"rustc", "target", "valgrind", "libc", "cpu"}
    source = (instructions.ROOT / "benchmarks/hot_paths/src/main.rs").read_text("utf-8")
    assert list(stored.paths) == re.findall(r'^    \("([^"]+)", [\d_]+, \|', source, re.MULTILINE)
