"""Ways between two tokens: of the fewest hops, and the cheapest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import networkit
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, dijkstra

from benchmarks.durable.child import Child
from benchmarks.durable.disk import scratch
from benchmarks.graph import ladybug
from benchmarks.graph.data import HEAVIEST, LIGHTEST, Graph, graph, pairs
from benchmarks.graph.ladybug import Ladybug
from benchmarks.graph.peers import of_igraph, of_networkit, store
from benchmarks.options import Options
from benchmarks.report import Section, Table, comparison, milli
from benchmarks.timing import Nanoseconds, pinned, take_turns, timed

OURS = "RuntimeStorage"
DATABASE = "Ladybug"

TEXT = f"""One way between two tokens picked at random among those that have one, on one thread. Ours are timed as they
are used: the search has run and the way, its tokens and connections, is in hand as a result. The weights that make a
way cheap are spread evenly from {LIGHTEST} to {HEAVIEST:.0f}. networkit searches from both ends, as ours does
(`BidirectionalBFS` of a graph without weights, `BidirectionalDijkstra`), and notes the way; it is not made a list.
igraph (`get_shortest_path`) and scipy (`breadth_first_order` and `dijkstra` with predecessors, which know no target)
search from one. igraph makes numbers of its list of weights in each call, there is no other way to give them. Ladybug
is in memory, in a process of its own (`SHORTEST` and `WSHORTEST` of at most {ladybug.LONGEST} hops), and tells the
length alone. Contenders that search most of the graph get only the first of the pairs: what they take hardly depends
on the pair. Lengths and costs of the ways are compared with one another in the run, ours added up along the
connections. There are {{graph}}."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a contender finds ways.

    Attributes:
        find: what is timed, of the i-th pair.
        measure: hops or costs of what `find` gave for the i-th pair.
        share: of how many of the pairs it is asked.
    """

    find: Callable[[int], Any]
    measure: Callable[[int, Any], float]
    share: float = 1.0


def section(options: Options) -> Section:
    """The fewest hops, then the least cost."""
    world = graph(options)
    count, rounds = (40, 2) if options.quick else (200, 5)
    matrix = world.matrix()
    ends = pairs(matrix, count)
    with scratch(options.directory) as directory:
        world.write(directory)
        shortest, cheapest = _contenders(world, matrix, ends)
        with Child(Ladybug, directory) as child:
            tables = [
                _table("Fewest hops", shortest, ends, child, ladybug.SHORTEST, 2, rounds),
                _table("Least cost", cheapest, ends, child, ladybug.CHEAPEST, 1, rounds),
            ]
    return Section("Ways", TEXT.format(graph=world.name), tables)


def _table(
    title: str,
    ways: dict[str, Way],
    ends: Sequence[tuple[int, int]],
    child: Child,
    query: str,
    queried: int,
    rounds: int,
) -> Table:
    asked = {name: max(int(len(ends) * way.share), 1) for name, way in ways.items()}
    truth = np.array([ways[OURS].measure(i, ways[OURS].find(i)) for i in range(len(ends))])
    for name, way in ways.items():
        _same(name, [way.measure(i, way.find(i)) for i in range(asked[name])], truth)
    asked[DATABASE] = queried
    questions = [{"a": source, "b": target} for source, target in ends[: asked[DATABASE]]]
    told = child.run(ladybug.answers, query, questions)
    _same(DATABASE, [value for (value,) in told], truth)
    turns: dict[str, Callable[[], Nanoseconds]] = {
        name: partial(timed, way.find, asked[name]) for name, way in ways.items()
    }
    turns[DATABASE] = partial(child.run, ladybug.turn, query, questions)
    with pinned():
        timings = take_turns(turns, rounds=rounds)
    columns = ["", "median ms", "p99 ms", "spread", "to ours", "pairs"]
    cells = {name: f"{count:,}" for name, count in asked.items()}
    return Table(
        f"{title}: {np.median(truth):,.3g} in the median, {truth.max():,.3g} at most",
        columns,
        comparison(timings, OURS, cells, milli),
    )


def _same(name: str, found: list[float], truth: np.ndarray[Any, np.dtype[np.float64]]) -> None:
    expected = truth[: len(found)]
    if not np.allclose(found, expected, rtol=1e-5, atol=0):
        raise AssertionError(f"{name}: {found}, not {expected.tolist()}")


def _contenders(
    world: Graph, matrix: csr_array, ends: Sequence[tuple[int, int]]
) -> tuple[dict[str, Way], dict[str, Way]]:
    """Who finds the fewest hops, and who the least cost."""
    db = store(world)
    storage, walk = db.runtime, db.graph.path
    ids = [(source + 1, target + 1) for source, target in ends]
    weighted = of_networkit(matrix)
    plain = networkit.graphtools.toUnweighted(weighted)
    net = of_igraph(world, weights=True)
    weight = ("e", "weight")

    def added_up(i: int, way: Any, weights: Sequence[float] | np.ndarray[Any, Any]) -> float:
        """Hops or costs of our way, which has to lead along connections from one end to the other."""
        rows = [(token, connection) for _, token, _, _, connection, _ in way.rows()]
        places = [connection - 1 for _, connection in rows[1:]]
        along = [(world.sources[place] + 1, world.targets[place] + 1) for place in places]
        tokens = [token for token, _ in rows]
        if along != list(pairwise(tokens)) or (tokens[0], tokens[-1]) != ids[i]:
            raise AssertionError(f"no way from {ids[i]}: {rows}")
        return float(sum(weights[place] for place in places))

    def hops(i: int, way: Any) -> float:
        return added_up(i, way, np.ones(len(world.weights)))

    def search(kind: Any, net: networkit.Graph, i: int) -> Any:
        made = kind(net, *ends[i], True)
        made.run()
        return made

    shortest = {
        OURS: Way(lambda i: storage.path(*ids[i]), hops),
        "db.graph": Way(lambda i: walk(*ids[i]), lambda _, way: len(way.fetchall()) - 1),
        "networkit": Way(
            partial(search, networkit.distance.BidirectionalBFS, plain), lambda _, made: made.getDistance()
        ),
        "igraph": Way(lambda i: net.get_shortest_path(*ends[i]), lambda _, way: len(way) - 1, 0.05),
        "scipy": Way(
            lambda i: breadth_first_order(matrix, ends[i][0]),
            lambda i, found: _walk_back(found[1], ends[i]),
            0.05,
        ),
    }
    cheapest = {
        OURS: Way(
            lambda i: storage.path(*ids[i], cost=weight), lambda i, way: added_up(i, way, world.weights)
        ),
        "networkit": Way(
            partial(search, networkit.distance.BidirectionalDijkstra, weighted),
            lambda _, made: made.getDistance(),
        ),
        "igraph": Way(
            lambda i: net.get_shortest_path(*ends[i], weights="weight", output="epath"),
            lambda _, way: sum(net.es[way]["weight"]),
            0.01,
        ),
        "scipy": Way(
            lambda i: dijkstra(matrix, indices=ends[i][0], return_predecessors=True),
            lambda i, found: found[0][ends[i][1]],
            0.01,
        ),
    }
    return shortest, cheapest


def _walk_back(before: np.ndarray[Any, np.dtype[np.int32]], ends: tuple[int, int]) -> int:
    source, at = ends
    hops = 0
    while at != source:
        at, hops = int(before[at]), hops + 1
    return hops
