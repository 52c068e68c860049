"""The rows of the query of SPREAD FROM, as the engine takes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from ng_engine.errors import from_sqlstate
from ngql.values import finite
from ngql.writes import first_column

__all__ = ["COLUMNS", "positions", "seeds"]

COLUMNS = ("id", "activation")
"""The columns of a query that say what is a seed, and what it begins with."""

_AT_ONCE = 1 << 16
"""Seeds between two looks at whether the statement has been cancelled."""


def positions(names: Sequence[str]) -> tuple[int, int | None]:
    """Where the ids stand among the columns of a query, and the activations, if it has any.

    Raises:
        Error: 42703, there are no ids; 42702, there are several columns of either name.
    """
    found: list[int | None] = []
    for name in COLUMNS:
        places = [place for place, known in enumerate(names) if known == name]
        if len(places) > 1:
            raise from_sqlstate(
                "42702", f'the query has two columns named "{name}"', "name one of them with AS"
            )
        found.append(places[0] if places else None)
    id_, activation = found
    if id_ is None:
        hint = "SPREAD starts from ids: SELECT id, or SELECT id, … AS activation"
        raise from_sqlstate("42703", 'the query has no column "id"', hint)
    return id_, activation


def seeds(relation: Any, check: Callable[[], object]) -> list[int] | dict[int, float]:
    """The ids, or id → activation, that the rows of a query say.

    Args:
        relation: an engine's relation, or a table of the tail.
        check: raises when the statement has been cancelled.

    Raises:
        Error: 22023, an id or activation is NULL, or a token is a seed twice, with different activations; 42804, it
            is no number; 22003, no finite one; and what `positions` raises.
    """
    names = relation.columns if hasattr(relation, "rows") else relation.column_names
    id_, activation = positions(names)
    check()
    ids = first_column(relation, id_)
    if set(map(type, ids)) - {int}:
        ids = [_id(token) for token in ids]
    if activation is None:
        return list(dict.fromkeys(ids))
    found: dict[int, float] = {}
    for number, (token, given) in enumerate(zip(ids, first_column(relation, activation), strict=True)):
        if not number % _AT_ONCE:
            check()
        value = _activation(given)
        if found.setdefault(token, value) != value:
            message = f"token {token} is a seed twice, with different activations"
            raise from_sqlstate("22023", message, "GROUP BY id makes one row of them")
    return found


def _id(value: Any) -> int:
    if value is None:
        raise from_sqlstate("22023", "the id of a seed is NULL", "leave such rows out: WHERE id IS NOT NULL")
    if isinstance(value, bool) or not isinstance(value, int):
        raise from_sqlstate("42804", "the id of a seed must be a whole number")
    return value


def _activation(value: Any) -> float:
    if value is None:
        raise from_sqlstate("22023", "the activation of a seed is NULL", "coalesce(…, 0) gives it none")
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise from_sqlstate("42804", "the activation of a seed must be a number")
    return finite(value, "the activation of a seed")
