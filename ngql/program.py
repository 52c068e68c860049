"""Compiled statements: steps that call the engine or the tail, with everything computed that a run need not.

A step is called with a `Run` and gives a relation. Programs are immutable and shared between threads.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Protocol

from ng_engine.errors import Error, from_sqlstate
from ngql.ast import Span
from ngql.engine import Engine, Relation
from ngql.functions import FILES
from ngql.parameters import Kinds
from ngql.scan import lexemes
from ngql.values import Late, late

__all__ = [
    "EngineCall",
    "Executed",
    "InformationCall",
    "Program",
    "Projected",
    "Projection",
    "Rows",
    "RowsInput",
    "Run",
    "Step",
    "Tail",
    "TailCall",
    "beginning",
    "head",
    "placed",
    "placed_at_value",
    "resolved",
    "row_place",
]

_HEAD = re.compile(r"[A-Za-z]+(?:[ \t]+(?:INTO|FROM)\b)?", re.IGNORECASE)


class Tail(Protocol):
    """What the relational tail offers: `ng_arrow.duck.Tail`."""

    def run(
        self,
        sql: str,
        inputs: Mapping[str, Any] | None = None,
        params: Any = None,
        *,
        timeout: float | None = None,
        check: Callable[[], object] | None = None,
    ) -> Any:
        """Run one SELECT over named Arrow inputs; gives a table.

        It is cancelled after `timeout` seconds. `check` raises when the statement has been cancelled.
        """


class Run:
    """One execution: the session, the parameters' values, and what the steps leave for each other."""

    __slots__ = ("compile", "deadline", "engine", "prepared", "rows", "settings", "tail", "values", "work")

    def __init__(
        self,
        engine: Engine,
        values: Sequence[Any],
        tail: Tail | None = None,
        settings: MutableMapping[str, Any] | None = None,
        deadline: float | None = None,
        prepared: Any = None,
        compile: Callable[[str, Sequence[Any]], Program] | None = None,
    ) -> None:
        self.engine = engine
        self.prepared = prepared
        """The session's prepared statements: `ngql.prepared.Prepared`."""
        self.compile = compile
        """Their texts and values into programs, compiled before or now."""
        self.deadline = deadline
        """When the statement's time is up, as `time.monotonic` tells it."""
        self.values = values
        self.tail = tail
        self.settings = settings
        self.rows: dict[str, Any] = {}
        """Rows that a write hands to its own queries."""
        self.work: list[tuple[Any, Relation, float]] | None = None
        """(step, what it gave, seconds), collected for EXPLAIN ANALYZE and for `Answer.work`."""


class Step(Protocol):
    """Something that gives rows."""

    def __call__(self, run: Run) -> Any:
        """Run it."""


def placed(error: Error, text: str, span: Span | None) -> Error:
    """The error with its place, unless it has one already."""
    if error.line is None and span is not None and span.line:
        first_line = text[span.start : span.end].split("\n", 1)[0]
        error.at(text, span.line, span.column, len(first_line) or 1)
    return error


def placed_at_value(
    error: Error, text: str, otherwise: Span | None, given: Iterable[tuple[str, Span | None]]
) -> Error:
    """The error at the value of the column that its message names.

    Args:
        error: what the engine refused.
        text: the statement's text.
        otherwise: the place when it names none.
        given: the columns with the places of their values.
    """
    said = re.sub(r'"[^"]*"', "", error.message)
    for name, span in given:
        # A duplicate connection is one by its ends: its type alone is no fault.
        named = name != "type" or error.sqlstate != "23505"
        if span is not None and named and re.search(rf"\b{re.escape(name)}\b", said):
            return placed(error, text, span)
    return placed(error, text, otherwise)


def head(text: str, span: Span | None) -> Span | None:
    """The first keywords: INSERT INTO, UPDATE, …."""
    found = None if span is None or not span.line else _HEAD.match(text, span.start)
    return span if span is None or found is None else span._replace(end=found.end())


def beginning(text: str) -> Span | None:
    """The place of a statement's first word, after comments."""
    start = next((start for kind, start, _ in lexemes(text) if kind == "word"), None)
    if start is None:
        return None
    line = text.count("\n", 0, start) + 1
    return Span(line, start - text.rfind("\n", 0, start), start, len(text))


def row_place(
    error: Error, rows: Sequence[Sequence[Span | None]]
) -> tuple[Sequence[Span | None], Span | None]:
    """The places of the values in the row of VALUES that the message numbers, and of that row."""
    found = re.match(r"row (\d+):", error.message)
    number = int(found[1]) if found is not None else 0
    if not 0 < number <= len(rows):
        return (), None
    spans = [span for span in rows[number - 1] if span is not None and span.line]
    if not spans:
        return (), None
    first = min(spans, key=lambda span: span.start)
    return rows[number - 1], first._replace(end=max(span.end for span in spans))


