"""The `.ngt` format: language tests as text; tests/ngt/README.md describes it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Record", "letters", "read", "shown"]

_DIRECTIVE = re.compile(r"(statement (ok|error)|query|axes|include|with|unless)\b")
_LETTERS = {
    "BIGINT": "I",
    "INTEGER": "I",
    "SMALLINT": "I",
    "HUGEINT": "I",
    "REAL": "R",
    "DOUBLE": "R",
    "TEXT": "T",
    "BOOLEAN": "B",
    "FLOAT[8]": "P",
    "JSON": "J",
    "TIMESTAMPTZ": "S",
}


@dataclass
class Record:
    """One test: a statement and what it is to give."""

    path: Path
    line: int
    kind: str
    statement: str = ""
    parameters: Any = None
    sqlstate: str = ""
    place: tuple[int, int] | None = None
    pattern: str = ""
    rowcount: int | None = None
    types: str = ""
    sort: str = "nosort"
    expected: list[str] = field(default_factory=list)
    axes: list[str] = field(default_factory=list)
    unless: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.path.name}:{self.line}"


def read(path: Path) -> Iterator[Record]:
    """The records of a file, those it includes first."""
    lines = path.read_text(encoding="utf-8").splitlines()
    at = 0
    parameters: Any = None
    unless: tuple[str, ...] = ()
    while at < len(lines):
        line = lines[at].strip()
        if not line or line.startswith("#"):
            at += 1
            continue
        number, head = at + 1, line
        assert _DIRECTIVE.match(head), f"{path}:{number}: not a directive: {head}"
        at += 1
        word, _, rest = head.partition(" ")
        if word == "include":
            yield from read(path.parent / rest.strip())
            continue
        if word == "axes":
            yield Record(path, number, "axes", axes=rest.split())
            continue
        if word == "unless":
            unless = tuple(rest.split())
            continue
        if word == "with":
            parameters = json.loads(rest)
            continue
        body = []
        while at < len(lines) and lines[at].strip() and lines[at] != "----":
            body.append(lines[at])
            at += 1
        expected = []
        if at < len(lines) and lines[at] == "----":
            at += 1
            while at < len(lines) and lines[at].strip():
                expected.append(lines[at].rstrip())
                at += 1
        record = _record(path, number, head)
        record.statement, record.parameters, record.expected = "\n".join(body), parameters, expected
        record.unless, parameters, unless = unless, None, ()
        assert record.statement, f"{path}:{number}: no statement"
        yield record


def _record(path: Path, number: int, head: str) -> Record:
    if head.startswith("query"):
        _, types, *sort = head.split()
        return Record(path, number, "query", types=types, sort=sort[0] if sort else "nosort")
    words = head.split(" ", 3)
    if words[1] == "ok":
        return Record(path, number, "ok", rowcount=int(words[2]) if len(words) > 2 else None)
    record = Record(path, number, "error", sqlstate=words[2], pattern=words[3] if len(words) > 3 else "")
    placed = re.match(r"at (\d+):(\d+)\s*", record.pattern)
    if placed:
        record.place = (int(placed[1]), int(placed[2]))
        record.pattern = record.pattern[placed.end() :]
    return record


def letters(types: Sequence[str]) -> str:
    """A letter a column: I integer, R real, T text, B boolean, P point, J JSON, S timestamp, O other."""
    return "".join(_LETTERS.get(name, "O") for name in types)


def shown(rows: Sequence[Sequence[Any]], types: Sequence[str], sort: str) -> list[str]:
    """Rows as the lines of an expected result: values two blanks apart."""
    lines = ["  ".join(_value(v, t) for v, t in zip(row, types, strict=True)) for row in rows]
    return sorted(lines) if sort == "rowsort" else lines


def _value(value: Any, type_: str) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and type_ != "JSON":
        return value.replace("\n", "\\n") or "(empty)"
    if isinstance(value, float):
        return str(np.float32(value)) if type_ == "REAL" else repr(value)
    if type_ == "JSON":
        parsed = json.loads(value) if isinstance(value, str) else value
        return json.dumps(parsed, sort_keys=True, separators=(",", ":"))
    if isinstance(value, (list, tuple)):
        inner = "REAL" if type_ == "FLOAT[8]" else ""
        return "[" + ",".join(_value(v, inner) for v in value) + "]"
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return str(value)
