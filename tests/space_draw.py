"""What questions in space are about, drawn at random: metrics, places, radii, filters, and how NGQL says those."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import oracle_space as oracle
from naive_store import OPERATORS
from oracle_space import Floats, Metric, Rows

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INVERSE = dict(zip(OPERATORS, ("<>", "=", ">=", ">", "<=", "<"), strict=True))


@dataclass
class Draw:
    """What one question is about, drawn at random and printed when the answer is wrong."""

    rng: np.random.Generator = field(repr=False)
    rows: Rows = field(repr=False)
    asked: dict[str, Any] = field(default_factory=dict)
    share: float | None = None  # of the rows that the filter lets through

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def among(self, values: Any) -> Any:
        return values[int(self.rng.integers(len(values)))]

    # ---- a metric

    def metric(self) -> Metric:
        """Scales and periods; at least one axis is alive."""
        rng = self.rng
        scale = self.among([self._even, self._skewed, self._skewed, self._extreme])()
        dead = self.among([0, 0, 0, 1, 3, 5, 7])
        scale[rng.permutation(8)[:dead]] = 0.0
        period = np.zeros(8)
        if self.chance(0.35):
            extent = self.rows.bounds[1] - self.rows.bounds[0]
            turns = np.array([rng.uniform(0.2, 2.5), 0.5, 1.0, 2 * np.pi, 24.0, 3.0])
            lengths = np.where(rng.random(8) < 0.5, extent * turns[0], rng.choice(turns, 8))
            period = np.where(rng.random(8) < 0.4, lengths, 0.0)
        return scale.tolist(), period.tolist()

    def _even(self) -> Floats:
        return np.full(8, self.among([1.0, 1.0, 0.5, 100.0, 10 ** self.rng.uniform(-3, 3)]))

    def _skewed(self) -> Floats:
        return 10 ** self.rng.uniform(-3, 3, 8)

    def _extreme(self) -> Floats:
        return 10 ** self.rng.uniform(-30, 30, 8) if self.chance(0.2) else self.rng.integers(1, 9, 8) * 1.0

    # ---- a place

    def point(self) -> list[float]:
        """On a row, close to one, between two, about them all, or far off; not always a float32."""
        rng, points = self.rng, self.rows.points
        if not len(self.rows) or self.chance(0.1):
            return self.among(
                [rng.random(8), rng.integers(-1, 4, 8) * 1.0, np.zeros(8), -np.full(8, 3e5)]
            ).tolist()
        a, b = points[:, rng.integers(0, len(self.rows), 2)].T
        low, high = (bound / 2 for bound in self.rows.bounds)
        about = 2 * (low + (high - low) * rng.random(8))
        chosen: Floats = self.among([a, a + (b - a) * 1e-3 * rng.random(8), a / 2 + b / 2, about])
        return chosen.tolist() if np.isfinite(chosen.astype(np.float32)).all() else a.tolist()

    def radius(
        self, point: list[float], metric: Metric, filter: Any = None, norm: str | None = None
    ) -> float:
        """Zero, exactly a distance, the number before or after, between two, or beyond every row."""
        keep = oracle.passing(self.rows, filter)
        found = oracle.distances(self.rows.points[:, keep], oracle.rounded(point), metric, norm)
        found = found[np.isfinite(found)]
        if not len(found) or self.chance(0.1):
            return float(self.among([0.0, 0.5, 1e300]))
        rank = min(len(found) - 1, int(len(found) ** self.rng.random()) - 1)
        exact = float(np.partition(found, rank)[rank])
        down, up = np.nextafter(exact, 0), np.nextafter(exact, np.inf)
        return float(self.among([exact, exact, down, up, exact * self.rng.uniform(0.9, 1.1)]))

    def k(self) -> int:
        n = len(self.rows)
        return int(self.among([0, 1, 2, 10, 10, 47, 48, 49, 100, 1000, max(n - 1, 0), n, n + 5]))

    def offset(self) -> int:
        return int(self.among([0, 0, 0, 0, 1, 7, 40, len(self.rows)]))

    def token(self) -> int:
        return int(self.among(self.rows.id))

    # ---- a filter

    def filter(self) -> Any:
        """None, or a predicate that lets through 0.01 % to 99 % of the rows, or thereabouts."""
        if self.chance(0.3):
            return None
        filter = self._leaf() if self.chance(0.7) else self._tree()
        self.share = float(oracle.passing(self.rows, filter).mean()) if len(self.rows) else None
        return filter

    def _tree(self) -> Any:
        parts = [self._leaf() for _ in range(int(self.rng.integers(2, 4)))]
        if self.chance(0.3):
            parts.append((self.among(["and", "or"]), self._leaf(), self._leaf()))
        return self.among(["and", "or"]), *parts

    def _leaf(self) -> Any:
        op = self.among(list(OPERATORS))
        name = self.among(
            ["weight", "weight", "weight", "type", "flags", "key", "id", "axis", "time", "distance"]
        )
        share = float(self.among([10 ** self.rng.uniform(-4, 0), self.rng.random(), 0.99]))
        return getattr(self, f"_{name}_leaf")(
            self.among(["<", "<=", ">", ">="]) if share < 1 else op, op, share
        )

    def _quantile(self, values: Any, share: float, order: str) -> Any:
        """The value that so many are below (or above)."""
        if not len(values):
            return 0.5
        share = share if order[0] == "<" else 1 - share
        place = min(int(share * len(values)), len(values) - 1)
        return np.partition(values, place)[place].item()

    def _weight_leaf(self, order: str, op: str, share: float) -> Any:
        value = self.among([share, self._quantile(self.rows.weight, share, order)])
        return order if self.chance(0.9) else op, "weight", value

    def _type_leaf(self, order: str, op: str, share: float) -> Any:
        names = ["object", "event", "word", "rare", "nothing", "WORD"]
        if self.chance(0.4):
            return (
                self.among(["in", "not_in"]),
                "type",
                [n.lower() for n in self.rng.choice(names, 2).tolist()],
            )
        return op, "type", self.among(names).lower()

    def _flags_leaf(self, order: str, op: str, share: float) -> Any:
        values = [5, 0x1005, 0x2005, 0x5005, 6]
        if self.chance(0.3):
            return self.among(["in", "not_in"]), "flags", self.rng.choice(values, 2).tolist()
        return op, "flags", self.among(values)

    def _key_leaf(self, order: str, op: str, share: float) -> Any:
        if self.chance(0.3):
            return self.among(["is_null", "is_not_null"]), "key"
        known = self.rows.key[self.rng.integers(0, len(self.rows), 3)].tolist() if len(self.rows) else []
        keys = [key or "k7" for key in known] + ["nobody"]
        if self.chance(0.6):
            return self.among(["in", "in", "not_in"]), "key", keys
        return op, "key", keys[0]

    def _id_leaf(self, order: str, op: str, share: float) -> Any:
        if len(self.rows) and self.chance(0.5):
            ids = self.rng.choice(self.rows.id, 1 + int(self.rng.integers(0, 40))).tolist()
            return self.among(["in", "in", "not_in"]), "id", [*ids, 10**12]
        return order, "id", int(self._quantile(self.rows.id, share, order)) + self.among([0, 0.5])

    def _axis_leaf(self, order: str, op: str, share: float) -> Any:
        axis = int(self.rng.integers(0, 8))
        return order, f"l{axis + 1}", self._quantile(self.rows.points[axis], share, order)

    def _time_leaf(self, order: str, op: str, share: float) -> Any:
        name = self.among(["created_at", "updated_at"])
        stamps = getattr(self.rows, name)
        stamp = int(self.among(stamps)) if len(stamps) else 0
        return self.among([order, op]), name, EPOCH + timedelta(microseconds=stamp)

    def _distance_leaf(self, order: str, op: str, share: float) -> Any:
        point, metric = self.point(), None if self.chance(0.5) else self.metric()
        found = oracle.distances(self.rows.points, oracle.rounded(point), metric or self.rows.metric)
        found = found[np.isfinite(found)]
        return "distance", order, point, metric, float(self._quantile(found, share, order))


def sql(filter: Any, params: dict[str, Any], negated: bool = False) -> str:
    """A filter as a WHERE, its constants as parameters; `negated` says the opposite."""

    def constant(value: Any) -> str:
        params[f"p{len(params)}"] = value
        return f"$p{len(params) - 1}"

    kind, *rest = filter
    if kind in ("and", "or"):
        word = " AND " if (kind == "and") != negated else " OR "
        return "(" + word.join(sql(part, params, negated) for part in rest) + ")"
    if kind == "distance":
        op, point, _, value = rest
        return f"coords <-> {constant(point)} {INVERSE[op] if negated else op} {constant(value)}"
    if kind in ("is_null", "is_not_null"):
        return f"{rest[0]} IS {'NOT ' if (kind == 'is_not_null') != negated else ''}NULL"
    if kind in ("in", "not_in"):
        values = ", ".join(constant(value) for value in rest[1])
        return f"{rest[0]} {'NOT ' if (kind == 'not_in') != negated else ''}IN ({values})"
    return f"{rest[0]} {INVERSE[kind] if negated else kind} {constant(rest[1])}"


def measured(filter: Any, metric: Metric) -> Any:
    """The same with the metric of a USING where a `<->` names none."""
    if filter is None or filter[0] not in ("and", "or", "distance"):
        return filter
    if filter[0] == "distance":
        return *filter[:3], metric, filter[4]
    return filter[0], *(measured(part, metric) for part in filter[1:])


def speakable(filter: Any) -> bool:
    """Whether NGQL can say it: a `<->` in a WHERE has the profile's metric."""
    if filter is None or filter[0] not in ("and", "or", "distance"):
        return True
    return filter[3] is None if filter[0] == "distance" else all(map(speakable, filter[1:]))
