"""Statements other than queries as text."""

from __future__ import annotations

from ngql import ast
from ngql.format.expression import ADDITIVE, operand
from ngql.format.registry import after, in_parentheses, listed, prints, show, words


def _returning(items: tuple[ast.SelectItem, ...]) -> str:
    return f"RETURNING {listed(items)}" if items else ""


def _options(options: tuple[ast.Option, ...]) -> str:
    return in_parentheses(options)


def _value(value: ast.Expr | None) -> str:
    return "DEFAULT" if value is None else show(value)


@prints(ast.Assignment)
def _assignment(node: ast.Assignment) -> str:
    return f"{show(node.column)} = {_value(node.value)}"


@prints(ast.Conflict)
def _conflict(node: ast.Conflict) -> str:
    action = "NOTHING"
    if node.assignments:
        action = words("UPDATE SET", listed(node.assignments), after("WHERE", node.where))
    return words("ON CONFLICT", in_parentheses(node.columns), "DO", action)


@prints(ast.Insert)
def _insert(node: ast.Insert) -> str:
    return words(
        f"INSERT INTO {show(node.table)}",
        after("AS", node.alias),
        in_parentheses(node.columns),
        "DEFAULT VALUES" if node.query is None else show(node.query),
        node.conflict,
        _returning(node.returning),
    )


@prints(ast.Update)
def _update(node: ast.Update) -> str:
    return words(
        f"UPDATE {show(node.table)}",
        after("AS", node.alias),
        f"SET {listed(node.assignments)}",
        f"FROM {listed(node.sources)}" if node.sources else "",
        after("WHERE", node.where),
        _returning(node.returning),
    )


@prints(ast.Delete)
def _delete(node: ast.Delete) -> str:
    return words(
        f"DELETE FROM {show(node.table)}",
        after("AS", node.alias),
        f"USING {listed(node.sources)}" if node.sources else "",
        after("WHERE", node.where),
        _returning(node.returning),
    )


def _endpoint(node: ast.Endpoint | ast.Nearest) -> str:
    return f"({show(node)})" if isinstance(node, ast.Query) else show(node)


@prints(ast.Nearest)
def _nearest(node: ast.Nearest) -> str:
    return f"NEAREST {show(node.count)}"


@prints(ast.Connect)
def _connect(node: ast.Connect) -> str:
    values = [
        f"{each.column.value.upper()} {operand(each.value, ADDITIVE)}" for each in node.values if each.value
    ]
    return words(
        f"CONNECT {_endpoint(node.source)} TO {_endpoint(node.target)}",
        after("AS", node.type),
        *values,
        node.conflict,
        _returning(node.returning),
    )


@prints(ast.Disconnect)
def _disconnect(node: ast.Disconnect) -> str:
    ends = f"DISCONNECT {_endpoint(node.source)} FROM {_endpoint(node.target)}"
    return words(ends, after("AS", node.type), _returning(node.returning))


@prints(ast.Reinforce)
def _reinforce(node: ast.Reinforce) -> str:
    return f"REINFORCE CONNECTION {show(node.connection)} {node.outcome.upper()}"


@prints(ast.Decay)
def _decay(node: ast.Decay) -> str:
    return words("DECAY CONNECTIONS", after("WHERE", node.where))


@prints(ast.Copy)
def _copy(node: ast.Copy) -> str:
    query = "" if node.query is None else f"({show(node.query)})"
    return words(
        "COPY",
        query,
        node.table,
        in_parentheses(node.columns),
        node.direction.upper(),
        show(node.file),
        _options(node.options),
    )


def _local(local: bool) -> str:
    return "SET LOCAL" if local else "SET"


@prints(ast.SetCdnaProfile)
def _set_profile(node: ast.SetCdnaProfile) -> str:
    return f"{_local(node.local)} CDNA PROFILE {show(node.profile)}"


@prints(ast.SetCdnaScale)
def _set_scale(node: ast.SetCdnaScale) -> str:
    return f"{_local(node.local)} CDNA SCALE {listed(node.scales)}"


@prints(ast.SetCdnaFlag)
def _set_flag(node: ast.SetCdnaFlag) -> str:
    return f"SET CDNA FLAG {show(node.flag)} {'ON' if node.on else 'OFF'}"


@prints(ast.ShowCdna)
def _show_cdna(node: ast.ShowCdna) -> str:
    return "SHOW CDNA"


