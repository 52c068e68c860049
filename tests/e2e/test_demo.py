"""`make demo`'s two programs, and whether what they print is so."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PROGRAMS = Path(sys.executable).parent


def run(program: str, *arguments: str, cwd: Path) -> str:
    """Standard output; fails on a non-zero exit or anything on standard error."""
    done = subprocess.run([PROGRAMS / program, *arguments], cwd=cwd, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with build/words.parquet in it."""
    folder = tmp_path_factory.mktemp("demo")
    run("python", str(EXAMPLES / "words_data.py"), "build/words.parquet", cwd=folder)
    return folder


class Words:
    """The same words in numpy: the answers by brute force."""

    def __init__(self, path: Path) -> None:
        table = pq.read_table(path)
        self.axes = table.column_names[2:]
        self.keys: list[str] = table["key"].to_pylist()
        self.points = np.stack([table[axis].to_numpy() for axis in self.axes], axis=1).astype(np.float64)

    def place(self, key: str) -> np.ndarray:
        return self.points[self.keys.index(key)]

    def near(self, point: np.ndarray, k: int, scale: list[int] | None = None) -> list[tuple[str, float]]:
        """The k nearest and their distances; keys are sorted, so equal distances come in the order of ids."""
        distance = np.sqrt((((self.points - point) * (scale or [1] * 8)) ** 2).sum(axis=1))
        return [(self.keys[i], float(distance[i])) for i in np.argsort(distance, kind="stable")[:k]]


@pytest.fixture(scope="module")
def words(place: Path) -> Words:
    return Words(place / "build/words.parquet")


@pytest.fixture(scope="module")
def told(place: Path) -> str:
    """What examples/words.py prints."""
    return run("python", str(EXAMPLES / "words.py"), cwd=place)


def test_the_data_is_what_it_is_said_to_be(words: Words) -> None:
    assert len(set(words.keys)) == len(words.keys) == 13_374
    assert len(words.axes) == 8
    np.testing.assert_allclose(words.points.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(words.points.std(axis=0), 1, atol=1e-6)


def test_the_axes_mean_something(words: Words) -> None:
    """Words of the waterside are among the sixty rated like beach, words of violence among war's nearest."""
    around = {key for key, _ in words.near(words.place("beach"), 61)}
    assert {"surf", "shoreline", "riverboat", "waterfall"} <= around
    assert {"invasion", "bombing", "violence"} <= {key for key, _ in words.near(words.place("war"), 10)}


def said(hits: list[tuple[str, float]]) -> str:
    return ", ".join(f"{key} {distance:.2f}" for key, distance in hits)


def test_python_counts(told: str) -> None:
    assert "13,374 words, 66,870 connections" in told


def test_python_finds_the_neighbours(told: str, words: Words) -> None:
    beach = words.place("beach")
    sadder = (beach - 2 * np.eye(8)[0]).astype(np.float32).astype(np.float64)
    assert said(words.near(beach, 7)[1:]) in told
    assert said(words.near(sadder, 6)) in told
    assert said(words.near(beach, 7, [1, 1, 1, 0, 0, 0, 0, 0])[1:]) in told
    assert said(words.near(beach, 7, [0, 0, 0, 1, 1, 1, 1, 1])[1:]) in told


def test_python_filters_inside_the_search(told: str, words: Words) -> None:
    dark = [hit for hit in words.near(words.place("beach"), 13_374) if words.place(hit[0])[0] < -1]
    assert said(dark[:6]) in told


def test_python_walks_only_between_neighbours(told: str, words: Words) -> None:
    (line,) = (line for line in told.splitlines() if line.startswith("grief → "))
    steps = line.split(" → ")
    assert steps[-1] == "joy"
    for a, b in itertools.pairwise(steps):
        assert b in {key for key, _ in words.near(words.place(a), 6)}


def test_picture(told: str, place: Path, words: Words) -> None:
    svg = ET.parse(place / "build/beach.svg").getroot()
    titles = {title.text.rsplit(" ", 1)[0] for title in svg.iter("{http://www.w3.org/2000/svg}title")}
    assert titles == {key for key, _ in words.near(words.place("beach"), 61)}


@pytest.fixture(scope="module")
def shown(place: Path, words: Words) -> str:
    """What the shell prints for examples/words.ngql."""
    axes = ",".join(words.axes)
    return run("ngql", "--quiet", "--axes", axes, "-f", str(EXAMPLES / "words.ngql"), cwd=place)


def test_query_file(shown: str, words: Words) -> None:
    positions = [shown.index(key) for key, _ in words.near(words.place("beach"), 9)[1:]]
    assert positions == sorted(positions)
    assert all(
        f"== {title}" in shown for title in ("Words near beach", "From grief to joy", "How the engine")
    )


def test_readme_shows_what_the_demo_prints(shown: str, told: str) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    outputs = re.findall(r"^```text\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    statements = re.findall(r"^```sql\n([^`]*)^```\n```text", readme, re.MULTILINE)
    assert len(outputs) == 3
    assert len(statements) == 2
    assert not [text for text in outputs if text not in shown + told]
    query_file = (EXAMPLES / "words.ngql").read_text(encoding="utf-8")
    assert not [text for text in statements if text not in query_file]
