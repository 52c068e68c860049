"""One process commits transactions of two rows, four others read: nothing torn, nothing late, nothing lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter, perf_counter_ns

import numpy as np
import numpy.typing as npt

from benchmarks.durable.child import Child
from benchmarks.durable.disk import filesystem, scratch
from benchmarks.durable.stores import NeuroGraph
from benchmarks.options import Options
from benchmarks.report import Section, Table, micro

TEXT = """One process commits transactions of two rows without a pause: three of four give both tokens of a pair the
number of the commit, the fourth creates two tokens that have it as their key. Four processes read, two of them on
stores opened read-only, three ways by turns: a statement over all pairs, which must show exactly the state after some
commit; a statement that finds the two tokens created last by their keys and one that counts all tokens, which must
be even; and a read-only transaction that reads a pair by two calls. Torn: a pair that disagrees, or pairs of
different states. Stale: a commit acknowledged before the statement began is not in its answer. Lost: acknowledged
commits that are not there after closing and reopening. The controls plant what each check is there to find, and the
run fails if one does not find it. The file system: {filesystem}."""

PAIRS = 7
CREATES = 4
"""Every so manieth commit creates two tokens."""
READERS = 4
_PAIRS = f"SELECT id, physical FROM tokens WHERE id <= {2 * PAIRS}"
_BY_KEY = "SELECT physical FROM tokens WHERE key IN ($a, $b)"
_COUNT = "SELECT count(*) FROM tokens"

Acknowledged = npt.NDArray[np.int64]
"""One number in memory that the processes share: the last commit that returned."""


@dataclass(slots=True)
class Seen:
    """What a reader saw."""

    statements: int = 0
    transactions: int = 0
    torn: int = 0
    stale: int = 0
    errors: int = 0
    last: int = 0
    messages: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Run:
    """What came of writing and reading for a while."""

    commits: int
    rate: float
    median: float
    p99: float
    readers: list[Seen]
    seconds: float
    lost: int

    def total(self, name: str) -> int:
        """Of all readers."""
        return sum(getattr(seen, name) for seen in self.readers)


def section(options: Options) -> Section:
    """The run, and its two controls."""
    seconds = min(options.seconds, 2.0) if options.quick else options.seconds
    brief = min(2.0, seconds)
    with scratch(options.directory) as parent:
        text = TEXT.format(filesystem=filesystem(parent))
        runs = {
            "two rows in one transaction": _run(parent / "pairs", seconds, "whole"),
            "control: each row by itself": _run(parent / "torn", brief, "torn"),
            "control: acknowledged too early": _run(parent / "early", brief, "early"),
        }
    whole, torn, early = runs.values()
    bad = whole.total("torn") + whole.total("stale") + whole.total("errors") + whole.lost
    messages = [message for seen in whole.readers for message in seen.messages]
    if bad:
        raise AssertionError(
            f"{whole.total('torn')} torn, {whole.total('stale')} stale, {whole.lost} lost: {messages}"
        )
    if not torn.total("torn") or not early.total("stale"):
        raise AssertionError("a control found nothing: the checks cannot fail")
    rows = [
        [
            name,
            f"{run.seconds:.0f}",
            f"{run.commits:,}",
            f"{run.rate:,.0f}",
            f"{micro(run.median)} / {micro(run.p99)}",
            f"{run.total('statements'):,}",
            f"{run.total('transactions'):,}",
            f"{run.total('torn'):,}",
            f"{run.total('stale'):,}",
            f"{run.total('errors'):,}",
            f"{run.lost:,}",
        ]
        for name, run in runs.items()
    ]
    columns = ["", "seconds", "commits", "commits/s", "median / p99 µs", "statements", "transactions"]
    columns += ["torn", "stale", "errors", "lost"]
    return Section("Several processes", text, [Table(f"A writer and {READERS} readers", columns, rows)])


def _run(home: Path, seconds: float, way: str) -> Run:
    home.mkdir()
    path, shared = home / "store", home / "acknowledged"
    np.zeros(1, dtype=np.int64).tofile(shared)
    with Child(NeuroGraph, path) as child:
        child.run(fill)
    openers: list[Callable[[Path], NeuroGraph]] = [
        partial(NeuroGraph, read_only=number % 2 == 0) for number in range(READERS)
    ]
    readers = [Child(opener, path) for opener in openers]
    writer = Child(NeuroGraph, path)
    writer.start(write, shared, seconds, way)
    for number, reader in enumerate(readers):
        reader.start(read, shared, seconds, number)
    commits, times, elapsed = writer.result()
    seen = [reader.result() for reader in readers]
    for child in (*readers, writer):
        child.close()
    with Child(NeuroGraph, path) as child:
        lost = commits - child.run(newest)
    times = np.asarray(times, dtype=np.float64) / 1e9
    median, p99 = float(np.median(times)), float(np.percentile(times, 99))
    return Run(commits, commits / elapsed, median, p99, seen, elapsed, lost)


def creates(commit: int) -> bool:
    """Whether a commit creates two tokens, or changes a pair."""
    return commit % CREATES == CREATES - 1


def newest_of(pair: int, commit: int) -> int:
    """The last of the commits 1 … `commit` that changed a pair; 0 for none."""
    last = commit - (commit - pair) % PAIRS
    while last > 0 and creates(last):
        last -= PAIRS
    return max(last, 0)


def fill(store: NeuroGraph) -> None:
    """The pairs, ids from 1."""
    for _ in range(2 * PAIRS):
        store.db.tokens.create(coords=[0.0] * 8)


def write(store: NeuroGraph, shared: Path, seconds: float, way: str) -> tuple[int, list[int], float]:
    """Commit for a while; how many, the nanoseconds of each, and the seconds."""
    acknowledged: Acknowledged = np.memmap(shared, dtype=np.int64, mode="r+")
    db, tokens = store.db, store.db.tokens
    times: list[int] = []
    commit = 0
    start = perf_counter()
    while perf_counter() < start + seconds:
        commit += 1
        point = [float(commit)] + [0.0] * 7
        first = 2 * (commit % PAIRS) + 1
        began = perf_counter_ns()
        if way == "early":
            acknowledged[0] = commit
        if creates(commit):
            with db.transaction():
                tokens.create(key=f"a{commit}", coords=point)
                tokens.create(key=f"b{commit}", coords=point)
        elif way == "torn":
            tokens.update(first, coords=point)
            tokens.update(first + 1, coords=point)
        else:
            with db.transaction():
                tokens.update(first, coords=point)
                tokens.update(first + 1, coords=point)
        acknowledged[0] = commit
        times.append(perf_counter_ns() - began)
    return commit, times, perf_counter() - start


def read(store: NeuroGraph, shared: Path, seconds: float, number: int) -> Seen:
    """Read for a while, beginning with another way in each process."""
    acknowledged: Acknowledged = np.memmap(shared, dtype=np.int64, mode="r")
    seen = Seen()
    ways = (_all_pairs, _created, _one_pair)
    turn, end = number, perf_counter() + seconds
    problems: Counter[str] = Counter()
    while perf_counter() < end:
        turn += 1
        try:
            ways[turn % len(ways)](store, int(acknowledged[0]), turn, seen)
        except Exception as error:
            seen.errors += 1
            problems[f"{type(error).__name__}: {error}"] += 1
    seen.messages = [f"{times} × {message}" for message, times in problems.most_common(3)]
    return seen


def _all_pairs(store: NeuroGraph, known: int, turn: int, seen: Seen) -> None:
    numbers = [0] * (2 * PAIRS)
    for token, commit in store.db.execute(_PAIRS).fetchall():
        numbers[token - 1] = int(commit)
    seen.statements += 1
    left, right = numbers[::2], numbers[1::2]
    state = max(numbers)
    seen.torn += left != right or left != [newest_of(pair, state) for pair in range(PAIRS)]
    seen.stale += any(number < newest_of(pair, known) for pair, number in enumerate(left))
    # A process never goes back behind what it has seen.
    seen.stale += state < seen.last
    seen.last = max(seen.last, state)


def _created(store: NeuroGraph, known: int, turn: int, seen: Seen) -> None:
    made = (known + 1) // CREATES
    last = CREATES * made - 1
    if made:
        keys = {"a": f"a{last}", "b": f"b{last}"}
        found = [int(commit) for (commit,) in store.db.execute(_BY_KEY, keys).fetchall()]
        seen.statements += 1
        seen.stale += not found
        seen.torn += found not in ([], [last, last])
    tokens = int(store.db.execute(_COUNT).fetchall()[0][0])
    seen.statements += 1
    seen.torn += tokens % 2
    seen.stale += tokens < 2 * PAIRS + 2 * made


def _one_pair(store: NeuroGraph, known: int, turn: int, seen: Seen) -> None:
    pair = turn % PAIRS
    first = 2 * pair + 1
    with store.db.transaction(read_only=True):
        left, right = (store.db.runtime.point(token)[0] for token in (first, first + 1))
    seen.transactions += 1
    seen.torn += left != right
    seen.stale += left < newest_of(pair, known)


def newest(store: NeuroGraph) -> int:
    """The last commit that is there, whichever kind it was."""
    numbers = [int(commit) for _, commit in store.db.execute(_PAIRS).fetchall()]
    created = (store.count() - 2 * PAIRS) // 2
    return max(*numbers, CREATES * created - 1 if created else 0)
