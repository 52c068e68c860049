"""The catalog: what a statement may name."""

from __future__ import annotations

import pytest
from naive_engine import NaiveEngine

import ngql
from ng_engine import RuntimeStorage
from ngql.catalog import INFORMATION, did_you_mean

AXES = ["a", "b", "c", "d", "e", "f", "g", "h"]


def test_axes_are_hidden_columns_under_both_names() -> None:
    tokens = ngql.Catalog.of(NaiveEngine.memory(AXES)).tables["tokens"]
    assert "a" not in tokens.shown
    assert tokens.type_of("a") == tokens.type_of("l1") == "REAL"
    assert tokens.type_of("physical") is None


def test_families_hold_their_members() -> None:
    catalog = ngql.Catalog.of(NaiveEngine.memory())
    assert len(catalog.families) == 11
    assert len(catalog.families["causal"]) == 16
    assert {name for names in catalog.families.values() for name in names} <= catalog.connection_types


def test_a_registered_table_never_hides_one_of_the_store() -> None:
    catalog = ngql.Catalog.of(NaiveEngine.memory(), {"tokens": {"x": "TEXT"}, "mine": {"x": "TEXT"}})
    assert catalog.tables["tokens"].kind == "engine"
    assert catalog.tables["mine"].kind == "registered"
    assert set(INFORMATION) <= set(catalog.tables)


def test_aliases_of_profiles_are_known() -> None:
    assert {"default", "balanced", "analyzer"} <= ngql.Catalog.of(NaiveEngine.memory()).profiles


def test_the_version_follows_the_store_and_the_registered_tables() -> None:
    engine = NaiveEngine.memory()
    before = ngql.Catalog.of(engine).version
    assert ngql.Catalog.of(engine).version == before
    assert ngql.Catalog.of(engine, generation=1).version != before
    engine.set_cdna_profile(1)
    assert ngql.Catalog.of(engine).version != before


@pytest.mark.parametrize(
    ("written", "hint"),
    [("wieght", 'did you mean "weight"?'), ("WEIGHT", 'did you mean "weight"?'), ("zzz", None)],
)
def test_did_you_mean(written: str, hint: str | None) -> None:
    assert did_you_mean(written, ["weight", "type"]) == hint


def test_both_engines_know_the_same_names() -> None:
    native, naive = RuntimeStorage.memory(), NaiveEngine.memory()
    assert native.token_types() == naive.token_types()
    assert native.connection_types() == naive.connection_types()
    assert len(native.connection_types()) == 176
    for theirs, ours in zip(native.cdna_profiles(), naive.cdna_profiles(), strict=True):
        for name in ("id", "name", "aliases", "scale", "period", "flags", "mode"):
            assert theirs[name] == ours[name], name


def test_did_you_mean_offers_nothing_far():
    assert did_you_mean("getenv", ["geomean"]) is None
    assert did_you_mean("lenth", ["length", "left"]) == 'did you mean "length"?'
