"""RuntimeStorage: the 26 methods of its contract, each with every argument, and their refusals."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ng_engine import RuntimeStorage
from ng_engine.errors import DataError, Error, IntegrityError, NotSupportedError, ProgrammingError

HERE = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]


@pytest.fixture
def storage() -> RuntimeStorage:
    return RuntimeStorage.memory()


def at(x: float) -> list[float]:
    return [x, 0, 0, 0, 0, 0, 0, 0]


def float32(values: list[float]) -> list[float]:
    return [float(np.float32(x)) for x in values]


class TestTokens:
    def test_every_field_comes_back_typed(self, storage: RuntimeStorage) -> None:
        before = dt.datetime.now(dt.UTC)
        token = storage.create_token(
            key="cup",
            type="object",
            coords=HERE,
            weight=0.25,
            flags=0x1005,
            props={"colour": "grün", "n": [1, None]},
            id=7,
        )
        assert token == 7
        row = storage.get_token("cup")
        assert row is not None
        created = row.pop("created_at")
        assert before - dt.timedelta(seconds=1) <= created <= dt.datetime.now(dt.UTC)
        assert created.tzinfo is dt.UTC
        assert row.pop("updated_at") == created
        assert row == {
            "id": 7,
            "key": "cup",
            "type": "object",
            "coords": float32(HERE),
            "weight": 0.25,
            "flags": 0x1005,
            "props": {"colour": "grün", "n": [1, None]},
        }
        assert storage.get_token(7) == storage.get_token("cup")

    def test_defaults(self, storage: RuntimeStorage) -> None:
        token = storage.create_token(coords=HERE)
        row = storage.get_token(token)
        assert row is not None
        assert (row["key"], row["type"], row["weight"], row["flags"], row["props"]) == (
            None,
            "undefined",
            0.5,
            5,
            None,
        )

    def test_negative_zero_is_stored_as_zero(self, storage: RuntimeStorage) -> None:
        token = storage.create_token(coords=[-0.0] * 8)
        assert [str(x) for x in storage.point(token)] == ["0.0"] * 8

    def test_ids_go_on_above_every_id_ever_given(self, storage: RuntimeStorage) -> None:
        assert storage.create_token(coords=HERE, id=100) == 100
        assert storage.create_token(coords=HERE) == 101
        assert storage.create_token(coords=HERE, id=5) == 5
        assert storage.delete_token(101)
        assert storage.create_token(coords=HERE) == 102
        assert storage.list_tokens() == [5, 100, 102]
        assert storage.clear_tokens() == 3
        assert storage.create_token(coords=HERE) == 103

    @pytest.mark.parametrize(
        "sequence", [tuple, np.array, lambda c: np.array(c, dtype=np.float32), lambda c: np.repeat(c, 2)[::2]]
    )
    def test_points_of_any_sequence(self, storage: RuntimeStorage, sequence: Any) -> None:
        assert storage.point(storage.create_token(coords=sequence(HERE))) == float32(HERE)

    @pytest.mark.parametrize(
        ("fields", "sqlstate"),
        [
            ({"coords": [0.0] * 7}, "22P02"),
            ({"coords": [0.0] * 9}, "22P02"),
            ({"coords": ["1"] * 8}, "22P02"),
            ({"coords": "12345678"}, "22P02"),
            ({"coords": [None] * 8}, "22P02"),
            ({"coords": [float("nan")] * 8}, "22003"),
            ({"coords": [float("inf")] * 8}, "22003"),
            ({"coords": [1e39] * 8}, "22003"),
            ({"coords": np.array(["x"] * 8, dtype=object)}, "22P02"),
            ({"coords": HERE, "weight": 1.5}, "23514"),
            ({"coords": HERE, "weight": float("nan")}, "22003"),
            ({"coords": HERE, "flags": 65_536}, "22003"),
            ({"coords": HERE, "flags": -1}, "22003"),
            ({"coords": HERE, "id": 0}, "22003"),
            ({"coords": HERE, "id": -1}, "22003"),
            ({"coords": HERE, "id": 2**63}, "22003"),
            ({"coords": HERE, "key": ""}, "22P02"),
            ({"coords": HERE, "key": "\ud800"}, "22P02"),
            ({"coords": HERE, "type": ""}, "22P02"),
            ({"coords": HERE, "props": {"x": float("nan")}}, "22P02"),
        ],
    )
    def test_bad_values_change_nothing(
        self, storage: RuntimeStorage, fields: dict[str, Any], sqlstate: str
    ) -> None:
        with pytest.raises(Error) as refused:
            storage.create_token(**fields)
        assert refused.value.sqlstate == sqlstate
        assert (storage.count_tokens(), storage.version) == (0, 0)

    @pytest.mark.parametrize(
        "fields", [{}, {"coords": 5}, {"coords": HERE, "key": 5}, {"coords": HERE, "props": [1]}]
    )
    def test_wrong_types_are_type_errors(self, storage: RuntimeStorage, fields: dict[str, Any]) -> None:
        with pytest.raises(TypeError):
            storage.create_token(**fields)

    def test_ids_and_keys_are_unique(self, storage: RuntimeStorage) -> None:
        storage.create_token(key="a", coords=HERE, id=1)
        for taken in ({"id": 1}, {"key": "a"}):
            with pytest.raises(IntegrityError, match="exists already") as refused:
                storage.create_token(coords=HERE, **taken)
            assert refused.value.sqlstate == "23505"
        storage.delete_token("a")
        assert storage.create_token(key="a", coords=HERE, id=1) == 1

    def test_update_changes_what_it_is_given(self, storage: RuntimeStorage) -> None:
        token = storage.create_token(key="a", coords=HERE, props={"x": 1})
        before = storage.get_token(token)
        assert storage.update_token("a", weight=0.75, type="Event", emotional=9, l8=-1)
        after = storage.get_token(token)
        assert before is not None
        assert after is not None
        assert after["updated_at"] >= before["updated_at"]
        expected = {
            **before,
            "weight": 0.75,
            "type": "event",
            "coords": [*float32(HERE)[:3], 9.0, *float32(HERE)[4:7], -1.0],
        }
        assert {**after, "updated_at": None} == {**expected, "updated_at": None}
        assert storage.update_token(token, key="b", props=None)
        assert storage.get_token("a") is None
        row = storage.get_token("b")
        assert row is not None
        assert (row["id"], row["props"]) == (token, None)
        assert not storage.update_token("nobody", weight=0.1)
        with pytest.raises(TypeError, match="no field 'id'"):
            storage.update_token(token, id=9)

    def test_a_locked_token_changes_nothing_but_its_flags(self, storage: RuntimeStorage) -> None:
        token = storage.create_token(coords=HERE, flags=5 | 128)
        with pytest.raises(ProgrammingError, match="locked") as refused:
            storage.update_token(token, weight=0.1)
        assert refused.value.sqlstate == "42501"
        assert storage.update_token(token, flags=5)
        assert storage.update_token(token, weight=0.1)

    def test_pages_are_in_id_order(self, storage: RuntimeStorage) -> None:
        for token in (30, 10, 20, 40):
            storage.create_token(coords=HERE, id=token)
        assert storage.list_tokens() == [10, 20, 30, 40]
        assert storage.list_tokens(2, 1) == [20, 30]
        assert storage.list_tokens(limit=10, offset=4) == []
        assert len(storage.list_tokens(0)) == 0
        with pytest.raises(DataError):
            storage.list_tokens(-1)
        for _ in range(200):
            storage.create_token(coords=HERE)
        assert len(storage.list_tokens()) == 100

    def test_user_types(self, storage: RuntimeStorage) -> None:
        storage.create_token(coords=HERE, type="Planet")
        assert storage.token_types()["planet"] == 256
        assert storage.catalog_version > 0
        storage.set_cdna_profile("analyst")
        with pytest.raises(IntegrityError, match="strict"):
            storage.create_token(coords=HERE, type="moon")


class TestConnections:
    @pytest.fixture
    def pair(self, storage: RuntimeStorage) -> tuple[int, int]:
        return storage.create_token(key="a", coords=HERE), storage.create_token(key="b", coords=HERE)

    def test_every_field_comes_back_typed(self, storage: RuntimeStorage, pair: tuple[int, int]) -> None:
        number = storage.create_connection(
            "a",
            pair[1],
            type="cause",
            weight=-2.5,
            confidence=0.75,
            rigidity=0.25,
            mutability="hypothesis",
            levels=0b101,
            props={"why": 1},
        )
        row = storage.get_connection(number)
        assert row is not None
        assert row.pop("created_at") == row.pop("updated_at")
        assert row == {
            "id": 1,
            "source": 1,
            "target": 2,
            "type": "cause",
            "weight": -2.5,
            "confidence": 0.75,
            "rigidity": 0.25,
            "mutability": "hypothesis",
            "evidence": 0,
            "activations": 0,
            "levels": 5,
            "last_activated_at": None,
            "props": {"why": 1},
        }

    def test_defaults_come_from_the_vocabulary(self, storage: RuntimeStorage, pair: tuple[int, int]) -> None:
        row = storage.get_connection(storage.create_connection("a", "b"))
        assert row is not None
        wanted = ("type", "weight", "confidence", "rigidity", "mutability", "levels")
        assert [row[name] for name in wanted] == ["associated_with", 1.0, 0.5, 0.5, "learnable", 0]
        similar = storage.get_connection(storage.create_connection("a", "b", type="similar"))
        assert similar is not None
        assert similar["mutability"] == "immutable"

    @pytest.mark.parametrize(
        ("arguments", "sqlstate"),
        [
            ({"target": 99}, "23503"),
            ({"target": "nobody"}, "23503"),
            ({"weight": 11}, "23514"),
            ({"confidence": 1.5}, "22003"),
            ({"rigidity": -0.1}, "22003"),
            ({"levels": 256}, "22003"),
            ({"mutability": "soft"}, "22023"),
        ],
    )
    def test_bad_values_change_nothing(
        self, storage: RuntimeStorage, pair: tuple[int, int], arguments: dict[str, Any], sqlstate: str
    ) -> None:
        with pytest.raises(Error) as refused:
            storage.create_connection(**{"source": "a", "target": "b", **arguments})
        assert refused.value.sqlstate == sqlstate
        assert storage.count_connections() == 0

    def test_source_target_and_type_are_unique_together(
        self, storage: RuntimeStorage, pair: tuple[int, int]
    ) -> None:
        storage.create_connection("a", "b", type="cause")
        storage.create_connection("b", "a", type="cause")
        storage.create_connection("a", "b", type="effect")
        storage.create_connection("a", "a", type="cause")
        with pytest.raises(IntegrityError) as refused:
            storage.create_connection("a", "b", type="CAUSE")
        assert refused.value.sqlstate == "23505"
        assert storage.list_connections() == [1, 2, 3, 4]
        assert storage.get_connections_for_token("a") == [1, 2, 3, 4]
        assert storage.get_connections_for_token("a", "out") == [1, 3, 4]
        assert storage.get_connections_for_token(pair[0], direction="in") == [2, 4]

    def test_update_and_delete(self, storage: RuntimeStorage, pair: tuple[int, int]) -> None:
        number = storage.create_connection("a", "b")
        assert storage.update_connection(
            number, weight=3, confidence=1, rigidity=0, mutability="immutable", levels=255, props={"p": 2}
        )
        row = storage.get_connection(number)
        assert row is not None
        assert [row[n] for n in ("weight", "confidence", "rigidity", "mutability", "levels", "props")] == [
            3.0, 1.0, 0.0, "immutable", 255, {"p": 2},
        ]  # fmt: skip
        with pytest.raises(NotSupportedError):
            storage.update_connection(number, target=1)
        assert not storage.update_connection(99, weight=1)
        assert storage.delete_connection(number)
        assert not storage.delete_connection(number)
        assert storage.get_connection(number) is None
        assert storage.create_connection("a", "b") == 2

    def test_deleting_a_token_takes_its_connections(
        self, storage: RuntimeStorage, pair: tuple[int, int]
    ) -> None:
        storage.create_token(key="c", coords=HERE)
        for source, target in ("ab", "bc", "ca", "bb"):
            storage.create_connection(source, target)
        version = storage.version
        assert storage.delete_token("b")
        assert (storage.list_connections(), storage.version) == ([3], version + 1)
        assert storage.neighbors("c", (1, 5)).rows()[0][1] == "a"
        assert len(storage.neighbors("c", 2)) == 0

    def test_degree_limits(self, storage: RuntimeStorage, pair: tuple[int, int]) -> None:
        storage.set_cdna_profile("analyst")
        tokens = storage.create_tokens(pa.table({"coords": [HERE] * 500}))
        storage.create_connections(pa.table({"source": np.full(500, pair[0]), "target": tokens}))
        with pytest.raises(IntegrityError, match="out-degree is 501, allowed is at most 500"):
            storage.create_connection("a", "b")
        storage.create_connection("b", "a")


class TestGrid:
    def test_neighbours_are_nearest_first_without_the_token(self, storage: RuntimeStorage) -> None:
        for i, x in enumerate([0, 3, 1, 2, 10]):
            storage.create_token(key=str(i), coords=at(x))
        assert storage.find_neighbors("0", 3) == [(3, 1.0), (4, 2.0), (2, 3.0)]
        assert storage.find_neighbors(1, 3, max_results=2) == [(3, 1.0), (4, 2.0)]
        assert storage.range_query(at(0), 1) == [(1, 0.0), (3, 1.0)]
        with pytest.raises(DataError):
            storage.range_query(at(0), float("nan"))
        with pytest.raises(DataError):
            storage.range_query(at(0), -1)
        with pytest.raises(ProgrammingError, match="does not exist"):
            storage.find_neighbors("nobody", 1)

    def test_grid_info_has_real_bounds(self, storage: RuntimeStorage) -> None:
        assert storage.get_grid_info()["bounds"] == [(None, None)] * 8
        storage.create_token(coords=at(-2))
        storage.create_token(coords=at(5))
        info = storage.get_grid_info()
        assert (info["count"], info["bounds"][0], info["bounds"][7]) == (2, (-2.0, 5.0), (0.0, 0.0))
        assert info["index"]["kind"] == "scan"


class TestCdna:
    def test_builtin_profiles_are_the_vocabulary(self, storage: RuntimeStorage) -> None:
        profiles = {p["name"]: p for p in storage.cdna_profiles()}
        assert list(profiles) == ["default", "explorer", "analyst", "creative", "quarantine"]
        assert profiles["explorer"]["scale"] == [1, 1.5, 1.2, 2, 3, 2.5, 2, 5]
        assert [
            profiles["analyst"][n] for n in ("max_out_degree", "max_in_degree", "max_degree", "flags")
        ] == [500, 500, 1000, 11]
        assert profiles["quarantine"]["mode"] == "quarantine"

    def test_profiles_scales_and_flags(self, storage: RuntimeStorage) -> None:
        assert (storage.get_cdna_profile(), storage.get_cdna_flags(), storage.get_cdna_scales()) == (
            0,
            3,
            [1.0] * 8,
        )
        storage.set_cdna_profile(1)
        assert storage.get_cdna_config()["name"] == "explorer"
        storage.set_cdna_profile("Analyzer")
        assert storage.get_cdna_profile() == 2
        scales = [0, 0.1, 2, 3, 4, 5, 6, 1e6]
        assert storage.update_cdna_scales(scales) is True
        assert (storage.get_cdna_scales(), storage.get_cdna_profile()) == (scales, 255)
        storage.set_cdna_flags(0)
        assert storage.get_cdna_flags() == 0
        for bad in ([1.0] * 7, [-1.0] * 8, [float("nan")] * 8, ["x"] * 8):
            with pytest.raises(DataError):
                storage.update_cdna_scales(bad)
        for unknown in ("nobody", 77):
            with pytest.raises(ProgrammingError) as refused:
                storage.set_cdna_profile(unknown)
            assert refused.value.sqlstate == "42704"
        assert storage.get_cdna_scales() == scales

    def test_the_profile_is_the_metric(self, storage: RuntimeStorage) -> None:
        storage.create_token(coords=at(2))
        storage.update_cdna_scales([10] * 8)
        assert storage.range_query(at(0), 100) == [(1, 20.0)]

    def test_validate(self, storage: RuntimeStorage) -> None:
        assert storage.validate_cdna()
        storage.set_cdna_flags(0)
        storage.create_token(coords=HERE, weight=5)
        assert storage.validate_cdna()
        storage.set_cdna_profile("default")
        assert not storage.validate_cdna()


class TestSets:
    def test_many_tokens_are_one_commit_or_none(self, storage: RuntimeStorage) -> None:
        count = 10_000
        codes = pa.array([None if n % 7 == 0 else n % 3 for n in range(count)], pa.int8())
        columns = {
            "id": pa.array(np.random.default_rng(0).permutation(count) + 1),
            "key": [f"k{n}" for n in range(count)],
            "coords": [at(n) for n in range(count)],
            "type": pa.DictionaryArray.from_arrays(codes, ["object", "Whale", None, "unused"]),
        }
        table = pa.concat_tables([pa.table(columns).slice(start, 3_000) for start in range(0, count, 3_000)])
        twice = table.set_column(1, "key", pa.array([*columns["key"][:-1], "k5"]))
        with pytest.raises(IntegrityError, match=r'^row 10000: a token with key "k5" exists already'):
            storage.create_tokens(twice)
        assert storage.count_tokens() == 0 and "whale" not in storage.token_types()
        assert storage.create_tokens(table).tolist() == columns["id"].to_pylist()
        kinds = [storage.get_token(f"k{n}")["type"] for n in (1, 3, 7, 8, 9_999)]
        default = storage.get_token("k0")["type"]
        assert kinds == ["whale", "object", default, default, "object"]
        assert "unused" not in storage.token_types()
        assert storage.create_tokens(twice, on_conflict="nothing").tolist() == []
        assert storage.get_token(int(columns["id"][4_321].as_py()))["key"] == "k4321"
        assert pa.table(storage.nearest(at(9_999.25), k=1))["id"].to_pylist() == [
            columns["id"][9_999].as_py()
        ]

    def test_create_tokens_is_one_commit_or_none(self, storage: RuntimeStorage) -> None:
        table = pa.table({"key": ["a", "b", "a"], "coords": [HERE] * 3})
        with pytest.raises(IntegrityError, match="row 3") as refused:
            storage.create_tokens(table)
        assert (refused.value.sqlstate, storage.count_tokens(), storage.version) == ("23505", 0, 0)
        ids = storage.create_tokens(table, on_conflict="nothing")
        assert (ids.dtype, ids.tolist(), storage.version) == (np.int64, [1, 2], 1)

    @pytest.mark.parametrize(
        ("columns", "sqlstate"),
        [
            ({"key": ["x"]}, "22P02"),
            ({"coords": [[1.0] * 7]}, "22P02"),
            ({"coords": [[float("nan")] * 8]}, "22003"),
            ({"coords": [["x"] * 8]}, "42804"),
            ({"coords": [HERE], "nonsense": [1]}, "42703"),
            ({"coords": [HERE], "flags": [70_000]}, "22003"),
            ({"coords": [HERE], "key": [5]}, "42804"),
            ({"coords": [HERE], "props": ["[1]"]}, "22P02"),
            ({"l1": [1.0]}, "22P02"),
        ],
    )
    def test_bad_tables(self, storage: RuntimeStorage, columns: dict[str, Any], sqlstate: str) -> None:
        with pytest.raises(Error) as refused:
            storage.create_tokens(pa.table(columns))
        assert (refused.value.sqlstate, storage.count_tokens()) == (sqlstate, 0)

    def test_columns_of_nulls_are_nulls(self, storage: RuntimeStorage) -> None:
        storage.create_token(key="a", coords=HERE, props={"x": 1})
        assert storage.update_tokens(pa.table({"id": [1], "key": [None], "props": [None]})) == 1
        row = storage.get_token(1)
        assert row is not None
        assert (row["key"], row["props"]) == (None, None)
        with pytest.raises(DataError, match="weight must not be null"):
            storage.update_tokens(pa.table({"id": [1], "weight": [None]}))

    def test_pages_of_nearest_are_the_same_for_one_and_many(self, storage: RuntimeStorage) -> None:
        storage.create_tokens(pa.table({"coords": [at(x) for x in range(10)]}))
        single = storage.nearest(at(0), 2, offset=3, columns=["id"]).rows()
        batch = storage.nearest([at(0), at(9)], 2, offset=3)
        assert single == [(4,), (5,)]
        assert [row[:2] for row in batch.rows()] == [(0, 4), (0, 5), (1, 7), (1, 6)]
        assert storage.nearest(at(0), 2).rows(5) == []
        assert storage.scan("tokens", columns=[]).rows() == [()] * 10

    def test_what_is_left_out_leaves_no_type_behind(self, storage: RuntimeStorage) -> None:
        storage.create_tokens(pa.table({"coords": [HERE] * 2}))
        storage.create_connection(1, 2)
        clash = pa.table({"id": [1], "source": [1], "target": [2], "type": ["brandnew"]})
        assert storage.create_connections(clash, on_conflict="nothing").tolist() == []
        assert "brandnew" not in storage.connection_types()

    def test_a_key_that_comes_and_goes_is_found_at_once(self, storage: RuntimeStorage) -> None:
        for _ in range(2_000):
            storage.create_token(key="hot", coords=HERE)
            storage.delete_token("hot")
        storage.create_token(key="hot", coords=HERE)
        assert storage.stats()["key_map_bytes"] < 64 * 1024

    def test_moved_tokens_are_indexed_again(self, storage: RuntimeStorage) -> None:
        rng = np.random.default_rng(3)
        ids = storage.create_tokens(pa.table({"coords": rng.random((20_000, 8)).tolist()}))
        storage.settle()
        storage.update_tokens(pa.table({"id": ids[:5_000], "coords": rng.random((5_000, 8)).tolist()}))
        storage.settle()
        stats = storage.stats()
        assert (stats["spatial_rows_indexed"], stats["spatial_rows_scanned"]) == (20_000, 0)

    def test_text_of_more_than_two_gib_is_exported_in_pieces(self, storage: RuntimeStorage) -> None:
        text = '{"x": "' + "y" * (1 << 23) + '"}'
        storage.create_tokens(pa.table({"coords": [HERE] * 150, "props": [text] * 150}))
        reader = pa.RecordBatchReader.from_stream(storage.scan("tokens", columns=["id", "props"]))
        assert [len(batch) for batch in reader] == [127, 23]
        with pytest.raises(Error) as refused:
            storage.create_tokens(pa.table({"coords": [HERE], "props": ['{"x": "' + "y" * (1 << 24) + '"}']}))
        assert refused.value.sqlstate == "54000"

    def test_axis_columns_make_a_point(self) -> None:
        storage = RuntimeStorage.memory(axes=list("abcdefgh"))
        storage.create_tokens(pa.table({axis: [float(i)] for i, axis in enumerate("abcdefgh")}))
        assert storage.point(1) == [0, 1, 2, 3, 4, 5, 6, 7]
        assert storage.update_tokens(pa.table({"id": [1], "c": [9.0]})) == 1
        assert storage.point(1) == [0, 1, 9, 3, 4, 5, 6, 7]

    def test_connections_and_rows_by_arrow(self, storage: RuntimeStorage) -> None:
        ids = storage.create_tokens(pa.table({"key": ["a", "b", "c"], "coords": [at(0), at(1), at(2)]}))
        made = storage.create_connections(
            pa.table({"source": ["a", "b"], "target": ["b", "c"], "type": ["cause", "cause"]})
        )
        assert made.tolist() == [1, 2]
        assert storage.update_connections(pa.table({"id": made, "weight": [2.0, 3.0]})) == 2
        rows = pa.table(
            storage.scan("connections", columns=["source", "target", "type", "weight"])
        ).to_pylist()
        assert rows == [
            {"source": 1, "target": 2, "type": "cause", "weight": 2.0},
            {"source": 2, "target": 3, "type": "cause", "weight": 3.0},
        ]
        assert pa.table(storage.get_tokens(ids[::-1])).column("key").to_pylist() == ["a", "b", "c"]
        assert storage.delete_connections(made) == 2
        assert storage.delete_tokens([1, 99, -5]) == 1

    def test_weave(self, storage: RuntimeStorage) -> None:
        ids = storage.create_tokens(pa.table({"coords": [at(x) for x in (0, 1, 3, 7)]}))
        made = storage.weave(ids, 2, type="similar", weight=0.5)
        rows = storage.scan("connections", columns=["source", "target", "weight"]).rows()
        assert [row[:2] for row in rows] == [(1, 2), (1, 3), (2, 1), (2, 3), (3, 2), (3, 1), (4, 3), (4, 2)]
        assert len(made) == 8
        with pytest.raises(IntegrityError):
            storage.weave(ids, 1, type="similar")
        assert storage.weave(ids, 3, type="similar", on_conflict="nothing").tolist() == [9, 10, 11, 12]

    def test_whole_segments_are_exported_without_a_copy(self, storage: RuntimeStorage) -> None:
        storage.create_tokens(pa.table({"coords": [HERE] * 5_000, "type": ["word"] * 5_000}))
        first, second = (pa.table(storage.scan("tokens")) for _ in range(2))
        assert [len(batch) for batch in first.to_batches()] == [4096, 904]
        for name in ("id", "coords", "weight", "flags", "type", "created_at", "updated_at"):
            for one, other in zip(first.column(name).chunks, second.column(name).chunks, strict=True):
                one, other = (
                    c.indices if name == "type" else c.flatten() if name == "coords" else c
                    for c in (one, other)
                )
                assert one.buffers()[1].address == other.buffers()[1].address, name
        storage.update_token(1, weight=0.9)
        storage.delete_token(2)
        assert first.column("weight")[0].as_py() == 0.5
        assert first.num_rows == 5_000
        assert [len(batch) for batch in pa.table(storage.scan("tokens")).to_batches()] == [4095, 904]


class TestTransactions:
    def test_commit_and_rollback(self, storage: RuntimeStorage) -> None:
        other = storage.session()
        storage.begin()
        storage.create_token(key="a", coords=HERE)
        assert (storage.count_tokens(), other.count_tokens(), storage.in_transaction) == (1, 0, True)
        storage.rollback()
        assert storage.count_tokens() == 0
        storage.begin()
        storage.create_token(key="a", coords=HERE)
        storage.commit()
        assert (other.count_tokens(), other.resolve("a")) == (1, 1)

    def test_rollback_leaves_no_trace_in_the_indexes(self, storage: RuntimeStorage) -> None:
        storage.create_tokens(pa.table({"key": ["a", "b"], "coords": [at(0), at(1)]}))
        for expose in (False, True):
            storage.begin()
            storage.create_connection("a", "b")
            storage.create_token(key="c", coords=at(2))
            if expose:
                assert storage.neighbors("a").num_rows == 1
                assert storage.nearest(at(2), 1).rows()[0][1] == "c"
            storage.rollback()
            assert storage.neighbors("a").num_rows == 0
            assert storage.get_token("c") is None
            assert storage.count_tokens() == 2
        storage.create_connection("a", "b")
        storage.create_token(key="c", coords=at(2))
        assert storage.get_connections_for_token("a") == [1]
        assert storage.nearest(at(2), 1).rows()[0][1] == "c"

    def test_savepoints(self, storage: RuntimeStorage) -> None:
        storage.begin()
        storage.savepoint("start")
        storage.create_token(key="a", coords=HERE)
        storage.savepoint("middle")
        storage.create_token(key="b", coords=HERE)
        storage.rollback_to("middle")
        assert storage.get_token("b") is None
        storage.create_token(key="c", coords=HERE)
        storage.release("middle")
        with pytest.raises(Error) as missing:
            storage.rollback_to("middle")
        assert missing.value.sqlstate == "3B001"
        storage.rollback_to("start")
        storage.commit()
        assert storage.count_tokens() == 0

    def test_a_failed_statement_is_undone_whole(self, storage: RuntimeStorage) -> None:
        storage.begin()
        storage.create_token(key="a", coords=HERE)
        storage.savepoint("s")
        with pytest.raises(IntegrityError):
            storage.create_tokens(pa.table({"key": ["b", "a"], "coords": [HERE] * 2}))
        storage.rollback_to("s")
        assert (storage.list_tokens(), storage.get_token("b")) == ([1], None)

    def test_a_failed_statement_fails_its_transaction(self, storage: RuntimeStorage) -> None:
        calls = [
            lambda: storage.get_token(1),
            lambda: storage.count_tokens(),
            lambda: storage.scan("tokens"),
            lambda: storage.nearest(HERE),
            lambda: storage.create_token(coords=HERE),
            lambda: storage.snapshot(),
            lambda: storage.savepoint("s"),
            lambda: storage.release("before"),
            lambda: storage.start_statement(),
            lambda: storage.begin(),
            lambda: storage.set_local_metric(None),
        ]
        storage.begin()
        storage.create_token(key="a", coords=HERE)
        storage.savepoint("before")
        with pytest.raises(IntegrityError):
            storage.create_token(key="a", coords=HERE)
        assert storage.transaction_failed and storage.in_transaction
        for call in calls:
            with pytest.raises(Error, match="transaction is aborted") as refused:
                call()
            assert refused.value.sqlstate == "25P02"
        assert storage.axes and storage.get_cdna_profile() == 0
        storage.rollback_to("before")
        assert not storage.transaction_failed
        storage.create_token(key="b", coords=HERE)
        with pytest.raises(Error):
            storage.resolve("nobody")
        with pytest.raises(Error, match="it was rolled back") as refused:
            storage.commit()
        assert refused.value.sqlstate == "25P02"
        assert (storage.in_transaction, storage.transaction_failed, storage.count_tokens()) == (
            False,
            False,
            0,
        )

    def test_arguments_of_the_wrong_type_fail_nothing(self, storage: RuntimeStorage) -> None:
        storage.begin()
        with pytest.raises(TypeError):
            storage.create_token(key=5, coords=HERE)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            storage.scan("tokens", colour="red")  # type: ignore[call-arg]
        storage.create_token(coords=HERE)
        storage.commit()
        storage.fail_transaction()
        assert (storage.transaction_failed, storage.count_tokens()) == (False, 1)

    def test_the_first_committer_wins(self, storage: RuntimeStorage) -> None:
        other = storage.session()
        storage.begin()
        assert storage.count_tokens() == 0
        other.create_token(coords=HERE)
        assert storage.count_tokens() == 0
        with pytest.raises(Error) as conflict:
            storage.create_token(coords=HERE)
        assert conflict.value.sqlstate == "40001"
        storage.rollback()
        assert storage.count_tokens() == 1

    def test_a_second_writer_waits_then_gives_up(self, storage: RuntimeStorage) -> None:
        other = storage.session()
        other.set_busy_timeout(0.05)
        storage.begin()
        storage.create_token(coords=HERE)
        with pytest.raises(Error) as busy:
            other.create_token(coords=HERE)
        assert busy.value.sqlstate == "55P03"
        storage.commit()
        assert other.create_token(coords=HERE) == 2

    def test_what_was_seen_of_a_rolled_back_transaction_stays_as_it_was(
        self, storage: RuntimeStorage
    ) -> None:
        storage.create_token(key="base", coords=HERE)
        storage.begin()
        storage.create_token(key="ghost", coords=at(1), weight=0.25)
        storage.create_connection("base", "ghost")
        seen = storage.snapshot()
        exported = pa.table(seen.scan("tokens", columns=["weight"]))
        storage.rollback()
        with pytest.raises(IntegrityError):
            storage.create_token(key="bad", coords=HERE, weight=9)
        storage.create_token(key="new", coords=at(7), weight=0.75)
        storage.create_connection("new", "base")
        assert exported.column("weight").to_pylist() == [0.5, 0.25]
        assert [seen.resolve("ghost"), seen.get_connections_for_token("base")] == [2, [1]]
        assert [row[1] for row in seen.neighbors("base").rows()] == ["ghost"]
        assert [row[1] for row in storage.neighbors("base", direction="in").rows()] == ["new"]

    def test_rollbacks_cost_no_memory(self, storage: RuntimeStorage) -> None:
        for _ in range(100):
            storage.begin()
            storage.create_token(coords=HERE)
            assert storage.count_tokens() > 0
            storage.rollback()
            storage.create_token(coords=HERE)
        assert (storage.count_tokens(), storage.stats()["token_segments"]) == (100, 1)

    def test_only_reading_rows_makes_a_conflict(self, storage: RuntimeStorage) -> None:
        other = storage.session()
        token = storage.create_token(key="a", coords=HERE)
        storage.begin()
        assert storage.catalog_version == 0
        assert (storage.axes[0], storage.get_cdna_profile()) == ("physical", 0)
        other.create_token(key="b", coords=HERE)
        assert storage.update_token(token, weight=0.75)
        assert storage.weave([1, 2], 1).tolist() == [1, 2]
        storage.commit()

    def test_settling_does_not_wait_for_ever(self, storage: RuntimeStorage) -> None:
        other = storage.session()
        other.set_busy_timeout(0.1)
        storage.begin()
        storage.create_token(coords=HERE)
        with pytest.raises(Error) as active:
            storage.settle()
        assert active.value.sqlstate == "25001"
        other.settle()
        storage.commit()
        storage.create_tokens(pa.table({"coords": np.random.default_rng(0).random((200_000, 8)).tolist()}))
        storage.begin()
        storage.create_token(coords=HERE)
        try:
            other.settle()
        except Error as blocked:
            assert blocked.sqlstate == "55P03"
        storage.rollback()
        other.settle()
        assert storage.stats()["spatial_rows_indexed"] > 190_000

    def test_a_catalog_version_is_never_used_twice(self, storage: RuntimeStorage) -> None:
        seen = {storage.catalog_version}
        for name in ("planet", "moon"):
            storage.begin()
            storage.create_token(coords=HERE, type=name)
            assert storage.catalog_version not in seen
            seen.add(storage.catalog_version)
            storage.rollback()

    def test_read_only(self, storage: RuntimeStorage) -> None:
        storage.begin(read_only=True)
        with pytest.raises(Error) as refused:
            storage.create_token(coords=HERE)
        assert refused.value.sqlstate == "25006"
        storage.rollback()
        pinned = storage.snapshot()
        storage.create_token(coords=HERE)
        assert (pinned.count_tokens(), storage.count_tokens(), pinned.read_only) == (0, 1, True)

    def test_a_dropped_session_rolls_back(self, storage: RuntimeStorage) -> None:
        session = storage.session()
        session.begin()
        session.create_token(coords=HERE)
        del session
        storage.create_token(coords=HERE)
        assert storage.count_tokens() == 1


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("bootstrap", ("vectors.txt",)),
        ("query", ("text",)),
        ("feedback", (1, "positive")),
    ],
)
def test_what_is_not_built_says_so(storage: RuntimeStorage, method: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(NotSupportedError) as missing:
        getattr(storage, method)(*arguments)
    assert missing.value.sqlstate == "0A000"


def test_counts_out_of_range_are_refused(storage: RuntimeStorage) -> None:
    storage.create_token(coords=HERE)
    assert len(storage.nearest(HERE, 2**62)) == 1
    assert len(storage.nearest(HERE, 0)) == 0
    for call in (
        lambda: storage.nearest(HERE, -1),
        lambda: storage.nearest(HERE, 2**70),
        lambda: storage.nearest(HERE, offset=-1),
        lambda: storage.scan("tokens", limit=-1),
        lambda: storage.scan("tokens", offset=2**70),
        lambda: storage.neighbors(1, (0, 1)),
        lambda: storage.neighbors(1, (2, 1)),
        lambda: storage.neighbors(1, 2**70),
        lambda: storage.path(1, 1, max_depth=-1),
        lambda: storage.find_neighbors(1, 1, max_results=-1),
        lambda: storage.nearest(HERE, radius=float("inf")),
        lambda: storage.within(HERE, -1),
    ):
        with pytest.raises(DataError) as refused:
            call()
        assert refused.value.sqlstate in {"22003", "22023"}
    for call in (lambda: storage.nearest(HERE, 2.5), lambda: storage.scan("tokens", limit="x")):  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            call()


def test_metrics_are_prometheus_text(storage: RuntimeStorage) -> None:
    storage.create_token(coords=HERE)
    assert "# TYPE neurograph_tokens gauge\nneurograph_tokens 1\n" in storage.export_metrics()
