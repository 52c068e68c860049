"""Files: round trips, and every kind of file that is not what it says."""

import os
import struct
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ng_arrow import files
from ng_engine.errors import DataError, Error, OperationalError

TYPES = {"key": "TEXT", "coords": "FLOAT[8]", "weight": "REAL", "type": "TEXT"}


@pytest.fixture
def table() -> pa.Table:
    return pa.table(
        {
            "key": ["a", None, "", 'q"uo\nte,', "häuser", "2020-01-01"],
            "type": pa.array(["object", "event"] * 3).dictionary_encode(),
            "coords": pa.array(
                [[0.1 * i, 1, 2, 3, -4.5, 1e-20, 6, 7] for i in range(5)] + [None], pa.list_(pa.float32(), 8)
            ),
            "weight": pa.array([0.1, 0.5, 1, 0, None, 0.3], pa.float32()),
            "props": ['{"a": 1}', None, "{}", None, None, None],
        }
    )


def code(call: Any) -> str:
    with pytest.raises(Error) as caught:
        call()
    assert "\x00" not in str(caught.value)
    return caught.value.sqlstate


@pytest.mark.parametrize("suffix", ["parquet", "csv", "tsv", "ndjson", "arrow"])
def test_round_trip(tmp_path: Path, table: pa.Table, suffix: str) -> None:
    path = tmp_path / f"t.{suffix}"
    assert files.write(path, table) == 6
    types = TYPES if suffix in ("csv", "tsv", "ndjson") else None
    found = files.read(path, types=types)
    expected = table.to_pydict()
    assert found.column_names == table.column_names
    assert found.to_pydict() == expected
    assert files.read(path, columns=["weight", "key"], types=types).column_names == ["weight", "key"]
    assert os.listdir(tmp_path) == [path.name], "no temporary file is left"


def test_empty_and_sliced(tmp_path: Path, table: pa.Table) -> None:
    for suffix in ("parquet", "csv", "arrow"):
        path = tmp_path / f"t.{suffix}"
        assert files.write(path, table.slice(3, 2)) == 2
        types = TYPES if suffix == "csv" else None
        assert files.read(path, types=types)["coords"].to_pylist() == table.slice(3, 2)["coords"].to_pylist()
        assert files.write(path, table.slice(0, 0), overwrite=True) == 0
        assert files.read(path, types=types).num_rows == 0


