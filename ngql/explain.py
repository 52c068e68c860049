"""EXPLAIN: what runs in the engine, what in DuckDB, and with ANALYZE what it cost."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from ngql import types
from ngql.ast import Span
from ngql.engine import Explainable, Table
from ngql.explain_match import pattern_shown
from ngql.program import EngineCall, InformationCall, Projection, Rows, RowsInput, Run, TailCall
from ngql.values import Late

__all__ = ["Explained", "plan_lines"]

_LONGEST_VALUE = 48
_FILTERS = ("filter", "filter_a", "filter_b")
_EXPLAINABLE = frozenset(get_args(Explainable))
_DECIDING = ("filter", "column", "values")
"""The arguments that an access depends on."""


@dataclass(frozen=True, slots=True)
class Explained:
    """EXPLAIN of a program's body: how the engine would find the rows; with `analyze` it runs once, and how it did."""

    kind: str
    body: Callable[[Run], Any]
    analyze: bool
    format: Literal["text", "json"]

    def __call__(self, run: Run) -> Rows:
        """The plan, one line a row, or one JSON text."""
        tree = _tree_of(
            self.kind, self.body, _measured(self.body, run) if self.analyze else _foreseen(self.body, run)
        )
        if self.format == "json":
            return Rows(["plan"], [types.JSON], [(tree,)], "plan")
        return Rows(["plan"], [types.TEXT], [(line,) for line in _lines(tree, 0)], "plan")


def plan_lines(kind: str, body: Any) -> list[str]:
    """The plan alone, about which no engine is asked."""
    return _lines(_tree_of(kind, body, {}), 0)


def _foreseen(body: Any, run: Run) -> dict[int, dict[str, Any]]:
    """Step → how the engine would find its rows if it were called now, and why."""
    facts: dict[int, dict[str, Any]] = {}
    for step in _calls(body):
        if step.method in _EXPLAINABLE:
            given = {name: value for name, value in step.fixed.items() if name in _DECIDING}
            given |= step.computed(run, _DECIDING)
            call, table = cast(Explainable, step.method), cast(Table, step.table)
            facts[id(step)] = _found(*run.engine.explain(call, table, **given))
    return facts


def _calls(step: Any) -> Iterator[EngineCall]:
    """The calls of the engine that a step makes, itself or by the steps below it."""
    match step:
        case EngineCall(feeds=feeds):
            yield step
            for _, feed in feeds:
                yield from _calls(feed)
        case TailCall(inputs=inputs):
            for _, below in inputs:
                yield from _calls(below)
        case Projection(step=below):
            yield from _calls(below)
        case _ if getattr(step, "query", None) is not None:
            yield from _calls(step.query)


def _found(access: str, reason: str) -> dict[str, Any]:
    return {"access": access, "reason": reason} if reason else {"access": access}


def _measured(body: Any, run: Run) -> dict[int, dict[str, Any]]:
    """Run once; step → rows, seconds and counters."""
    pinned = run.engine if run.engine.in_transaction else run.engine.snapshot()
    inner = Run(pinned, run.values, run.tail, run.settings)
    inner.work = []
    began = time.perf_counter()
    relation = body(inner)
    seconds = time.perf_counter() - began
    facts = {id(step): _facts(given, spent) for step, given, spent in inner.work}
    inputs = {id(step) for _, step in getattr(body, "inputs", ())}
    below = sum(spent for step, _, spent in inner.work if id(step) in inputs)
    facts[id(body)] = _facts(relation, seconds - below if isinstance(body, TailCall) else seconds)
    return facts


def _facts(relation: Any, seconds: float) -> dict[str, Any]:
    facts: dict[str, Any] = {"rows": len(relation), "ms": round(seconds * 1000, 3)}
    if getattr(relation, "access", None):
        facts |= _found(relation.access, relation.reason)
    facts |= getattr(relation, "work", None) or {}
    return facts


def _tree_of(kind: str, body: Any, facts: dict[int, dict[str, Any]]) -> dict[str, Any]:
    return _tree(body, facts) if kind == "SELECT" else _write_tree(kind, body, facts)


