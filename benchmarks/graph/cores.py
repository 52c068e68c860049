"""Questions about the whole graph, on one core and on all."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping

import networkit

from benchmarks.report import Table, comparison, milli
from benchmarks.timing import interleave, one_core

TEXT = """On one core every thread of the process is kept there; on all cores those take part that use more than
one."""
COLUMNS = ("", "median ms", "p99 ms", "spread", "to ours")


def tables(
    title: str,
    calls: Mapping[str, Callable[[int], object]],
    ours: str,
    threaded: Collection[str],
    rounds: int,
) -> list[Table]:
    """A table of all contenders on one core, and one of those that use more, on as many as the process may use.

    Args:
        title: what they do.
        calls: contenders by name.
        ours: the name of the one that others are compared with.
        threaded: names of those that use more than one core.
        rounds: timed calls of each.
    """
    with one_core():
        alone = interleave(calls, calls=1, rounds=rounds)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    networkit.setNumberOfThreads(cores)
    try:
        together = interleave({name: calls[name] for name in threaded}, calls=1, rounds=rounds)
    finally:
        networkit.setNumberOfThreads(1)
    return [
        Table(f"{title}, on one core", COLUMNS, comparison(alone, ours, unit=milli)),
        Table(f"{title}, on {cores} cores", COLUMNS, comparison(together, ours, unit=milli)),
    ]