def resolved(reader: Any, run: Run, text: str, span: Span | None) -> int:
    """The id of a token; the error of one that does not exist never shows a parameter's value."""
    return _resolved(reader, run, text, span)[0]


def _resolved(reader: Any, run: Run, text: str, span: Span | None) -> list[int]:
    """The ids of one token, or of all in a list."""
    try:
        given = late(reader, run.engine, run.values)
        return [run.engine.resolve(token) for token in (given if isinstance(given, list) else [given])]
    except Error as error:
        if error.sqlstate == "42704" and isinstance(reader, Late):
            error = from_sqlstate("42704", "the token does not exist")
        raise placed(error, text, span) from None


class Rows:
    """A relation of Python rows: what SHOW and EXPLAIN give."""

    __slots__ = ("_rows", "access", "columns", "reason", "types", "work")

    def __init__(
        self,
        columns: Sequence[str],
        types: Sequence[str],
        rows: Sequence[tuple[Any, ...]],
        access: str = "values",
    ) -> None:
        self.columns = list(columns)
        self.types = list(types)
        self._rows = rows
        self.access = access
        self.reason = ""
        self.work: dict[str, int] = {}

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return len(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, start: int = 0, count: int | None = None) -> list[tuple[Any, ...]]:
        """Rows as Python values."""
        return list(self._rows[start : None if count is None else start + count])

    def _table(self) -> Any:
        from ng_arrow.rows import table_from_columns

        columns = list(zip(*self._rows, strict=True)) or [()] * len(self.columns)
        return table_from_columns(self.columns, self.types, columns)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._table().__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        return self._table().schema.__arrow_c_schema__()


class Projected:
    """A relation with some of its columns, under other names; nothing is copied."""

    __slots__ = ("_inner", "_positions", "columns", "types")

    def __init__(self, inner: Any, output: Sequence[tuple[str, str]]) -> None:
        names = list(inner.columns)
        self._inner = inner
        self._positions = [names.index(column) for column, _ in output]
        self.columns = [name for _, name in output]
        self.types = [inner.types[i] for i in self._positions]

    @property
    def num_rows(self) -> int:
        """Number of rows."""
        return int(self._inner.num_rows)

    @property
    def work(self) -> dict[str, int]:
        """What finding the rows cost."""
        work: dict[str, int] = self._inner.work
        return work

    @property
    def access(self) -> str:
        """How the rows were found."""
        return str(self._inner.access)

    @property
    def reason(self) -> str:
        """Why so."""
        return str(self._inner.reason)

    def __len__(self) -> int:
        return int(self._inner.num_rows)

    def rows(self, start: int = 0, count: int | None = None) -> list[tuple[Any, ...]]:
        """Rows as Python values."""
        return [tuple([row[i] for i in self._positions]) for row in self._inner.rows(start, count)]

    def _table(self) -> Any:
        from ng_arrow.tables import stream_to_table

        return stream_to_table(self._inner).select(self._positions).rename_columns(self.columns)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._table().__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        return self._table().schema.__arrow_c_schema__()


@dataclass(frozen=True, slots=True)
class EngineCall:
    """One call of an engine method: arguments known now, and those each run computes.

    `late` holds (argument, reader, place). `table` is what the rows are of; `shown` is what EXPLAIN calls the call.
    """

    method: str
    table: str
    fixed: Mapping[str, Any]
    late: tuple[tuple[str, Callable[[Engine, Sequence[Any]], Any], Span | None], ...]
    text: str
    span: Span | None
    reads: int = 1
    """How often a run asks the engine: more than once needs a snapshot."""
    tokens: tuple[tuple[Any, Span | None], ...] = ()
    """The token references among the arguments, to place the error of one that does not exist."""
    blamed: Mapping[str, Span | None] = field(default_factory=dict)
    """SQLSTATE → place of the only argument that the call's errors of this kind come from."""
    feeds: tuple[tuple[str, Any], ...] = ()
    """Steps and what EXPLAIN calls them; what they give are values for the readers in `late`, after the run's own."""
    named: tuple[tuple[str, Span | None], ...] = ()
    """Arguments that an error of the call may name, and their places."""

    def __call__(self, run: Run) -> Any:
        """Call it; errors get the place of the argument, or of the form."""
        arguments = self.fixed
        if self.late:
            arguments = {**arguments, **self.computed(run)}
        try:
            return getattr(run.engine, self.method)(**arguments)
        except Error as error:
            raise self._placed(error, run, self.blamed.get(error.sqlstate, self.span), self.named) from None

    def computed(self, run: Run, names: Collection[str] | None = None) -> dict[str, Any]:
        """The arguments that only a run knows, or those of these names; errors get their places."""
        values, span = run.values, self.span
        arguments = {}
        try:
            if self.feeds:
                values = (*values, *(_watched(step, run) for _, step in self.feeds))
            for name, read, place in self.late:
                if names is None or name in names:
                    span = place
                    arguments[name] = read(run.engine, values)
        except Error as error:
            raise self._placed(error, run, span) from None
        return arguments

    def _placed(
        self, error: Error, run: Run, span: Span | None, named: Iterable[tuple[str, Span | None]] = ()
    ) -> Error:
        missing = self._missing(run) if error.sqlstate == "42704" else None
        return missing or placed_at_value(error, self.text, span, named)

    def _missing(self, run: Run) -> Error | None:
        """The error of the first token that does not exist, at its place."""
        for reader, span in self.tokens:
            try:
                _resolved(reader, run, self.text, span)
            except Error as error:
                return error
        return None


