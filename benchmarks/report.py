"""Tables as Markdown, and the document around them."""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from benchmarks.timing import Timing

PEERS = (
    "neurograph",
    "duckdb",
    "hnswlib",
    "igraph",
    "ladybug",
    "lmdb",
    "networkit",
    "numpy",
    "pyarrow",
    "pykdtree",
    "pynanoflann",
    "rustworkx",
    "scipy",
)


@dataclass(frozen=True, slots=True)
class Table:
    """A title, column headings and rows of text."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Section:
    """Tables under one heading, with a paragraph that says what was measured and how."""

    title: str
    text: str
    tables: Sequence[Table] = field(default_factory=list)


def micro(seconds: float) -> str:
    """Seconds as microseconds, three digits."""
    value = seconds * 1e6
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def milli(seconds: float) -> str:
    """Seconds as milliseconds, three digits."""
    value = seconds * 1e3
    return f"{value:.3f}" if value < 1 else micro(seconds / 1e3)


def comparison(
    timings: Mapping[str, Timing],
    ours: str,
    more: Mapping[str, str] | None = None,
    unit: Callable[[float], str] = micro,
) -> list[list[str]]:
    """Rows of contender, median, p99, spread, ratio to ours, and one more cell where there is one."""
    rows = []
    for name, timing in timings.items():
        ratio = "1" if name == ours else f"{timing.median / timings[ours].median:.2f} ×"
        row = [name, unit(timing.median), unit(timing.p99), f"{timing.spread:.0%}", ratio]
        rows.append(row if more is None else [*row, more.get(name, "")])
    return rows


def markdown(section: Section) -> str:
    """The section as Markdown."""
    parts = [f"## {section.title}", section.text]
    for table in section.tables:
        parts += [f"### {table.title}", _grid(table)]
    return "\n\n".join(parts) + "\n"


def document(sections: Sequence[Section], command: str) -> str:
    """The whole report."""
    versions = ", ".join(f"{name} {version(name)}" for name in PEERS)
    head = f"""# Benchmarks

Written by `{command}` on {datetime.date.today().isoformat()}; do not edit.

Machine: {_processor()}, {os.cpu_count()} cores, {_memory_gib()} GiB, {platform.system()} {platform.machine()}.
Versions: Python {platform.python_version()}, {versions}, SQLite {_sqlite_version()}.

Contenders take turns, in memory within one process, stores in files each in its own: every round times each of them,
one after the other, over the same questions.
Given are the median and the 99th percentile of single calls, and the spread: the widest difference between the
medians of the rounds. The figures of a shared machine vary; **the ratios are what counts**: a peer's median divided
by ours.
Each call is timed by itself from Python; the clock's own share, about 0.1 µs, is in every figure.
"""
    return "\n".join([head, *(markdown(section) for section in sections)])


def _grid(table: Table) -> str:
    lines = [table.columns, ["---"] + ["---:"] * (len(table.columns) - 1), *table.rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    found = dict(line.split(":", 1) for line in reversed(lines) if ":" in line)
    values = {name.strip(): value.strip() for name, value in found.items()}
    flags = [flag for flag in ("avx2", "avx512f") if flag in values.get("flags", "").split()]
    model = f"family {values.get('cpu family', '?')} model {values.get('model', '?')}"
    return f"{values.get('model name', platform.machine())} ({', '.join([model, *flags])})"


def _memory_gib() -> str:
    try:
        return str(round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30))
    except (OSError, ValueError):
        return "?"


def _sqlite_version() -> str:
    import sqlite3

    return sqlite3.sqlite_version
