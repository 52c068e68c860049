"""The native module: one session on a store, and what its reads return."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, Protocol, final, overload

import numpy as np
import numpy.typing as npt

__all__ = ["Relation", "RuntimeStorage", "__version__"]
__version__: str

class _ArrowStream(Protocol):
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...

_Filter = tuple[Any, ...]
_Cost = float | tuple[Any, ...]
_Metric = tuple[Sequence[float], Sequence[float]]
_Point = Sequence[float] | npt.NDArray[np.floating[Any]]
_Points = _Point | Sequence[_Point]
_Token = int | str
_Table = Literal["tokens", "connections"]
_Direction = Literal["out", "in", "both"]
_Norm = Literal["l1", "l2"]
_Ids = Iterable[int] | npt.NDArray[np.int64]

@final
class Relation:
    """A finished result; rows of one version of the store, made Python or Arrow only when asked for."""

    @property
    def columns(self) -> list[str]:
        """Column names, in order."""
    @property
    def types(self) -> list[str]:
        """NGQL type of each column."""
    @property
    def num_rows(self) -> int:
        """Number of rows."""
    @property
    def access(self) -> str:
        """How the rows were found."""
    @property
    def reason(self) -> str:
        """The figures that decided it; empty where there was no choice."""
    @property
    def work(self) -> dict[str, int]:
        """What finding them cost: rows_examined, leaves_visited, leaves_total, edges_examined."""
    def rows(self, start: int = 0, count: int | None = None) -> list[tuple[Any, ...]]:
        """Rows as tuples of Python values."""
    def __len__(self) -> int: ...
    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...
    def __arrow_c_schema__(self) -> object: ...

@final
class RuntimeStorage:
    """One session on a store; every method may be called from any thread.

    Tokens are named by id or key. Points are eight numbers. Weights, coordinates and the like are float32: a number
    that float32 cannot hold is 22003. Every error is an `ng_engine.errors.Error`, a wrong Python type a TypeError.
    """

    @staticmethod
    def memory(axes: Sequence[str] | None = None) -> RuntimeStorage:
        """Open a new store in memory, with its own names for the eight axes if given."""
    @property
    def transaction_failed(self) -> bool:
        """Whether a statement of the open transaction has failed: all but its end and `rollback_to` are 25P02."""
    def fail_transaction(self) -> None:
        """A statement of the open transaction has failed elsewhere; outside of one it changes nothing."""
    def start_statement(self, timeout: float | None = None) -> None:
        """Let the calls up to `end_statement` be one.

        They see one version, and share `timeout` (seconds; None is what `set_statement_timeout` says). 25P02 in a
        failed transaction.
        """
    def end_statement(self) -> None:
        """The end of what `start_statement` began."""
    def check_interrupt(self) -> None:
        """57014 when the statement has been cancelled."""
    @property
    def interrupts(self) -> int:
        """How many interrupts have reached this session."""
    def interrupt(self) -> None:
        """Cancel what runs now in every session of the store: 57014."""
    def set_statement_timeout(self, seconds: float | None) -> None:
        """Seconds that a statement, or a call outside of one, may take; None is no end."""
    def memory_left(self) -> int | None:
        """Bytes that `set_memory_limit` leaves beside what the store holds; None without a limit."""
    def set_memory_limit(self, limit: int | None) -> None:
        """Bytes that the store may hold; what would take more is 53200. None is no limit."""
    @staticmethod
    def open(
        path: str | os.PathLike[str],
        *,
        read_only: bool = False,
        synchronous: str = "full",
        axes: Sequence[str] | None = None,
        history_versions: int = 1000,
        accept_history: bool = False,
    ) -> RuntimeStorage:
        """Open a file, made if it is missing; the same file twice in one process is one store."""
    @staticmethod
    def salvage(src: str | os.PathLike[str], dst: str | os.PathLike[str]) -> dict[str, Any]:
        """Copy what is whole of a damaged file into a new one: tokens, connections, lost [(place, why)]."""
    def close(self) -> None:
        """Close this handle and its sessions, whose transactions roll back; idempotent."""
    @property
    def file(self) -> str | None:
        """The store's file, or None in memory."""
    @property
    def synchronous(self) -> str:
        """When a commit counts as durable: full, normal or off."""
    def set_synchronous(self, synchronous: str) -> None:
        """Change it, for this process."""
    def checkpoint(self) -> None:
        """Write the segments that changed, and drop the part of the log that they cover."""
    def vacuum(self) -> None:
        """Give back the room of deleted rows, in memory and in the file."""
    def backup(self, path: str | os.PathLike[str]) -> None:
        """Copy the store into a new file, complete or absent; 58P02 if there is one."""
    def check_file(self) -> list[tuple[str, str]]:
        """(place, problem) of everything damaged in the file; empty in memory."""
    def session(self) -> RuntimeStorage:
        """Open another session on the same store."""
    def snapshot(self) -> RuntimeStorage:
        """Open a read-only session that stays at what this one sees now."""
    @property
    def axes(self) -> list[str]:
        """Names of the eight axes."""
    @property
    def version(self) -> int:
        """Number of the commit that this session sees."""
    @property
    def catalog_version(self) -> int:
        """Moves when type names or profiles change."""
    def token_types(self) -> dict[str, int]:
        """Codes of the token types by name."""
    def connection_types(self) -> dict[str, tuple[int, str | None, str]]:
        """Code, family and default mutability of the connection types by name."""
    def stats(self) -> dict[str, int]:
        """Counts and sizes."""
    def export_metrics(self) -> str:
        """The same in Prometheus' text format."""
    def settle(self) -> None:
        """Wait for background index building."""
    def set_busy_timeout(self, seconds: float) -> None:
        """How long a write waits for another writer before 55P03."""

    def create_token(
        self,
        key: str | None = None,
        type: str | None = None,
        coords: _Point | None = None,
        weight: float | None = None,
        flags: int | None = None,
        props: Mapping[str, Any] | None = None,
        id: int | None = None,
    ) -> int:
        """Store a token and return its id; None stands for the default."""
    def get_token(self, token: _Token) -> dict[str, Any] | None:
        """Every field of a token, or None."""
    def update_token(self, token: _Token, **fields: Any) -> bool:
        """Change the fields given; False if there is no such token."""
    def delete_token(self, token: _Token) -> bool:
        """Delete a token and its connections; False if there is none."""
    def list_tokens(self, limit: int | None = None, offset: int | None = None) -> list[int]:
        """A page of ids, rising; the first hundred unless told otherwise."""
    def count_tokens(self) -> int:
        """Number of tokens."""
    def clear_tokens(self) -> int:
        """Delete every token and connection; how many tokens there were."""
    def resolve(self, token: _Token) -> int:
        """The id of a token, or 42704."""
    def point(self, token: _Token) -> list[float]:
        """The coordinates of a token, or 42704."""
    def create_tokens(
        self, arrow: _ArrowStream, *, on_conflict: Literal["nothing"] | None = None
    ) -> npt.NDArray[np.int64]:
        """Store many tokens as one commit; ids of those stored."""
    def update_tokens(self, arrow: _ArrowStream) -> int:
        """Update tokens by column `id`; how many."""
    def delete_tokens(self, ids: _Ids) -> int:
        """Delete tokens and their connections; how many there were."""
    def get_tokens(self, tokens: _Ids) -> Relation:
        """Rows of the tokens with these ids, by id."""

    def create_connection(
        self,
        source: _Token,
        target: _Token,
        type: str | None = None,
        weight: float | None = None,
        confidence: float | None = None,
        rigidity: float | None = None,
        mutability: str | None = None,
        levels: int | None = None,
        props: Mapping[str, Any] | None = None,
    ) -> int:
        """Connect two tokens and return the connection's id; None stands for the default."""
    def get_connection(self, id: int) -> dict[str, Any] | None:
        """Every field of a connection, or None."""
    def update_connection(self, id: int, **fields: Any) -> bool:
        """Change the fields given; False if there is no such connection."""
    def delete_connection(self, id: int) -> bool:
        """Delete a connection; False if there is none."""
    def list_connections(self, limit: int | None = None, offset: int | None = None) -> list[int]:
        """A page of ids, rising; the first hundred unless told otherwise."""
    def count_connections(self) -> int:
        """Number of connections."""
    def get_connections_for_token(self, token: _Token, direction: _Direction = "both") -> list[int]:
        """Ids of a token's connections, rising."""
    def create_connections(
        self, arrow: _ArrowStream, *, on_conflict: Literal["nothing"] | None = None
    ) -> npt.NDArray[np.int64]:
        """Store many connections as one commit; ids of those stored."""
    def update_connections(self, arrow: _ArrowStream) -> int:
        """Update connections by column `id`; how many."""
    def delete_connections(self, ids: _Ids) -> int:
        """Delete connections; how many there were."""
    def weave(
        self,
        tokens: _Ids,
        k: int,
        *,
        type: str = "associated_with",
        weight: float | None = None,
        confidence: float | None = None,
        metric: _Metric | None = None,
        on_conflict: Literal["nothing"] | None = None,
    ) -> npt.NDArray[np.int64]:
        """Connect each token with its k nearest, itself left out, as one commit; ids of the connections."""

    def scan(
        self,
        table: _Table,
        *,
        columns: Sequence[str] | None = None,
        filter: _Filter | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> Relation:
        """Rows of a table, by id."""
    def lookup(
        self,
        table: _Table,
        column: Literal["id", "key"],
        values: Iterable[_Token],
        *,
        columns: Sequence[str] | None = None,
        filter: _Filter | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> Relation:
        """Rows that have one of these ids or keys, each once, by id."""
    @overload
    def count(
        self, table: _Table, filter: _Filter | None = None, *, relation: Literal[False] = False
    ) -> int: ...
    @overload
    def count(self, table: _Table, filter: _Filter | None = None, *, relation: Literal[True]) -> Relation: ...
    @overload
    def count(
        self, table: _Table, filter: _Filter | None = None, *, relation: bool = False
    ) -> int | Relation:
        """How many rows pass; with `relation` as the one row of a column `count`, which tells its work and access."""
    @overload
    def count_within(
        self,
        points: _Point,
        radius: float,
        *,
        strict: bool = False,
        filter: _Filter | None = None,
        metric: _Metric | None = None,
        norm: _Norm | None = None,
        exclude: _Token | None = None,
        relation: Literal[False] = False,
    ) -> int: ...
    @overload
    def count_within(
        self,
        points: _Points,
        radius: float,
        *,
        strict: bool = False,
        filter: _Filter | None = None,
        metric: _Metric | None = None,
        norm: _Norm | None = None,
        exclude: _Token | None = None,
        relation: Literal[False] = False,
    ) -> int | npt.NDArray[np.int64]: ...
    @overload
    def count_within(
        self,
        points: _Points,
        radius: float,
        *,
        strict: bool = False,
        filter: _Filter | None = None,
        metric: _Metric | None = None,
        norm: _Norm | None = None,
        exclude: _Token | None = None,
        relation: Literal[True],
    ) -> Relation: ...
    @overload
    def count_within(
        self,
        points: _Points,
        radius: float,
        *,
        strict: bool = False,
        filter: _Filter | None = None,
        metric: _Metric | None = None,
        norm: _Norm | None = None,
        exclude: _Token | None = None,
        relation: bool = False,
    ) -> int | npt.NDArray[np.int64] | Relation:
        """How many tokens have distance <= radius (< if strict), any number but NaN; an array for N×8 points."""
    @overload
    def count_box(
        self,
        low: Sequence[float | None],
        high: Sequence[float | None],
        *,
        filter: _Filter | None = None,
        relation: Literal[False] = False,
    ) -> int: ...
    @overload
    def count_box(
        self,
        low: Sequence[float | None],
        high: Sequence[float | None],
        *,
        filter: _Filter | None = None,
        relation: Literal[True],
    ) -> Relation: ...
    @overload
    def count_box(
        self,
        low: Sequence[float | None],
        high: Sequence[float | None],
        *,
        filter: _Filter | None = None,
        relation: bool = False,
    ) -> int | Relation:
        """How many tokens have low[i] <= coords[i] <= high[i]; None leaves a side open."""
    def explain(
        self,
        call: Literal["scan", "lookup", "count", "nearest", "within", "box", "count_within", "count_box"],
        table: _Table = "tokens",
        *,
        filter: _Filter | None = None,
        column: Literal["id", "key"] | None = None,
        values: Iterable[_Token] | None = None,
    ) -> tuple[str, str]:
        """The `access` and `reason` that this call would have now."""
    def nearest(
        self,
        points: _Points,
        k: int | None = 10,
        *,
        radius: float | None = None,
        filter: _Filter | None = None,
        metric: _Metric | None = None,
        norm: _Norm | None = None,
        exclude: _Token | None = None,
        columns: Sequence[str] | None = None,
        offset: int | None = None,
    ) -> Relation:
        """The k nearest tokens, by distance and id; for N×8 points columns query, id, distance."""
    def within(
        self,
        points: _Points,
        radius: float,
        *,
        filter: _Filter | None = None,
        metric: _Metric | None = None,
        norm: _Norm | None = None,
        exclude: _Token | None = None,
        columns: Sequence[str] | None = None,
    ) -> Relation:
        """Every token with distance <= radius, nearest first; for N×8 points columns query, id, distance."""
    def join(
        self,
        radius: float,
        *,
        strict: bool = False,
        filter_a: _Filter | None = None,
        filter_b: _Filter | None = None,
        metric: _Metric | None = None,
        ids: Literal["=", "<>", "<", "<=", ">", ">="] | None = None,
        columns: Sequence[str] | None = None,
    ) -> Relation:
        """Pairs of tokens with distance <= radius (< if strict): a, b (ids), distance; `ids` compares a with b."""
    def box(
        self,
        low: Sequence[float | None],
        high: Sequence[float | None],
        *,
        filter: _Filter | None = None,
        columns: Sequence[str] | None = None,
        limit: int | None = None,
        offset: int | None = None,
    ) -> Relation:
        """Tokens with low[i] <= coords[i] <= high[i], by id; None leaves a side open."""
    def find_neighbors(
        self, token: _Token, radius: float, max_results: int | None = None
    ) -> list[tuple[int, float]]:
        """(id, distance) of the tokens around a token, nearest first, itself left out."""
    def range_query(self, center: _Point, radius: float) -> list[tuple[int, float]]:
        """(id, distance) of the tokens around a point, nearest first."""
    def get_grid_info(self) -> dict[str, Any]:
        """Count, bounds (8 × (low, high)) and the state of the spatial index."""
    def neighbors(
        self,
        tokens: _Token | Iterable[_Token],
        depth: int | tuple[int, int] | None = None,
        *,
        via: Sequence[str] | None = None,
        direction: _Direction = "out",
        filter: _Filter | None = None,
        near: _Point | None = None,
        radius: float | None = None,
        metric: _Metric | None = None,
        k: int | None = None,
        offset: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> Relation:
        """Tokens that m to n hops reach (`depth=n`: exactly n), by depth and id, or with `near` by distance and id."""
    def path(
        self,
        source: _Token,
        target: _Token,
        *,
        via: Sequence[str] | None = None,
        max_depth: int | None = None,
        direction: _Direction = "out",
        cost: _Cost | None = None,
        metric: _Metric | None = None,
    ) -> Relation:
        """A way of the fewest hops, or with `cost` the cheapest: step, id, key, type, connection, cost.

        No row if there is none.
        """
    def pagerank(
        self,
        *,
        damping: float | None = None,
        seeds: _Token | Iterable[_Token] | None = None,
        via: Sequence[str] | None = None,
        tolerance: float | None = None,
        max_iterations: int | None = None,
    ) -> Relation:
        """How often a random walker is at each token: id, score."""
    def components(self, *, via: Sequence[str] | None = None) -> Relation:
        """Tokens that hang together: id, component (the least id in it)."""
    def paths(
        self,
        source: _Token,
        target: _Token,
        k: int | None = 1,
        *,
        via: Sequence[str] | None = None,
        max_depth: int | None = None,
        direction: _Direction = "out",
        cost: _Cost | None = None,
        metric: _Metric | None = None,
    ) -> Relation:
        """The k ways of the fewest hops, or with `cost` the cheapest, that come to no token twice, in order.

        Columns path, step, id, key, type, connection, cost; by cost, then hops, then the ids of the connections.
        `k=None` is all ways that have as few hops, or cost as little, as the first; too many steps are 54000.
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
        metric: _Metric | None = None,
        limit: int | None = None,
    ) -> Relation:
        """The paths that a pattern describes, a row each, in no particular order.

        The pattern is nodes and edges in turn, one node more than edges. A node is a dict with any of `ids` (one of
        these), `filter`, `same` (the place of an earlier node that is the same token); an edge one with any of `via`,
        `direction`, `filter`, `hops` (least, most or None) and `cost` (of a hop from left to right; 1 unless given).
        `mode` is walk, trail (no connection twice), acyclic (no token twice) or simple (but it may end where it began).
        A `selector` picks among the paths from the same first to the same last token: any, any shortest, all shortest,
        any cheapest; shortest and cheapest with `k`.
        `columns` names what the result has: `("node", place, column)`, `("edge", place, column)` of an edge of one hop,
        `("path", None, "tokens" | "connections" | "length" | "cost")`. A pattern without an end is 22023.
        """
    def spread(
        self,
        seeds: _Token | Iterable[_Token] | Mapping[_Token, float],
        *,
        via: Sequence[str] | None = None,
        direction: _Direction = "out",
        steps: int | None = None,
        decay: float | None = None,
        threshold: float | None = None,
        limit: int | None = None,
        offset: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> Relation:
        """What comes of the seeds' activation (1 unless given) to the tokens around.

        A token's columns and `activation`, by it falling, then id.
        """

    def get_cdna_config(self) -> dict[str, Any]:
        """The profile in force."""
    def cdna_profiles(self) -> list[dict[str, Any]]:
        """Every profile that can be set."""
    def get_cdna_scales(self) -> list[float]:
        """Scales of the eight axes."""
    def update_cdna_scales(self, scales: Sequence[float]) -> bool:
        """Set the scales, which makes the profile `custom`."""
    def get_cdna_profile(self) -> int:
        """Id of the profile in force; 255 is custom."""
    def set_cdna_profile(self, profile: int | str) -> None:
        """Put a profile in force, by id, name or alias."""
    def get_cdna_flags(self) -> int:
        """Flags: validation 1, events 2, mutation 4, strict 8."""
    def set_cdna_flags(self, flags: int) -> None:
        """Set the flags, which makes the profile `custom`."""
    def validate_cdna(self) -> bool:
        """Whether every stored row is legal under the profile in force."""
    def metric(self, profile: int | str | None = None) -> tuple[list[float], list[float]]:
        """(scale, period) in force for this session's reads, or of a named profile."""
    def set_local_metric(self, metric: _Metric | None) -> None:
        """Read with another metric until the transaction ends."""

    def begin(self, read_only: bool = False) -> None:
        """Open a transaction."""
    def commit(self) -> None:
        """Make its writes visible to everybody."""
    def rollback(self) -> None:
        """Undo its writes."""
    def savepoint(self, name: str) -> None:
        """Remember the transaction's state by name."""
    def rollback_to(self, name: str) -> None:
        """Undo what came after the savepoint."""
    def release(self, name: str) -> None:
        """Forget the savepoint."""
    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
    @property
    def read_only(self) -> bool:
        """Whether writes are refused here."""

    def bootstrap(
        self,
        path: str | os.PathLike[str],
        format: str | None = None,
        limit: int | None = None,
        progress: Callable[..., object] | None = None,
    ) -> dict[str, Any]:
        """Not supported yet: 0A000."""
    def query(
        self, text: str, top_k: int = 10, context: object | None = None
    ) -> tuple[int, list[tuple[str, float]]]:
        """Not supported yet: 0A000."""
    def feedback(self, signal_id: int, kind: str) -> bool:
        """Not supported yet: 0A000."""
