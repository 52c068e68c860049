"""The wheel, opened and looked at, then installed where the checkout is out of sight."""

from __future__ import annotations

import email
import os
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement


@pytest.fixture(scope="session")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built as `pip install .` builds it, with the tools and the Rust target directory at hand."""
    out = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(out), str(root)]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # maturin's
    done = subprocess.run(build, cwd=out, env=os.environ | {"PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def archive(wheel: Path) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(wheel) as opened:
        yield opened


@pytest.fixture(scope="session")
def names(archive: zipfile.ZipFile) -> set[str]:
    return set(archive.namelist())


def packages(pyproject: dict[str, Any]) -> list[str]:
    found: list[str] = pyproject["tool"]["maturin"]["python-packages"]
    assert found
    return found


def test_every_package_of_the_checkout_is_listed(files: list[Path], pyproject: dict[str, Any]) -> None:
    here = {f.parts[0] for f in files if len(f.parts) == 2 and f.name == "__init__.py"}
    assert here - {"benchmarks", "examples"} == set(packages(pyproject))


def test_every_source_file_is_inside(names: set[str], files: list[Path], pyproject: dict[str, Any]) -> None:
    kinds = {".py", ".pyi", ".lark"}
    wanted = {f.as_posix() for f in files if f.parts[0] in packages(pyproject) and f.suffix in kinds}
    wanted |= {f"{package}/py.typed" for package in packages(pyproject)}
    assert "ngql/grammar/ngql.lark" in wanted
    assert not sorted(wanted - names)


def test_nothing_else_is_inside(names: set[str], pyproject: dict[str, Any]) -> None:
    allowed = (*(f"{package}/" for package in packages(pyproject)), "neurograph-")
    assert not [n for n in names if not n.startswith(allowed)]
    assert not [n for n in names if n.endswith((".rs", "Cargo.toml", "Cargo.lock", ".pyc"))]


def test_one_native_module_for_every_python(names: set[str], wheel: Path) -> None:
    assert [n for n in names if n.endswith(".so")] == ["ng_engine/_native.abi3.so"]
    assert "-cp311-abi3-" in wheel.name


def test_metadata(archive: zipfile.ZipFile, names: set[str], pyproject: dict[str, Any]) -> None:
    (info,) = {n.partition("/")[0] for n in names if ".dist-info/" in n}
    metadata = email.message_from_bytes(archive.read(f"{info}/METADATA"))
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert f"{info}/licenses/LICENSE" in names
    assert "ngql=ng_shell.__main__:main" in archive.read(f"{info}/entry_points.txt").decode().replace(" ", "")
    needed = [Requirement(r) for r in metadata.get_all("Requires-Dist")]
    always = {(r.name, r.specifier) for r in needed if r.marker is None}
    wanted = [Requirement(r) for r in pyproject["project"]["dependencies"]]
    assert always == {(r.name, r.specifier) for r in wanted}
    assert not {r.name for r in needed} & {"pytest", "ruff", "mypy"}


@pytest.fixture(scope="session")
def clean(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The programs of a new environment with the wheel in it, and the environment variables to run them with.

    The dependencies are lent by the running environment: on PYTHONPATH its .pth files, and with them the
    checkout, do not count.
    """
    home = tmp_path_factory.mktemp("clean")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "--python"]
    install = [*pip, str(home / "bin/python"), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True)
    variables = {"PATH": os.environ["PATH"], "HOME": str(home)}
    return home / "bin", variables | {"PYTHONPATH": sysconfig.get_path("purelib")}


def test_installed_away_from_the_checkout(clean: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    programs, variables = clean
    script = "import neurograph as n; print(n.__file__); print(n.connect().execute('SELECT 1').fetchall())"
    run = [programs / "python", "-W", "error", "-c", script]
    done = subprocess.run(run, cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    place, rows = done.stdout.splitlines()
    assert Path(place).is_relative_to(programs.parent)
    assert rows == "[(1,)]"


def test_the_command_runs(clean: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    programs, variables = clean
    run = [programs / "ngql", "--csv", "-c", "SELECT 1 AS one"]
    done = subprocess.run(run, cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "one\n1\n", "")
