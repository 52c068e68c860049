"""`db.tokens`: tokens as Python objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from numbers import Real
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from neurograph.conditions import filtered
from neurograph.points import place
from neurograph.result import Result
from ng_engine.errors import NotSupportedError, from_sqlstate

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from neurograph.database import Database

__all__ = ["RuntimeTokenStorage"]

Token = int | str


class RuntimeTokenStorage:
    """Tokens one by one, in bulk, and by where they are.

    A *token* argument is an id or a key. A *point* is eight numbers in the order of the axes; they are kept as
    float32, so a number float32 cannot hold is 22003. Every write passes the profile's gate (23514).

    Example:
        >>> import neurograph as ng
        >>> db = ng.connect()
        >>> db.tokens.create(key="cup", type="object", coords=[1, 0, 0, 0, 0, 0, 0, 0], props={"colour": "red"})
        1
        >>> db.tokens.get("cup")["props"], db.tokens.update("cup", weight=0.75), db.tokens.count()
        ({'colour': 'red'}, True, 1)
        >>> db.tokens.nearest([0] * 8, k=3, where="type = 'object'").dicts()[0]["distance"]
        1.0
        >>> db.tokens.count_within([0] * 8, 1.0), db.tokens.count_within([0] * 8, 1.0, where="weight > 0.8")
        (1, 0)
        >>> db.close()
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- one by one -----------------------------------------------------------------------------------------

    def create(
        self,
        key: str | None = None,
        type: str = "undefined",
        *,
        coords: Sequence[float] | npt.NDArray[np.floating[Any]],
        weight: float = 0.5,
        flags: int | None = None,
        props: Mapping[str, Any] | None = None,
        id: int | None = None,
    ) -> int:
        """Store a token.

        Args:
            key: a name no other token has.
            type: an entity type; a new name makes a new type, unless the profile is strict.
            coords: its point.
            weight: within the profile's range, 0…1 in the built-in ones.
            flags: bits; ACTIVE | MUTABLE by default.
            props: anything JSON can say.
            id: 1…2⁶³−1 and not in use; given by the engine by default.

        Returns:
            Its id.

        Raises:
            IntegrityError: 23505 the key or id is in use, 23514 the profile refuses it.
            DataError: a coordinate is not finite, or there are not eight.
        """
        return self._database.engine.create_token(key, type, coords, weight, flags, props, id)

    def get(self, token: Token) -> dict[str, Any] | None:
        """Every field of a token; None when there is none.

        Returns:
            ``id, key, type, coords`` (8 floats), ``weight, flags, created_at, updated_at`` (aware datetimes in
            UTC), ``props``.
        """
        return self._database.engine.get_token(token)

    def update(self, token: Token, **fields: Any) -> bool:
        """Change the given fields of a token; False when there is none.

        Args:
            token: id or key.
            fields: any of ``key, type, coords, weight, flags, props``.

        Raises:
            IntegrityError: 23514, it is not MUTABLE or is LOCKED, or the profile refuses the new values.
            TypeError: there is no such field.
        """
        return self._database.engine.update_token(token, **fields)

    def delete(self, token: Token) -> bool:
        """Delete a token and its connections; False when there is none."""
        return self._database.engine.delete_token(token)

    def list(self, limit: int = 100, offset: int = 0) -> list[int]:
        """A page of ids, rising."""
        return self._database.engine.list_tokens(limit, offset)

    def count(self, where: str | None = None, params: Mapping[str, Any] | None = None) -> int:
        """How many tokens there are, or pass a condition.

        Args:
            where: an NGQL condition, for example ``"type = 'word' AND weight > $w"``.
            params: values of its ``$name`` parameters.
        """
        if where is None:
            return self._database.engine.count_tokens()
        found = filtered(self._database, "SELECT count(*) FROM tokens", where, params).fetchone()
        return 0 if found is None else int(found[0])

    def clear(self) -> int:
        """Delete every token and connection; gives how many tokens there were."""
        return self._database.engine.clear_tokens()

    # -- in bulk --------------------------------------------------------------------------------------------

    def create_many(
        self, data: Any, *, on_conflict: Literal["nothing"] | None = None
    ) -> npt.NDArray[np.int64]:
        """Store many tokens in one commit: all, or on the first error none.

        Args:
            data: a table, a dict of columns, or an iterable of row dicts, with any of the columns ``key, type,
                coords`` (lists of 8, or an N×8 array; or a column per axis), ``weight, flags, props, id``. Other
                columns become entries of ``props``, as in COPY.
            on_conflict: ``"nothing"`` leaves out rows whose key or id is in use.

        Returns:
            The ids of those stored, int64, in the order of the rows.

        Raises:
            Error: as `create`, naming the row.

        Example:
            >>> import neurograph as ng
            >>> import numpy as np
            >>> with ng.connect() as db:
            ...     db.tokens.create_many({"key": ["a", "b"], "coords": np.zeros((2, 8))}).tolist()
            [1, 2]
        """
        rows = self._database.storable("tokens", data)
        return self._database.engine.create_tokens(rows, on_conflict=on_conflict)

    # -- by place -------------------------------------------------------------------------------------------

    def nearest(
        self,
        q: Any,
        k: int = 10,
        *,
        where: str | None = None,
        params: Mapping[str, Any] | None = None,
        profile: str | None = None,
    ) -> Result:
        """The k tokens nearest to a point, exactly.

        Args:
            q: a point; a mapping of axis name to number, or a point with None entries, leaves the other axes out;
                a token (itself left out); or an N×8 array of points.
            k: how many, for each point.
            where: an NGQL condition on the tokens; k of those that pass are given.
            params: values of its ``$name`` parameters.
            profile: measure with this profile's metric.

        Returns:
            A token's columns and ``distance``, by distance, then id. For N points ``query`` (0…N−1), ``id``,
            ``distance``.
        """
        if where is not None:
            return self._where(
                "NEAR $ng_q", where, profile, params, {"ng_q": q, "ng_limit": k}, "LIMIT $ng_limit"
            )
        began = perf_counter()
        engine = self._database.engine
        spot = place(engine, q, profile)
        rows = engine.nearest(spot.points, k, metric=spot.metric, exclude=spot.exclude)
        return Result.of(rows, self._database.tail, began)

    def within(
        self,
        q: Any,
        radius: float,
        *,
        where: str | None = None,
        params: Mapping[str, Any] | None = None,
        profile: str | None = None,
    ) -> Result:
        """Every token at a distance ≤ radius.

        Args:
            q: as in `nearest`.
            radius: in the metric's units, ≥ 0.
            where: an NGQL condition on the tokens.
            params: values of its ``$name`` parameters.
            profile: measure with this profile's metric.

        Returns:
            As `nearest`.
        """
        if where is not None:
            _require_number(radius)
            values = {"ng_q": q, "ng_radius": radius}
            return self._where("NEAR $ng_q WITHIN $ng_radius", where, profile, params, values)
        began = perf_counter()
        engine = self._database.engine
        spot = place(engine, q, profile)
        rows = engine.within(spot.points, radius, metric=spot.metric, exclude=spot.exclude)
        return Result.of(rows, self._database.tail, began)

    def box(
        self,
        low: Sequence[float | None],
        high: Sequence[float | None],
        *,
        where: str | None = None,
        params: Mapping[str, Any] | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> Result:
        """The tokens in a box: ``low[i] <= coords[i] <= high[i]`` on every axis.

        Args:
            low: eight numbers, None where it is open.
            high: eight numbers, None where it is open.
            where: an NGQL condition on the tokens.
            params: values of its ``$name`` parameters.
            limit: how many at most.
            offset: how many to skip first.

        Returns:
            A token's columns, by id.
        """
        if where is None:
            began = perf_counter()
            rows = self._database.engine.box(list(low), list(high), limit=limit, offset=offset)
            return Result.of(rows, self._database.tail, began)
        values: dict[str, Any] = {"ng_low": list(low), "ng_high": list(high), "ng_offset": offset}
        page = "OFFSET $ng_offset"
        if limit is not None:
            values["ng_limit"] = limit
            page = f"LIMIT $ng_limit {page}"
        return self._where("IN BOX $ng_low TO $ng_high", where, None, params, values, page)

    def count_within(
        self,
        q: Any,
        radius: float,
        *,
        where: str | None = None,
        params: Mapping[str, Any] | None = None,
        profile: str | None = None,
    ) -> int | npt.NDArray[np.int64]:
        """How many tokens `within` would give, without gathering them; for N points an array of N numbers.

        Args:
            q: as in `nearest`.
            radius: in the metric's units, ≥ 0.
            where: an NGQL condition on the tokens.
            params: values of its ``$name`` parameters.
            profile: measure with this profile's metric.
        """
        _require_number(radius)
        if not 0 <= radius < inf:
            raise from_sqlstate("22003", "the radius is not a finite number ≥ 0")
        if where is not None:
            values = {"ng_q": q, "ng_radius": radius}
            return self._counted("NEAR $ng_q WITHIN $ng_radius", where, profile, params, values)
        engine = self._database.engine
        spot = place(engine, q, profile)
        found: int | npt.NDArray[np.int64] = engine.count_within(
            spot.points, radius, metric=spot.metric, exclude=spot.exclude
        )
        return found

    def count_box(
        self,
        low: Sequence[float | None],
        high: Sequence[float | None],
        *,
        where: str | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> int:
        """How many tokens `box` would give, without gathering them.

        Args:
            low: eight numbers, None where it is open.
            high: eight numbers, None where it is open.
            where: an NGQL condition on the tokens.
            params: values of its ``$name`` parameters.
        """
        if where is None:
            return self._database.engine.count_box(list(low), list(high))
        values = {"ng_low": list(low), "ng_high": list(high)}
        return self._counted("IN BOX $ng_low TO $ng_high", where, None, params, values)

    def _counted(
        self,
        form: str,
        where: str,
        profile: str | None,
        params: Mapping[str, Any] | None,
        values: dict[str, Any],
    ) -> int:
        found = self._where(form, where, profile, params, values, rows="count(*) FROM tokens").fetchone()
        return 0 if found is None else int(found[0])

    def _where(
        self,
        form: str,
        where: str,
        profile: str | None,
        params: Mapping[str, Any] | None,
        values: dict[str, Any],
        page: str = "",
        rows: str = "tokens",
    ) -> Result:
        """The same search as NGQL, which knows how to read a condition."""
        if getattr(values.get("ng_q"), "ndim", 1) == 2:
            raise NotSupportedError("where is not supported yet with many points")
        if not isinstance(profile, (str, type(None))):
            raise TypeError(f"a profile is named by text here, not {type(profile).__name__}")
        using = "" if profile is None else 'USING CDNA PROFILE "{}"'.format(profile.replace('"', '""'))
        if params is not None and not isinstance(params, Mapping):
            raise TypeError(f"params must be a mapping of name to value, not {type(params).__name__}")
        values |= params or {}
        return filtered(self._database, f"SELECT {rows} {form}", where, values, f"{using} {page}")


def _require_number(radius: object) -> None:
    """As the engine does, which sees the radius of a statement only as its parameter."""
    if not isinstance(radius, Real):
        raise TypeError(f"the radius must be a number, not {type(radius).__name__}")
