"""`db.connections`: connections as Python objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from neurograph.conditions import filtered

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from neurograph.database import Database

__all__ = ["RuntimeConnectionStorage"]

Token = int | str
Ids = list[int]


class RuntimeConnectionStorage:
    """Connections one by one and in bulk. A *token* argument is an id or a key.

    Example:
        >>> import neurograph as ng
        >>> db = ng.connect()
        >>> ids = db.tokens.create_many([{"key": key, "coords": [0.0] * 8} for key in "abc"])
        >>> db.connections.create("a", "b", type="cause", weight=2.0)
        1
        >>> db.connections.get(1)["type"], db.connections.of("b", "in"), db.connections.count()
        ('cause', [1], 1)
        >>> db.connections.create_many({"source": ["a", "b"], "target": ["c", "c"]}).tolist()
        [2, 3]
        >>> db.close()
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        source: Token,
        target: Token,
        type: str = "associated_with",
        weight: float = 1.0,
        confidence: float = 0.5,
        rigidity: float = 0.5,
        mutability: str | None = None,
        levels: int = 0,
        props: Mapping[str, Any] | None = None,
    ) -> int:
        """Connect two tokens.

        Args:
            source: where it starts.
            target: where it ends; may be the same token.
            type: a connection type; a new name makes a new type, unless the profile is strict.
            weight: the pull, −10…10 in the built-in profiles.
            confidence: 0…1.
            rigidity: 0…1.
            mutability: ``"immutable"``, ``"learnable"`` or ``"hypothesis"``; by default that of the type's family.
            levels: a bit mask of axes, 0…255.
            props: anything JSON can say.

        Returns:
            Its id.

        Raises:
            IntegrityError: 23503 a token is missing, 23505 the same source, target and type are connected,
                23514 the profile refuses it.
        """
        return self._database.engine.create_connection(
            source, target, type, weight, confidence, rigidity, mutability, levels, props
        )

    def get(self, id: int) -> dict[str, Any] | None:
        """Every field of a connection; None when there is none."""
        return self._database.engine.get_connection(id)

    def update(self, id: int, **fields: Any) -> bool:
        """Change the given fields of a connection; False when there is none.

        Args:
            id: the connection.
            fields: any of ``weight, confidence, rigidity, mutability, levels, props``.
        """
        return self._database.engine.update_connection(id, **fields)

    def delete(self, id: int) -> bool:
        """Delete a connection; False when there is none."""
        return self._database.engine.delete_connection(id)

    def list(self, limit: int = 100, offset: int = 0) -> Ids:
        """A page of ids, rising."""
        return self._database.engine.list_connections(limit, offset)

    def count(self, where: str | None = None, params: Mapping[str, Any] | None = None) -> int:
        """How many connections there are, or pass an NGQL condition.

        Args:
            where: for example ``"type = 'cause' AND weight > $w"``.
            params: values of its ``$name`` parameters.
        """
        if where is None:
            return self._database.engine.count_connections()
        found = filtered(self._database, "SELECT count(*) FROM connections", where, params).fetchone()
        return 0 if found is None else int(found[0])

    def of(self, token: Token, direction: Literal["out", "in", "both"] = "both") -> Ids:
        """Ids of a token's connections, rising.

        Raises:
            ProgrammingError: 42704, there is no such token.
        """
        return self._database.engine.get_connections_for_token(token, direction)

    def create_many(
        self, data: Any, *, on_conflict: Literal["nothing"] | None = None
    ) -> npt.NDArray[np.int64]:
        """Store many connections in one commit: all, or on the first error none.

        Args:
            data: a table, a dict of columns, or an iterable of row dicts, with the columns ``source, target`` (ids,
                or keys) and any of ``type, weight, confidence, rigidity, mutability, levels, props``. Other columns
                become entries of ``props``, as in COPY.
            on_conflict: ``"nothing"`` leaves out what is connected already.

        Returns:
            The ids of those stored, int64, in the order of the rows.
        """
        rows = self._database.storable("connections", data)
        return self._database.engine.create_connections(rows, on_conflict=on_conflict)
