"""What SET, RESET and SHOW change and show: one session's settings."""

from __future__ import annotations

import math
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

from ng_engine.errors import from_sqlstate
from ngql.store import outside_transaction

if TYPE_CHECKING:
    from ng_engine import RuntimeStorage

__all__ = ["Settings", "level", "seconds"]

_LATER = {"memory_limit": None, "statement_timeout": None}
_LEVELS = ("full", "normal", "off")


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
        fixed: what `connect` was told, and only it can change.
        busy_timeout: seconds that a write waits for another writer, as `connect` was told.
        synchronous: when a commit counts as durable, as `connect` was told.
    """

    def __init__(
        self,
        engine: RuntimeStorage,
        fixed: dict[str, Any],
        busy_timeout: float,
        synchronous: str,
    ) -> None:
        self._engine = engine
        self._fixed = fixed
        self._default = busy_timeout
        self._busy_timeout = busy_timeout
        self._synchronous = self._level = synchronous

    def __getitem__(self, name: str) -> Any:
        if name == "busy_timeout":
            return self._busy_timeout
        if name == "synchronous":
            # In memory there is nothing to sync: the setting means nothing, but is kept.
            return self._level if self._engine.file is None else self._engine.synchronous
        return self._fixed[name] if name in self._fixed else _LATER[name]

    def __setitem__(self, name: str, value: Any) -> None:
        if name == "busy_timeout":
            self._busy_timeout = seconds(name, value)
            self._engine.set_busy_timeout(self._busy_timeout)
        elif name == "synchronous":
            outside_transaction(self._engine, "SET synchronous")
            self._level = level(value)
            if self._engine.file is not None:
                self._engine.set_synchronous(self._level)
        elif name in self._fixed:
            raise from_sqlstate("42501", f"only connect() can set {name}")
        elif value != _LATER[name]:
            raise from_sqlstate("0A000", f"{name} is not supported yet")

    def __delitem__(self, name: str) -> None:
        if name == "busy_timeout":
            self[name] = self._default
        elif name == "synchronous":
            self[name] = self._synchronous
        elif name in _LATER and _LATER[name] is None:
            raise from_sqlstate("0A000", f"{name} is not supported yet")

    def clear(self) -> None:
        """Reset all that SET can change."""
        del self["busy_timeout"]

    def __iter__(self) -> Iterator[str]:
        return iter(("busy_timeout", "synchronous", *self._fixed, *_LATER))

    def __len__(self) -> int:
        return 2 + len(self._fixed) + len(_LATER)
