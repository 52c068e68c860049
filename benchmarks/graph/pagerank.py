"""Who is important: PageRank."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import networkit
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import rustworkx
from scipy.sparse import csr_array

from benchmarks.graph import cores
from benchmarks.graph.data import Graph, graph
from benchmarks.graph.peers import of_igraph, of_networkit, of_rustworkx, store
from benchmarks.options import Options
from benchmarks.report import Section

OURS = "RuntimeStorage"
DAMPING, ROUNDS = 0.85, 20
CLOSE = 1e-6

TEXT = f"""{ROUNDS} rounds over all connections alike, with a damping of {DAMPING}; where nothing leaves, the walker
starts anew anywhere. Ours is timed until the result is in hand, gathering the connections included. scipy multiplies
a matrix with a vector; the matrix, in compressed rows by target, is made beforehand. networkit has a graph without
weights and is told the rounds (`maxIterations`, `DistributeSinks`). rustworkx gets the tolerance that ends it after
{ROUNDS}. igraph (PRPACK) cannot be told, it goes on until its own tolerance is met. Scores are compared in the run:
they differ from ours by no more than {CLOSE:g}, summed up, igraph's when ours have converged too. {cores.TEXT}
There are {{graph}}."""

Scores = npt.NDArray[np.float64]


def section(options: Options) -> Section:
    """On one core, then on all."""
    world = graph(options)
    calls = _contenders(world)
    tables = cores.tables(f"{ROUNDS} rounds", calls, OURS, (OURS, "networkit"), 2 if options.quick else 5)
    return Section("PageRank", TEXT.format(graph=world.name), tables)


def _contenders(world: Graph) -> dict[str, Callable[[int], object]]:
    """Calls to be timed, their answers checked."""
    storage = store(world).runtime
    matrix = world.matrix()
    degrees = np.diff(matrix.indptr)
    inward = csr_array((np.ones(len(world.sources)), (world.targets, world.sources)), shape=matrix.shape)
    kit = networkit.graphtools.toUnweighted(of_networkit(matrix))
    net, rust = of_igraph(world), of_rustworkx(world)
    _, changes = power(inward, degrees)
    # It ends when the change is less than this for each token.
    tolerance = float(np.sqrt(changes[-1] * changes[-2])) / world.n

    def rank(rounds: int) -> Any:
        return storage.pagerank(damping=DAMPING, tolerance=0.0, max_iterations=rounds)

    def of_kit(_: int) -> Any:
        handling = networkit.centrality.SinkHandling.DistributeSinks
        ranks = networkit.centrality.PageRank(kit, DAMPING, 1e-30, False, handling)
        ranks.maxIterations = ROUNDS
        return ranks.run()

    calls: dict[str, Callable[[int], Any]] = {
        OURS: lambda _: rank(ROUNDS),
        "scipy": lambda _: power(inward, degrees),
        "networkit": of_kit,
        "rustworkx": lambda _: rustworkx.pagerank(rust, alpha=DAMPING, tol=tolerance, max_iter=ROUNDS),
        "igraph, until it converges": lambda _: net.pagerank(directed=True, damping=DAMPING),
    }
    reads: dict[str, Callable[[Any], Scores]] = {
        "scipy": lambda found: found[0],
        "networkit": lambda ranks: np.array(ranks.scores()),
        "rustworkx": lambda scores: np.fromiter(scores.values(), dtype=np.float64, count=world.n),
        "igraph, until it converges": np.array,
    }
    for name, read in reads.items():
        expected = _scores(rank(10 * ROUNDS if name.startswith("igraph") else ROUNDS))
        difference = float(np.abs(read(calls[name](0)) - expected).sum())
        if not difference <= CLOSE:
            raise AssertionError(f"{name}: the scores differ by {difference}")
    return calls


def power(inward: csr_array, degrees: npt.NDArray[np.int32]) -> tuple[Scores, list[float]]:
    """Scores after the rounds, and how much each round has changed; `inward` has a 1 by target and source."""
    n = len(degrees)
    stuck = degrees == 0
    shares = np.zeros(n)
    np.divide(DAMPING, degrees, out=shares, where=~stuck)
    scores, changes = np.full(n, 1 / n), []
    for _ in range(ROUNDS):
        anew = (1 - DAMPING + DAMPING * scores[stuck].sum()) / n
        before, scores = scores, inward @ (scores * shares) + anew
        changes.append(float(np.abs(scores - before).sum()))
    return scores, changes


def _scores(found: Any) -> Scores:
    scores: Scores = pa.table(found)["score"].to_numpy()
    return scores
