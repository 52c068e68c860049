"""Timing that noise on a shared machine does not turn into a ranking: contenders take turns, A B A B."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter_ns

import numpy as np


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds a call took."""

    median: float
    p99: float
    spread: float
    """Widest difference between the medians of the rounds, as a share of the median."""


def interleave(
    contenders: Mapping[str, Callable[[int], object]],
    *,
    calls: int,
    rounds: int,
    before: Callable[[], object] = lambda: None,
) -> dict[str, Timing]:
    """Time each contender, called with 0 … calls − 1, in every round, one contender after the other.

    Args:
        contenders: what is timed, by name; what a call returns is dropped outside the time.
        calls: timed calls a round.
        rounds: timed rounds; one more, untimed, warms everything up.
        before: called before each contender's turn.
    """
    taken = {name: np.empty((rounds, calls), dtype=np.int64) for name in contenders}
    collecting = gc.isenabled()
    try:
        for turn in range(-1, rounds):
            for name, call in contenders.items():
                before()
                gc.collect()
                gc.disable()
                for i in range(calls):
                    start = perf_counter_ns()
                    result = call(i)
                    end = perf_counter_ns()
                    if turn >= 0:
                        taken[name][turn, i] = end - start
                    del result
                gc.enable()
    finally:
        (gc.enable if collecting else gc.disable)()
    return {name: summary(times) for name, times in taken.items()}


def summary(times: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> Timing:
    """Of nanoseconds, a row for each round."""
    median = float(np.median(times))
    of_rounds = np.median(times, axis=1)
    return Timing(
        median=median / 1e9,
        p99=float(np.percentile(times, 99)) / 1e9,
        spread=float(np.ptp(of_rounds)) / median,
    )


@contextmanager
def pinned() -> Iterator[None]:
    """Keep the calling thread on one core for a while, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
