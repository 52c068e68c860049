"""Timing that noise on a shared machine does not turn into a ranking: contenders take turns, A B A B."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter_ns

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds a call took."""

    median: float
    p99: float
    spread: float
    """Widest difference between the medians of the rounds, as a share of the median."""


Nanoseconds = npt.NDArray[np.int64]


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
    turns = {name: partial(timed, call, calls) for name, call in contenders.items()}
    return take_turns(turns, rounds=rounds, before=before)


def take_turns(
    contenders: Mapping[str, Callable[[], Nanoseconds]],
    *,
    rounds: int,
    before: Callable[[], object] = lambda: None,
) -> dict[str, Timing]:
    """The same for contenders that time their own calls: each as many as it likes, or in another process.

    Args:
        contenders: does a turn and gives the time of each of its calls, as `timed` does; by name.
        rounds: timed rounds; one more, untimed, warms everything up.
        before: called before each contender's turn.
    """
    taken: dict[str, list[Nanoseconds]] = {name: [] for name in contenders}
    for turn in range(-1, rounds):
        for name, take in contenders.items():
            before()
            times = take()
            if turn >= 0:
                taken[name].append(times)
    return {name: summary(np.stack(times)) for name, times in taken.items()}


def timed(call: Callable[[int], object], calls: int) -> Nanoseconds:
    """Time each call with 0 … calls − 1, the garbage collector at rest; what it returns is dropped outside the time."""
    times = np.empty(calls, dtype=np.int64)
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        for i in range(calls):
            start = perf_counter_ns()
            result = call(i)
            times[i] = perf_counter_ns() - start
            del result
    finally:
        (gc.enable if collecting else gc.disable)()
    return times


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


@contextmanager
def one_core() -> Iterator[None]:
    """Keep every thread of the process on one core for a while, the pools of libraries too, where the system can."""
    threads = Path("/proc/self/task")
    if not hasattr(os, "sched_setaffinity") or not threads.is_dir():
        yield
        return
    allowed = os.sched_getaffinity(0)
    _pin_all(threads, {max(allowed)})
    try:
        yield
    finally:
        _pin_all(threads, allowed)


def _pin_all(threads: Path, cores: set[int]) -> None:
    for thread in threads.iterdir():
        # It may have ended meanwhile.
        with suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), cores)
