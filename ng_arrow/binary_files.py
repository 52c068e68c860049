"""Parquet and Arrow IPC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from ng_arrow.budget import Budget
from ng_engine.errors import from_sqlstate

__all__ = ["read_ipc", "read_parquet", "write_ipc", "write_ipc_stream", "write_parquet"]

_BATCH_ROWS = 1 << 16


def read_parquet(file: BinaryIO, columns: Sequence[str] | None, budget: Budget) -> pa.Table:
    """Read a Parquet file; rows it only claims are an error, and are never allocated ahead."""
    source = pq.ParquetFile(pa.PythonFile(file, mode="r"), page_checksum_verification=True)
    schema = source.schema_arrow
    budget.columns(len(schema))
    batches, rows = [], 0
    for batch in source.iter_batches(_BATCH_ROWS, columns=None if columns is None else list(columns)):
        batch.validate(full=True)
        budget.take(batch)
        rows += batch.num_rows
        batches.append(batch)
    if rows != source.metadata.num_rows:
        raise from_sqlstate("22P04", f"the file claims {source.metadata.num_rows} rows and holds {rows}")
    if columns is not None:
        present = [name for name in schema.names if name in columns]
        schema = pa.schema([schema.field(name) for name in dict.fromkeys(present)])
    return pa.Table.from_batches(batches, schema=batches[0].schema if batches else schema)


def read_ipc(file: BinaryIO, budget: Budget) -> pa.Table:
    """Read an Arrow IPC file or stream; its buffers are checked, since offsets in it may point anywhere."""
    magic = file.read(6)
    file.seek(0)
    source = pa.PythonFile(file, mode="r")
    batches = []
    if magic == b"ARROW1":
        reader = pa.ipc.open_file(source)
        budget.columns(len(reader.schema))
        for number in range(reader.num_record_batches):
            batches.append(_validated(reader.get_batch(number), number, budget))
    else:
        reader = pa.ipc.open_stream(source)
        budget.columns(len(reader.schema))
        for number, batch in enumerate(reader):
            batches.append(_validated(batch, number, budget))
    return pa.Table.from_batches(batches, schema=reader.schema)


def _validated(batch: pa.RecordBatch, number: int, budget: Budget) -> pa.RecordBatch:
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid as error:
        said = str(error).split("\n", 1)[0]
        raise from_sqlstate("22P04", f"batch {number + 1} of the file is damaged: {said}") from None
    budget.take(batch)
    return batch


def write_parquet(file: BinaryIO, schema: pa.Schema, reader: pa.RecordBatchReader) -> int:
    """Write batches as Parquet (zstd, page checksums); gives the number of rows."""
    rows = 0
    with pq.ParquetWriter(file, schema, compression="zstd", write_page_checksum=True) as writer:
        for batch in reader:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


def write_ipc(file: BinaryIO, schema: pa.Schema, reader: pa.RecordBatchReader) -> int:
    """Write batches as an Arrow IPC file; gives the number of rows."""
    table = (
        reader.read_all()
    )  # the format has one dictionary a column, so all batches are needed to unify them
    options = pa.ipc.IpcWriteOptions(unify_dictionaries=True)
    with pa.ipc.new_file(file, schema, options=options) as writer:
        writer.write_table(table)
    return int(table.num_rows)


def write_ipc_stream(file: BinaryIO, schema: pa.Schema, reader: pa.RecordBatchReader) -> int:
    """Write batches as an Arrow IPC stream, for pipes; gives the number of rows."""
    rows = 0
    with pa.ipc.new_stream(file, schema) as writer:
        for batch in reader:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows
