"""How much a file may unpack to."""

from __future__ import annotations

import pyarrow as pa

from ng_engine.errors import from_sqlstate

__all__ = ["Budget"]

_ALWAYS = 256 << 20
_TIMES = 100
MOST_COLUMNS = 4096
"""More columns than this are refused (54000)."""


class Budget:
    """Counts the bytes read from a file and refuses decompression bombs.

    Args:
        file_size: bytes of the file.
        max_bytes: a bound of the caller's.
    """

    def __init__(self, file_size: int, max_bytes: int | None = None) -> None:
        self.file_size = file_size
        self._limit = max(_ALWAYS, _TIMES * file_size)
        if max_bytes is not None:
            self._limit = min(self._limit, max_bytes)
        self._used = 0
        self._rows = 0

    def take(self, batch: pa.RecordBatch | pa.Table) -> None:
        """Count a batch.

        Raises:
            Error: 54000 when the file has unpacked too far.
        """
        # A row counts a byte even where it has none (nulls), or a tiny file could claim any number of rows.
        self._used += batch.nbytes + batch.num_rows
        self._rows += batch.num_rows
        if self._used > self._limit:
            raise from_sqlstate(
                "54000",
                f"the file unpacks too far: {self._limit >> 20} MiB reached after {self._rows} rows",
            )

    def columns(self, count: int) -> None:
        """Check the number of columns.

        Raises:
            Error: 54000 above `MOST_COLUMNS`, 22P04 when there are none.
        """
        if count > MOST_COLUMNS:
            raise from_sqlstate("54000", f"the file has {count} columns, more than {MOST_COLUMNS}")
        if count == 0:
            raise from_sqlstate("22P04", "the file has no columns")
