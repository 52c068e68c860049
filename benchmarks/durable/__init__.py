"""Stores in files, beside others: commits, loading, reopening, reading beside a writer, size, several processes."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.durable import commits, load, processes, reads, reopen, size
from benchmarks.options import Options
from benchmarks.report import Section

SECTIONS: dict[str, Callable[[Options], Section]] = {
    "commits": commits.section,
    "load": load.section,
    "reopen": reopen.section,
    "reads": reads.section,
    "size": size.section,
    "processes": processes.section,
}
