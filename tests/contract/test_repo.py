"""What must hold of the checkout as a whole."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

TEXT = {".py", ".pyi", ".rs", ".toml", ".md", ".txt", ".lark", ".ngql", ".ngt", ".yml", ""}
SOURCE = {".py", ".pyi", ".rs", ".lark"}
LONGEST_SOURCE = 600


def texts(root: Path, files: list[Path], suffixes: set[str]) -> dict[Path, str]:
    found = {f: (root / f).read_text(encoding="utf-8") for f in files if f.suffix in suffixes}
    assert found
    return found


def test_no_path_of_a_machine(root: Path, files: list[Path]) -> None:
    machine = re.compile(r"(^|[^\w.-])/(work|root)/", re.MULTILINE)
    assert machine.search("see " + "/root" + "/me")
    wrong = [f for f, text in texts(root, files, TEXT).items() if machine.search(text)]
    assert not wrong


def test_source_files_stay_readable(root: Path, files: list[Path]) -> None:
    lengths = {f: t.count("\n") for f, t in texts(root, files, SOURCE).items() if "tests" not in f.parts}
    assert not {f: n for f, n in lengths.items() if n > LONGEST_SOURCE}


def test_no_room_without_a_name(files: list[Path]) -> None:
    assert not [f for f in files if f.stem in {"utils", "util", "helpers", "common", "manager", "misc"}]


def test_tests_are_no_packages(files: list[Path]) -> None:
    assert not [f for f in files if f.parts[0] == "tests" and f.name == "__init__.py"]


def test_one_version_everywhere(root: Path) -> None:
    import neurograph

    version = tomllib.loads((root / "Cargo.toml").read_text("utf-8"))["workspace"]["package"]["version"]
    assert importlib.metadata.version("neurograph") == version == neurograph.__version__
    assert f"## [{version}]" in (root / "CHANGELOG.md").read_text("utf-8")


def test_targets_that_the_texts_name_exist(root: Path, files: list[Path]) -> None:
    makefile = (root / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named = {n for t in texts(root, files, {".md"}).values() for n in re.findall(r"`make ([a-z]+)`", t)}
    assert {"demo", "test", "lint"} <= named <= targets


def test_bare_make_is_lint_and_test(root: Path) -> None:
    plan = subprocess.run(
        ["make", "--dry-run", "--always-make"], cwd=root, check=True, capture_output=True, text=True
    )
    assert all(
        tool in plan.stdout for tool in ("ruff", "mypy", "lint-imports", "clippy", "cargo test", "pytest")
    )


def test_links_lead_somewhere(root: Path, files: list[Path]) -> None:
    links = [
        (f, target)
        for f, text in texts(root, files, {".md"}).items()
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    ]
    assert links
    assert not [(f, target) for f, target in links if not (root / f.parent / target).exists()]


@pytest.mark.parametrize("lock", ["dev", "docs", "bench"])
def test_locked_versions_are_within_the_ranges(lock: str, root: Path, pyproject: dict[str, Any]) -> None:
    project = pyproject["project"]
    groups = pyproject["dependency-groups"]
    wanted = {
        "dev": [
            *project["dependencies"],
            *(r for extra in project["optional-dependencies"].values() for r in extra),
            *(r for group in ("build", "test", "lint") for r in groups[group]),
        ],
        "docs": groups["docs"],
        "bench": groups["bench"],
    }[lock]
    lines = (root / f"requirements/{lock}.txt").read_text("utf-8").splitlines()
    pinned = [Requirement(line) for line in lines if line and not line.lstrip().startswith("#")]
    for text in wanted:
        requirement = Requirement(text)
        name = canonicalize_name(requirement.name)
        pins = [p for p in pinned if canonicalize_name(p.name) == name]
        assert pins, f"{name} is not locked: make lock"
        for pin in pins:
            (version,) = (s.version for s in pin.specifier)
            assert requirement.specifier.contains(version), f"{pin} is outside {requirement}: make lock"
