"""Steps that connect and disconnect tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ng_arrow.rows import table_from_columns, with_columns
from ng_engine.errors import Error, from_sqlstate
from ngql import types
from ngql.ast import Span
from ngql.program import Run, head, placed, placed_at_value, resolved
from ngql.values import late
from ngql.writes import Conflict, Returning, Written, atomic, coerced, first_column, insert, python_ids

__all__ = ["Connect", "Disconnect", "Endpoint", "Weave"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One end: a token reference, or a step with a column of ids or keys."""

    token: Any
    step: Any
    column: int
    text: str
    span: Span | None

    @property
    def is_query(self) -> bool:
        """Whether it may be many tokens."""
        return self.step is not None

    def ids(self, run: Run) -> list[int]:
        """The tokens' ids, each once, in order."""
        try:
            if self.step is None:
                return [resolved(self.token, run, self.text, self.span)]
            found = dict.fromkeys(first_column(self.step(run), self.column))
            if None in found:
                raise from_sqlstate("23503", "an endpoint is NULL", "SELECT id: every token has one")
            return [run.engine.resolve(name) if isinstance(name, str) else int(name) for name in found]
        except Error as error:
            raise placed(error, self.text, self.span) from None


@dataclass(frozen=True, slots=True)
class Connect:
    """CONNECT every source to every target; two queries never connect a token to itself."""

    source: Endpoint
    target: Endpoint
    columns: tuple[str, ...]
    types: tuple[str, ...]
    values: tuple[Any, ...]
    places: tuple[Span | None, ...]
    on_conflict: Literal["nothing"] | Conflict | None
    returning: Returning | None
    text: str
    span: Span | None

    def __call__(self, run: Run) -> Written:
        """Resolve the ends, insert the connections."""
        with atomic(run.engine):
            sources, targets = self.source.ids(run), self.target.ids(run)
            woven = self.source.is_query and self.target.is_query
            pairs = [(a, b) for a in sources for b in targets if not (woven and a == b)]
            try:
                values = [
                    coerced(late(value, run.engine, run.values), type_, name)
                    for name, type_, value in zip(self.columns, self.types, self.values, strict=True)
                ]
                ends = ([a for a, _ in pairs], [b for _, b in pairs])
                rows = table_from_columns(["source", "target"], [types.BIGINT, types.BIGINT], ends)
                given = with_columns(rows, self.columns, self.types, values)
                return insert(run, "connections", given, self.on_conflict, self.returning)
            except Error as error:
                places = zip(self.columns, self.places, strict=True)
                raise placed_at_value(error, self.text, head(self.text, self.span), places) from None


@dataclass(frozen=True, slots=True)
class Weave:
    """CONNECT … TO NEAREST k."""

    source: Endpoint
    k: Any
    values: tuple[tuple[str, str, Any, Span | None], ...]
    on_conflict: Literal["nothing"] | None
    returning: Returning | None
    text: str
    span: Span | None

    def __call__(self, run: Run) -> Written:
        """Find the sources, weave."""
        with atomic(run.engine):
            sources = self.source.ids(run)
            try:
                k = late(self.k, run.engine, run.values)
                if k is None or k < 1:
                    raise from_sqlstate("22023", "NEAREST needs a whole number of at least 1")
                values: dict[str, Any] = {
                    name: coerced(late(value, run.engine, run.values), type_, name)
                    for name, type_, value, _ in self.values
                }
                ids = python_ids(run.engine.weave(sources, k, on_conflict=self.on_conflict, **values))
            except Error as error:
                places = [(name, place) for name, _, _, place in self.values]
                raise placed_at_value(error, self.text, head(self.text, self.span), places) from None
            shown = None if self.returning is None else self.returning(run, "connections", ids)
            return Written(len(ids), shown)


@dataclass(frozen=True, slots=True)
class Disconnect:
    """DISCONNECT: delete the connections from any source to any target."""

    source: Endpoint
    target: Endpoint
    type: Any
    returning: Returning | None

    def __call__(self, run: Run) -> Written:
        """Find them, delete them."""
        with atomic(run.engine):
            terms: list[Any] = [
                ("in", "source", self.source.ids(run)),
                ("in", "target", self.target.ids(run)),
            ]
            type_ = late(self.type, run.engine, run.values)
            if type_ is not None:
                terms.append(("=", "type", type_.lower()))
            ids = first_column(run.engine.scan("connections", columns=["id"], filter=("and", *terms)))
            if self.returning is not None:
                self.returning.keep_old(run, "connections", ids)
            count = run.engine.delete_connections(ids)
            return Written(count, None if self.returning is None else self.returning(run, "connections", ids))
