"""`db.graph`: neighbours and ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from neurograph.conditions import costed
from neurograph.points import place
from neurograph.result import Result
from ng_engine.errors import from_sqlstate
from ngql.format.registry import quote

if TYPE_CHECKING:
    from neurograph.database import Database

__all__ = ["RuntimeGraphStorage"]

Token = int | str
Direction = Literal["out", "in", "both"]
_DIRECTIONS = frozenset({"out", "in", "both"})


class RuntimeGraphStorage:
    """Walks over the connections. A *token* argument is an id or a key.

    Example:
        >>> import neurograph as ng
        >>> db = ng.connect()
        >>> ids = db.tokens.create_many([{"key": key, "coords": [0.0] * 8} for key in "abc"])
        >>> _ = db.connections.create_many({"source": ["a", "b"], "target": ["b", "c"], "type": ["cause", "cause"]})
        >>> [(row["key"], row["depth"]) for row in db.graph.neighbors("a", depth=(1, 2)).dicts()]
        [('b', 1), ('c', 2)]
        >>> [row["key"] for row in db.graph.path("a", "c").dicts()]
        ['a', 'b', 'c']
        >>> db.close()
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def neighbors(
        self,
        token: Token | Sequence[Token],
        depth: int | tuple[int, int] = (1, 1),
        *,
        via: str | Sequence[str] | None = None,
        direction: Direction = "out",
        near: Any | None = None,
        radius: float | None = None,
        k: int | None = None,
        profile: str | None = None,
    ) -> Result:
        """Tokens that some hops reach, the start left out.

        Args:
            token: where to start; a list starts from all of them.
            depth: the fewest and most hops; a single number is exactly so many, as in ``DEPTH n``.
            via: the connection type to follow, or several; all by default.
            direction: follow connections ``"out"``, ``"in"`` or ``"both"`` ways.
            near: a point (as in `RuntimeTokenStorage.nearest`) by which to order them.
            radius: with `near`, only those within it.
            k: how many at most.
            profile: with `near`, measure with this profile's metric.

        Returns:
            A token's columns and ``depth`` (its fewest hops), by depth, then id; with `near` also ``distance``, by
            distance, then id.

        Raises:
            ProgrammingError: 42704, there is no such token, type or profile.
        """
        began = perf_counter()
        engine = self._database.engine
        if near is None:
            if radius is not None or profile is not None:
                raise ValueError("radius and profile need near")
            rows = engine.neighbors(token, depth, via=_types(via), direction=direction, k=k)
        else:
            spot = place(engine, near, profile)
            rows = engine.neighbors(
                token,
                depth,
                via=_types(via),
                direction=direction,
                near=spot.points,
                radius=radius,
                metric=spot.metric,
                k=k,
            )
        return Result.of(rows, self._database.tail, began)

    def path(
        self,
        source: Token,
        target: Token,
        *,
        via: str | Sequence[str] | None = None,
        max_depth: int | None = None,
        direction: Direction = "out",
        cost: str | None = None,
        params: Mapping[str, Any] | None = None,
        profile: str | None = None,
    ) -> Result:
        """A way of the fewest hops, or the cheapest.

        Args:
            source: where it starts.
            target: where it ends.
            via: the connection type to follow, or several; all by default.
            max_depth: the most hops.
            direction: follow connections ``"out"``, ``"in"`` or ``"both"`` ways.
            cost: what a hop costs, an NGQL expression over the connection ``e``, the token it is left from ``u`` and
                the token reached ``v``: numbers, ``+ - * / ^``, ``abs sqrt exp ln power least greatest``, numeric
                columns and distances ``<->``. Hops are counted by default.
            params: values of the ``$name`` parameters in `cost`.
            profile: distances in `cost` are measured with this profile's metric.

        Returns:
            One row a step, the source first: ``step, id, key, type, connection`` (that led here, NULL first),
            ``cost`` (so far). No row when there is no way, one when both are the same.

        Raises:
            ProgrammingError: 42704, there is no such token, type or profile; what `cost` says, with its place there.
            DataError: 22003, a connection that was met costs anything but a finite number ≥ 0.

        Example:
            >>> import neurograph as ng
            >>> db = ng.connect()
            >>> ids = db.tokens.create_many([{"key": key, "coords": [i] + [0] * 7} for i, key in enumerate("abc")])
            >>> _ = db.connections.create_many(
            ...     {"source": ["a", "a", "b"], "target": ["c", "b", "c"], "weight": [5.0, 1.0, 1.0]}
            ... )
            >>> [row["key"] for row in db.graph.path("a", "c").dicts()]
            ['a', 'c']
            >>> cost = "e.weight * (1 + $pull * (u.coords <-> v.coords))"
            >>> [(row["key"], row["cost"]) for row in db.graph.path("a", "c", cost=cost, params={"pull": 2}).dicts()]
            [('a', 0.0), ('b', 3.0), ('c', 6.0)]
            >>> db.close()
        """
        if cost is not None:
            values = {"ng_source": source, "ng_target": target, "ng_depth": max_depth}
            return self._costed("PATH", values, _types(via), direction, cost, params, profile)
        _require_no_values(params, profile)
        began = perf_counter()
        rows = self._database.engine.path(
            source, target, via=_types(via), max_depth=max_depth, direction=direction
        )
        return Result.of(rows, self._database.tail, began)

    def _costed(
        self,
        head: str,
        values: dict[str, Any],
        via: Sequence[str] | None,
        direction: Direction,
        cost: str,
        params: Mapping[str, Any] | None,
        profile: str | None,
    ) -> Result:
        """The same question as NGQL, which knows how to read a cost."""
        if direction not in _DIRECTIONS:
            raise from_sqlstate("22023", "the direction is out, in or both")
        if not isinstance(profile, (str, type(None))):
            raise TypeError(f"a profile is named by text here, not {type(profile).__name__}")
        if params is not None and not isinstance(params, Mapping):
            raise TypeError(f"params must be a mapping of name to value, not {type(params).__name__}")
        words = [f"SELECT {head} FROM $ng_source TO $ng_target", direction.upper()]
        if via:
            words.append(f"VIA {'|'.join(map(quote, via))}")
        elif via is not None:  # No connection may be followed, which VIA cannot say.
            values["ng_depth"] = 0
        if values["ng_depth"] is None:
            del values["ng_depth"]
        else:
            words.append("MAX DEPTH $ng_depth")
        using = "" if profile is None else f"USING CDNA PROFILE {quote(profile)}"
        return costed(self._database, " ".join(words), cost, values | dict(params or {}), using)

    def paths(
        self,
        source: Token,
        target: Token,
        k: int,
        *,
        via: str | Sequence[str] | None = None,
        max_depth: int | None = None,
        direction: Direction = "out",
        cost: str | None = None,
        params: Mapping[str, Any] | None = None,
        profile: str | None = None,
    ) -> Result:
        """The k cheapest ways that meet no token twice; fewer when there are no more.

        Args:
            source: where they start.
            target: where they end.
            k: how many, from 1.
            via: the connection type to follow, or several; all by default.
            max_depth: the most hops of each.
            direction: follow connections ``"out"``, ``"in"`` or ``"both"`` ways.
            cost: what a hop costs, as in `path`; 1 by default.
            params: values of the ``$name`` parameters in `cost`.
            profile: distances in `cost` are measured with this profile's metric.

        Returns:
            ``path`` (from 1, the cheapest first), then the columns of `path`; by path, then step.

        Raises:
            Error: as `path`.
            DataError: 22023, k is less than 1.

        Example:
            >>> import neurograph as ng
            >>> db = ng.connect()
            >>> ids = db.tokens.create_many([{"key": key, "coords": [0.0] * 8} for key in "abc"])
            >>> _ = db.connections.create_many(
            ...     {"source": ["a", "a", "b"], "target": ["c", "b", "c"], "weight": [5.0, 1.0, 1.0]}
            ... )
            >>> rows = db.graph.paths("a", "c", 2, cost="e.weight").dicts()
            >>> [(row["path"], row["key"], row["cost"]) for row in rows]
            [(1, 'a', 0.0), (1, 'b', 1.0), (1, 'c', 2.0), (2, 'a', 0.0), (2, 'c', 5.0)]
            >>> db.close()
        """
        if cost is not None:
            values = {"ng_source": source, "ng_target": target, "ng_depth": max_depth, "ng_k": k}
            return self._costed("$ng_k PATHS", values, _types(via), direction, cost, params, profile)
        _require_no_values(params, profile)
        began = perf_counter()
        rows = self._database.engine.paths(
            source, target, k, via=_types(via), max_depth=max_depth, direction=direction
        )
        return Result.of(rows, self._database.tail, began)

    def pagerank(
        self,
        damping: float = 0.85,
        seeds: Token | Sequence[Token] | None = None,
        *,
        via: str | Sequence[str] | None = None,
        tolerance: float = 1e-6,
        max_iterations: int = 100,
    ) -> Result:
        """How important each token is to those connected with it: Page and Brin's PageRank.

        A walker follows one of the connections that leave a token, all alike, or starts anew: with probability
        1 − `damping`, and where nothing leaves.

        Args:
            damping: how likely a connection is followed, 0 ≤ damping < 1.
            seeds: where the walker starts anew, each as likely; anywhere by default.
            via: the connection type to follow, or several; all by default.
            tolerance: ends the rounds: the sum of what a round has changed in all scores.
            max_iterations: so many rounds at the most.

        Returns:
            ``id, score`` of every token by id; the scores sum up to 1.

        Raises:
            DataError: 22003, damping or tolerance is out of its range; 22023, no seeds.
            ProgrammingError: 42704, there is no such token or type.

        Example:
            >>> import neurograph as ng
            >>> db = ng.connect()
            >>> ids = db.tokens.create_many([{"key": key, "coords": [0.0] * 8} for key in "abc"])
            >>> _ = db.connections.create_many({"source": ["a", "b"], "target": ["c", "c"]})
            >>> [round(row["score"], 3) for row in db.graph.pagerank().dicts()]
            [0.213, 0.213, 0.574]
            >>> db.close()
        """
        began = perf_counter()
        rows = self._database.engine.pagerank(
            damping=damping,
            seeds=seeds,
            via=_types(via),
            tolerance=tolerance,
            max_iterations=max_iterations,
        )
        return Result.of(rows, self._database.tail, began)

    def spread(
        self,
        seeds: Token | Sequence[Token] | Mapping[Token, float],
        *,
        via: str | Sequence[str] | None = None,
        direction: Direction = "out",
        steps: int = 3,
        decay: float = 0.6,
        threshold: float = 0.0,
        limit: int | None = None,
    ) -> Result:
        """Spreading activation: what comes of some tokens' activation to those connected with them.

        In every step a token passes on `decay` times what has just come to it, to each connection its share: its
        strength, weight · confidence, in proportion to the strengths of all that are followed from the token (their
        absolute values: a negative weight inhibits). With xₜ what comes in step t, and x₀ what the seeds are given::

            xₜ(v) = Σ decay · xₜ₋₁(u) · strength(u→v) / Σ |strength(u→·)|        activation = x₀ + x₁ + … + x_steps

        Args:
            seeds: tokens that begin with an activation of 1, or with what a dict says.
            via: the connection type to follow, or several; all by default.
            direction: follow connections ``"out"``, ``"in"`` or ``"both"`` ways.
            steps: how often what came is passed on.
            decay: how much of it is passed on, 0 ≤ decay ≤ 1.
            threshold: less than this, of either sign, is not passed on.
            limit: so many tokens at the most, the most active.

        Returns:
            Tokens that activation came to, the seeds among them, with ``activation``: the most active first, then by
            id.

        Raises:
            DataError: 22003, decay, threshold or an activation is out of its range; 22023, a token is a seed twice,
                with different activations.
            ProgrammingError: 42704, there is no such token or type.

        Example:
            >>> import neurograph as ng
            >>> db = ng.connect()
            >>> ids = db.tokens.create_many([{"key": key, "coords": [0.0] * 8} for key in "abc"])
            >>> _ = db.connections.create_many({"source": ["a", "a"], "target": ["b", "c"], "weight": [3, 1]})
            >>> [(row["key"], round(row["activation"], 3)) for row in db.graph.spread("a").dicts()]
            [('a', 1.0), ('b', 0.45), ('c', 0.15)]
            >>> db.close()
        """
        began = perf_counter()
        rows = self._database.engine.spread(
            seeds,
            via=_types(via),
            direction=direction,
            steps=steps,
            decay=decay,
            threshold=threshold,
            limit=limit,
        )
        return Result.of(rows, self._database.tail, began)

    def components(self, *, via: str | Sequence[str] | None = None) -> Result:
        """Which tokens hang together, whichever way the connections between them point.

        Args:
            via: the connection type to follow, or several; all by default.

        Returns:
            ``id, component`` of every token by id; a component is called by the least id in it.

        Raises:
            ProgrammingError: 42704, there is no such type.

        Example:
            >>> import neurograph as ng
            >>> db = ng.connect()
            >>> ids = db.tokens.create_many([{"key": key, "coords": [0.0] * 8} for key in "abc"])
            >>> _ = db.connections.create("c", "b")
            >>> db.graph.components().fetchall()
            [(1, 1), (2, 2), (3, 2)]
            >>> db.close()
        """
        began = perf_counter()
        return Result.of(self._database.engine.components(via=_types(via)), self._database.tail, began)


def _require_no_values(params: object, profile: object) -> None:
    if params is not None or profile is not None:
        raise ValueError("params and profile need cost")


def _types(via: str | Sequence[str] | None) -> Sequence[str] | None:
    """Connection types as the engine takes them."""
    if via is None:
        return None
    types = [via] if isinstance(via, str) else list(via)
    for type_ in types:
        if not isinstance(type_, str):
            raise TypeError(f"via must be names of connection types, not {type(type_).__name__}")
    return types