@prints(ast.CreateCdnaProfile)
def _create_profile(node: ast.CreateCdnaProfile) -> str:
    return f"CREATE CDNA PROFILE {show(node.name)} {_options(node.options)}"


@prints(ast.DropCdnaProfile)
def _drop_profile(node: ast.DropCdnaProfile) -> str:
    return f"DROP CDNA PROFILE {show(node.name)}"


@prints(ast.ValidateCdnaProfile)
def _validate_profile(node: ast.ValidateCdnaProfile) -> str:
    return f"VALIDATE CDNA PROFILE {show(node.name)}"


@prints(ast.RollbackCdna)
def _rollback_cdna(node: ast.RollbackCdna) -> str:
    return f"ROLLBACK CDNA TO VERSION {show(node.version)}"


@prints(ast.Quarantine)
def _quarantine(node: ast.Quarantine) -> str:
    return words(f"{node.action.upper()} QUARANTINE", node.id, after("WHERE", node.where))


@prints(ast.Explain)
def _explain(node: ast.Explain) -> str:
    analyze = "ANALYZE" if node.analyze else ""
    return words("EXPLAIN", analyze, _options(node.options), show(node.statement))


@prints(ast.Prepare)
def _prepare(node: ast.Prepare) -> str:
    types = in_parentheses(node.types)
    return words(f"PREPARE {show(node.name)}", types, "AS", show(node.statement))


@prints(ast.Execute)
def _execute(node: ast.Execute) -> str:
    return words(f"EXECUTE {show(node.name)}", in_parentheses(node.arguments))


@prints(ast.Deallocate)
def _deallocate(node: ast.Deallocate) -> str:
    return "DEALLOCATE " + ("ALL" if node.name is None else show(node.name))


@prints(ast.Begin)
def _begin(node: ast.Begin) -> str:
    return "BEGIN READ ONLY" if node.read_only else "BEGIN"


@prints(ast.Commit)
def _commit(node: ast.Commit) -> str:
    return "COMMIT"


@prints(ast.Rollback)
def _rollback(node: ast.Rollback) -> str:
    return words("ROLLBACK", after("TO", node.savepoint))


@prints(ast.Savepoint)
def _savepoint(node: ast.Savepoint) -> str:
    return f"SAVEPOINT {show(node.name)}"


@prints(ast.ReleaseSavepoint)
def _release(node: ast.ReleaseSavepoint) -> str:
    return f"RELEASE SAVEPOINT {show(node.name)}"


@prints(ast.SetOption)
def _set_option(node: ast.SetOption) -> str:
    return f"{_local(node.local)} {show(node.name)} = {_value(node.value)}"


@prints(ast.ShowOption)
def _show_option(node: ast.ShowOption) -> str:
    return "SHOW " + ("ALL" if node.name is None else show(node.name))


@prints(ast.ShowTables)
def _show_tables(node: ast.ShowTables) -> str:
    return "SHOW TABLES"


@prints(ast.ResetOption)
def _reset(node: ast.ResetOption) -> str:
    return "RESET " + ("ALL" if node.name is None else show(node.name))


@prints(ast.Describe)
def _describe(node: ast.Describe) -> str:
    return f"DESCRIBE {show(node.target)}"


@prints(ast.Attach)
def _attach(node: ast.Attach) -> str:
    return words(f"ATTACH {show(node.file)} AS {show(node.name)}", _options(node.options))


@prints(ast.Detach)
def _detach(node: ast.Detach) -> str:
    return f"DETACH {show(node.name)}"


@prints(ast.Backup)
def _backup(node: ast.Backup) -> str:
    return words(f"BACKUP TO {show(node.file)}", _options(node.options))


@prints(ast.CheckStore)
def _check_store(node: ast.CheckStore) -> str:
    return "CHECK STORE"


@prints(ast.Vacuum)
def _vacuum(node: ast.Vacuum) -> str:
    return "VACUUM"


@prints(ast.Bootstrap)
def _bootstrap(node: ast.Bootstrap) -> str:
    return words(f"BOOTSTRAP FROM {show(node.file)}", _options(node.options))


@prints(ast.TextQuery)
def _text_query(node: ast.TextQuery) -> str:
    top = "" if node.top is None else f"TOP {operand(node.top, ADDITIVE)}"
    return words("QUERY", show(node.text), top)


@prints(ast.Feedback)
def _feedback(node: ast.Feedback) -> str:
    return f"FEEDBACK {show(node.signal)} {node.kind.upper()}"
