"""Each rule against its fixture: statements, and the plan after this rule and those it builds upon.

A fixture begins with `rules:` and the rules in force; then, blank lines between, a statement, `----` and the lines that
EXPLAIN prints. `# parameters:` before a statement gives the kinds of its parameters.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from naive_engine import NaiveEngine

import ngql
from ngql.explain import plan_lines
from ngql.optimize import RULES

HERE = Path(__file__).parent
ENGINE = NaiveEngine.memory()
CATALOG = ngql.Catalog.of(ENGINE)
BY_NAME = {rule.__name__: rule for rule in RULES}


def cases() -> Iterator[Any]:
    for name in BY_NAME:
        path = HERE / f"{name}.txt"
        blocks = path.read_text(encoding="utf-8").strip().split("\n\n")
        head, *rest = blocks
        assert head.startswith("rules: ") and rest, path
        rules = [BY_NAME[rule] for rule in head.removeprefix("rules: ").split()]
        assert BY_NAME[name] in rules
        for block in rest:
            kinds: tuple[Any, ...] = ()
            if block.startswith("# parameters:"):
                first, block = block.split("\n", 1)
                kinds = tuple(json.loads(first.removeprefix("# parameters:")).items())
            statement, _, expected = block.partition("\n----\n")
            yield pytest.param(rules, statement, kinds, expected.splitlines(), id=f"{name}: {statement}")


def plan(statement: str, kinds: tuple[Any, ...], rules: Any) -> list[str]:
    program = ngql.compile(statement, CATALOG, kinds, rules)
    return plan_lines(program.kind, program.body)


@pytest.mark.parametrize(("rules", "statement", "kinds", "expected"), list(cases()))
def test_rule(rules: Any, statement: str, kinds: tuple[Any, ...], expected: list[str]) -> None:
    assert plan(statement, kinds, rules) == expected


def test_without_rules_the_tail_does_everything_relational() -> None:
    lines = plan("SELECT key FROM tokens WHERE id = 1 ORDER BY key LIMIT 3", (), ())
    assert lines[0] == "duckdb"
    assert "WHERE" in lines[1] and "LIMIT 3" in lines[1]
    assert lines[2:] == ["  tokens = engine: scan(tokens)"]
