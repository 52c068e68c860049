"""Each contender in a process of its own: none shares threads, locks or memory with another, and any can be killed."""

from __future__ import annotations

import multiprocessing
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from benchmarks.durable.store import Store

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound=Store)

Opener = Callable[[Path], Store]
_SPAWN = multiprocessing.get_context("spawn")


class Failed(Exception):
    """What went wrong in a child, as it printed it."""


class Child:
    """A process that holds one open store and does what it is told.

    Attributes:
        opened: seconds that opening the store took, everything being imported.
    """

    def __init__(self, opener: Opener, path: Path) -> None:
        self._pipe, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_serve, args=(theirs, opener, path), daemon=True)
        self._process.start()
        theirs.close()
        self.opened: float = self.result()

    def run(self, task: Callable[Concatenate[S, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function of a module with the store and give what it returns."""
        self.start(task, *args, **kwargs)
        answer: T = self.result()
        return answer

    def start(self, task: Callable[Concatenate[S, P], object], *args: P.args, **kwargs: P.kwargs) -> None:
        """As `run`, without waiting."""
        self._pipe.send((task, args, kwargs))

    def result(self) -> Any:
        """What the task that was started returned."""
        try:
            fine, answer = self._pipe.recv()
        except EOFError:
            self._process.join()
            raise Failed(f"the process ended with {self._process.exitcode}") from None
        if not fine:
            raise Failed(answer)
        return answer

    def kill(self) -> None:
        """SIGKILL, in the middle of whatever it does."""
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def close(self) -> None:
        """Close the store and end the process."""
        self._pipe.send(None)
        try:
            self.result()
        finally:
            self._process.join()
            self._pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.kill()


def _serve(pipe: Connection, opener: Opener, path: Path) -> None:
    store: Store | None = None
    try:
        start = perf_counter()
        store = opener(path)
        pipe.send((True, perf_counter() - start))
        while (order := pipe.recv()) is not None:
            task, args, kwargs = order
            pipe.send((True, task(store, *args, **kwargs)))
        store.close()
        pipe.send((True, None))
    except BaseException:
        pipe.send((False, traceback.format_exc()))
        raise SystemExit(1) from None
