"""Statements other than queries."""

from __future__ import annotations

from typing import Any

from ngql import ast
from ngql.actions.registry import action, misplaced
from ngql.ast import Span
from ngql.scan import Token

# ---------------------------------------------------------------- writing


@action("insert_target")
def insert_target(c: list[Any], span: Span) -> tuple[Any, Any]:
    """`(table, alias)`."""
    return c[0], c[1]


@action("insert")
def insert(c: list[Any], span: Span) -> ast.Insert:
    """`INSERT INTO t query`."""
    table, alias = c[2]
    return ast.Insert(table, (), c[3], c[4], c[5], alias, span=span)


@action("insert_columns")
def insert_columns(c: list[Any], span: Span) -> ast.Insert:
    """`INSERT INTO t (a, b) query`."""
    table, alias = c[2]
    return ast.Insert(table, c[4], c[6], c[7], c[8], alias, span=span)


@action("default_values")
def default_values(c: list[Any], span: Span) -> None:
    """`DEFAULT VALUES`."""


@action("conflict_opt")
def conflict_opt(c: list[Any], span: Span) -> ast.Conflict | None:
    """`ON CONFLICT …`."""
    if not c:
        return None
    if len(c) == 5:
        return ast.Conflict(c[2], span=span)
    return ast.Conflict(c[2], c[6], c[7], span=span)


@action("assignment")
def assignment(c: list[Any], span: Span) -> ast.Assignment:
    """`column = value`."""
    value = None if isinstance(c[2], Token) else c[2]
    return ast.Assignment(c[0], value, span=span)


@action("returning_opt")
def returning_opt(c: list[Any], span: Span) -> tuple[Any, ...]:
    """`RETURNING …`."""
    return c[1] if c else ()


@action("plain_alias_opt")
def plain_alias_opt(c: list[Any], span: Span) -> ast.Name | None:
    """`[AS] alias`."""
    return c[-1] if c else None


@action("update")
def update(c: list[Any], span: Span) -> ast.Update:
    """`UPDATE t SET …`."""
    return ast.Update(c[1], c[4], c[2], (), c[5], c[6], span=span)


@action("update_from")
def update_from(c: list[Any], span: Span) -> ast.Update:
    """`UPDATE t SET … FROM …`."""
    return ast.Update(c[1], c[4], c[2], c[6], c[7], c[8], span=span)


@action("delete")
def delete(c: list[Any], span: Span) -> ast.Delete:
    """`DELETE FROM t …`."""
    return ast.Delete(c[2], c[3], (), c[4], c[5], span=span)


@action("delete_using")
def delete_using(c: list[Any], span: Span) -> ast.Delete:
    """`DELETE FROM t USING …`."""
    return ast.Delete(c[2], c[3], c[5], c[6], c[7], span=span)


@action("nearest")
def nearest(c: list[Any], span: Span) -> ast.Nearest:
    """`NEAREST k`."""
    if c[1] is None:
        raise misplaced(span, 'syntax error at or near "ALL"', "NEAREST takes a number")
    return ast.Nearest(c[1], span=span)


@action("connect")
def connect(c: list[Any], span: Span) -> ast.Connect:
    """`CONNECT a TO b AS type …`."""
    return ast.Connect(c[1], c[3], c[4], tuple(c[5]), c[6], c[7], span=span)


@action("connect_options")
def connect_options(c: list[Any], span: Span) -> list[ast.Assignment]:
    """A list that grows in place; each column once."""
    if not c:
        return []
    options: list[ast.Assignment] = c[0]
    if any(c[1].column == other.column for other in options):
        raise misplaced(c[1].span, f"{c[1].column.value.upper()} was given twice")
    options.append(c[1])
    return options


@action("connect_option")
def connect_option(c: list[Any], span: Span) -> ast.Assignment:
    """`WEIGHT .8`."""
    return ast.Assignment(c[0], c[1], span=span)


@action("connect_column")
def connect_column(c: list[Any], span: Span) -> ast.Name:
    """The column's name."""
    return ast.Name(c[0].text.lower(), span=span)


@action("disconnect")
def disconnect(c: list[Any], span: Span) -> ast.Disconnect:
    """`DISCONNECT a FROM b AS type`."""
    return ast.Disconnect(c[1], c[3], c[4], c[5], span=span)


@action("reinforce")
def reinforce(c: list[Any], span: Span) -> ast.Reinforce:
    """`REINFORCE CONNECTION 17 SUCCESS`."""
    return ast.Reinforce(c[2], c[3], span=span)


@action("decay")
def decay(c: list[Any], span: Span) -> ast.Decay:
    """`DECAY CONNECTIONS WHERE …`."""
    return ast.Decay(c[2], span=span)