def test_csv_says_null_and_empty_as_postgresql(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('key,n\na,1\n,2\n"",3\nNULL,4\nNA,5\n')
    assert files.read(path, types={"key": "TEXT"})["key"].to_pylist() == ["a", None, "", "NULL", "NA"]
    path.write_text("1;x\n2;y\n")
    assert files.read(path, delimiter=";", header=False).to_pydict() == {
        "column1": [1, 2],
        "column2": ["x", "y"],
    }
    path.write_bytes(b"\xef\xbb\xbfkey,n\r\na,1\r\n")
    assert files.read(path).to_pydict() == {"key": ["a"], "n": [1]}


def test_ndjson_rows_keep_their_own_keys(tmp_path: Path) -> None:
    path = tmp_path / "t.ndjson"
    path.write_text('{"key": "a", "props": {"x": 1}}\n\n{"props": {"y": [1, {"z": null}]}, "n": 2}\n')
    found = files.read(path).to_pydict()
    assert found == {"key": ["a", None], "props": ['{"x": 1}', '{"y": [1, {"z": null}]}'], "n": [None, 2]}


def test_existing_files_are_kept(tmp_path: Path, table: pa.Table) -> None:
    path = tmp_path / "t.parquet"
    files.write(path, table)
    before = path.read_bytes()
    assert code(lambda: files.write(path, {"x": [1]})) == "58P02"
    assert path.read_bytes() == before
    assert files.write(path, {"x": [1]}, overwrite=True) == 1
    assert files.read(path).to_pydict() == {"x": [1]}


def test_failed_write_leaves_nothing(tmp_path: Path) -> None:
    def rows() -> Any:
        yield pa.record_batch({"x": [1]})
        raise DataError("half way")

    path = tmp_path / "t.parquet"
    reader = pa.RecordBatchReader.from_batches(pa.schema([("x", pa.int64())]), rows())
    with pytest.raises(DataError, match="half way"):
        files.write(path, reader)
    assert os.listdir(tmp_path) == []


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.csv")
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    (tmp_path / "dir.csv").mkdir()
    for name in (
        "missing.csv",
        "dir.csv",
        "fifo.csv",
        "loop.csv",
        "dir.csv/x.csv/y.csv",
        "x" * 300 + ".csv",
        "a\0.csv",
    ):
        assert code(lambda name=name: files.read(f"{tmp_path}/{name}")) == "58P01", name
    for name in ("dir.csv", "fifo.csv", "nowhere/t.csv", "a\0.csv"):
        assert (
            code(lambda name=name: files.write(f"{tmp_path}/{name}", {"a": [1]}, overwrite=True)) == "58P01"
        ), name
    assert code(lambda: files.read("/dev/zero", "csv")) == "58P01"
    assert code(lambda: files.write("/dev/null", {"a": [1]}, "csv", overwrite=True)) == "58P01"
    assert code(lambda: files.read("\ud800.csv")) == "58P01"


def test_allowed_paths_follow_links(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    inside.mkdir()
    outside.mkdir()
    (outside / "secret.csv").write_text("a\n1\n")
    (inside / "open.csv").write_text("a\n1\n")
    (inside / "link.csv").symlink_to(outside / "secret.csv")
    (inside / "out").symlink_to(outside)
    assert files.read(inside / "open.csv", allowed=[inside]).num_rows == 1
    for path in (inside / "link.csv", inside / "out" / "secret.csv", inside / ".." / "out" / "secret.csv"):
        assert code(lambda path=path: files.read(path, allowed=[inside])) == "42501"
    assert code(lambda: files.write(inside / "out" / "new.csv", {"a": [1]}, allowed=[inside])) == "42501"
    assert not (outside / "new.csv").exists()
    assert code(lambda: files.read(inside / "open.csv", allowed=[])) == "42501"


def test_unknown_formats_and_options(tmp_path: Path) -> None:
    assert code(lambda: files.read(tmp_path / "t.xlsx")) == "22023"
    assert code(lambda: files.read(tmp_path / "t.csv", "excel")) == "22023"
    assert code(lambda: files.read(tmp_path / "t.g2o")) == "0A000"
    assert code(lambda: files.read(tmp_path / "t.parquet", delimiter=";")) == "22023"
    assert code(lambda: files.read(tmp_path / "t.csv", delimiter=";;")) == "22023"
    (tmp_path / "t.csv").write_text("a\n1\n")
    assert code(lambda: files.read(tmp_path / "t.csv", columns=["b"])) == "42703"


GIANT = b"x" * (9 << 20)
BAD: dict[str, tuple[str, bytes, str]] = {
    "empty csv": ("csv", b"", "22P04"),
    "blank csv": ("csv", b"\n\n", "22P04"),
    "ragged csv": ("csv", b"a,b\n1,2\n3\n", "22P04"),
    "utf-16 csv": ("csv", "a,b\n1,2\n".encode("utf-16"), "22P04"),
    "mixed encodings": ("csv", "key\nhäuser\n".encode() + "häuser\n".encode("latin-1"), "22P04"),
    "cut character": ("csv", "key\nhä".encode()[:-1], "22P04"),
    "nul": ("csv", b"a\n\0\n", "22P04"),
    "open quote": ("csv", b'a\n"x\n', "22P04"),
    "giant header": ("csv", GIANT, "22P04"),
    "giant line": ("csv", b"a\n" + GIANT, "22P04"),
    "million columns": ("csv", ",".join(f"c{i}" for i in range(1_000_000)).encode() + b"\n", "54000"),
    "twice the name": ("csv", b"a,a\n1,2\n", "22P04"),
    "not a number": ("csv", b"weight\n0.5\nheavy\n", "22P04"),
    "seven axes": ("csv", b'coords\n"[1,2,3,4,5,6,7,8]"\n"[1,2,3,4,5,6,7]"\n', "22P04"),
    "no list": ("csv", b"coords\nx\n", "22P04"),
    "nested list": ("csv", b'coords\n"[[1,2,3,4,5,6,7,8]]"\n', "22P04"),
    "empty ndjson": ("ndjson", b"", "22P04"),
    "no json": ("ndjson", b'{"a": 1}\n{"a": \n', "22P04"),
    "json array": ("ndjson", b"[1]\n", "22P04"),
    "json nan": ("ndjson", b'{"a": NaN}\n', "22P04"),
    "json bad utf-8": ("ndjson", b'{"a": "\xff"}\n', "22P04"),
    "json types": ("ndjson", b'{"a": 1}\n{"a": "x"}\n', "22P04"),
    "json column": ("ndjson", b'{"weight": "x"}\n', "22P04"),
    "json depth": ("ndjson", b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", "54001"),
    "json giant line": ("ndjson", b'{"a": "' + GIANT + b'"}\n', "22P04"),
    "json columns": ("ndjson", "".join(f'{{"c{i}": 1}}\n' for i in range(5000)).encode(), "54000"),
    "no parquet": ("parquet", b"PAR1 and then nothing PAR1", "22P04"),
    "short parquet": ("parquet", b"PAR1", "22P04"),
    "no arrow": ("arrow", b"hello world, this is no arrow", "22P04"),
    "short arrow": ("arrow", b"ARROW1\0\0", "22P04"),
    "empty arrow": ("arrow", b"", "22P04"),
    "arrow claims 2 GB of metadata": (
        "arrow",
        b"\xff\xff\xff\xff" + struct.pack("<i", 2**31 - 8) + b"x" * 100,
        "22P04",
    ),
}


@pytest.mark.parametrize(("suffix", "content", "state"), BAD.values(), ids=BAD.keys())
def test_bad_content(tmp_path: Path, suffix: str, content: bytes, state: str) -> None:
    path = tmp_path / f"t.{suffix}"
    path.write_bytes(content)
    types = TYPES if suffix in ("csv", "ndjson") else None
    assert code(lambda: files.read(path, types=types)) == state


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"weight\n0.5\n0.6\nheavy\n", 'row 3, column "weight"'),
        (b"a,b\n1,2\n1,2\n3\n", "row 3: expected 2 columns and found 1"),
        (b'coords\n"[1,2,3,4,5,6,7,8]"\n"[1,2,x,4,5,6,7,8]"\n', 'row 2, column "coords"'),
        (b"a\nb\xff\n", "byte 3"),
    ],
)
def test_csv_errors_name_the_place_and_no_value(tmp_path: Path, content: bytes, place: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        files.read(path, types=TYPES)
    assert place in str(caught.value)
    assert "heavy" not in str(caught.value)


def test_every_truncation_of_a_binary_file_is_an_error(tmp_path: Path, table: pa.Table) -> None:
    for suffix in ("parquet", "arrow"):
        whole, cut = tmp_path / f"t.{suffix}", tmp_path / f"cut.{suffix}"
        files.write(whole, table)
        content = whole.read_bytes()
        for size in range(0, len(content) - 1, 41):
            cut.write_bytes(content[:size])
            assert code(lambda cut=cut: files.read(cut)) == "22P04", (suffix, size)


def test_a_stream_cut_at_a_batch_or_within(tmp_path: Path, table: pa.Table) -> None:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    content = sink.getvalue().to_pybytes()
    path = tmp_path / "t.arrows"
    path.write_bytes(content)
    assert files.read(path).to_pydict() == table.to_pydict()
    path.write_bytes(content[: len(content) // 2])
    assert code(lambda: files.read(path)) == "22P04"


def test_damaged_ipc_offsets_do_not_reach_memory(tmp_path: Path) -> None:
    path = tmp_path / "t.arrow"
    files.write(path, {"key": ["abc"] * 50})
    content = bytearray(path.read_bytes())
    offsets = struct.pack("<4i", 0, 3, 6, 9)
    at = content.find(offsets)
    assert at > 0
    content[at + 4 : at + 8] = struct.pack("<i", 1 << 30)
    path.write_bytes(content)
    assert code(lambda: files.read(path)) == "22P04"


def test_small_parquet_claiming_a_billion_rows(tmp_path: Path) -> None:
    path = tmp_path / "bomb.parquet"
    with pq.ParquetWriter(path, pa.schema([("x", pa.null())]), compression="zstd") as writer:
        writer.write_batch(pa.record_batch({"x": pa.nulls(300_000_000)}), row_group_size=300_000_000)
    assert path.stat().st_size < 1 << 20
    assert code(lambda: files.read(path)) == "54000"


def test_lying_parquet_row_count(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"x": pa.array([1, 2, 3], pa.int64())}), path, compression="none")
    content = path.read_bytes()
    states = set()
    for at in range(len(content) - 8, len(content) - 300, -1):
        if at > 4 and content[at] == 6:  # a zigzag 3: where the footer may count rows or values
            path.write_bytes(content[:at] + bytes([0x7E]) + content[at + 1 :])
            try:
                assert files.read(path).num_rows == 3
            except Error as error:
                states.add(error.sqlstate)
    assert states == {"22P04"}


def test_disk_full(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OperationalError) as caught:
        files.write(tmp_path / "t.csv", {"a": [1]})
    assert caught.value.sqlstate == "53100"
    assert os.listdir(tmp_path) == []
