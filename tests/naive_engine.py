"""The engine's contract in plain Python: dicts, sorted lists and brute force.

It is the oracle of the language and property tests, so it is written to be read, not to be fast.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
from naive_graph import NaiveGraph
from naive_store import (
    ACTIVE_MUTABLE,
    DEGREES,
    FLOAT32,
    LOCKED,
    MUTABLE,
    OPERATORS,
    STORED,
    NaiveRelation,
    Row,
    State,
    Store,
    distance,
    f32,
    point_of,
    profiles,
    with_json,
)
from naive_vocabulary import AXES, CUSTOM

from ng_engine.errors import from_sqlstate


class NaiveEngine(NaiveGraph):
    """A session on a store in plain Python."""

    def __init__(self, store: Store, pinned: State | None = None) -> None:
        self._store, self._pinned = store, pinned
        self.read_only = pinned is not None
        self._draft: State | None = None
        self._savepoints: list[tuple[str, State]] = []
        self._local: Any = None
        self.transaction_failed = False

    @classmethod
    def memory(cls, axes: Sequence[str] | None = None) -> NaiveEngine:
        return cls(Store(State(list(axes or AXES))))

    def session(self) -> NaiveEngine:
        return NaiveEngine(self._store)

    def snapshot(self) -> NaiveEngine:
        pinned = NaiveEngine(self._store, self._state)
        pinned._local = self._local
        return pinned

    # ---- catalog and profile

    @property
    def _state(self) -> State:
        return self._pinned or self._draft or self._store.state

    axes = property(lambda self: self._state.axes)
    version = property(lambda self: self._state.version)
    file = None
    catalog_version = property(lambda self: self._state.catalog_version)
    in_transaction = property(lambda self: self._draft is not None)

    def token_types(self) -> dict[str, int]:
        return dict(self._state.token_types)

    def connection_types(self) -> dict[str, tuple[int, str | None, str]]:
        return dict(self._state.connection_types)

    def cdna_profiles(self) -> list[Row]:
        custom = [self._state.profile] if self._state.profile["id"] == CUSTOM else []
        return profiles() + custom

    def metric(self, profile: str | int | None = None) -> Any:
        if profile is None:
            return self._local or (self._state.profile["scale"], self._state.profile["period"])
        found = self._profile(profile)
        return found["scale"], found["period"]

    def _profile(self, profile: str | int) -> Row:
        for row in self.cdna_profiles():
            if profile == row["id"] or str(profile).lower() in (row["name"], *row["aliases"]):
                return row
        raise from_sqlstate("42704", "no such CDNA profile")

    def set_local_metric(self, metric: Any) -> None:
        self._local = metric

    def get_cdna_config(self) -> Row:
        return dict(self._state.profile)

    def get_cdna_scales(self) -> list[float]:
        return list(self._state.profile["scale"])

    def get_cdna_flags(self) -> int:
        return int(self._state.profile["flags"])

    def _change_profile(self, profile: Row) -> None:
        with self._write() as state:
            state.profile, state.catalog_version = profile, state.catalog_version + 1

    def set_cdna_profile(self, profile: str | int) -> None:
        self._change_profile(self._profile(profile))

    def update_cdna_scales(self, scales: Sequence[float]) -> bool:
        if len(scales) != 8 or not all(math.isfinite(s) and s >= 0 for s in scales):
            raise from_sqlstate("22003", "scales are eight finite numbers, none negative")
        custom = {"id": CUSTOM, "name": "custom", "aliases": [], "scale": [float(s) for s in scales]}
        self._change_profile(self._state.profile | custom)
        return True

    def set_cdna_flags(self, flags: int) -> None:
        self._change_profile(
            self._state.profile | {"id": CUSTOM, "name": "custom", "aliases": [], "flags": flags}
        )

    def stats(self) -> dict[str, int]:
        state = self._state
        return {"tokens": len(state.tokens), "connections": len(state.connections), "version": state.version}

    def settle(self) -> None:
        """There is no background work."""

    def validate_cdna(self) -> bool:
        if not self._state.profile["flags"] & 1:
            return True
        rows = self._state.connections.values()
        ends = [Counter(row[end] for row in rows) for end in ("source", "target")]
        limits = [self._state.profile[name] for name in DEGREES]
        return not any(n > m > 0 for end, m in zip(ends, limits, strict=False) for n in end.values())

    # ---- the store

    def check_file(self) -> list[tuple[str, str]]:
        return []

    def backup(self, path: str) -> None:
        try:
            with open(path, "x", encoding="utf-8") as file:
                file.write(repr(self._store.state))
        except FileExistsError:
            raise from_sqlstate("58P02", "the file exists") from None
        except FileNotFoundError:
            raise from_sqlstate("58P01", "no such directory") from None

    def vacuum(self) -> None:
        if self.read_only:
            raise from_sqlstate("25006", "cannot write: the session is read-only")

    # ---- reads

    def _full(self, row: Row) -> Row:
        """A token row with a column per axis, under both names."""
        coords = row["coords"]
        return row | dict(zip(self.axes, coords, strict=True)) | {f"l{i}": v for i, v in enumerate(coords, 1)}

    def _rows(self, table: str, filter: Any = None) -> list[Row]:
        rows = [row for _, row in sorted(getattr(self._state, table).items())]
        rows = [self._full(row) for row in rows] if table == "tokens" else rows
        return [row for row in rows if filter is None or self._passes(row, filter)]

    def _passes(self, row: Row, f: Any) -> bool:
        kind = f[0]
        if kind == "and":
            return all(self._passes(row, part) for part in f[1:])
        if kind == "or":
            return any(self._passes(row, part) for part in f[1:])
        if kind == "const":
            return bool(f[1])
        if kind == "distance":
            _, op, point, metric, value, *norm = f
            measured = distance(row["coords"], point_of(point), metric or self.metric(), *norm)
            return OPERATORS[op](measured, value)
        value = row[f[1]]
        if kind in ("is_null", "is_not_null"):
            return (value is None) == (kind == "is_null")
        if value is None:
            return False
        narrow = f[1] in FLOAT32 or f[1] in self.axes
        if f[1] in ("type", "mutability"):
            f = (kind, f[1], [v.lower() for v in f[2]] if kind in ("in", "not_in") else f[2].lower())
        wanted = [self._constant(v, narrow) for v in (f[2] if kind in ("in", "not_in") else [f[2]])]
        if kind in ("in", "not_in"):
            return (value in wanted) == (kind == "in") and not (kind == "not_in" and None in wanted)
        return wanted[0] is not None and OPERATORS[kind](value, wanted[0])

    @staticmethod
    def _constant(value: Any, narrow: bool) -> Any:
        if isinstance(value, datetime):
            return value if value.tzinfo else value.replace(tzinfo=UTC)
        return f32(value) if narrow and value is not None else value

    def _relation(
        self, table: str, rows: list[Row], columns: Any, access: str, extra: Sequence[str] = (), k: Any = None,
        offset: int = 0,
    ) -> NaiveRelation:  # fmt: skip
        examined = len(getattr(self._state, table))
        rows = rows[offset : None if k is None else offset + k]
        return NaiveRelation(
            [*STORED[table], *extra] if columns is None else list(columns), rows, access, examined
        )

    def scan(
        self,
        table: str,
        *,
        columns: Any = None,
        filter: Any = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> NaiveRelation:
        return self._relation(table, self._rows(table, filter), columns, "scan", k=limit, offset=offset)

    def lookup(
        self, table: str, column: str, values: Any, *, columns: Any = None, filter: Any = None,
        limit: int | None = None, offset: int = 0,
    ) -> NaiveRelation:  # fmt: skip
        rows = [
            row
            for row in self._rows(table, filter)
            if row[column] is not None and row[column] in list(values)
        ]
        return self._relation(table, rows, columns, column, k=limit, offset=offset)

    def _ranked(
        self, rows: list[Row], point: Any, metric: Any, radius: float | None, norm: str | None = None
    ) -> list[Row]:
        if radius is not None and not (radius >= 0 and math.isfinite(radius)):
            raise from_sqlstate("22003", "a radius is a finite number, not negative")
        point, metric = point_of(point), metric or self.metric()
        if not any(metric[0]):
            raise from_sqlstate("22P02", "the point has no live axis")
        measured = [row | {"distance": distance(row["coords"], point, metric, norm)} for row in rows]
        kept = [row for row in measured if radius is None or row["distance"] <= radius]
        return sorted(kept, key=lambda row: (row["distance"], row["id"]))

    def nearest(
        self, points: Any, k: int | None = 10, *, radius: float | None = None, filter: Any = None, metric: Any = None,
        norm: str | None = None, exclude: Any = None, columns: Any = None, offset: int = 0,
    ) -> NaiveRelation:  # fmt: skip
        rows = self._rows("tokens", filter)
        if exclude is not None:
            left_out = self.resolve(exclude)
            rows = [row for row in rows if row["id"] != left_out]
        if np.ndim(points) == 2:
            hits = [
                {"query": i, "id": row["id"], "distance": row["distance"]}
                for i, point in enumerate(points)
                for row in self._ranked(rows, point, metric, radius, norm)[:k]
            ]
            return self._relation("tokens", hits, ["query", "id", "distance"], "scan")
        ranked = self._ranked(rows, points, metric, radius, norm)
        return self._relation("tokens", ranked, columns, "scan", ["distance"], k, offset)

    def within(
        self, points: Any, radius: float, *, filter: Any = None, metric: Any = None, norm: str | None = None,
        exclude: Any = None, columns: Any = None,
    ) -> NaiveRelation:  # fmt: skip
        return self.nearest(
            points,
            None,
            radius=radius,
            filter=filter,
            metric=metric,
            norm=norm,
            exclude=exclude,
            columns=columns,
        )

    def join(
        self, radius: float, *, strict: bool = False, filter_a: Any = None, filter_b: Any = None, metric: Any = None,
        ids: str | None = None, columns: Any = None,
    ) -> NaiveRelation:  # fmt: skip
        metric = metric or self.metric()
        if math.isnan(radius):
            raise from_sqlstate("22003", "the radius is not a number")
        if not any(metric[0]):
            raise from_sqlstate("22P02", "the point has no live axis")
        near, ordered = OPERATORS["<" if strict else "<="], None if ids is None else OPERATORS[ids]
        on_the_right = self._rows("tokens", filter_b)
        pairs = [
            {"a": a["id"], "b": b["id"], "distance": distance(a["coords"], b["coords"], metric)}
            for a in self._rows("tokens", filter_a)
            for b in on_the_right
            if ordered is None or ordered(a["id"], b["id"])
        ]
        pairs = [pair for pair in pairs if near(pair["distance"], radius)]
        wanted = ["a", "b", "distance"] if columns is None else columns
        return self._relation("tokens", pairs, wanted, "scan")

    def box(
        self, low: Any, high: Any, *, filter: Any = None, columns: Any = None, limit: int | None = None,
        offset: int = 0,
    ) -> NaiveRelation:  # fmt: skip
        if any(lo is not None and hi is not None and lo > hi for lo, hi in zip(low, high, strict=True)):
            raise from_sqlstate("22023", "the box is empty: low is above high")
        rows = [
            row
            for row in self._rows("tokens", filter)
            if all(lo is None or f32(lo) <= x for lo, x in zip(low, row["coords"], strict=True))
            and all(hi is None or x <= f32(hi) for hi, x in zip(high, row["coords"], strict=True))
        ]
        return self._relation("tokens", rows, columns, "scan", k=limit, offset=offset)

    def count(self, table: str, filter: Any = None, *, relation: bool = False) -> Any:
        return self._counted([self._rows(table, filter)], relation)

    def count_within(
        self, points: Any, radius: float, *, strict: bool = False, filter: Any = None, metric: Any = None,
        norm: str | None = None, exclude: Any = None, relation: bool = False,
    ) -> Any:  # fmt: skip
        if math.isnan(radius):
            raise from_sqlstate("22003", "the radius is not a number")
        near = OPERATORS["<" if strict else "<="]
        many = np.ndim(points) == 2
        found: list[list[Row]] = [[] for _ in points] if many else [[]]
        ranked = self.nearest(points, None, filter=filter, metric=metric, norm=norm, exclude=exclude)
        columns = [ranked.columns.index(name) for name in (("query",) if many else ()) + ("distance",)]
        for row in ranked.rows():
            *query, measured = (row[column] for column in columns)
            if near(measured, radius):
                found[query[0] if many else 0].append({})
        return self._counted(found, relation, many)

    def count_box(self, low: Any, high: Any, *, filter: Any = None, relation: bool = False) -> Any:
        return self._counted([self.box(low, high, filter=filter).rows()], relation)

    def _counted(self, found: Sequence[Sequence[Any]], relation: bool, many: bool = False) -> Any:
        counts = [len(rows) for rows in found]
        if relation:
            rows = [{"query": query, "count": count} for query, count in enumerate(counts)]
            return self._relation("tokens", rows, ["query", "count"] if many else ["count"], "scan")
        return np.array(counts) if many else counts[0]

    def explain(
        self, call: str, table: str = "tokens", *, filter: Any = None, column: Any = None, values: Any = None
    ) -> tuple[str, str]:
        """As the native engine says it of few rows, of which no filter names one by id or key."""
        count = len(getattr(self._state, table))
        rows = f"{count:,} row{'' if count == 1 else 's'}"
        if call == "lookup":
            return "lookup", f"{column} names {len(values)} row{'' if len(values) == 1 else 's'}"
        if call in ("scan", "count"):
            known = ("count", f"the table knows its {rows}") if call == "count" else ("scan", rows)
            return known if filter is None else ("scan", f"the filter is asked of {rows}")
        asked = "" if filter is None else "; the filter is asked of what is found"
        return "scan", f"{rows}: fewer than are indexed{asked}"

    def resolve(self, token: Any) -> int:
        found = token if not isinstance(token, str) else self._by_key(token)
        if isinstance(found, bool) or found not in self._state.tokens:
            raise from_sqlstate("42704", "token does not exist")
        return int(found)

    def _by_key(self, key: str) -> int | None:
        return next((row["id"] for row in self._state.tokens.values() if row["key"] == key), None)

    def point(self, token: Any) -> list[float]:
        return list(self._state.tokens[self.resolve(token)]["coords"])

    # ---- writes

    @contextmanager
    def _write(self) -> Iterator[State]:
        if self.read_only:
            raise from_sqlstate("25006", "cannot write: the session is read-only")
        draft = self._state.copy()
        draft.version += 1
        yield draft
        if self._draft is None:
            self._store.state = draft
        else:
            self._draft = draft

    def create_tokens(self, arrow: Any, *, on_conflict: str | None = None) -> Any:
        ids = []
        with self._write() as state:
            keys = {row["key"] for row in state.tokens.values()}
            for given in pa.table(arrow).to_pylist():
                taken = given.get("id") in state.tokens or (
                    given.get("key") is not None and given["key"] in keys
                )
                if taken and on_conflict == "nothing":
                    continue
                if taken:
                    raise from_sqlstate("23505", "a token with this id or key exists")
                now = datetime.now(UTC)
                row = {
                    "id": given.get("id") or state.next_token,
                    "key": None,
                    "type": "undefined",
                    "weight": 0.5,
                }
                row |= {"flags": ACTIVE_MUTABLE, "created_at": now, "updated_at": now, "props": None}
                row |= self._token_fields(state, given, None)
                if "coords" not in row:
                    raise from_sqlstate("23502", "a token needs coords")
                state.tokens[row["id"]] = row
                state.next_token = max(state.next_token, row["id"] + 1)
                keys.add(row["key"])
                ids.append(row["id"])
        return np.array(ids, np.int64)

    def _token_fields(self, state: State, given: Row, old: Row | None) -> Row:
        """The given columns, checked and normalised; None means the default and is left out, save key and props."""
        kept = ("key", "props")
        fields = {n: v for n, v in given.items() if n in STORED["tokens"] and (v is not None or n in kept)}
        axes = {name: i for i, name in enumerate(self.axes)} | {f"l{i + 1}": i for i in range(8)}
        moved = {axes[n]: v for n, v in given.items() if n in axes}
        if moved and "coords" not in fields:
            if old is None and len(moved) != 8:
                raise from_sqlstate("22P02", "a point needs 8 coordinates")
            fields["coords"] = [moved.get(i, old["coords"][i] if old else None) for i in range(8)]
        if "coords" in fields:
            fields["coords"] = point_of(fields["coords"])
        if "weight" in fields:
            self._check(fields["weight"], 0.0, 1.0, "token weight")
            fields["weight"] = f32(fields["weight"])
        if "type" in fields:
            fields["type"] = fields["type"].lower()
            if fields["type"] not in state.token_types:
                self._new_type(state, state.token_types, fields["type"])
        return with_json(fields)

    def _new_type(self, state: State, types: dict[str, Any], name: str) -> None:
        if state.profile["flags"] & 8:
            raise from_sqlstate("23514", "strict: an unknown type name")
        code = 256 + sum((c if isinstance(c, int) else c[0]) >= 256 for c in types.values())
        types[name] = code if types is state.token_types else (code, None, "learnable")
        state.catalog_version += 1

    def _check(self, value: float, low: float, high: float, what: str) -> None:
        if not math.isfinite(value):
            raise from_sqlstate("22003", f"{what} is not finite")
        if self._state.profile["flags"] & 1 and not low <= value <= high:
            raise from_sqlstate("23514", f"{what} is outside {low}…{high}")

    def update_tokens(self, arrow: Any) -> int:
        changed = 0
        with self._write() as state:
            for given in pa.table(arrow).to_pylist():
                old = state.tokens.get(given["id"])
                if old is None:
                    continue
                if not old["flags"] & MUTABLE or old["flags"] & LOCKED:
                    raise from_sqlstate("23514", "the token is not mutable")
                key = given.get("key")
                if key is not None and any(r["key"] == key and r is not old for r in state.tokens.values()):
                    raise from_sqlstate("23505", "a token with this key exists")
                fields = self._token_fields(state, given, old) | {"updated_at": datetime.now(UTC)}
                state.tokens[old["id"]] = old | fields
                changed += 1
        return changed

    def delete_tokens(self, ids: Any) -> int:
        with self._write() as state:
            gone = {int(i) for i in ids} & set(state.tokens)
            for id_ in gone:
                del state.tokens[id_]
            state.connections = {
                i: row for i, row in state.connections.items() if not {row["source"], row["target"]} & gone
            }
        return len(gone)

    def create_connections(self, arrow: Any, *, on_conflict: str | None = None) -> Any:
        ids = []
        with self._write() as state:
            known = {(r["source"], r["target"], r["type"]) for r in state.connections.values()}
            for given in pa.table(arrow).to_pylist():
                row = self._connection_row(state, given)
                edge = (row["source"], row["target"], row["type"])
                if edge in known or row["id"] in state.connections:
                    if on_conflict == "nothing":
                        continue
                    raise from_sqlstate("23505", "this connection exists")
                self._check_degrees(state, row)
                state.connections[row["id"]] = row
                state.next_connection = max(state.next_connection, row["id"] + 1)
                known.add(edge)
                ids.append(row["id"])
        return np.array(ids, np.int64)

    def _connection_row(self, state: State, given: Row) -> Row:
        now = datetime.now(UTC)
        row = {"id": given.get("id") or state.next_connection, "type": "associated_with", "weight": 1.0}
        row |= {
            "confidence": 0.5,
            "rigidity": 0.5,
            "mutability": None,
            "evidence": 0,
            "activations": 0,
            "levels": 0,
        }
        row |= {"created_at": now, "updated_at": now, "last_activated_at": None, "props": None}
        row |= self._connection_fields(state, given)
        for end in ("source", "target"):
            found = self._by_key(row[end]) if isinstance(row[end], str) else row[end]
            if found not in state.tokens:
                raise from_sqlstate("23503", f"the {end} token does not exist")
            row[end] = found
        row["mutability"] = row["mutability"] or state.connection_types[row["type"]][2]
        return row

    def _connection_fields(self, state: State, given: Row) -> Row:
        fields = {
            n: v for n, v in given.items() if n in STORED["connections"] and (v is not None or n == "props")
        }
        for name, low, high in (("weight", -10.0, 10.0), ("confidence", 0.0, 1.0), ("rigidity", 0.0, 1.0)):
            if name in fields:
                self._check(fields[name], low, high, name)
                fields[name] = f32(fields[name])
        if "type" in fields:
            fields["type"] = fields["type"].lower()
            if fields["type"] not in state.connection_types:
                self._new_type(state, state.connection_types, fields["type"])
        return with_json(fields)

    def _check_degrees(self, state: State, row: Row) -> None:
        rows = state.connections.values()
        out = 1 + sum(r["source"] == row["source"] for r in rows)
        into = 1 + sum(r["target"] == row["target"] for r in rows)
        limits = [state.profile[name] for name in DEGREES]
        if state.profile["flags"] & 1 and any(n > m > 0 for n, m in zip((out, into), limits, strict=False)):
            raise from_sqlstate("23514", "the degree limit is reached")

    def update_connections(self, arrow: Any) -> int:
        changed = 0
        with self._write() as state:
            for given in pa.table(arrow).to_pylist():
                old = state.connections.get(given["id"])
                if old is not None:
                    fields = self._connection_fields(state, given) | {"updated_at": datetime.now(UTC)}
                    state.connections[old["id"]] = old | fields
                    changed += 1
        return changed

    def delete_connections(self, ids: Any) -> int:
        with self._write() as state:
            gone = {int(i) for i in ids} & set(state.connections)
            for id_ in gone:
                del state.connections[id_]
        return len(gone)

    def weave(
        self, tokens: Any, k: int, *, type: str = "associated_with", weight: float = 1.0, confidence: float = 0.5,
        metric: Any = None, on_conflict: str | None = None,
    ) -> Any:  # fmt: skip
        edges = [
            {"source": int(i), "target": row[0], "type": type, "weight": weight, "confidence": confidence}
            for i in tokens
            for row in self.nearest(
                self.point(int(i)), k, metric=metric, exclude=int(i), columns=["id"]
            ).rows()
        ]
        if not edges:
            return np.array([], np.int64)
        return self.create_connections(pa.Table.from_pylist(edges), on_conflict=on_conflict)

    # ---- transactions

    def begin(self, read_only: bool = False) -> None:
        if self._draft is not None:
            raise from_sqlstate("25001", "a transaction is already open")
        self._draft, self.read_only = self._store.state, read_only

    def _end(self) -> State:
        if self._draft is None:
            raise from_sqlstate("25P01", "no transaction is open")
        draft, self._draft, self._savepoints, self._local, self.read_only = self._draft, None, [], None, False
        self.transaction_failed = False
        return draft

    def commit(self) -> None:
        failed = self.transaction_failed
        draft = self._end()
        if failed:
            raise from_sqlstate("25P02", "current transaction is aborted: it was rolled back")
        self._store.state = draft

    def rollback(self) -> None:
        self._end()

    def fail_transaction(self) -> None:
        self.transaction_failed = self._draft is not None

    def start_statement(self, timeout: float | None = None) -> None:
        if self.transaction_failed:
            raise from_sqlstate("25P02", "current transaction is aborted")

    def end_statement(self) -> None:
        """Nothing is captured, so nothing ends."""

    def check_interrupt(self) -> None:
        """Nothing interrupts it."""

    def savepoint(self, name: str) -> None:
        self.start_statement()
        if self._draft is None:
            raise from_sqlstate("25P01", "no transaction is open")
        self._savepoints.append((name, self._draft))

    def _savepoint(self, name: str) -> int:
        for i in reversed(range(len(self._savepoints))):
            if self._savepoints[i][0] == name:
                return i
        raise from_sqlstate("3B001", f'savepoint "{name}" does not exist')

    def rollback_to(self, name: str) -> None:
        i = self._savepoint(name)
        self._draft = self._savepoints[i][1]
        self.transaction_failed = False
        del self._savepoints[i + 1 :]

    def release(self, name: str) -> None:
        self.start_statement()
        del self._savepoints[self._savepoint(name) :]
