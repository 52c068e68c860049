"""The tables as pyarrow datasets, so that DuckDB and Polars push columns and filters into the engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from ng_arrow.substrait import Filter, decode
from ng_arrow.tables import schema_of, stream_to_reader
from ng_engine.errors import NotSupportedError

__all__ = ["ConnectionsDataset", "EngineDataset", "TokensDataset"]


class Snapshot(Protocol):
    """What a dataset asks of the engine: one pinned version."""

    @property
    def axes(self) -> list[str]:
        """Names of the eight axis columns."""

    def scan(
        self,
        table: Any,
        *,
        columns: Sequence[str] | None = None,
        filter: Filter | None = None,
        limit: int | None = None,
    ) -> Any:
        """Rows by id, as a re-openable Arrow stream."""


class EngineDataset(ds.InMemoryDataset):  # type: ignore[misc] # pyarrow has no types
    """One table of one version of the store.

    Args:
        engine: a snapshot; it is read for as long as the dataset lives.
        table: ``"tokens"`` or ``"connections"``.
        columns: column names; None for all the engine gives.

    Unsigned columns appear signed (`flags` is int32): DuckDB's pushed filters fail on unsigned ones.
    """

    # The base is an empty table of the same schema: what asks a dataset only about its schema works, and what
    # would read it another way than through `scanner` is refused below.

    def __init__(self, engine: Snapshot, table: str, columns: Sequence[str] | None = None) -> None:
        schema = _signed(schema_of(engine.scan(table, columns=columns, limit=0)))
        super().__init__(schema.empty_table())
        self._engine = engine
        self._table = table
        self._table_schema = schema

    def scanner(
        self,
        columns: Sequence[str] | dict[str, pc.Expression] | None = None,
        filter: pc.Expression | None = None,
        **options: Any,
    ) -> ds.Scanner:
        """Scan the table once.

        Args:
            columns: names, or a mapping of name to expression; None for all.
            filter: rows for which it is true are given. What the engine can say runs in the engine; if that
                is not the whole filter, pyarrow applies it to what the engine gives.
            options: as `pyarrow.dataset.Scanner.from_batches`.

        Returns:
            A scanner over a stream of the engine's own buffers.
        """
        pushed, exact = (None, True) if filter is None else decode(filter, self._table_schema)
        names = self._table_schema.names
        if exact and columns is not None and not isinstance(columns, dict):
            names = list(dict.fromkeys(columns)) or ["id"]
        relation = self._engine.scan(self._table, columns=names, filter=pushed)
        schema = pa.schema([self._table_schema.field(name) for name in names])
        batches = _cast(stream_to_reader(relation), schema)
        return ds.Scanner.from_batches(batches, columns=columns, filter=None if exact else filter, **options)

    def get_fragments(self, filter: pc.Expression | None = None) -> Iterator[NoReturn]:
        """Refused: a table of the engine is not made of files."""
        raise NotSupportedError("a table of the store has no fragments; use scanner()")

    def replace_schema(self, schema: pa.Schema) -> NoReturn:
        """Refused: the schema is the store's."""
        raise NotSupportedError("the schema of a table of the store cannot be replaced")

    def filter(self, expression: pc.Expression) -> NoReturn:
        """Refused: give the filter to `scanner` or `to_table`."""
        raise NotSupportedError("a table of the store keeps no filter; use scanner(filter=…)")


class TokensDataset(EngineDataset):
    """The tokens, their axis columns included.

    Example:
        >>> import duckdb, neurograph as ng
        >>> with ng.connect() as db:
        ...     _ = db.tokens.create(key="cup", coords=[1, 0, 0, 0, 0, 0, 0, 0])
        ...     tokens = TokensDataset(db.runtime.snapshot())
        ...     duckdb.sql("SELECT key, physical FROM tokens WHERE weight > 0.2").fetchall()
        [('cup', 1.0)]
    """

    def __init__(self, engine: Snapshot) -> None:
        columns = schema_of(engine.scan("tokens", limit=0)).names
        super().__init__(engine, "tokens", [*columns, *engine.axes])


class ConnectionsDataset(EngineDataset):
    """The connections."""

    def __init__(self, engine: Snapshot) -> None:
        super().__init__(engine, "connections")


_SIGNED = {pa.uint8(): pa.int16(), pa.uint16(): pa.int32(), pa.uint32(): pa.int64()}


def _signed(schema: pa.Schema) -> pa.Schema:
    return pa.schema([field.with_type(_SIGNED.get(field.type, field.type)) for field in schema])


def _cast(reader: pa.RecordBatchReader, schema: pa.Schema) -> pa.RecordBatchReader:
    """The same batches with unsigned columns made signed; every other column keeps its buffers."""
    if reader.schema.equals(schema):
        return reader
    return pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in reader))
