"""Where a search starts: a point, a partial point, a token, or many points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ng_engine.errors import from_sqlstate

if TYPE_CHECKING:
    from ng_engine import RuntimeStorage

__all__ = ["Place", "place", "plain_point"]

Metric = tuple[Sequence[float], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Place:
    """The arguments of a search.

    Attributes:
        points: eight numbers, or an N×8 array.
        metric: scale and period, None for the session's own.
        exclude: a token to leave out.
        many: whether `points` are many.
    """

    points: Any
    metric: Metric | None
    exclude: int | str | None
    many: bool


def place(engine: RuntimeStorage, q: Any, profile: str | int | None) -> Place:
    """Read what a user may give as the centre of a search.

    Args:
        engine: gives a token's point, and a profile's metric.
        q: eight numbers; None entries or a mapping of axis name to number leave the other axes out of the
            distance; an id (int) or key (str) of a token, which is then left out itself; an N×8 array.
        profile: the name of the profile whose metric measures; None for the session's.

    Raises:
        Error: 42704 no such token or profile, 42703 no such axis, 22P02 not eight numbers.
        TypeError: none of these.
    """
    metric = None if profile is None else engine.metric(profile)
    if isinstance(q, np.ndarray) and q.dtype != object:
        return Place(q, metric, None, q.ndim == 2)
    if isinstance(q, (int, str, np.integer)) and not isinstance(q, bool):
        token = q if isinstance(q, str) else int(q)
        return Place(engine.point(token), metric, engine.resolve(token), False)
    if isinstance(q, Mapping):
        q = _named(engine, q)
    elif not isinstance(q, (Sequence, np.ndarray)):
        raise TypeError(f"a point is eight numbers, a mapping of axes, or a token, not {type(q).__name__}")
    if any(x is None for x in q):
        return _partial(engine, list(q), metric)
    many = len(q) > 0 and isinstance(q[0], (Sequence, np.ndarray)) and not isinstance(q[0], str)
    return Place(np.asarray(q, dtype=np.float64) if many else q, metric, None, many)


def _named(engine: RuntimeStorage, axes: Mapping[str, float]) -> list[float | None]:
    numbers = {name: number for number, name in enumerate(engine.axes)}
    numbers |= {f"l{number + 1}": number for number in range(8)}
    point: list[float | None] = [None] * 8
    for name, value in axes.items():
        if name.lower() not in numbers:
            raise from_sqlstate("42703", f'axis "{name}" does not exist', f"axes: {', '.join(engine.axes)}")
        point[numbers[name.lower()]] = value
    return point


def _partial(engine: RuntimeStorage, point: list[float | None], metric: Metric | None) -> Place:
    if len(point) != 8:
        raise from_sqlstate("22P02", f"a point needs 8 coordinates, not {len(point)}")
    if all(x is None for x in point):
        raise from_sqlstate("22P02", "a point needs at least one axis")
    scale, period = metric or engine.metric()
    live = [0.0 if x is None else s for x, s in zip(point, scale, strict=True)]
    return Place([0.0 if x is None else x for x in point], (live, list(period)), None, False)


def plain_point(engine: RuntimeStorage, center: Any) -> Any:
    """A centre given as a point, or as a token whose point it is."""
    if isinstance(center, (int, str, np.integer)) and not isinstance(center, bool):
        return engine.point(center if isinstance(center, str) else int(center))
    return center
