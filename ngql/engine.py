"""What the language asks of storage: one method per engine operation, and nothing else.

The language never imports an engine. `ng_engine` fits these Protocols, and so does the naive engine of the tests,
which answers by brute force and is compared with the real one on generated statements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol

__all__ = [
    "Cost",
    "Direction",
    "Engine",
    "Explainable",
    "Filter",
    "Metric",
    "Point",
    "Relation",
    "Table",
    "Token",
]

Filter = tuple[Any, ...]
"""A row predicate in negation normal form, in which a NULL passes no leaf.

`("and", f, …)`, `("or", f, …)`, `("const", bool)`, `(op, column, value)` with op one of `= <> < <= > >=`,
`("in", column, values)`, `("not_in", column, values)`, `("is_null", column)`, `("is_not_null", column)` and
`("distance", op, point, metric or None, value)` on tokens, where a further `"l1"` makes it the sum of the axes. A
number compared with a float32 column is rounded to float32 first; an unknown type name equals nothing and differs
from everything.
"""

Metric = tuple[Sequence[float], Sequence[float]]
"""`(scale, period)`, eight numbers each: scale ≥ 0 (0 leaves the axis out), period ≥ 0 (0 is a straight axis)."""

Point = Sequence[float]
"""Eight coordinates; rounded to float32 before any distance is taken."""

Cost = float | tuple[Any, ...]
"""What a hop costs, in double precision.

