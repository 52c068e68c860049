"""Who may know whom, read from the source text: lazy and type-only imports count too."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import pytest

LAYERS = ["ng_engine", "ng_arrow", "ngql", "neurograph", "ng_shell"]
ONLY_IMPORTER = {"pyarrow": "ng_arrow", "duckdb": "ng_arrow", "lark": "ngql", "sqlglot": "ngql"}


def imported(path: Path) -> set[str]:
    """The dotted names a module imports, anywhere in it; `from a import b` gives `a` and `a.b`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{path}:{node.lineno}: import by absolute name"
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@pytest.fixture(scope="module")
def imports(root: Path, files: list[Path]) -> dict[str, dict[Path, set[str]]]:
    """Package → its files → what each imports."""
    found: dict[str, dict[Path, set[str]]] = defaultdict(dict)
    for file in files:
        if file.parts[0] in LAYERS and file.suffix in {".py", ".pyi"}:
            found[file.parts[0]][file] = imported(root / file)
    assert set(found) == set(LAYERS)
    assert all(any(names for names in modules.values()) for modules in found.values())
    return found


def top(name: str) -> str:
    return name.partition(".")[0]


@pytest.mark.parametrize("package", LAYERS)
def test_imports_go_downwards_only(package: str, imports: dict[str, dict[Path, set[str]]]) -> None:
    above = set(LAYERS[LAYERS.index(package) + 1 :])
    wrong = {f: n for f, names in imports[package].items() for n in names if top(n) in above}
    assert not wrong


@pytest.mark.parametrize("library", ONLY_IMPORTER)
def test_library_has_one_importer(library: str, imports: dict[str, dict[Path, set[str]]]) -> None:
    importers = {
        p for p, modules in imports.items() for names in modules.values() if library in map(top, names)
    }
    assert importers == {ONLY_IMPORTER[library]}


def test_language_shares_only_the_errors_with_the_engine(imports: dict[str, dict[Path, set[str]]]) -> None:
    shared = {n for names in imports["ngql"].values() for n in names if top(n) == "ng_engine"}
    assert shared
    assert all(n == "ng_engine.errors" or n.startswith("ng_engine.errors.") for n in shared)


def test_core_has_no_python(root: Path) -> None:
    manifest = (root / "ng_engine/core/Cargo.toml").read_text(encoding="utf-8")
    assert "[dependencies]" in manifest
    assert not any(crate in manifest for crate in ("pyo3", "numpy"))