def _tree(step: Any, facts: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """A step and those below it, as JSON shows them."""
    node: dict[str, Any] = {}
    match step:
        case TailCall():
            node = {"runs in": "duckdb", "sql": step.sql}
            if step.parameters:
                node["parameters"] = [name for name, _, _ in step.parameters]
            node["inputs"] = [{"name": name, **_tree(below, facts)} for name, below in step.inputs]
        case EngineCall():
            node = {"runs in": "engine", "call": step.method, **_arguments(step)}
            if step.feeds:
                node["inputs"] = [{"name": name, **_tree(feed, facts)} for name, feed in step.feeds]
        case Projection(step=below, output=output):
            node = {**_tree(below, facts), "output": [f"{a} AS {b}" if a != b else a for a, b in output]}
        case InformationCall(table=table):
            node = {"runs in": "engine", "call": "catalog", "table": table}
        case RowsInput(name=name):
            node = {"runs in": "engine", "call": "rows", "table": name}
        case _:
            node = {"runs in": "engine", "call": type(step).__name__.lower()}
    return {**node, **facts.get(id(step), {})}


def _write_tree(kind: str, body: Any, facts: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """A write: its own kind, and the query that feeds it."""
    node: dict[str, Any] = {"runs in": "engine", "call": kind.lower()}
    query = getattr(body, "query", None)
    if query is not None:
        node["inputs"] = [{"name": "rows", **_tree(query, facts)}]
    return node


def _arguments(call: EngineCall) -> dict[str, Any]:
    """What a call is given; values that only a run knows are shown as the statement writes them."""
    if call.method == "match_paths":
        pattern = pattern_shown(call, filter_text)
        return {
            name: _Written(v) if isinstance(v, str) and name != "table" else v for name, v in pattern.items()
        }
    shown: dict[str, Any] = {"table": call.table}
    for name, value in call.fixed.items():
        if name in _FILTERS:
            shown[name] = filter_text(value)
        elif name not in ("table", "relation"):
            shown[name] = value if isinstance(value, (int, float, str, bool, type(None))) else _plain(value)
    fed = {name for name, _ in call.feeds}
    for name, _, place in call.late:
        if name in fed:
            continue
        # The place of a filter is that of its first condition alone.
        where = None if name in _FILTERS else place
        longest = None if name == "cost" else 0 if name == "values" else _LONGEST_VALUE
        shown[name] = _written(call.text, where, longest)
    return shown


class _Written(str):
    """What the statement says in this place; shown as it is."""

    __slots__ = ()


def _written(text: str, place: Span | None, longest: int | None) -> _Written:
    """A value that only a run knows, as the statement writes it; of a longer one its parameters alone."""
    if place is None or not place.line:
        return _Written("$")
    written = " ".join(text[place.start : place.end].split())
    if longest is not None and len(written) > longest:
        written = ", ".join(dict.fromkeys(re.findall(r"\$\w+|\?", written)))
    return _Written(written or "$")


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_plain(entry) for entry in value]
    if isinstance(value, (int, float, str, bool, type(None))):
        return value
    return "$" if isinstance(value, Late) else str(value)


def _lines(node: dict[str, Any], depth: int) -> list[str]:
    """The tree as indented lines."""
    pad = "  " * depth
    where = node["runs in"]
    head = f"{node['name']} = " if "name" in node else ""
    if where == "duckdb":
        lines = [f"{pad}{head}duckdb{_counters(node)}", f"{pad}  sql: {node['sql']}"]
    else:
        skipped = {"runs in", "call", "name", "inputs", "output", "table", "access", "reason", *_COUNTERS}
        arguments = [
            f"{name}={value}" if name in _FILTERS else f"{name}={_shown(value)}"
            for name, value in node.items()
            if name not in skipped
        ]
        table = [node["table"]] if node.get("table") else []
        lines = [f"{pad}{head}engine: {node['call']}({', '.join([*table, *arguments])}){_counters(node)}"]
        if "access" in node:
            why = f" ({node['reason']})" if "reason" in node else ""
            lines.append(f"{pad}  access: {node['access']}{why}")
        if "output" in node:
            lines.append(f"{pad}  output: {', '.join(node['output'])}")
    for below in node.get("inputs", ()):
        lines += _lines(below, depth + 1)
    return lines


_COUNTERS = ("rows", "ms", "rows_examined", "leaves_visited", "leaves_total", "edges_examined")


def _counters(node: dict[str, Any]) -> str:
    found = [f"{name.replace('_', ' ')} {node[name]}" for name in _COUNTERS if name in node]
    return f"  [{', '.join(found)}]" if found else ""


def _shown(value: Any) -> str:
    return (
        value
        if isinstance(value, _Written) or value == "$"
        else json.dumps(value, ensure_ascii=False, default=str)
    )


def filter_text(filter_: Any) -> str:
    """An engine filter as one would write it.

    >>> filter_text(("and", ("=", "type", "word"), ("in", "id", [1, 2])))
    "type = 'word' AND id IN (1, 2)"
    """
    kind, *parts = filter_
    match kind:
        case "and" | "or":
            terms = [f"({filter_text(p)})" if p[0] in ("and", "or") else filter_text(p) for p in parts]
            return f" {kind.upper()} ".join(terms)
        case "const":
            return str(parts[0]).upper()
        case "is_null" | "is_not_null":
            return f"{parts[0]} {kind.upper().replace('_', ' ')}"
        case "in" | "not_in":
            members = ", ".join(_literal(value) for value in parts[1])
            return f"{parts[0]} {kind.upper().replace('_', ' ')} ({members})"
        case _:
            return f"{parts[0]} {kind} {_literal(parts[1])}"


def _literal(value: Any) -> str:
    if isinstance(value, float):
        short = (f"{value:.{digits}g}" for digits in range(1, 10))
        return next((text for text in short if types.to_float32(float(text)) == value), repr(value))
    if isinstance(value, int):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"
