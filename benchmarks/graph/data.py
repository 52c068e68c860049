"""The graph: the same on every machine."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from benchmarks.data import SEED, tokens, world
from benchmarks.options import Options

TYPES = (
    "hypernym meronym similar entailment cause effect enabled_by influences before after during overlaps "
    "inside adjacent touching containing implies equivalent contradicts necessary associated_with related_to "
    "similar_to instance_of part_of has_part member_of contains used_for input_to capable_of required_by"
).split()
LIGHTEST, HEAVIEST = 0.1, 10.0


@dataclass(frozen=True, slots=True)
class Graph:
    """Directed connections between the tokens 0 … n − 1, in no order; none twice, none of a token with itself.

    Attributes:
        sources: M int32.
        targets: M int32.
        types: M int8, places in `TYPES`.
        weights: M float32.
        tokens: n, in an array of one.
    """

    sources: npt.NDArray[np.int32]
    targets: npt.NDArray[np.int32]
    types: npt.NDArray[np.int8]
    weights: npt.NDArray[np.float32]
    tokens: npt.NDArray[np.int64]

    @property
    def n(self) -> int:
        """How many tokens."""
        return int(self.tokens[0])

    @property
    def name(self) -> str:
        """For titles."""
        return f"{self.n:,} tokens and {len(self.sources):,} connections"

    def rows(self, first: int = 1) -> pa.Table:
        """A table as `create_connections` takes it, when the tokens' ids begin at `first`."""
        columns = {
            "source": self.sources.astype(np.int64) + first,
            "target": self.targets.astype(np.int64) + first,
            "type": pa.DictionaryArray.from_arrays(self.types, TYPES),
            "weight": self.weights,
        }
        return pa.table(columns)

    def coded_rows(self) -> pa.Table:
        """The same, ids from 0 and types as numbers, for stores that have no names for them."""
        columns = {
            "source": self.sources.astype(np.int64),
            "target": self.targets.astype(np.int64),
            "type": self.types.astype(np.int16),
            "weight": self.weights,
        }
        return pa.table(columns)

    def token_rows(self) -> pa.Table:
        """A table of the tokens as `create_tokens` takes it."""
        return tokens(world("uniform", self.n, 1).points)

    def matrix(self) -> csr_array:
        """Weights by source and target, the targets of each source in order."""
        return csr_array((self.weights, (self.sources, self.targets)), shape=(self.n, self.n))

    def write(self, directory: Path) -> None:
        """For other processes."""
        for field in fields(self):
            np.save(directory / f"{field.name}.npy", getattr(self, field.name))

    @classmethod
    def read(cls, directory: Path) -> Self:
        """What `write` wrote."""
        return cls(*(np.load(directory / f"{field.name}.npy") for field in fields(cls)))


def graph(options: Options) -> Graph:
    """The graph of a run."""
    return _graph(20_000, 160_000) if options.quick else _graph(1_000_000, 8_000_000)


@lru_cache(maxsize=1)
def _graph(n: int, m: int) -> Graph:
    """Degrees follow power laws, of exponent 3 out and 2.5 in, by themselves: who gets many need not give many."""
    random = np.random.default_rng(SEED)
    drawn = m + m // 4

    def ends(alpha: float) -> npt.NDArray[np.int64]:
        """Tokens, the i-th of them in proportion to i^-alpha, and then given numbers at random."""
        rank = (n * random.random(drawn) ** (1 / (1 - alpha))).astype(np.int64)
        return random.permutation(n)[rank]

    sources, targets = ends(1 / 2), ends(2 / 3)
    pairs = (sources * n + targets)[sources != targets]
    _, first = np.unique(pairs, return_index=True)
    if len(first) < m:
        raise ValueError(f"only {len(first)} of {m} connections are different")
    pairs = pairs[np.sort(first)[:m]]
    weights = random.uniform(LIGHTEST, HEAVIEST, m).astype(np.float32)
    types = random.integers(0, len(TYPES), m).astype(np.int8)
    ends_of = (pairs // n).astype(np.int32), (pairs % n).astype(np.int32)
    return Graph(*ends_of, types, weights, np.array([n]))


def starts(graph: Graph, count: int) -> list[int]:
    """Tokens at random: few of them are those that many point at."""
    picked: list[int] = np.random.default_rng(SEED).integers(0, graph.n, count).tolist()
    return picked


def pairs(matrix: csr_array, count: int) -> list[tuple[int, int]]:
    """Pairs at random, of tokens between which there is a way."""
    _, labels = connected_components(matrix, connection="strong")
    inside = np.flatnonzero(labels == np.bincount(labels).argmax())
    picked = np.random.default_rng(SEED).choice(inside, (count, 2), replace=False)
    return [(int(source), int(target)) for source, target in picked]
