"""`db.grid`: what lies around a point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from neurograph.points import plain_point
from ng_engine.errors import from_sqlstate

if TYPE_CHECKING:
    from neurograph.database import Database

__all__ = ["RuntimeGridStorage"]

_UNIT_BALL = math.pi**4 / 24
"""Volume of the ball of radius 1 in eight dimensions."""


class RuntimeGridStorage:
    """Space around tokens and points, measured with the profile in force.

    Example:
        >>> import neurograph as ng
        >>> db = ng.connect()
        >>> ids = db.tokens.create_many({"coords": [[0.0] * 8, [0.5] + [0.0] * 7], "weight": [1.0, 0.5]})
        >>> db.grid.neighbors(1, radius=1.0), db.grid.range([0.0] * 8, 0.25)
        ([(2, 0.5)], [(1, 0.0)])
        >>> db.grid.influence([0.0] * 8, 1.0), db.grid.info()["count"]
        (1.25, 2)
        >>> db.close()
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def info(self) -> dict[str, Any]:
        """Number of tokens, the bounds of the axes (8 × (low, high)) and the state of the spatial index."""
        return self._database.engine.get_grid_info()

    def neighbors(
        self, id: int | str, radius: float, max_results: int | None = None
    ) -> list[tuple[int, float]]:
        """(id, distance) of the tokens around a token, nearest first, itself left out.

        Args:
            id: the token's id or key.
            radius: the greatest distance.
            max_results: how many at most.
        """
        return self._database.engine.find_neighbors(id, radius, max_results)

    def range(self, center: Sequence[float] | int | str, radius: float) -> list[tuple[int, float]]:
        """(id, distance) of the tokens around a point (or a token's point), nearest first."""
        engine = self._database.engine
        return engine.range_query(plain_point(engine, center), radius)

    def density(self, center: Sequence[float] | int | str, radius: float) -> float:
        """Tokens per unit of volume around a point: their number within the radius by the ball's π⁴/24 · r⁸.

        Raises:
            DataError: 22023, the radius is not above 0, so there is no volume.
        """
        if not radius > 0:
            raise from_sqlstate("22023", "a density needs a radius above 0")
        engine = self._database.engine
        found: int = engine.count_within(plain_point(engine, center), radius)
        return found / (_UNIT_BALL * radius**8)

    def influence(self, center: Sequence[float] | int | str, radius: float) -> float:
        """Sum of the weights around a point, each falling off linearly: Σ weight · (1 − distance/radius).

        Raises:
            DataError: 22023, the radius is not above 0.
        """
        if not radius > 0:
            raise from_sqlstate("22023", "an influence needs a radius above 0")
        engine = self._database.engine
        found = engine.within(plain_point(engine, center), radius, columns=["weight", "distance"])
        return math.fsum(weight * (1.0 - distance / radius) for weight, distance in found.rows())
