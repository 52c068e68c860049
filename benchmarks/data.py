"""The points: the same on every machine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Kind = Literal["uniform", "clustered"]
AXES = 8
SEED = 20_26


@dataclass(frozen=True, slots=True)
class World:
    """Points to store and points to ask for, N × 8 float32 each, from one distribution."""

    kind: Kind
    points: npt.NDArray[np.float32]
    queries: npt.NDArray[np.float32]

    @property
    def name(self) -> str:
        """For titles: `100,000 clustered`."""
        return f"{len(self.points):,} {self.kind}"


def world(kind: Kind, n: int, queries: int = 1_000) -> World:
    """Make points in the unit cube: uniform, or a thousand each around centres, normal with a deviation of 0.02."""
    random = np.random.default_rng(SEED)
    total = n + queries
    if kind == "uniform":
        points = random.random((total, AXES), dtype=np.float32)
    else:
        centres = random.random((max(n // 1_000, 1), AXES))
        spread = random.normal(0.0, 0.02, (total, AXES))
        points = (centres[random.integers(0, len(centres), total)] + spread).astype(np.float32)
    return World(kind, points[:n], points[n:])


def coords(points: npt.NDArray[np.float32]) -> pa.FixedSizeListArray:
    """Points as the Arrow column `coords`, without a copy."""
    return pa.FixedSizeListArray.from_arrays(pa.array(points.reshape(-1)), AXES)


def tokens(points: npt.NDArray[np.float32], *, keys: bool = False) -> pa.Table:
    """A table as `create_tokens` takes it: coords and weight, and a unique key if asked for."""
    columns: dict[str, pa.Array] = {
        "coords": coords(points),
        "weight": pa.array(np.full(len(points), 0.5, dtype=np.float32)),
    }
    if keys:
        columns["key"] = pa.array(_keys(range(len(points))))
    return pa.table(columns)


def _keys(numbers: Iterable[int]) -> list[str]:
    return [f"token-{number}" for number in numbers]
