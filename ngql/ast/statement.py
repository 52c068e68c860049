"""Statements other than queries."""

from __future__ import annotations

from typing import Literal, TypeAlias

from ngql.ast.base import Node, node
from ngql.ast.expression import Expr, Integer, Name, Parameter, QualifiedName, String, TokenRef, TypeName
from ngql.ast.query import FromItem, Option, Query, SelectItem

# ---------------------------------------------------------------- writing


@node
class Assignment(Node):
    """`column = value`; None is DEFAULT."""

    column: Name
    value: Expr | None


@node
class Conflict(Node):
    """`ON CONFLICT [(columns)] DO NOTHING`, or `DO UPDATE SET … [WHERE …]` when there are assignments."""

    columns: tuple[Name, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    where: Expr | None = None


@node
class Insert(Node):
    """`INSERT INTO t [(columns)] VALUES … | query | DEFAULT VALUES`; VALUES is a query with a `Values` body.

    `query` is None for DEFAULT VALUES.
    """

    table: QualifiedName
    columns: tuple[Name, ...]
    query: Query | None
    conflict: Conflict | None = None
    returning: tuple[SelectItem, ...] = ()
    alias: Name | None = None


@node
class Update(Node):
    """`UPDATE t [AS a] SET … [FROM …] [WHERE …] [RETURNING …]`."""

    table: QualifiedName
    assignments: tuple[Assignment, ...]
    alias: Name | None = None
    sources: tuple[FromItem, ...] = ()
    where: Expr | None = None
    returning: tuple[SelectItem, ...] = ()


@node
class Delete(Node):
    """`DELETE FROM t [AS a] [USING …] [WHERE …] [RETURNING …]`."""

    table: QualifiedName
    alias: Name | None = None
    sources: tuple[FromItem, ...] = ()
    where: Expr | None = None
    returning: tuple[SelectItem, ...] = ()


@node
class Nearest(Node):
    """`NEAREST k`, the target of a CONNECT that weaves."""

    count: Expr


Endpoint: TypeAlias = TokenRef | Query
"""A token reference, or `(SELECT id …)`."""


@node
class Connect(Node):
    """`CONNECT a TO b | NEAREST k AS type [WEIGHT w] [CONFIDENCE c] … [ON CONFLICT …] [RETURNING …]`.

    `type` is None when AS was left out. `values` are the columns of the new connections in the order given:
    weight, confidence, rigidity, mutability, levels, props.
    """

    source: Endpoint
    target: Endpoint | Nearest
    type: Name | None = None
    values: tuple[Assignment, ...] = ()
    conflict: Conflict | None = None
    returning: tuple[SelectItem, ...] = ()


@node
class Disconnect(Node):
    """`DISCONNECT a FROM b [AS type] [RETURNING …]`."""

    source: Endpoint
    target: Endpoint
    type: Name | None = None
    returning: tuple[SelectItem, ...] = ()


@node
class Reinforce(Node):
    """`REINFORCE CONNECTION id SUCCESS | FAILURE | ACTIVATE | PROMOTE`."""

    connection: Integer | Parameter
    outcome: Literal["success", "failure", "activate", "promote"]


@node
class Decay(Node):
    """`DECAY CONNECTIONS [WHERE …]`."""

    where: Expr | None = None


@node
class Copy(Node):
    """`COPY t [(columns)] FROM file | $arrow (options)`, `COPY t | (query) TO file (options)`.

    Exactly one of `table` and `query` is set; `file` is a String (a path) or a Parameter.
    """

    direction: Literal["from", "to"]
    file: String | Parameter
    table: QualifiedName | None = None
    columns: tuple[Name, ...] = ()
    query: Query | None = None
    options: tuple[Option, ...] = ()


# ---------------------------------------------------------------- the profile


@node
class SetCdnaProfile(Node):
    """`SET [LOCAL] CDNA PROFILE p`."""

    profile: Name | Parameter
    local: bool = False


@node
class SetCdnaScale(Node):
    """`SET [LOCAL] CDNA SCALE axis = value, …`."""

    scales: tuple[Assignment, ...]
    local: bool = False


@node
class SetCdnaFlag(Node):
    """`SET CDNA FLAG strict ON | OFF`."""

    flag: Name
    on: bool


@node
class ShowCdna(Node):
    """`SHOW CDNA`."""


@node
class CreateCdnaProfile(Node):
    """`CREATE CDNA PROFILE name (options)`."""

    name: Name
    options: tuple[Option, ...]


@node
class DropCdnaProfile(Node):
    """`DROP CDNA PROFILE name`."""

    name: Name


@node
class ValidateCdnaProfile(Node):
    """`VALIDATE CDNA PROFILE name`."""

    name: Name


@node
class RollbackCdna(Node):
    """`ROLLBACK CDNA TO VERSION n`."""

    version: Integer | Parameter


@node
class Quarantine(Node):
    """`RELEASE QUARANTINE [id] [WHERE …]`, `PURGE QUARANTINE [id] [WHERE …]`."""

    action: Literal["release", "purge"]
    id: Integer | Parameter | None = None
    where: Expr | None = None


# ---------------------------------------------------------------- sessions and stores


@node
class Explain(Node):
    """`EXPLAIN [ANALYZE] [(options)] statement`; ANALYZE inside the parentheses sets `analyze` too.

    `options` keeps the others (desugar, format json).
    """

    statement: Statement
    analyze: bool = False
    options: tuple[Option, ...] = ()


@node
class Prepare(Node):
    """`PREPARE name (types) AS statement`."""

    name: Name
    types: tuple[TypeName, ...]
    statement: Statement


@node
class Execute(Node):
    """`EXECUTE name(values)`."""

    name: Name
    arguments: tuple[Expr, ...] = ()


@node
class Deallocate(Node):
    """`DEALLOCATE name | ALL`; None is ALL."""

    name: Name | None


@node
class Begin(Node):
    """`BEGIN [TRANSACTION | WORK] [READ ONLY | READ WRITE]`, `START TRANSACTION …`."""

    read_only: bool = False


@node
class Commit(Node):
    """`COMMIT`, `END`."""


@node
class Rollback(Node):
    """`ROLLBACK [TO [SAVEPOINT] name]`, `ABORT`."""

    savepoint: Name | None = None


@node
class Savepoint(Node):
    """`SAVEPOINT name`."""

    name: Name


@node
class ReleaseSavepoint(Node):
    """`RELEASE [SAVEPOINT] name`."""

    name: Name


@node
class SetOption(Node):
    """`SET [LOCAL | SESSION] name = value`, `SET name TO value`; None is DEFAULT, a bare word a `String`."""

    name: Name
    value: Expr | None
    local: bool = False


@node
class ShowOption(Node):
    """`SHOW name`, `SHOW ALL`; None is ALL."""

    name: Name | None


@node
class ShowTables(Node):
    """`SHOW TABLES`."""


@node
class ResetOption(Node):
    """`RESET name`, `RESET ALL`; None is ALL."""

    name: Name | None


@node
class Describe(Node):
    """`DESCRIBE table` or `DESCRIBE query`."""

    target: QualifiedName | Query


@node
class Attach(Node):
    """`ATTACH 'file' AS name (READ_ONLY)`."""

    file: String | Parameter
    name: Name
    options: tuple[Option, ...] = ()


@node
class Detach(Node):
    """`DETACH name`."""

    name: Name


@node
class Backup(Node):
    """`BACKUP TO 'file'`."""

    file: String | Parameter
    options: tuple[Option, ...] = ()


@node
class CheckStore(Node):
    """`CHECK STORE`."""


@node
class Vacuum(Node):
    """`VACUUM`."""


@node
class Bootstrap(Node):
    """`BOOTSTRAP FROM 'file' (options)`."""

    file: String | Parameter
    options: tuple[Option, ...] = ()


@node
class TextQuery(Node):
    """`QUERY 'text' [TOP k]`."""

    text: String | Parameter
    top: Expr | None = None


@node
class Feedback(Node):
    """`FEEDBACK signal positive | negative | neutral`."""

    signal: Integer | Parameter
    kind: Literal["positive", "negative", "neutral"]


Statement: TypeAlias = (
    "Query | Insert | Update | Delete | Connect | Disconnect | Reinforce | Decay | Copy"
    " | SetCdnaProfile | SetCdnaScale | SetCdnaFlag | ShowCdna | CreateCdnaProfile | DropCdnaProfile"
    " | ValidateCdnaProfile | RollbackCdna | Quarantine | Explain | Prepare | Execute | Deallocate"
    " | Begin | Commit | Rollback | Savepoint | ReleaseSavepoint | SetOption | ShowOption | ShowTables"
    " | ResetOption | Describe | Attach | Detach | Backup | CheckStore | Vacuum | Bootstrap | TextQuery"
    " | Feedback"
)
