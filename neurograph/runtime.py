"""`db.runtime`: the engine's session as users see it, which ends with the database."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, cast

from ng_engine import RuntimeStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    from neurograph.database import Database

__all__ = ["guarded"]


def guarded(engine: RuntimeStorage, database: Database) -> RuntimeStorage:
    """A session of the engine that refuses everything (08003) once its database is closed.

    Args:
        engine: the session; sessions and snapshots it makes are guarded too.
        database: whose it is.
    """
    return cast(RuntimeStorage, _Guarded(engine, database))


class _Guarded:
    """Stands for a `RuntimeStorage`. A method is bound at its first use and is then as near as any attribute."""

    def __init__(self, engine: RuntimeStorage, database: Database) -> None:
        self._engine = engine
        self._database = database

    @property  # type: ignore[misc]
    def __class__(self) -> type[RuntimeStorage]:  # type: ignore[override]
        """`isinstance` sees what it stands for."""
        return RuntimeStorage

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"'RuntimeStorage' object has no attribute '{name}'")
        self._database.require_open()
        value = getattr(self._engine, name)
        if not callable(value):
            return value
        method = self._bound(value)
        self.__dict__[name] = method
        return method

    def _bound(self, method: Callable[..., Any]) -> Callable[..., Any]:
        database = self._database

        @wraps(method)
        def call(*arguments: Any, **options: Any) -> Any:
            if database.closed:
                database.require_open()
            value = method(*arguments, **options)
            return guarded(value, database) if type(value) is RuntimeStorage else value

        return call

    def close(self) -> None:
        """Close the database: its sessions end together."""
        self._database.close()

    def __dir__(self) -> list[str]:
        return dir(self._engine)

    def __repr__(self) -> str:
        return repr(self._engine)