@action("copy")
def copy(c: list[Any], span: Span) -> ast.Copy:
    """`COPY t FROM file`, `COPY t TO file`."""
    return ast.Copy(c[3], c[4], c[1], c[2], None, c[5], span=span)


@action("copy_query")
def copy_query(c: list[Any], span: Span) -> ast.Copy:
    """`COPY (query) TO file`."""
    return ast.Copy("to", c[3], None, (), c[1], c[4], span=span)


@action("copy_direction")
def copy_direction(c: list[Any], span: Span) -> str:
    """`from` or `to`."""
    return str(c[0].text.lower())


@action("copy_options_opt", "options_opt")
def options_opt(c: list[Any], span: Span) -> tuple[ast.Option, ...]:
    """`(option, option)`."""
    return c[-1] if c else ()


@action("options")
def options(c: list[Any], span: Span) -> tuple[ast.Option, ...]:
    """The options between the parentheses."""
    return tuple(c[1:-1:2])


@action("option")
def option(c: list[Any], span: Span) -> ast.Option:
    """`name`, `name value` or `name => value`."""
    return ast.Option(c[0], _word(c[-1]) if len(c) > 1 else None, span=span)


def _word(value: Any) -> Any:
    """A bare word is a string."""
    if isinstance(value, ast.ColumnRef) and len(value.parts) == 1:
        return ast.String(value.parts[0].value, span=value.span)
    return value


# ---------------------------------------------------------------- the profile


@action("set_profile")
def set_profile(c: list[Any], span: Span) -> ast.SetCdnaProfile:
    """`SET CDNA PROFILE p`."""
    return ast.SetCdnaProfile(c[4], c[1] == "local", span=span)


@action("set_scale")
def set_scale(c: list[Any], span: Span) -> ast.SetCdnaScale:
    """`SET CDNA SCALE emotional = 2`."""
    return ast.SetCdnaScale(c[4], c[1] == "local", span=span)


@action("set_flag")
def set_flag(c: list[Any], span: Span) -> ast.SetCdnaFlag:
    """`SET CDNA FLAG strict ON`."""
    if c[1] == "local":
        raise misplaced(span, "SET LOCAL changes the metric only, and flags belong to the gate")
    return ast.SetCdnaFlag(c[4], c[5], span=span)


@action("switch")
def switch(c: list[Any], span: Span) -> bool:
    """Whether ON."""
    return bool(c[0].type == "ON")


@action("scope_opt")
def scope_opt(c: list[Any], span: Span) -> str | None:
    """`local`, `session` or None."""
    return c[0].text.lower() if c else None


@action("create_profile")
def create_profile(c: list[Any], span: Span) -> ast.CreateCdnaProfile:
    """`CREATE CDNA PROFILE name (…)`."""
    return ast.CreateCdnaProfile(c[3], c[4], span=span)


@action("drop_profile")
def drop_profile(c: list[Any], span: Span) -> ast.DropCdnaProfile:
    """`DROP CDNA PROFILE name`."""
    return ast.DropCdnaProfile(c[3], span=span)


@action("validate_profile")
def validate_profile(c: list[Any], span: Span) -> ast.ValidateCdnaProfile:
    """`VALIDATE CDNA PROFILE name`."""
    return ast.ValidateCdnaProfile(c[3], span=span)


@action("rollback_profile")
def rollback_profile(c: list[Any], span: Span) -> ast.RollbackCdna:
    """`ROLLBACK CDNA TO VERSION n`."""
    return ast.RollbackCdna(c[4], span=span)


@action("quarantine")
def quarantine(c: list[Any], span: Span) -> ast.Quarantine:
    """`RELEASE QUARANTINE …`, `PURGE QUARANTINE …`."""
    return ast.Quarantine(c[0].text.lower(), c[2], c[3], span=span)


# ---------------------------------------------------------------- sessions and stores


@action("explain")
def explain(c: list[Any], span: Span) -> ast.Explain:
    """`EXPLAIN [ANALYZE] statement`."""
    return ast.Explain(c[2], c[1], span=span)


@action("explain_options")
def explain_options(c: list[Any], span: Span) -> ast.Explain:
    """`EXPLAIN [ANALYZE] (options) statement`."""
    kept = tuple(option for option in c[2] if option.name.value != "analyze")
    analyze = c[1] or len(kept) < len(c[2])
    return ast.Explain(c[3], analyze, kept, span=span)


@action("analyze_opt")
def analyze_opt(c: list[Any], span: Span) -> bool:
    """Whether ANALYZE."""
    return bool(c)


