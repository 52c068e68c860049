"""`db.graph`: neighbours and ways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from neurograph.points import place
from neurograph.result import Result
from ng_engine.errors import NotSupportedError

if TYPE_CHECKING:
    from neurograph.database import Database

__all__ = ["RuntimeGraphStorage"]

Token = int | str
Direction = Literal["out", "in", "both"]


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
    ) -> Result:
        """A way of the fewest hops.

        Args:
            source: where it starts.
            target: where it ends.
            via: the connection type to follow, or several; all by default.
            max_depth: the most hops.
            direction: follow connections ``"out"``, ``"in"`` or ``"both"`` ways.
            cost: not supported yet: an expression to minimise instead of hops.

        Returns:
            One row a step, the source first: ``step, id, key, type, connection`` (that led here, NULL first),
            ``cost`` (hops so far). No row when there is no way, one when both are the same.

        Raises:
            ProgrammingError: 42704, there is no such token or type.
        """
        if cost is not None:
            raise NotSupportedError("path cost is not supported yet")
        began = perf_counter()
        rows = self._database.engine.path(
            source, target, via=_types(via), max_depth=max_depth, direction=direction
        )
        return Result.of(rows, self._database.tail, began)

    def paths(self, source: Token, target: Token, k: int, **options: Any) -> NoReturn:
        """Not supported yet: the k cheapest ways."""
        raise NotSupportedError("k paths are not supported yet")

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


def _types(via: str | Sequence[str] | None) -> Sequence[str] | None:
    """Connection types as the engine takes them."""
    if via is None:
        return None
    types = [via] if isinstance(via, str) else list(via)
    for type_ in types:
        if not isinstance(type_, str):
            raise TypeError(f"via must be names of connection types, not {type(type_).__name__}")
    return types
