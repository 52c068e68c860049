"""The floor: what the disk takes for one write and one sync, with no store around it."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.durable.store import Session, Store

PAGE = b"\x5a" * 4096
PAGES = 1024


class PlainFile(Store):
    """A file that is written over and over, a page at a time, each made safe with fdatasync."""

    name = "a page and fdatasync"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.write(self.file, PAGE * PAGES)
        os.fsync(self.file)

    def session(self) -> PlainSession:
        """The same file."""
        return PlainSession(self.file)

    def close(self) -> None:
        """Close."""
        os.close(self.file)


class PlainSession(Session):
    """Pages in turn."""

    def __init__(self, file: int) -> None:
        self._file = file
        self._page = 0

    def create(self, point: list[float]) -> None:
        """Write a page and sync it."""
        self._page = (self._page + 1) % PAGES
        os.pwrite(self._file, PAGE, self._page * len(PAGE))
        os.fdatasync(self._file)
