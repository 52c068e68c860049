"""Work on another thread while the caller waits and stays interruptible."""

from __future__ import annotations

import contextlib
import math
import queue
import threading
from collections.abc import Callable
from time import monotonic
from typing import Any, TypeAlias

from ng_engine.errors import Error, InterfaceError, from_sqlstate

__all__ = ["Job", "Workers"]

# An interrupt that comes just before DuckDB begins is forgotten by it, so it is repeated until the work ends.
_REPEAT = 0.005
# A signal that another thread received does not wake the waiting one, which must look by itself.
_LOOK = 0.05
_END_WAIT = 5.0  # seconds; interrupted work ends within milliseconds


class Job:
    """One piece of work: its outcome, and how to cancel it.

    The caller waits on a bare lock. Between the steps of a `threading.Event` a signal handler can raise while its inner
    lock is held, and then the work could never say that it has ended; `SimpleQueue.get`, if a signal handler takes it
    past its timeout, waits for ever (CPython 3.11).
    """

    __slots__ = ("_ended", "_news", "error", "interrupt", "reason", "result")

    def __init__(self, interrupt: Callable[[], object]) -> None:
        self.interrupt = interrupt
        self._news = threading.Lock()
        self._news.acquire()
        self._ended: list[bool] = []
        self.reason: str | None = None
        self.result: Any = None
        self.error: BaseException | None = None

    def cancel(self, reason: str) -> None:
        """Ask the work to end; the waiting caller raises 57014 with this reason."""
        if self.reason is None:
            self.reason = reason
        _tell(self._news)

    def check(self) -> None:
        """Called by the work between its steps: raises when it has been cancelled."""
        if self.reason is not None:
            raise self.cancelled()

    def cancelled(self) -> Error:
        """57014 with the reason given to `cancel`."""
        return from_sqlstate("57014", self.reason or "canceling statement due to user request")

    def finisher(self) -> Callable[[], None]:
        """What says that the work has ended and wakes the caller, and keeps nothing of the job alive."""
        ended, news = self._ended, self._news

        def finish() -> None:
            ended.append(True)
            _tell(news)

        return finish

    def wait(self, timeout: float | None) -> None:
        """Wait for the end of the work, cancelling it after `timeout` seconds or on KeyboardInterrupt."""
        ends = math.inf if timeout is None else monotonic() + timeout
        try:
            while not self._ended and self.reason is None:
                left = ends - monotonic() if timeout is not None else _LOOK
                if left <= 0:
                    self.reason = "canceling statement due to statement timeout"
                else:
                    self._news.acquire(timeout=min(left, _LOOK))
            self._drain()
        except BaseException:
            self.end()
            raise

    def end(self, within: float = math.inf) -> None:
        """Cancel the work and wait until it has ended, `within` seconds at most."""
        self.cancel("canceling statement due to user request")
        self._drain(monotonic() + within)

    def _drain(self, ends: float = math.inf) -> None:
        while not self._ended and monotonic() < ends:
            self.interrupt()
            self._news.acquire(timeout=_REPEAT)

    @property
    def finished(self) -> bool:
        """Whether the work has ended."""
        return bool(self._ended)


_Inbox: TypeAlias = queue.SimpleQueue[tuple[Job, Callable[[], Any]] | None]


def _tell(news: threading.Lock) -> None:
    with contextlib.suppress(RuntimeError):  # told before, and not yet heard
        news.release()


class Workers:
    """Idle threads kept for the next job; as many as ran at once.

    They are daemons, or a program would not end before they do; one that the end of the interpreter stops inside of a
    C++ library takes the process with it, so `close` comes before that.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._idle: list[_Inbox] = []
        self._busy: set[Job] = set()
        self._closed = False

    def run(self, job: Job, work: Callable[[], Any], timeout: float | None = None) -> Any:
        """Run `work` on another thread and give its result, or raise its error.

        Args:
            job: cancels the work through its interrupt.
            work: what to do.
            timeout: seconds, None for no end.

        Raises:
            Error: 57014 when cancelled or out of time.
            InterfaceError: `close` came first.
            KeyboardInterrupt: Ctrl-C while waiting; the work has ended by then.
        """
        inbox = None
        try:
            inbox = self._inbox_for(job)
            inbox.put((job, work))
            job.wait(timeout)
        except BaseException:  # of a signal, which may have come before the job was put as well as after
            job.cancel("canceling statement due to user request")
            if inbox is not None:
                after = Job(job.interrupt)
                inbox.put((after, _nothing))
                after.end()
            self._busy.discard(job)
            raise
        finally:
            if inbox is not None:
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

    def _inbox_for(self, job: Job) -> _Inbox:
        with self._lock:
            if self._closed:
                raise InterfaceError("the database is closed")
            self._busy.add(job)
            if self._idle:
                return self._idle.pop()
        inbox: _Inbox = queue.SimpleQueue()
        threading.Thread(target=_serve, args=(inbox, self._busy), name=self._name, daemon=True).start()
        return inbox

    def close(self) -> None:
        """Cancel what runs and end the threads; when one of them has not ended after 5 s it is left behind."""
        with self._lock:
            self._closed = True
            for inbox in self._idle:
                inbox.put(None)
            self._idle.clear()

        for job in tuple(self._busy):
            job.end(_END_WAIT)


def _nothing() -> None:
    """What comes after a job that may not have been put."""


def _serve(inbox: _Inbox, busy: set[Job]) -> None:
    while (item := inbox.get()) is not None:
        job, work = item
        try:
            job.check()
            job.result = work()
        except BaseException as error:  # handed to the caller, who raises it
            job.error = error
        # Once the caller goes on the interpreter may end, so nothing whose last reference matters is still held here.
        finish = job.finisher()
        busy.discard(job)
        del item, job, work
        finish()
