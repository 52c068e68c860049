"""Runs every .ngt file on the naive engine, with and without rules, on the native one, and twice through the SDK."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest
from naive_engine import NaiveEngine
from ngt_file import Record, letters, read, shown

import neurograph
import ngql
from ng_arrow.duck import Tail
from ng_arrow.tables import python_rows
from ng_engine import RuntimeStorage
from ng_engine.errors import Error
from ngql.optimize import RULES
from ngql.prepared import Prepared

FILES = sorted(path for path in Path(__file__).parent.rglob("*.ngt") if path.parent.name != "fixtures")
HERE = Path(__file__).parent


class Outcome(Protocol):
    columns: list[str]
    types: list[str]
    rowcount: int


class Answer:
    """What a statement gave: columns, types, rows."""

    def __init__(self, types: Sequence[str], rows: Sequence[Sequence[Any]], rowcount: int) -> None:
        self.types, self.rows, self.rowcount = list(types), list(rows), rowcount


class Compiled:
    """The language alone over an engine."""

    def __init__(self, engine: Any, tail: Tail, rules: Any) -> None:
        self.engine, self.tail, self.rules = engine, tail, rules
        self.settings: dict[str, Any] = {"busy_timeout": 5.0, "synchronous": "full"}
        self.prepared = Prepared()

    def compiled(self, text: str, parameters: Any) -> ngql.Program:
        return ngql.compile(text, ngql.Catalog.of(self.engine), ngql.kinds_of(parameters), self.rules)

    def execute(self, text: str, parameters: Any) -> Answer:
        program = self.compiled(text, parameters)
        answer = ngql.execute.run(
            program,
            self.engine,
            parameters,
            self.tail,
            settings=self.settings,
            prepared=self.prepared,
            compile=self.compiled,
        )
        relation = answer.relation
        if relation is None:
            return Answer([], [], answer.rowcount)
        if hasattr(relation, "rows"):
            return Answer(answer.types, relation.rows(), answer.rowcount)
        return Answer(answer.types, list(python_rows(relation, answer.types)), answer.rowcount)


class Sdk:
    """The public API."""

    def __init__(self, axes: list[str] | None, path: str | Path = ":memory:") -> None:
        self.db = neurograph.connect(path, axes=axes, synchronous="off")

    def close(self) -> None:
        self.db.close()

    def execute(self, text: str, parameters: Any) -> Answer:
        result = self.db.execute(text, parameters)
        return Answer(result.types, result.fetchall(), result.rowcount)


class Reopened(Sdk):
    """The public API on a file that is closed and opened again before each statement outside a transaction."""

    def execute(self, text: str, parameters: Any) -> Answer:
        if not self.db.runtime.in_transaction:
            assert self.db.path is not None
            self.db.close()
            self.db = neurograph.connect(self.db.path, synchronous="off")
        return super().execute(text, parameters)


@pytest.fixture(scope="module")
def tail() -> Iterator[Tail]:
    opened = Tail()
    yield opened
    opened.close()


def opened(kind: str, axes: list[str] | None, tail: Tail, store: Path) -> Any:
    if kind == "sdk":
        return Sdk(axes)
    if kind == "file":
        return Reopened(axes, store / "world.ng")
    engine = NaiveEngine.memory(axes) if kind.startswith("naive") else RuntimeStorage.memory(axes)
    return Compiled(engine, tail, () if kind == "naive-without-rules" else RULES)


def check(record: Record, executor: Any, tmp_path: Path) -> None:
    statement = record.statement.replace("{tmp}", str(tmp_path)).replace("{data}", str(HERE / "fixtures"))
    if record.kind == "error":
        with pytest.raises(Error) as caught:
            executor.execute(statement, record.parameters)
        error = caught.value
        assert error.sqlstate == record.sqlstate, f"{record.name}: {error}"
        assert re.search(record.pattern, str(error)), f"{record.name}: {error}"
        if record.place is not None:
            assert (error.line, error.column) == record.place, f"{record.name}: {error}"
        return
    try:
        answer = executor.execute(statement, record.parameters)
    except Error as error:
        pytest.fail(f"{record.name}: {error.sqlstate} {error}")
    if record.kind == "ok":
        assert record.rowcount in (None, answer.rowcount), f"{record.name}: {answer.rowcount} rows"
        return
    assert letters(answer.types) == record.types, f"{record.name}: {answer.types}"
    expected = sorted(record.expected) if record.sort == "rowsort" else record.expected
    given = shown(answer.rows, answer.types, record.sort)
    assert given == expected, f"{record.name}: {record.statement}"


def test_there_are_files() -> None:
    assert len(FILES) >= 15


@pytest.mark.parametrize("kind", ["naive", "naive-without-rules", "native", "sdk", "file"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(HERE)))
def test_file(
    path: Path, kind: str, tail: Tail, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = tmp_path_factory.mktemp("store")
    records = list(read(path))
    assert records
    executor = None
    for record in records:
        if record.kind == "axes":
            assert executor is None, "axes come first"
            executor = opened(kind, record.axes, tail, store)
            continue
        executor = executor or opened(kind, None, tail, store)
        if kind not in record.unless:
            check(record, executor, tmp_path)
    if isinstance(executor, Sdk):
        executor.close()
