"""What SET, RESET and SHOW change and show: one session's settings."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from ng_engine.errors import from_sqlstate
from ngql.store import outside_transaction

if TYPE_CHECKING:
    from neurograph.database import Database
    from ng_engine import RuntimeStorage

__all__ = ["Settings", "level", "memory_bytes", "seconds", "timeout_seconds"]

_LEVELS = ("full", "normal", "off")

_UNIT = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*([A-Za-zµ]*)\s*")
_SECONDS = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_BYTES = {"B": 1} | {
    prefix + unit: base**power
    for power, prefix in enumerate("KMGT", start=1)
    for unit, base in (("B", 1000), ("IB", 1024))
}
_SHOWN = {
    "TiB": 1 << 40,
    "GiB": 1 << 30,
    "MiB": 1 << 20,
    "TB": 10**12,
    "GB": 10**9,
    "MB": 10**6,
    "KiB": 1 << 10,
}


def seconds(name: str, value: Any) -> float:
    """A number of seconds, finite and not negative.

    Raises:
        Error: 42804 not a number, 22023 out of range.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise from_sqlstate("42804", f"{name} is a number of seconds")
    if not math.isfinite(value) or value < 0:
        raise from_sqlstate("22023", f"{name} is a finite number of seconds, not negative")
    return float(value)


def timeout_seconds(name: str, value: Any) -> float | None:
    """A number of seconds, or text with a unit: us, ms, s, min, h. None and 0 are no end.

    >>> timeout_seconds("statement_timeout", "500ms")
    0.5

    Raises:
        Error: 42804 of another type, 22023 not such a text, or out of range.
    """
    if isinstance(value, str):
        found = _UNIT.fullmatch(value)
        unit = None if found is None else _SECONDS.get(found[2].lower() or "s")
        if found is None or unit is None:
            raise from_sqlstate("22023", f"{name} is a number of seconds, or text such as '500ms' or '5s'")
        value = float(found[1]) * unit
    return None if value is None else seconds(name, value) or None


def memory_bytes(name: str, value: Any) -> int | None:
    """A number of bytes, or text with a unit: B, KB, MB, GB, TB, KiB, …. None is no limit.

    >>> memory_bytes("memory_limit", "512MB"), memory_bytes("memory_limit", "1.5 GiB")
    (512000000, 1610612736)

    Raises:
        Error: 42804 of another type, 22023 not such a text, or out of range.
    """
    if value is None:
        return None
    if isinstance(value, str):
        found = _UNIT.fullmatch(value)
        unit = None if found is None else _BYTES.get(found[2].upper() or "B")
        if found is None or unit is None:
            raise from_sqlstate("22023", f"{name} is a number of bytes, or text such as '512MB' or '4GiB'")
        value = int(float(found[1]) * unit)
    if isinstance(value, bool) or not isinstance(value, int):
        raise from_sqlstate("42804", f"{name} is a number of bytes, or text such as '512MB'")
    if not 0 < value < 1 << 62:
        raise from_sqlstate("22023", f"{name} is a positive number of bytes")
    return value


def _shown_seconds(value: float | None) -> str | None:
    if value is None:
        return None
    whole = value >= 1 or value == 0
    return f"{value:g}s" if whole else f"{value * 1e3:g}ms"


def _shown_bytes(value: int | None) -> str | None:
    if value is None:
        return None
    return next((f"{value // size}{unit}" for unit, size in _SHOWN.items() if value % size == 0), f"{value}B")


def level(value: Any) -> str:
    """When a commit counts as durable: `full`, `normal` or `off`, in any case.

    Raises:
        Error: 42804 not text, 22023 none of the three.
    """
    if not isinstance(value, str):
        raise from_sqlstate("42804", "synchronous is full, normal or off")
    if value.lower() not in _LEVELS:
        raise from_sqlstate("22023", "synchronous is full, normal or off")
    return value.lower()


class Settings(MutableMapping[str, Any]):
    """The settings of one session; deleting one resets it.

    Args:
        engine: the session.
        database: whose it is: what `connect` was told, and the memory that all its sessions share.

    Attributes:
        statement_timeout: seconds that a statement may take; None is no end.
    """

    def __init__(self, engine: RuntimeStorage, database: Database) -> None:
        self._engine = engine
        self._database = database
        self._fixed = database.fixed_settings
        self._busy_timeout = database.busy_timeout
        self._level = database.synchronous
        self.statement_timeout = database.statement_timeout

    def __getitem__(self, name: str) -> Any:
        match name:
            case "busy_timeout":
                return self._busy_timeout
            case "statement_timeout":
                return _shown_seconds(self.statement_timeout)
            case "memory_limit":
                return _shown_bytes(self._database.memory_limit)
            case "synchronous":
                # In memory there is nothing to sync: the setting means nothing, but is kept.
                return self._level if self._engine.file is None else self._engine.synchronous
        return self._fixed[name]

    def __setitem__(self, name: str, value: Any) -> None:
        match name:
            case "busy_timeout":
                self._busy_timeout = seconds(name, value)
                self._engine.set_busy_timeout(self._busy_timeout)
            case "statement_timeout":
                self.statement_timeout = timeout_seconds(name, value)
                self._engine.set_statement_timeout(self.statement_timeout)
            case "memory_limit":
                self._database.set_memory_limit(memory_bytes(name, value))
            case "synchronous":
                outside_transaction(self._engine, "SET synchronous")
                self._level = level(value)
                if self._engine.file is not None:
                    self._engine.set_synchronous(self._level)
            case _ if name in self._fixed:
                raise from_sqlstate("42501", f"only connect() can set {name}")
            case _:
                raise KeyError(name)

    def __delitem__(self, name: str) -> None:
        match name:
            case "busy_timeout":
                self[name] = self._database.busy_timeout
            case "statement_timeout":
                self[name] = self._database.statement_timeout
            case "memory_limit":
                self[name] = self._database.first_memory_limit
            case "synchronous":
                self[name] = self._database.synchronous

    def clear(self) -> None:
        """Reset all that SET can change for this session alone."""
        del self["busy_timeout"]
        del self["statement_timeout"]

    def __iter__(self) -> Iterator[str]:
        return iter(("busy_timeout", "memory_limit", "statement_timeout", "synchronous", *self._fixed))

    def __len__(self) -> int:
        return 4 + len(self._fixed)
