"""What the naive engine's sessions share: versions of the rows, the distance by its definition, and relations."""

from __future__ import annotations

import json
import math
import operator
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from naive_vocabulary import CONNECTION_TYPES, PROFILES, TOKEN_TYPES

from ng_engine.errors import from_sqlstate

Row = dict[str, Any]
STAMP = pa.timestamp("us", tz="UTC")
DICTIONARY = pa.dictionary(pa.int16(), pa.string())
ARROW = {  # column -> (NGQL type, Arrow type); a column of one name has one type wherever it stands
    **dict.fromkeys(
        ("id", "source", "target", "activations", "connection", "component", "query", "a", "b", "count"),
        ("BIGINT", pa.int64()),
    ),
    **dict.fromkeys(("key", "mutability"), ("TEXT", pa.string())),
    **dict.fromkeys(("weight", "confidence", "rigidity"), ("REAL", pa.float32())),
    **dict.fromkeys(("created_at", "updated_at", "last_activated_at"), ("TIMESTAMPTZ", STAMP)),
    **dict.fromkeys(("evidence", "levels", "depth", "path", "step"), ("INTEGER", pa.int32())),
    **dict.fromkeys(("activation", "cost", "distance", "score"), ("DOUBLE", pa.float64())),
    "type": ("TEXT", DICTIONARY),
    "coords": ("FLOAT[8]", pa.list_(pa.float32(), 8)),
    "flags": ("INTEGER", pa.uint16()),
    "props": ("JSON", pa.string()),
    "length": ("INTEGER", pa.int32()),
    **dict.fromkeys(("tokens", "connections"), ("BIGINT[]", pa.list_(pa.int64()))),
}


def _arrow(name: str) -> tuple[str, Any]:
    """The types of a column; that of a pattern's variable is called `variable.column`."""
    return ARROW.get(name.rpartition(".")[2], ("REAL", pa.float32()))


STORED = {
    "tokens": ["id", "key", "type", "coords", "weight", "flags", "created_at", "updated_at", "props"],
    "connections": "id source target type weight confidence rigidity mutability evidence activations levels"
    " created_at updated_at last_activated_at props".split(),
}
FLOAT32 = {"weight", "confidence", "rigidity", *(f"l{i}" for i in range(1, 9))}
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
ACTIVE_MUTABLE, MUTABLE, LOCKED = 5, 4, 128
DEGREES = ("max_out_degree", "max_in_degree", "max_total_degree")


def f32(value: Any) -> float:
    """A number rounded to float32 and widened again; too large becomes an infinity, as a cast does."""
    with np.errstate(over="ignore"):
        return float(np.float32(value))


def point_of(values: Any) -> tuple[float, ...]:
    """Eight finite coordinates, rounded to float32, without a negative zero."""
    if isinstance(values, str) or len(values) != 8 or any(v is None or isinstance(v, str) for v in values):
        raise from_sqlstate("22P02", "a point needs 8 coordinates")
    point = tuple(f32(v) + 0.0 for v in values)
    if not all(map(math.isfinite, point)):
        raise from_sqlstate("22003", "a coordinate is not a finite number")
    return point


def distance(a: Sequence[float], b: Sequence[float], metric: Any, norm: str | None = None) -> float:
    """The definition: √Σ (s·δ)², or Σ s·δ in the norm l1, in double precision, summed in axis order."""
    total = 0.0
    for x, y, scale, period in zip(a, b, *metric, strict=True):
        if scale == 0.0:
            continue
        delta = abs(x - y)
        if period > 0.0:
            delta = math.fmod(delta, period) if delta > period else delta
            delta = min(delta, period - delta)
        total += scale * delta if norm == "l1" else (scale * delta) * (scale * delta)
    return total if norm == "l1" else math.sqrt(total)


def _or_nan(function: Callable[..., float]) -> Callable[..., float]:
    """IEEE 754's answers where Python has errors: what is no number is NaN, what is too large an infinity."""

    def called(*args: float) -> float:
        with np.errstate(all="ignore"):
            return float(function(*map(np.float64, args)))

    return called


COSTS: dict[str, Callable[..., float]] = {
    name: _or_nan(function)
    for name, function in {
        "neg": np.negative, "abs": np.abs, "sqrt": np.sqrt, "exp": np.exp, "ln": np.log, "+": np.add,
        "-": np.subtract, "*": np.multiply, "/": np.divide, "power": np.power, "least": np.minimum,
        "greatest": np.maximum,
    }.items()
}  # fmt: skip


