"""Brute force in space: every row measured in float64 by the definition, sorted by distance and then id.

A version of a store is a `Rows`, never changed, so that a rollback or a snapshot is a reference kept. Answers of
`nearest` and `box` are to be compared for equality, to the last bit; `second_opinion` asks scipy, which rounds
otherwise, and is to be compared within `TOLERANCE`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from naive_store import OPERATORS
from scipy.spatial import cKDTree

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Metric = tuple[Sequence[float], Sequence[float]]
Answer = tuple[Ids, Floats]

PLAIN: Metric = ([1.0] * 8, [0.0] * 8)
TOLERANCE = 1e-9  # relative


@dataclass(frozen=True)
class Rows:
    """The tokens of one version, by rising id."""

    id: Ids
    points: Floats  # 8 × n, float32 values widened
    weight: npt.NDArray[np.float32]
    type: npt.NDArray[np.str_]
    flags: npt.NDArray[np.uint16]
    key: npt.NDArray[np.str_]  # '' where there is none
    created_at: Ids  # µs since 1970
    updated_at: Ids
    metric: Metric = PLAIN  # the profile's

    def __len__(self) -> int:
        return len(self.id)

    @cached_property
    def bounds(self) -> tuple[Floats, Floats]:
        """Lowest and highest coordinates; 0 and 1 without rows."""
        if not len(self):
            return np.zeros(8), np.ones(8)
        return self.points.min(axis=1), self.points.max(axis=1)

    def pick(self, which: Any) -> Rows:
        """The rows of a mask or of places."""
        columns = {name: getattr(self, name)[which] for name in COLUMNS}
        return replace(self, points=self.points[:, which], **columns)

    def joined(self, other: Rows) -> Rows:
        """These rows and others, whose profile is this one's."""
        both = {name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in COLUMNS}
        points = np.concatenate([self.points, other.points], axis=1)
        return replace(self, points=points, **both).pick(np.argsort(both["id"], kind="stable"))

    def moved(self, places: Ids, points: Floats) -> Rows:
        """The same with other coordinates at some places."""
        after = self.points.copy()
        after[:, places] = points
        return replace(self, points=after)


COLUMNS = ("id", "weight", "type", "flags", "key", "created_at", "updated_at")


def rounded(point: Sequence[float]) -> Floats:
    """A point as the engine keeps it: float32 without a negative zero, widened."""
    return np.asarray(point, np.float64).astype(np.float32).astype(np.float64) + 0.0


def distances(points: Floats, query: Floats, metric: Metric, norm: str | None = None) -> Floats:
    """√Σ (scale·δ)² of 8 × n points, or Σ scale·δ: in axis order, without fused steps, one root at the end."""
    total = np.zeros(points.shape[1])
    with np.errstate(all="ignore"):
        for axis, (scale, period) in enumerate(zip(*metric, strict=True)):
            if scale == 0.0:
                continue
            delta = points[axis] - query[axis]
            np.abs(delta, out=delta)
            if period > 0.0:
                np.fmod(delta, period, out=delta, where=delta > period)
                np.minimum(delta, period - delta, out=delta)
            delta *= scale
            if norm != "l1":
                delta *= delta
            total += delta
        return total if norm == "l1" else np.sqrt(total)


def nearest(
    rows: Rows, query: Floats, metric: Metric, *, filter: Any = None, k: int | None = None, offset: int = 0,
    radius: float = np.inf, exclude: int | None = None, norm: str | None = None,
) -> Answer:  # fmt: skip
    """(ids, distances) of the k nearest rows behind the offset, none beyond the radius: ≤ on the float64."""
    found = distances(rows.points, query, metric, norm)
    keep = passing(rows, filter) & (found <= radius)
    if exclude is not None:
        keep &= rows.id != exclude
    ids, found = rows.id[keep], found[keep]
    if k is not None and 0 < k + offset < len(found):
        near = found <= np.partition(found, k + offset - 1)[k + offset - 1]
        ids, found = ids[near], found[near]
    order = np.argsort(found, kind="stable")[offset : None if k is None else offset + k]
    return ids[order], found[order]


def box(rows: Rows, low: Sequence[float | None], high: Sequence[float | None], filter: Any = None) -> Ids:
    """Ids of the rows with low ≤ coordinate ≤ high on every axis; None is open."""
    keep = passing(rows, filter)
    for axis, (least, most) in enumerate(zip(low, high, strict=True)):
        if least is not None:
            keep &= rows.points[axis] >= np.float64(np.float32(least))
        if most is not None:
            keep &= rows.points[axis] <= np.float64(np.float32(most))
    return rows.id[keep]


def passing(rows: Rows, filter: Any) -> Mask:
    """Which rows a filter lets through; a NULL passes nothing but `is_null`."""
    if filter is None:
        return np.ones(len(rows), dtype=bool)
    kind, *rest = filter
    if kind in ("and", "or"):
        fold = np.logical_and if kind == "and" else np.logical_or
        return fold.reduce([passing(rows, part) for part in rest])
    if kind == "distance":
        op, point, metric, value = rest
        return OPERATORS[op](distances(rows.points, rounded(point), metric or rows.metric), value)
    name, *constants = rest
    column = rows.points[int(name[1]) - 1] if name[0] == "l" else getattr(rows, name)
    known = column != "" if name == "key" else np.ones(len(rows), dtype=bool)
    if kind in ("is_null", "is_not_null"):
        return known == (kind == "is_not_null")
    if kind in ("in", "not_in"):
        found = np.isin(column, [_constant(name, value) for value in constants[0]])
        return (found == (kind == "in")) & known
    return OPERATORS[kind](column, _constant(name, constants[0])) & known


def _constant(name: str, value: Any) -> Any:
    if name.endswith("_at"):
        return round(value.timestamp() * 1e6)
    return np.float32(value) if name == "weight" or name[0] == "l" else value


def second_opinion(
    rows: Rows, query: Floats, metric: Metric, k: int, radius: float
) -> tuple[Floats, int, int] | None:
    """What scipy's k-d tree says: the k least distances; how many rows are surely, and perhaps, within the radius.

    None where scaled coordinates are so large that their rounding hides 1e-9 of a distance, and where there are no rows
    or too many to plant a tree for one question.
    """
    scale, period = np.array(metric[0]), np.array(metric[1])
    alive = scale > 0
    if not 0 < len(rows) < 10_000 or not alive.any():
        return None
    size = (scale * period)[alive]
    turned = [_turned(np.c_[rows.points, query], axis, period[axis]) for axis in np.flatnonzero(alive)]
    scaled = np.array(turned) * scale[alive, None]
    if max(np.abs(scaled).max(), size.max()) > 1e5 * radius:
        return None
    scaled[(scaled >= size[:, None]) & (size[:, None] > 0)] = 0.0  # rounded up to a full turn
    tree = cKDTree(scaled[:, :-1].T, boxsize=size)
    found = np.atleast_1d(tree.query(scaled[:, -1], k=min(k, len(rows)))[0])
    surely, perhaps = (
        tree.query_ball_point(scaled[:, -1], radius * by, return_length=True)
        for by in (1 - TOLERANCE, 1 + TOLERANCE)
    )
    return found, int(surely), int(perhaps)


def _turned(points: Floats, axis: int, period: float) -> Floats:
    return np.mod(points[axis], period) if period else points[axis]
