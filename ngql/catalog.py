"""What a statement may name: tables and columns, axes, types, profiles; immutable, shared by many statements."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ngql import types
from ngql.engine import Engine

__all__ = ["INFORMATION", "Catalog", "Table", "did_you_mean"]

Columns = Mapping[str, str]

INFORMATION: Mapping[str, Columns] = MappingProxyType(
    {
        "token_types": {"name": types.TEXT, "code": types.INTEGER},
        "connection_types": {
            "name": types.TEXT,
            "code": types.INTEGER,
            "family": types.TEXT,
            "mutability": types.TEXT,
        },
        "cdna_profiles": {
            "id": types.INTEGER,
            "name": types.TEXT,
            "active": types.BOOLEAN,
            "scale": "DOUBLE[]",
            "period": "DOUBLE[]",
            "mode": types.TEXT,
            "flags": types.INTEGER,
        },
        "ng_settings": {"name": types.TEXT, "value": types.TEXT},
        "ng_stats": {"name": types.TEXT, "value": types.DOUBLE},
    }
)
"""Tables that tell about the store, and their columns."""

LATER = frozenset({"cdna_history", "quarantine"})
"""Tables the language names and a later release fills."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table and its columns: `shown` is what `*` gives, `hidden` comes only by name."""

    name: str
    kind: str
    """engine, information or registered."""
    shown: Columns
    hidden: Columns = field(default_factory=dict)

    def type_of(self, column: str) -> str | None:
        """The type of a column, or None when there is no such column."""
        return self.shown.get(column) or self.hidden.get(column)


@dataclass(frozen=True, slots=True)
class Catalog:
    """The names of one store at one catalog version, and the tables registered beside it."""

    axes: tuple[str, ...]
    token_types: frozenset[str]
    connection_types: frozenset[str]
    families: Mapping[str, tuple[str, ...]]
    profiles: frozenset[str]
    tables: Mapping[str, Table]
    version: tuple[int, int]
    axis_numbers: Mapping[str, int]

    @classmethod
    def of(
        cls, engine: Engine, registered: Mapping[str, Columns] | None = None, *, generation: int = 0
    ) -> Catalog:
        """Read the catalog of an engine.

        Args:
            engine: any session on the store.
            registered: tables known beside it, name → column → NGQL type (`ngql.types.UNKNOWN` where unknown).
            generation: a number that changes whenever `registered` does.

        Returns:
            A catalog that stays right while `engine.catalog_version` and `generation` stay the same.
        """
        axes = tuple(engine.axes)
        numbers = types.axis_columns(axes)
        tables = {
            "tokens": Table("tokens", "engine", types.TOKEN_COLUMNS, dict.fromkeys(numbers, types.REAL)),
            "connections": Table("connections", "engine", types.CONNECTION_COLUMNS),
        }
        tables |= {name: Table(name, "information", columns) for name, columns in INFORMATION.items()}
        tables |= {
            name: Table(name, "registered", columns)
            for name, columns in (registered or {}).items()
            if name not in tables
        }
        connection_types = engine.connection_types()
        families: dict[str, list[str]] = {}
        for name, (_, family, _) in connection_types.items():
            if family is not None:
                families.setdefault(family, []).append(name)
        profiles = engine.cdna_profiles()
        return cls(
            axes=axes,
            token_types=frozenset(engine.token_types()),
            connection_types=frozenset(connection_types),
            families={family: tuple(names) for family, names in families.items()},
            profiles=frozenset(
                name for profile in profiles for name in (profile["name"], *profile.get("aliases", ()))
            ),
            tables=MappingProxyType(tables),
            version=(engine.catalog_version, generation),
            axis_numbers=MappingProxyType(numbers),
        )

    @property
    def token_columns(self) -> dict[str, str]:
        """Every column of tokens, the axes' included."""
        table = self.tables["tokens"]
        return {**table.shown, **table.hidden}


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A hint with the known name nearest to a mistyped one, or None when none is near.

    >>> did_you_mean("wieght", ["weight", "type"])
    'did you mean "weight"?'
    """
    near = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=0.65)
    return f'did you mean "{near[0]}"?' if near else None