@action("prepare")
def prepare(c: list[Any], span: Span) -> ast.Prepare:
    """`PREPARE name (types) AS statement`."""
    return ast.Prepare(c[1], c[3] if len(c) == 7 else (), c[-1], span=span)


@action("execute")
def execute(c: list[Any], span: Span) -> ast.Execute:
    """`EXECUTE name(values)`."""
    return ast.Execute(c[1], c[3] if len(c) == 5 else (), span=span)


@action("deallocate")
def deallocate(c: list[Any], span: Span) -> ast.Deallocate:
    """`DEALLOCATE name | ALL`."""
    return ast.Deallocate(None if isinstance(c[-1], Token) else c[-1], span=span)


@action("begin")
def begin(c: list[Any], span: Span) -> ast.Begin:
    """`BEGIN READ ONLY`."""
    return ast.Begin(c[-1], span=span)


@action("access_opt")
def access_opt(c: list[Any], span: Span) -> bool:
    """Whether READ ONLY."""
    return bool(c) and c[1].type == "ONLY"


@action("transaction_opt")
def transaction_opt(c: list[Any], span: Span) -> None:
    """`TRANSACTION` and `WORK` say nothing."""


@action("commit")
def commit(c: list[Any], span: Span) -> ast.Commit:
    """`COMMIT`."""
    return ast.Commit(span=span)


@action("rollback")
def rollback(c: list[Any], span: Span) -> ast.Rollback:
    """`ROLLBACK TO s`."""
    return ast.Rollback(c[-1] if len(c) > 2 else None, span=span)


@action("savepoint")
def savepoint(c: list[Any], span: Span) -> ast.Savepoint:
    """`SAVEPOINT s`."""
    return ast.Savepoint(c[1], span=span)


@action("release")
def release(c: list[Any], span: Span) -> ast.ReleaseSavepoint:
    """`RELEASE SAVEPOINT s`."""
    return ast.ReleaseSavepoint(c[-1], span=span)


@action("set_option")
def set_option(c: list[Any], span: Span) -> ast.SetOption:
    """`SET name = value`."""
    return ast.SetOption(c[2], _word(c[4]), c[1] == "local", span=span)


@action("show")
def show(c: list[Any], span: Span) -> ast.ShowCdna | ast.ShowTables | ast.ShowOption:
    """`SHOW CDNA | TABLES | ALL | name`."""
    what = c[1]
    if isinstance(what, Token) and what.type == "CDNA":
        return ast.ShowCdna(span=span)
    if isinstance(what, Token) and what.type == "TABLES":
        return ast.ShowTables(span=span)
    return ast.ShowOption(None if isinstance(what, Token) else what, span=span)


@action("reset")
def reset(c: list[Any], span: Span) -> ast.ResetOption:
    """`RESET name | ALL`."""
    return ast.ResetOption(None if isinstance(c[1], Token) else c[1], span=span)


@action("describe")
def describe(c: list[Any], span: Span) -> ast.Describe:
    """`DESCRIBE table | query`."""
    return ast.Describe(c[1], span=span)


@action("attach")
def attach(c: list[Any], span: Span) -> ast.Attach:
    """`ATTACH 'file' AS name (READ_ONLY)`."""
    return ast.Attach(c[1], c[3], c[4], span=span)


@action("detach")
def detach(c: list[Any], span: Span) -> ast.Detach:
    """`DETACH name`."""
    return ast.Detach(c[1], span=span)


@action("backup")
def backup(c: list[Any], span: Span) -> ast.Backup:
    """`BACKUP TO 'file'`."""
    return ast.Backup(c[2], c[3], span=span)


@action("check_store")
def check_store(c: list[Any], span: Span) -> ast.CheckStore:
    """`CHECK STORE`."""
    return ast.CheckStore(span=span)


@action("vacuum")
def vacuum(c: list[Any], span: Span) -> ast.Vacuum:
    """`VACUUM`."""
    return ast.Vacuum(span=span)


@action("bootstrap")
def bootstrap(c: list[Any], span: Span) -> ast.Bootstrap:
    """`BOOTSTRAP FROM 'file' (…)`."""
    return ast.Bootstrap(c[2], c[3], span=span)


@action("text_query")
def text_query(c: list[Any], span: Span) -> ast.TextQuery:
    """`QUERY 'text' TOP k`."""
    return ast.TextQuery(c[1], c[3] if len(c) > 2 else None, span=span)


@action("feedback")
def feedback(c: list[Any], span: Span) -> ast.Feedback:
    """`FEEDBACK signal positive`."""
    return ast.Feedback(c[1], c[2], span=span)