def cost_of(cost: Any, hop: dict[str, Row], metric: Any) -> float:
    """What a hop costs, from its ends `u` and `v` and its connection `e`."""
    if not isinstance(cost, tuple):
        return float(cost)
    name, *parts = cost
    if name in hop:
        if not isinstance(hop[name][parts[0]], (int, float)):
            raise from_sqlstate("42804", f"{parts[0]} is no number")
        return float(hop[name][parts[0]])
    if name == "distance":
        a, b = (hop[part]["coords"] if isinstance(part, str) else point_of(part) for part in parts)
        return distance(a, b, metric)
    return COSTS[name](*(cost_of(part, hop, metric) for part in parts))


def with_json(fields: Row) -> Row:
    """The columns with props as the text of a JSON object, or 22P02."""
    props = fields.get("props")
    try:
        props = json.loads(props) if isinstance(props, str) else props
    except ValueError:
        raise from_sqlstate("22P02", "props is not JSON") from None
    if props is not None and not isinstance(props, dict):
        raise from_sqlstate("22P02", "props is not a JSON object")
    return fields if props is None else fields | {"props": json.dumps(props)}


class NaiveRelation:
    """A finished answer: a list of dicts shown as columns."""

    def __init__(self, columns: list[str], rows: list[Row], access: str, examined: int) -> None:
        self.columns, self._rows, self.access, self.reason = columns, rows, access, ""
        self.types = [_arrow(name)[0] for name in columns]
        self.work = {"rows_examined": examined, "leaves_visited": 0, "leaves_total": 0, "edges_examined": 0}
        self.num_rows = len(rows)

    def __len__(self) -> int:
        return self.num_rows

    def rows(self, start: int = 0, count: int | None = None) -> list[tuple[Any, ...]]:
        shown = self._rows[start : None if count is None else start + count]
        return [tuple(self._value(row, name) for name in self.columns) for row in shown]

    @staticmethod
    def _value(row: Row, name: str) -> Any:
        column = name.rpartition(".")[2]
        if column == "coords":
            return list(row[name])
        return json.loads(row[name]) if column == "props" and row[name] is not None else row[name]

    def _table(self) -> pa.Table:
        types = [_arrow(name)[1] for name in self.columns]
        arrays = []
        for name, type_ in zip(self.columns, types, strict=True):
            plain = pa.string() if type_ == DICTIONARY else type_
            array = pa.array([row[name] for row in self._rows], plain)
            arrays.append(array.dictionary_encode().cast(type_) if type_ == DICTIONARY else array)
        return pa.table(arrays, names=self.columns)

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._table().__arrow_c_stream__(requested_schema)

    def __arrow_c_schema__(self) -> object:
        return self._table().schema.__arrow_c_schema__()


@dataclass
class State:
    """One version of a store; replaced, never changed."""

    axes: list[str]
    tokens: dict[int, Row] = field(default_factory=dict)
    connections: dict[int, Row] = field(default_factory=dict)
    token_types: dict[str, int] = field(default_factory=lambda: {n: i for i, n in enumerate(TOKEN_TYPES)})
    connection_types: dict[str, tuple[int, str | None, str]] = field(
        default_factory=lambda: dict(CONNECTION_TYPES)
    )
    profile: Row = field(default_factory=lambda: profiles()[0])
    next_token: int = 1
    next_connection: int = 1
    version: int = 0
    catalog_version: int = 1

    def copy(self) -> State:
        """A draft of the next version."""
        draft = copy(self)
        for name in ("tokens", "connections", "token_types", "connection_types", "profile"):
            setattr(draft, name, dict(getattr(self, name)))
        return draft


class Store:
    """What sessions share."""

    def __init__(self, state: State) -> None:
        self.state = state


def profiles() -> list[Row]:
    """The built-in profiles as dicts."""
    names = ("id", "name", "aliases", "scale", "flags")
    return [
        dict(
            zip(names, rest, strict=True), period=[0.0] * 8, mode="quarantine" if rest[0] == 4 else "enforce"
        )
        | dict(zip(DEGREES, limits, strict=True))
        for *rest, limits in PROFILES
    ]
