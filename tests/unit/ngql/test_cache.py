"""The plan cache: what it is keyed by, and that it stays bounded."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from naive_engine import NaiveEngine

import ngql
from ng_engine.errors import Error
from ngql.cache import PlanCache


class Compiler:
    """Counts what it compiles."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, text: str, catalog: ngql.Catalog, kinds: Any) -> ngql.Program:
        self.texts.append(text)
        return ngql.compile(text, catalog, kinds)


def test_a_program_is_compiled_once_for_its_kinds_and_catalog() -> None:
    engine, compiler = NaiveEngine.memory(), Compiler()
    cache, catalog = PlanCache(compiler), ngql.Catalog.of(engine)
    text = "SELECT tokens NEAR $q LIMIT 1"
    first = cache.program(text, {"q": [0.0] * 8}, catalog)
    assert cache.program(text, {"q": [1.0] * 8}, catalog) is first
    assert cache.program(text, {"q": "beach"}, catalog) is not first
    assert cache.program(text, {"q": [1.0] * 7 + [None]}, catalog) is not first
    assert len(compiler.texts) == 3
    engine.set_cdna_profile("explorer")
    assert cache.program(text, {"q": [1.0] * 8}, ngql.Catalog.of(engine)) is not first
    assert cache.program(text, {"q": [1.0] * 8}, ngql.Catalog.of(engine, generation=1)) is not first


def test_the_least_recently_used_goes_first() -> None:
    compiler = Compiler()
    cache, catalog = PlanCache(compiler, size=2), ngql.Catalog.of(NaiveEngine.memory())
    for text in ("SELECT 1", "SELECT 2", "SELECT 1", "SELECT 3", "SELECT 1"):
        cache.program(text, None, catalog)
    assert len(cache) == 2
    assert compiler.texts == ["SELECT 1", "SELECT 2", "SELECT 3"]


def test_a_statement_that_fails_is_not_kept() -> None:
    cache, catalog = PlanCache(ngql.compile), ngql.Catalog.of(NaiveEngine.memory())
    for _ in range(2):
        with pytest.raises(Error, match="wieght"):
            cache.program("SELECT wieght FROM tokens", None, catalog)
    assert len(cache) == 0


def test_many_distinct_statements_stay_bounded_from_many_threads() -> None:
    cache, catalog = PlanCache(ngql.compile, size=16), ngql.Catalog.of(NaiveEngine.memory())

    def work(start: int) -> None:
        for i in range(start, start + 40):
            cache.program(f"SELECT key FROM tokens WHERE id = {i}", None, catalog)

    threads = [threading.Thread(target=work, args=(20 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cache) == 16


def test_a_very_long_statement_is_not_kept() -> None:
    cache, catalog = PlanCache(ngql.compile), ngql.Catalog.of(NaiveEngine.memory())
    cache.program("SELECT key FROM tokens WHERE key = '" + "x" * 70_000 + "'", None, catalog)
    assert len(cache) == 0