A number; `("e", column)` of the connection; `("u", column)` and `("v", column)` of the token left and the token
reached; `("distance", place, place)` with a place `"u"`, `"v"` or a point; `(f, cost)` with f one of
`neg abs sqrt exp ln`; `(f, cost, cost)` with f one of `+ - * / power least greatest`.
"""

Token = int | str
"""A token reference: its id, or its key."""

Table = Literal["tokens", "connections"]
Direction = Literal["out", "in", "both"]
Explainable = Literal["scan", "lookup", "count", "nearest", "within", "box", "count_within", "count_box"]
"""The calls whose rows can be found in several ways, of which the engine decides before it runs."""


class Relation(Protocol):
    """A finished answer of the engine that keeps its snapshot; nothing Arrow is made until it is asked for."""

    @property
    def columns(self) -> list[str]:
        """Column names, in order."""

    @property
    def types(self) -> list[str]:
        """NGQL type of each column: BIGINT TEXT FLOAT[8] REAL DOUBLE INTEGER TIMESTAMPTZ JSON."""

    @property
    def num_rows(self) -> int:
        """Number of rows."""

    @property
    def work(self) -> dict[str, int]:
        """What finding the rows cost: rows_examined, leaves_visited, leaves_total, edges_examined."""

    @property
    def access(self) -> str:
        """How the rows were found: scan, kd-tree, lookup, adjacency, …."""

    @property
    def reason(self) -> str:
        """The figures that decided it; empty where there was no choice."""

    def __len__(self) -> int:
        """Number of rows."""

    def rows(self, start: int = 0, count: int | None = None) -> list[tuple[Any, ...]]:
        """Rows as Python values: coords a list of floats, timestamps aware in UTC, props a dict or None."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """A new Arrow C stream over the same rows; may be asked for more than once."""

    def __arrow_c_schema__(self) -> object:
        """The schema of that stream."""


class Engine(Protocol):
    """A session on a store: reads see one version, writes are atomic and commit at once outside a transaction.

    `columns=None` stands for every column of the table; token rows come in id order unless said otherwise.
    """

    @property
    def axes(self) -> list[str]:
        """The eight axis names of this store."""

    @property
    def catalog_version(self) -> int:
        """Changes when types, profiles or axes change; not at every write."""

    @property
    def version(self) -> int:
        """Number of the commit this session sees."""

    @property
    def in_transaction(self) -> bool:
        """Whether BEGIN is open."""

    @property
    def read_only(self) -> bool:
        """Whether writes are refused (25006)."""

    @property
    def file(self) -> str | None:
        """The store's file, or None when it lives in memory alone."""

    @property
    def transaction_failed(self) -> bool:
        """Whether a statement of the open transaction has failed: all but its end and `rollback_to` are 25P02."""

    def fail_transaction(self) -> None:
        """A statement of the open transaction has failed elsewhere; outside of one it changes nothing."""

    def start_statement(self, timeout: float | None = None) -> None:
        """Let the calls up to `end_statement` be one: the same version, ended together by `interrupt` or the time."""

    def end_statement(self) -> None:
        """The end of what `start_statement` began."""

    def check_interrupt(self) -> None:
        """57014 when the statement has been cancelled."""

    def session(self) -> Engine:
        """Another session on the same store."""

    def snapshot(self) -> Engine:
        """A read-only session pinned to what this one sees now; inside a transaction its own writes included."""

    def scan(
        self,
        table: Table,
        *,
        columns: Sequence[str] | None = None,
        filter: Filter | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> Relation:
        """The rows of a table, by id."""

    def lookup(
        self,
        table: Table,
        column: Literal["id", "key"],
        values: Sequence[Token],
        *,
        columns: Sequence[str] | None = None,
        filter: Filter | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> Relation:
        """The rows with these ids or keys, each once, by id; missing ones left out; limit counts after the filter."""

    def nearest(
        self,
        points: Any,
        k: int | None = 10,
        *,
        radius: float | None = None,
        filter: Filter | None = None,
        metric: Metric | None = None,
        norm: Literal["l1", "l2"] | None = None,
        exclude: Token | None = None,
        columns: Sequence[str] | None = None,
        offset: int = 0,
    ) -> Relation:
        """The k rows nearest to a point, plus `distance`, by distance then id; `k=None` gives all.

        The norm `l1` sums the axes, `l2` (the default) their squares. N points give `query, id, distance` instead.
        """

    def within(
        self,
        points: Any,
        radius: float,
        *,
        filter: Filter | None = None,
        metric: Metric | None = None,
        norm: Literal["l1", "l2"] | None = None,
        exclude: Token | None = None,
        columns: Sequence[str] | None = None,
    ) -> Relation:
        """Every row at a distance ≤ radius, shaped and ordered as `nearest`."""

    def join(
        self,
        radius: float,
        *,
        strict: bool = False,
        filter_a: Filter | None = None,
        filter_b: Filter | None = None,
        metric: Metric | None = None,
        ids: Literal["=", "<>", "<", "<=", ">", ">="] | None = None,
        columns: Sequence[str] | None = None,
    ) -> Relation:
        """The pairs of tokens at a distance ≤ radius (< if strict): their ids `a, b` and `distance`, in no order.

        a passes `filter_a`, b `filter_b`; with `ids` their ids compare so. A token pairs with itself; a radius may be
        any number but NaN (22003), and no distance is negative.
        """

    def box(
        self,
        low: Sequence[float | None],
        high: Sequence[float | None],
        *,
        filter: Filter | None = None,
        columns: Sequence[str] | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> Relation:
        """The rows with low ≤ x ≤ high on every axis (None is open), by id."""

    def neighbors(
        self,
        tokens: Token | Sequence[Token],
        depth: tuple[int, int] = (1, 1),
        *,
        via: Sequence[str] | None = None,
        direction: Direction = "out",
        filter: Filter | None = None,
        near: Any | None = None,
        radius: float | None = None,
        metric: Metric | None = None,
        k: int | None = None,
        offset: int = 0,
        columns: Sequence[str] | None = None,
    ) -> Relation:
        """Tokens whose fewest hops from `tokens` lie in `depth`, plus `depth`, by depth then id.

        With `near`, plus `distance`, by distance then id. The filter never prunes the walk.
        """

    def path(
        self,
        source: Token,
        target: Token,
        *,
        via: Sequence[str] | None = None,
        max_depth: int | None = None,
        direction: Direction = "out",
        cost: Cost | None = None,
        metric: Metric | None = None,
    ) -> Relation:
        """A way of fewest hops, or with `cost` the cheapest: `step, id, key, type, connection, cost`.

        No row when there is none. A hop that costs anything but a finite number ≥ 0 is 22003, with the connection's id.
        """

    def match_paths(
        self,
        nodes: Sequence[Mapping[str, Any]],
        edges: Sequence[Mapping[str, Any]],
        columns: Mapping[str, tuple[str, int | None, str]],
        *,
        mode: str = "walk",
        selector: str | None = None,
        k: int | None = None,
        metric: Metric | None = None,
        limit: int | None = None,
    ) -> Relation:
        """The paths that a pattern describes, in no particular order; see `ng_engine.RuntimeStorage.match_paths`."""

    def paths(
        self,
        source: Token,
        target: Token,
        k: int,
        *,
        via: Sequence[str] | None = None,
        max_depth: int | None = None,
        direction: Direction = "out",
        cost: Cost | None = None,
        metric: Metric | None = None,
    ) -> Relation:
        """The k cheapest ways that meet no token twice: `path` (from 1), then the columns of `path`; by path, step.

        Fewer than k when there are no more. Without `cost` a hop costs 1.
        """

    def spread(
        self,
        seeds: Sequence[Token] | Mapping[Token, float],
        *,
        via: Sequence[str] | None = None,
        direction: Direction = "out",
        steps: int | None = None,
        decay: float | None = None,
        threshold: float | None = None,
        limit: int | None = None,
        offset: int = 0,
        columns: Sequence[str] | None = None,
    ) -> Relation:
        """Tokens that the activation of the seeds comes to, plus `activation`, by it falling, then id.

        A seed begins with 1, or with what the mapping says. None is the engine's default.
        """

    def pagerank(
        self,
        *,
        damping: float | None = None,
        seeds: Token | Sequence[Token] | None = None,
        via: Sequence[str] | None = None,
        tolerance: float | None = None,
        max_iterations: int | None = None,
    ) -> Relation:
        """How often a random walker is at each token: `id, score`, by id. None is the engine's default."""

    def components(self, *, via: Sequence[str] | None = None) -> Relation:
        """Tokens that hang together, whichever way: `id, component` (the least id in it), by id."""

    def count(self, table: Table, filter: Filter | None = None, *, relation: bool = False) -> Any:
        """How many rows pass.

        With `relation` the number is the one row of a `count`, and like any answer tells its work and access.
        """

    def count_within(
        self,
        points: Any,
        radius: float,
        *,
        strict: bool = False,
        filter: Filter | None = None,
        metric: Metric | None = None,
        norm: Literal["l1", "l2"] | None = None,
        exclude: Token | None = None,
        relation: bool = False,
    ) -> Any:
        """How many rows `within` would give, at a distance < radius if strict; for N points an int64 array.

        The radius is compared with: any number but NaN, and with a negative one there are none.
        """

    def count_box(
        self,
        low: Sequence[float | None],
        high: Sequence[float | None],
        *,
        filter: Filter | None = None,
        relation: bool = False,
    ) -> Any:
        """How many rows `box` would give."""

    def explain(
        self,
        call: Explainable,
        table: Table = "tokens",
        *,
        filter: Filter | None = None,
        column: Literal["id", "key"] | None = None,
        values: Sequence[Token] | None = None,
    ) -> tuple[str, str]:
        """The `access` and `reason` that this call would have if it were made now."""

    def resolve(self, token: Token) -> int:
        """The id of a token, or 42704."""

    def point(self, token: Token) -> list[float]:
        """The coordinates of a token, or 42704."""

    def create_tokens(self, arrow: Any, *, on_conflict: Literal["nothing"] | None = None) -> Any:
        """Insert rows; gives the int64 ids of those inserted, in order."""

    def update_tokens(self, arrow: Any) -> int:
        """Change the given columns of the rows named by `id`; gives their number."""

    def delete_tokens(self, ids: Any) -> int:
        """Delete tokens and their connections; gives the number of tokens."""

    def create_connections(self, arrow: Any, *, on_conflict: Literal["nothing"] | None = None) -> Any:
        """Insert connections; gives the int64 ids of those inserted, in order."""

    def update_connections(self, arrow: Any) -> int:
        """Change the given columns of the connections named by `id`; gives their number."""

    def delete_connections(self, ids: Any) -> int:
        """Delete connections; gives their number."""

    def weave(
        self,
        tokens: Any,
        k: int,
        *,
        type: str = "associated_with",
        weight: float = 1.0,
        confidence: float = 0.5,
        metric: Metric | None = None,
        on_conflict: Literal["nothing"] | None = None,
    ) -> Any:
        """Connect each token to its k nearest others in one commit; gives the ids of the new connections."""

    def begin(self, read_only: bool = False) -> None:
        """Open a transaction."""

    def commit(self) -> None:
        """Commit it."""

    def rollback(self) -> None:
        """Undo it."""

    def savepoint(self, name: str) -> None:
        """Set a savepoint."""

    def rollback_to(self, name: str) -> None:
        """Undo what came after the savepoint, which stays."""

    def release(self, name: str) -> None:
        """Forget the savepoint, keep what came after it."""

    def token_types(self) -> dict[str, int]:
        """Name → code."""

    def connection_types(self) -> dict[str, tuple[int, str | None, str]]:
        """Name → (code, family or None, default mutability)."""

    def cdna_profiles(self) -> list[dict[str, Any]]:
        """The known profiles."""

    def metric(self, profile: str | int | None = None) -> Metric:
        """The session's active metric, or that of a profile (42704)."""

    def set_local_metric(self, metric: Metric | None) -> None:
        """Replace the metric of this transaction's reads; None gives the store's back."""

    def get_cdna_config(self) -> dict[str, Any]:
        """The active profile."""

    def get_cdna_scales(self) -> list[float]:
        """The active profile's eight scales."""

    def update_cdna_scales(self, scales: Sequence[float]) -> bool:
        """Change them; a commit."""

    def set_cdna_profile(self, profile: str | int) -> Any:
        """Change the active profile; a commit."""

    def get_cdna_flags(self) -> int:
        """Validation 1, events 2, mutation 4, strict 8."""

    def set_cdna_flags(self, flags: int) -> Any:
        """Change them; a commit."""

    def validate_cdna(self) -> bool:
        """Whether every row is legal under the active profile."""

    def stats(self) -> Mapping[str, int | float]:
        """Counts and sizes."""

    def check_file(self) -> Sequence[tuple[str, str]]:
        """Read the whole file and give (place, problem) of what is damaged; nothing for a store in memory."""

    def backup(self, path: str) -> None:
        """Copy the store into a new file, complete or absent; 58P02 when there is one."""

    def vacuum(self) -> None:
        """Give back the room of deleted rows."""
