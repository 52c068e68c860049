"""PREPARE, EXECUTE and DEALLOCATE: the statements that a session keeps by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ng_engine.errors import Error, from_sqlstate
from ngql.ast import Span
from ngql.catalog import did_you_mean
from ngql.parameters import Kinds, kind_of
from ngql.program import Executed, Run, placed
from ngql.values import late
from ngql.writes import Written

__all__ = ["Deallocate", "Execute", "Prepare", "Prepared"]

_WIDER = {
    ("int", "float"),
    ("int", "decimal"),
    ("float", "decimal"),
    ("starred", "list"),
    ("date", "timestamp"),
}


class Prepared:
    """The statements that one session has prepared: name → text, and the kinds of its parameters if it says them.

    They are compiled when they run, by the session's cache of plans: a change of the catalog needs nothing here.
    """

    def __init__(self) -> None:
        self._statements: dict[str, tuple[str, Kinds | None]] = {}

    def add(self, name: str, text: str, kinds: Kinds | None) -> None:
        """Keep a statement (42P05 if the name is taken)."""
        if name in self._statements:
            raise from_sqlstate(
                "42P05", f'prepared statement "{name}" exists already', f"DEALLOCATE {name} first"
            )
        self._statements[name] = text, kinds

    def remove(self, name: str | None) -> None:
        """Forget one (26000 if there is none of the name), or all."""
        if name is None:
            self._statements.clear()
        else:
            del self._statements[self._known(name)]

    def find(self, name: str, given: Sequence[Any]) -> tuple[str, list[Any]]:
        """The text of a statement, and these values as it takes them (42P02, 42804)."""
        text, kinds = self._statements[self._known(name)]
        values = list(given)
        if kinds is not None:
            if len(values) != len(kinds):
                raise from_sqlstate(
                    "42P02", f'prepared statement "{name}" takes {len(kinds)} values, found {len(values)}'
                )
            values = [_cast(number, *pair) for number, pair in enumerate(zip(values, kinds, strict=True), 1)]
        return text, values

    def _known(self, name: str) -> str:
        if name not in self._statements:
            hint = did_you_mean(name, self._statements)
            raise from_sqlstate("26000", f'prepared statement "{name}" does not exist', hint)
        return name


def _cast(number: int, value: Any, wanted: str) -> Any:
    kind = kind_of(value)
    if kind in (wanted, "null"):
        return value
    if (kind, wanted) not in _WIDER:
        raise from_sqlstate("42804", f"value {number} must be of the declared type ({wanted}), found {kind}")
    return float(value) if wanted == "float" else value


def _of(run: Run) -> Prepared:
    if run.prepared is None:
        raise from_sqlstate("0A000", "this session has no prepared statements")
    prepared: Prepared = run.prepared
    return prepared


@dataclass(frozen=True, slots=True)
class Prepare:
    """PREPARE name [(types)] AS statement."""

    name: str
    statement: str
    kinds: Kinds | None
    text: str
    span: Span | None

    def __call__(self, run: Run) -> Written:
        """Keep it."""
        try:
            _of(run).add(self.name, self.statement, self.kinds)
        except Error as error:
            raise placed(error, self.text, self.span) from None
        return Written(0)


@dataclass(frozen=True, slots=True)
class Execute:
    """EXECUTE name [(values)]."""

    name: str
    values: tuple[Any, ...]
    text: str
    span: Span | None

    def __call__(self, run: Run) -> Executed:
        """Compile the statement for the values, unless that was done before, and run it."""
        try:
            given = [late(value, run.engine, run.values) for value in self.values]
            text, values = _of(run).find(self.name, given)
            assert run.compile is not None, "where statements are prepared they are compiled"
            program = run.compile(text, values)
        except Error as error:
            if error.statement is None:
                placed(error, self.text, self.span)
            raise
        engine = run.engine
        if program.pinned and not engine.in_transaction:
            engine = engine.snapshot()
        inner = Run(engine, values, run.tail, run.settings, run.deadline, run.prepared, run.compile)
        inner.work = run.work
        try:
            return Executed(program, program.body(inner))
        except Error as error:
            if error.statement is None:
                error.statement = program.text
            raise


@dataclass(frozen=True, slots=True)
class Deallocate:
    """DEALLOCATE name, DEALLOCATE ALL."""

    name: str | None
    text: str
    span: Span | None

    def __call__(self, run: Run) -> Written:
        """Forget it."""
        try:
            _of(run).remove(self.name)
        except Error as error:
            raise placed(error, self.text, self.span) from None
        return Written(0)