@dataclass(frozen=True, slots=True)
class Projection:
    """Some columns of a step, under other names."""

    step: EngineCall
    output: tuple[tuple[str, str], ...]

    @property
    def reads(self) -> int:
        """How often a run asks the engine."""
        return self.step.reads

    def __call__(self, run: Run) -> Projected:
        """Run the step."""
        return Projected(self.step(run), self.output)


@dataclass(frozen=True, slots=True)
class InformationCall:
    """The rows of an information table."""

    table: str
    read: Callable[[Run], Rows]
    reads: int = 2

    def __call__(self, run: Run) -> Rows:
        """Read them."""
        return self.read(run)


@dataclass(frozen=True, slots=True)
class RowsInput:
    """Rows that a write has left in the run: new, old, excluded."""

    name: str
    reads: int = 0

    def __call__(self, run: Run) -> Any:
        """Fetch them."""
        return run.rows[self.name]


@dataclass(frozen=True, slots=True)
class TailCall:
    """SQL for DuckDB over the rows of other steps."""

    sql: str
    inputs: tuple[tuple[str, Any], ...]
    parameters: tuple[tuple[str, Late, Span | None], ...]
    text: str
    names: Mapping[str, Span | None] = field(default_factory=dict)
    """Functions → their place, for DuckDB's errors."""
    suspects: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    """Kinds of errors → where they can come from."""
    reads: int = 0

    def __call__(self, run: Run) -> Any:
        """Run the steps below, then the SQL."""
        from ng_arrow.parameters import plain_value

        tail = run.tail
        assert tail is not None, "a relational tail is needed"
        at: Span | None = None
        try:
            parameters = {}
            for name, reader, place in self.parameters:
                at = place
                shown = "" if place is None else self.text[place.start : place.end]
                value = reader.read(run.engine, run.values)
                parameters[name] = plain_value(value, shown if shown[:1] in ("$", "?") else f"${name}")
            at = None
            inputs = {name: _watched(step, run) for name, step in self.inputs}
            timeout = None if run.deadline is None else max(0.0, run.deadline - monotonic())
            return tail.run(self.sql, inputs, parameters, timeout=timeout, check=run.engine.check_interrupt)
        except Error as error:
            raise placed(error, self.text, at or self._named(error)) from None

    def _named(self, error: Error) -> Span | None:
        """Where DuckDB's error comes from, if its message or the statement leaves one place alone."""
        match error.sqlstate:
            case "42501":
                return next((span for name, span in self.names.items() if name in FILES), None)
            case "42883":
                named = (
                    span
                    for name, span in self.names.items()
                    if re.search(rf"\b{re.escape(name)}\b", error.message)
                )
                return next(named, None)
            case "42803":
                column = re.match(r'column "(?:.*\.)?(.+)" must', error.message)
                return None if column is None else next(iter(self._suspects(f"column {column[1]}")), None)
            case "22012":
                spans = self._suspects("remainder")
            case "22P02" | "22003":
                spans = self._suspects("cast")
                if error.sqlstate == "22003":
                    spans += self._suspects("arithmetic", "remainder")
            case _:
                return None
        return spans[0] if len(spans) == 1 else None

    def _suspects(self, *kinds: str) -> list[Span]:
        return [span for kind in kinds for span in self.suspects.get(kind, ())]


def _watched(step: Any, run: Run) -> Any:
    """Run a step below another and keep what it gave, for its counters."""
    if run.work is None:
        return step(run)
    import time

    began = time.perf_counter()
    relation = step(run)
    run.work.append((step, relation, time.perf_counter() - began))
    return relation


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled statement.

    Attributes:
        text: the statement.
        kind: what `Result.statement_type` says.
        kinds: the kinds of parameters it was compiled for.
        body: gives the answer's relation, and the number of rows written or None.
        pinned: whether a run reads more than once and so needs a snapshot.
        writes: whether it changes rows or the profile.
        types: of the result's columns, None where only DuckDB knows.
    """

    text: str
    kind: str
    kinds: Kinds
    body: Callable[[Run], Any]
    pinned: bool
    writes: bool
    types: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Executed:
    """What another program gave, which stands for what the statement itself gives."""

    program: Program
    given: Any
