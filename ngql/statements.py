"""Bound statements other than queries; each holds the queries it needs in the form `bound` gives them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from ngql import bound
from ngql.ast import Span

__all__ = [
    "ROWS",
    "Backup",
    "CheckStore",
    "Conflict",
    "Connect",
    "CopyFrom",
    "CopyTo",
    "Deallocate",
    "Delete",
    "Disconnect",
    "Endpoint",
    "Execute",
    "Explain",
    "Insert",
    "Prepare",
    "Returning",
    "Select",
    "SetFlag",
    "SetOption",
    "SetProfile",
    "SetScale",
    "Show",
    "Statement",
    "Transaction",
    "Update",
    "Vacuum",
]

ROWS = "rows:"
"""Before the name of rows that a write hands to its own queries: `rows:new`, `rows:old`, `rows:excluded`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one statement does; `kind` is what `Result.statement_type` says."""

    kind: str
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Select(Statement):
    """A query; `types` are the types of its columns, None when only DuckDB knows them."""

    query: bound.Query
    types: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Returning:
    """RETURNING: a block over the written rows.

    Its sources are `new` and `old`, of which it uses one or both.
    """

    query: bound.Query
    types: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Conflict:
    """ON CONFLICT: do nothing without assignments.

    `query` computes, over the sources `old` (the row that is there) and `excluded` (the row that was to be inserted),
    the id of every row to change and its new values, named by `columns`.
    """

    target: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    query: bound.Query | None = None


@dataclass(frozen=True, slots=True)
class Insert(Statement):
    """INSERT; either `rows` of constants (None is DEFAULT), or a query with a column per name."""

    table: str
    columns: tuple[str, ...]
    rows: tuple[tuple[bound.Expr | None, ...], ...] | None
    query: bound.Query | None
    conflict: Conflict | None
    returning: Returning | None


@dataclass(frozen=True, slots=True)
class Update(Statement):
    """UPDATE: `query` gives `id` and the computed columns; `constants` are the same for every row."""

    table: str
    query: bound.Query
    columns: tuple[str, ...]
    constants: tuple[tuple[str, bound.Expr], ...]
    returning: Returning | None


@dataclass(frozen=True, slots=True)
class Delete(Statement):
    """DELETE: `query` gives the ids."""

    table: str
    query: bound.Query
    returning: Returning | None


@dataclass(frozen=True, slots=True)
class Prepare(Statement):
    """PREPARE: the text of the statement, and the kinds of its parameters if they are declared."""

    name: str
    statement: str
    kinds: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Execute(Statement):
    """EXECUTE: the values are constants, parameters and points."""

    name: str
    values: tuple[bound.Expr, ...]


@dataclass(frozen=True, slots=True)
class Deallocate(Statement):
    """DEALLOCATE: one statement, or all without a name."""

    name: str | None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One end of CONNECT: a token, or a query with a column of ids or keys, by its position."""

    token: bound.Expr | None = None
    query: bound.Query | None = None
    column: int = 0
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Connect(Statement):
    """CONNECT: every source to every target, or each source to its `nearest` others."""

    source: Endpoint
    target: Endpoint | None
    nearest: bound.Expr | None
    values: tuple[tuple[str, bound.Expr], ...]
    conflict: Conflict | None
    returning: Returning | None


@dataclass(frozen=True, slots=True)
class Disconnect(Statement):
    """DISCONNECT: the connections from any source to any target, of one type or all."""

    source: Endpoint
    target: Endpoint
    type: bound.Expr | None
    returning: Returning | None


@dataclass(frozen=True, slots=True)
class CopyFrom(Statement):
    """COPY table FROM a file, or from a table in a parameter."""

    table: str
    columns: tuple[str, ...]
    file: bound.Expr
    format: str | None


@dataclass(frozen=True, slots=True)
class CopyTo(Statement):
    """COPY (query) TO a file."""

    query: bound.Query
    file: bound.Expr
    format: str | None
    overwrite: bool


@dataclass(frozen=True, slots=True)
class SetProfile(Statement):
    """SET [LOCAL] CDNA PROFILE."""

    profile: str | bound.Parameter
    local: bool


@dataclass(frozen=True, slots=True)
class SetScale(Statement):
    """SET [LOCAL] CDNA SCALE: axis number → scale."""

    scales: tuple[tuple[int, bound.Expr], ...]
    local: bool


@dataclass(frozen=True, slots=True)
class SetFlag(Statement):
    """SET CDNA FLAG."""

    flag: str
    on: bool


@dataclass(frozen=True, slots=True)
class SetOption(Statement):
    """SET name = value; a value of None resets, a name of None resets all."""

    name: str | None
    value: bound.Expr | None


@dataclass(frozen=True, slots=True)
class Show(Statement):
    """SHOW and DESCRIBE: `what` is cdna, option, options, tables or columns."""

    what: Literal["cdna", "option", "options", "tables", "columns"]
    name: str | None = None
    rows: tuple[tuple[Any, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Transaction(Statement):
    """BEGIN, COMMIT, ROLLBACK and savepoints: the engine's method and its argument."""

    method: Literal["begin", "commit", "rollback", "savepoint", "rollback_to", "release"]
    argument: str | bool | None = None


@dataclass(frozen=True, slots=True)
class Explain(Statement):
    """EXPLAIN: prints the plan, runs the statement too with ANALYZE."""

    statement: Statement
    analyze: bool
    format: Literal["text", "json"]
    desugar: bool


@dataclass(frozen=True, slots=True)
class Backup(Statement):
    """BACKUP TO a file."""

    file: bound.Expr
    overwrite: bool


@dataclass(frozen=True, slots=True)
class CheckStore(Statement):
    """CHECK STORE."""


@dataclass(frozen=True, slots=True)
class Vacuum(Statement):
    """VACUUM."""
