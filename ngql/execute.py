"""The last stage: a program, an engine and the parameters' values into an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from time import monotonic
from typing import Any

from ng_engine.errors import Error, from_sqlstate
from ngql import types
from ngql.engine import Engine
from ngql.parameters import Parameters
from ngql.prepared import Execute, Prepared
from ngql.program import Executed, Program, Run, Tail, TailCall, beginning, head, placed
from ngql.session import Transact
from ngql.writes import Written

__all__ = ["Answer", "run"]

_READ_ONLY = "25006"


class Answer:
    """What a statement gave.

    Attributes:
        relation: the rows: an engine's `Relation`, a table of the tail, or None for a write without RETURNING.
        statement_type: SELECT, INSERT, UPDATE, DELETE, CONNECT, ….
        rowcount: rows returned, or written.
    """

    __slots__ = ("_inputs", "_types", "relation", "rowcount", "statement_type")

    def __init__(
        self,
        relation: Any,
        statement_type: str,
        rowcount: int,
        types: tuple[str, ...] | None = None,
        inputs: list[Any] | None = None,
    ) -> None:
        self.relation = relation
        self.statement_type = statement_type
        self.rowcount = rowcount
        self._types = types
        self._inputs = inputs

    @property
    def columns(self) -> list[str]:
        """Column names; none for a write without RETURNING."""
        relation = self.relation
        if relation is None:
            return []
        names = relation.columns if hasattr(relation, "rows") else relation.column_names
        return list(names)

    @property
    def types(self) -> list[str]:
        """NGQL type of each column."""
        relation = self.relation
        if relation is None:
            return []
        if hasattr(relation, "rows"):
            return list(relation.types)
        from ng_arrow.types import schema_types

        found = schema_types(relation.schema)
        if self._types is None or len(self._types) != len(found):
            return found
        return [
            known if known == types.JSON and actual == types.TEXT else actual
            for known, actual in zip(self._types, found, strict=True)
        ]

    @property
    def work(self) -> dict[str, int]:
        """What finding the rows cost in the engine: rows_examined, leaves_visited, leaves_total, edges_examined."""
        relations = self._inputs if self._inputs is not None else [self.relation]
        total: dict[str, int] = {}
        for relation in relations:
            for name, count in (getattr(relation, "work", None) or {}).items():
                total[name] = total.get(name, 0) + count
        return total


def run(
    program: Program,
    engine: Engine,
    parameters: Parameters = None,
    tail: Tail | None = None,
    *,
    settings: MutableMapping[str, Any] | None = None,
    timeout: float | None = None,
    prepared: Prepared | None = None,
    compile: Callable[[str, Sequence[Any]], Program] | None = None,
) -> Answer:
    """Run a compiled statement. If it fails, so does the transaction that the session has open.

    Args:
        program: as `ngql.compile` made it for parameters of these kinds.
        engine: the session.
        parameters: a dict for `$name`, a sequence for `?` and `$1`.
        tail: DuckDB, for what the engine cannot answer alone.
        settings: what SET and SHOW change and show; deleting a name resets it.
        timeout: seconds after which it is cancelled (57014).
        prepared: the session's prepared statements.
        compile: their texts and values into programs.

    Returns:
        The answer; its rows are made Python or Arrow only when asked for.
    """
    if not parameters:
        values: list[Any] = []
    elif isinstance(parameters, Mapping):
        values = list(parameters.values())
    else:
        values = list(parameters)
    if len(values) != len(program.kinds):
        raise from_sqlstate(
            "42P02", f"the statement takes {len(program.kinds)} parameters, found {len(values)}"
        )
    body = program.body
    session = engine
    inputs: list[Any] | None = None
    started = False
    try:
        if type(body) is not Transact:  # what ends a transaction is heard in a failed one too
            engine.start_statement(timeout)
            started = True
            if program.pinned and not engine.in_transaction:
                engine = engine.snapshot()
        deadline = None if timeout is None else monotonic() + timeout
        state = Run(engine, values, tail, settings, deadline, prepared, compile)
        if program.pinned or isinstance(body, (TailCall, Execute)):
            state.work = []
            relation = body(state)
            found = [given for _, given, _ in state.work]
            if isinstance(relation, Executed):
                program, relation = relation.program, relation.given
            inputs = [relation, *found]
        else:
            relation = body(state)
    except Error as error:
        session.fail_transaction()
        if error.sqlstate == _READ_ONLY:
            placed(error, program.text, head(program.text, beginning(program.text)))
        if error.statement is None:
            error.statement = program.text
        raise
    except (TypeError, ValueError):  # a parameter that no statement could take
        raise
    except BaseException:
        session.fail_transaction()
        raise
    finally:
        if started:
            session.end_statement()
    if isinstance(relation, Written):
        return Answer(relation.relation, relation.kind or program.kind, relation.count)
    return Answer(relation, program.kind, len(relation), program.types, inputs)
