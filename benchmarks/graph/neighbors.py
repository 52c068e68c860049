"""What one, two and three hops reach."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import networkit
import numpy as np

from benchmarks.durable.child import Child
from benchmarks.durable.disk import scratch
from benchmarks.graph import ladybug
from benchmarks.graph.data import Graph, graph, starts
from benchmarks.graph.ladybug import Ladybug
from benchmarks.graph.peers import of_igraph, of_networkit, of_rustworkx, store
from benchmarks.options import Options
from benchmarks.report import Section, Table, comparison
from benchmarks.timing import Nanoseconds, pinned, take_turns, timed

OURS = "RuntimeStorage"
DATABASE = "Ladybug"

TEXT = """Tokens that a walk along connections reaches from one token, picked at random, on one thread. Ours are timed
as they are used: the query has run and the result (the tokens with all their columns, in order of the fewest hops,
then of their ids) is in hand, no row of it made a Python object; `as a list` goes on until the ids are a list in
Python. The peers give ids alone, in any order. scipy's compressed rows are read as arrays, their offsets by a
`memoryview`, which is quicker than NumPy. Of the libraries only igraph has a walk of so many hops (`neighborhood`);
all of them go from set to set in Python here, by slices of a `memoryview` of scipy's columns or by their own lists of
neighbours. Ladybug is in memory, in a process of its own, its answers fetched as Python lists, and gets only the
first of the questions. All answers are compared with one another in the run. Degrees follow power laws; there are
{graph} of {types} types."""

Neighbors = Callable[[int], Iterable[int]]


def section(options: Options) -> Section:
    """One hop, then two and three."""
    world = graph(options)
    count, few, rounds = (100, 20, 3) if options.quick else (1_000, 100, 7)
    tokens = starts(world, count)
    with scratch(options.directory) as directory:
        world.write(directory)
        calls, reads = _contenders(world, tokens)
        with Child(Ladybug, directory) as child:
            tables = [
                _table(depth, calls[depth], reads[depth], tokens, few, child, rounds) for depth in (1, 2, 3)
            ]
    text = TEXT.format(graph=world.name, types=len(np.unique(world.types)))
    return Section("Neighbours", text, tables)


def _table(
    depth: int,
    calls: dict[str, Callable[[int], object]],
    reads: dict[str, Callable[[int], Iterable[int]]],
    tokens: list[int],
    few: int,
    child: Child,
    rounds: int,
) -> Table:
    questions = [{"a": token} for token in tokens[:few]]
    truth = [set(reads["scipy"](i)) for i in range(len(tokens))]
    for name, read in reads.items():
        found = [list(read(i)) for i in range(len(tokens))]
        _same(name, depth, found, truth)
    query = ladybug.reach(depth)
    _same(DATABASE, depth, child.run(ladybug.answers, query, questions), truth[:few])
    turns: dict[str, Callable[[], Nanoseconds]] = {
        name: partial(timed, call, len(tokens)) for name, call in calls.items()
    }
    turns[DATABASE] = partial(child.run, ladybug.turn, query, questions)
    with pinned():
        timings = take_turns(turns, rounds=rounds)
    asked = dict.fromkeys(calls, f"{len(tokens):,}") | {DATABASE: f"{few:,}"}
    hops = "One hop" if depth == 1 else f"Up to {depth} hops"
    median, most = np.percentile([len(found) for found in truth], (50, 99))
    title = f"{hops}: {median:,.0f} tokens in the median, {most:,.0f} at the 99th percentile"
    columns = ["", "median µs", "p99 µs", "spread", "to ours", "questions"]
    return Table(title, columns, comparison(timings, OURS, asked))


def _same(name: str, depth: int, found: Iterable[list[int]], truth: list[set[int]]) -> None:
    for i, (answer, expected) in enumerate(zip(found, truth, strict=True)):
        if len(answer) != len(expected) or set(answer) != expected:
            raise AssertionError(
                f"{name}, {depth} hops, question {i}: {len(answer)} tokens, not {len(expected)}"
            )


def _contenders(
    world: Graph, tokens: list[int]
) -> tuple[
    dict[int, dict[str, Callable[[int], object]]], dict[int, dict[str, Callable[[int], Iterable[int]]]]
]:
    """By depth and name: calls to be timed, and the tokens that they find."""
    db = store(world)
    storage, walk, ids = db.runtime, db.graph.neighbors, [token + 1 for token in tokens]
    matrix = world.matrix()
    places, columns = memoryview(matrix.indptr), matrix.indices
    view = memoryview(columns)
    kit = networkit.graphtools.toUnweighted(of_networkit(matrix))
    net, rust = of_igraph(world), of_rustworkx(world)

    def as_list(i: int, depth: tuple[int, int]) -> list[int]:
        return [row[0] for row in storage.neighbors(ids[i], depth, columns=["id"]).rows()]

    def a_slice(i: int) -> object:
        token = tokens[i]
        return columns[places[token] : places[token + 1]]

    single: dict[str, Neighbors] = {
        "scipy": lambda token: view[places[token] : places[token + 1]],
        "networkit": kit.iterNeighbors,
        "igraph": net.successors,
        "rustworkx": rust.neighbors,
    }
    calls: dict[int, dict[str, Callable[[int], object]]] = {}
    reads: dict[int, dict[str, Callable[[int], Iterable[int]]]] = {}
    for most in (1, 2, 3):
        depth = (1, most)
        reads[most] = {
            OURS: lambda i, depth=depth: [token - 1 for token in as_list(i, depth)],
            "db.graph": lambda i, depth=depth: [row[0] - 1 for row in walk(ids[i], depth).fetchall()],
        }
        calls[most] = {
            OURS: lambda i, depth=depth: storage.neighbors(ids[i], depth),
            "– as a list": partial(as_list, depth=depth),
            "db.graph": lambda i, depth=depth: walk(ids[i], depth),
        }
    reads[1] |= {name: lambda i, near=near: near(tokens[i]) for name, near in single.items()}
    calls[1] |= {
        "scipy, a slice": a_slice,
        "networkit": lambda i: list(kit.iterNeighbors(tokens[i])),
        "igraph": lambda i: net.successors(tokens[i]),
        "rustworkx": lambda i: rust.neighbors(tokens[i]),
    }
    for most in (2, 3):
        walks: dict[str, Callable[[int], Iterable[int]]] = {
            name: lambda i, near=near, most=most: within(near, tokens[i], most)
            for name, near in single.items()
        }
        walks["igraph neighborhood"] = lambda i, most=most: net.neighborhood(
            tokens[i], most, mode="out", mindist=1
        )
        reads[most] |= walks
        calls[most] |= walks
    return calls, reads


def within(neighbors: Neighbors, start: int, most: int) -> set[int]:
    """What at most so many hops reach, the start left out."""
    reached = {start}
    level: Iterable[int] = (start,)
    for _ in range(most):
        found: set[int] = set()
        for token in level:
            found.update(neighbors(token))
        found -= reached
        reached |= found
        level = found
    reached.discard(start)
    return reached
