"""Compiled statements by text, parameter kinds and catalog version; the least recently used goes first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from ngql.catalog import Catalog
from ngql.parameters import Kinds, Parameters, kinds_of
from ngql.program import Program

__all__ = ["PlanCache"]

_LONGEST_KEPT = 1 << 16


class PlanCache:
    """A bounded cache of programs, safe to use from any thread.

    Args:
        compile: text, catalog and kinds into a program.
        size: how many programs are kept.
    """

    def __init__(self, compile: Callable[[str, Catalog, Kinds], Program], size: int = 512) -> None:
        self._compile = compile
        self._size = size
        self._programs: OrderedDict[tuple[str, Kinds, tuple[int, int]], Program] = OrderedDict()
        self._lock = threading.Lock()

    def program(self, text: str, parameters: Parameters, catalog: Catalog) -> Program:
        """The program for a statement and parameters of these kinds, compiled when it is not there.

        Errors: those of `ngql.compile`; a statement that fails is not kept.
        """
        key = (text, kinds_of(parameters), catalog.version)
        program = self._programs.get(key)
        if program is not None:
            with self._lock:
                if key in self._programs:
                    self._programs.move_to_end(key)
            return program
        program = self._compile(text, catalog, key[1])
        if len(text) <= _LONGEST_KEPT:
            with self._lock:
                self._programs[key] = program
                while len(self._programs) > self._size:
                    self._programs.popitem(last=False)
        return program

    def clear(self) -> None:
        """Forget every program."""
        with self._lock:
            self._programs.clear()

    def __len__(self) -> int:
        return len(self._programs)
