"""The floor: what the disk takes for one write and one sync, with no store around it."""

from __future__ import annotations

import contextlib
import os
import threading
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


class SharedSync(PlainFile):
    """The least that group commit costs threads of Python: whoever comes first writes and syncs for all who wait."""

    name = "the same, one for all who wait"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.leading = threading.Lock()
        self.waiting: list[SharedSession] = []

    def session(self) -> SharedSession:
        """The same file, and a place in the line."""
        return SharedSession(self)


class SharedSession(PlainSession):
    """Waits in line, or leads."""

    def __init__(self, store: SharedSync) -> None:
        super().__init__(store.file)
        self._store = store
        self._news = threading.Lock()
        self._done = False

    def create(self, point: list[float]) -> None:
        """Be in the group of a sync."""
        store, self._done = self._store, False
        store.waiting.append(self)
        while not self._done:
            if store.leading.acquire(blocking=False):
                group = store.waiting.copy()
                del store.waiting[: len(group)]
                if group:
                    super().create(point)
                for session in group:
                    session._done = True
                store.leading.release()
                for session in group + store.waiting[:1]:  # who came meanwhile may lead
                    session.tell()
            else:
                self._news.acquire()

    def tell(self) -> None:
        """Wake it: it is done, or nobody leads."""
        with contextlib.suppress(RuntimeError):
            self._news.release()
