"""The tables that tell about the store: a function each, over the engine and the settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ngql.catalog import INFORMATION
from ngql.program import InformationCall, Rows, Run
from ngql.session import shown

__all__ = ["information"]


def information(table: str) -> InformationCall:
    """The step that reads an information table."""
    return InformationCall(table, _READERS[table])


def _rows(table: str, rows: list[tuple[Any, ...]]) -> Rows:
    columns = INFORMATION[table]
    return Rows(list(columns), list(columns.values()), rows, "catalog")


def _token_types(run: Run) -> Rows:
    types = run.engine.token_types()
    return _rows("token_types", sorted(types.items(), key=lambda pair: pair[1]))


def _connection_types(run: Run) -> Rows:
    types = run.engine.connection_types()
    rows = [(name, code, family, mutability) for name, (code, family, mutability) in types.items()]
    return _rows("connection_types", sorted(rows, key=lambda row: row[1]))


def _cdna_profiles(run: Run) -> Rows:
    active = run.engine.get_cdna_config()["name"]
    rows = [
        (
            profile["id"],
            profile["name"],
            profile["name"] == active,
            list(profile["scale"]),
            list(profile["period"]),
            profile["mode"],
            profile["flags"],
        )
        for profile in run.engine.cdna_profiles()
    ]
    return _rows("cdna_profiles", rows)


def _settings(run: Run) -> Rows:
    settings = run.settings or {}
    return _rows("ng_settings", [(name, shown(settings[name])) for name in sorted(settings)])


def _stats(run: Run) -> Rows:
    rows = [(name, float(value)) for name, value in sorted(run.engine.stats().items())]
    return _rows("ng_stats", rows)


_READERS: dict[str, Callable[[Run], Rows]] = {
    "token_types": _token_types,
    "connection_types": _connection_types,
    "cdna_profiles": _cdna_profiles,
    "ng_settings": _settings,
    "ng_stats": _stats,
}
