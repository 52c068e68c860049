"""Work on another thread while the caller waits and stays interruptible."""

from __future__ import annotations

import contextlib
import math
import queue
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any

from ng_engine.errors import Error, from_sqlstate

__all__ = ["Job", "Workers"]

# An interrupt that comes just before DuckDB begins is forgotten by it, so it is repeated until the work ends.
_REPEAT = 0.005
# A signal that another thread received does not wake the waiting one, which must look by itself.
_LOOK = 0.05


class Job:
    """One piece of work: its outcome, and how to cancel it.

    The caller waits on a queue made in C: between the steps of a `threading.Event` a signal handler can raise while its
    inner lock is held, and then the work could never say that it has ended.
    """

    __slots__ = ("_finished", "_interrupt", "_news", "error", "reason", "result")

    def __init__(self, interrupt: Callable[[], object]) -> None:
        self._interrupt = interrupt
        self._news: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._finished = False
        self.reason: str | None = None
        self.result: Any = None
        self.error: BaseException | None = None

    def cancel(self, reason: str) -> None:
        """Ask the work to end; the waiting caller raises 57014 with this reason."""
        if self.reason is None:
            self.reason = reason
        self._news.put(None)

    def check(self) -> None:
        """Called by the work between its steps: raises when it has been cancelled."""
        if self.reason is not None:
            raise self.cancelled()

    def cancelled(self) -> Error:
        """57014 with the reason given to `cancel`."""
        return from_sqlstate("57014", self.reason or "canceling statement due to user request")

    def finish(self) -> None:
        """The work has ended; wakes the caller."""
        self._finished = True
        self._news.put(None)

    def wait(self, timeout: float | None) -> None:
        """Wait for the end of the work, cancelling it after `timeout` seconds or on KeyboardInterrupt."""
        ends = math.inf if timeout is None else monotonic() + timeout
        try:
            while not self._finished and self.reason is None:
                left = ends - monotonic() if timeout is not None else _LOOK
                if left <= 0:
                    self.reason = "canceling statement due to statement timeout"
                else:
                    self._pause(min(left, _LOOK))
            self._drain()
        except BaseException:
            self.cancel("canceling statement due to user request")
            self._drain()
            raise

    def _pause(self, seconds: float) -> None:
        with contextlib.suppress(queue.Empty):
            self._news.get(timeout=seconds)

    def _drain(self) -> None:
        while not self._finished:
            self._interrupt()
            self._pause(_REPEAT)

    @property
    def finished(self) -> bool:
        """Whether the work has ended."""
        return self._finished


class Workers:
    """Idle threads kept for the next job; as many as ran at once. Daemons: none outlives the program."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._idle: list[queue.SimpleQueue[tuple[Job, Callable[[], Any]] | None]] = []
        self._closed = False

    def run(self, job: Job, work: Callable[[], Any], timeout: float | None = None) -> Any:
        """Run `work` on another thread and give its result, or raise its error.

        Args:
            job: cancels the work through its interrupt.
            work: what to do.
            timeout: seconds, None for no end.

        Raises:
            Error: 57014 when cancelled or out of time.
            KeyboardInterrupt: Ctrl-C while waiting; the work has ended by then.
        """
        with self._lock:
            inbox = self._idle.pop() if self._idle else None
        if inbox is None:
            inbox = queue.SimpleQueue()
            threading.Thread(target=_serve, args=(inbox,), name=self._name, daemon=True).start()
        inbox.put((job, work))
        try:
            job.wait(timeout)
        finally:
            with self._lock:
                if job.finished and not self._closed:
                    self._idle.append(inbox)
                else:
                    inbox.put(None)
        if job.reason is not None and job.error is not None:
            raise job.cancelled() from None
        if job.error is not None:
            raise job.error
        return job.result

    def close(self) -> None:
        """End the idle threads; busy ones end with their job."""
        with self._lock:
            self._closed = True
            for inbox in self._idle:
                inbox.put(None)
            self._idle.clear()


def _serve(inbox: queue.SimpleQueue[tuple[Job, Callable[[], Any]] | None]) -> None:
    while (item := inbox.get()) is not None:
        job, work = item
        try:
            job.result = work()
        except BaseException as error:  # handed to the caller, who raises it
            job.error = error
        job.finish()
        del item, job, work
