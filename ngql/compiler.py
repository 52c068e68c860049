"""Text into a program: parse → bind → plan → optimize → lower. Each stage is a plain, pure function."""

from __future__ import annotations

from collections.abc import Sequence

from ng_engine.errors import Error, from_sqlstate
from ngql import ast
from ngql.bind import bind
from ngql.catalog import Catalog
from ngql.lower import lower
from ngql.optimize import RULES, Rule, optimize
from ngql.parameters import Kinds
from ngql.parse import parse
from ngql.plan import plan
from ngql.program import Program

__all__ = ["compile"]


def compile(text: str, catalog: Catalog, kinds: Kinds = (), rules: Sequence[Rule] = RULES) -> Program:
    """Compile one statement.

    Args:
        text: the statement.
        catalog: the names it may use, `Catalog.of(engine)`.
        kinds: the kinds of its parameters, `kinds_of(parameters)`.
        rules: the optimizer's; the answer is the same without them.

    Returns:
        A program for `ngql.execute.run`, good for any values of the same kinds while the catalog's version holds.

    Errors:
        42601 for the syntax, 42703 and the like for names, 42804 for types, 42P02 for parameters, 54001 for what is
        too deep, 0A000 for what is not built yet; each with its place.
    """
    try:
        tree = parse(text)
        bound = bind(tree, text, catalog, kinds)
        desugared = None
        if getattr(bound, "desugar", False):
            from ngql.desugar import desugar

            desugared = desugar(tree.statement, kinds) if isinstance(tree, ast.Explain) else None
        return lower(optimize(plan(bound), rules), text, catalog, kinds, desugared)
    except RecursionError:
        raise from_sqlstate("54001", "the statement is too complex", "split it into several") from None
    except Error as error:
        if error.statement is None:
            error.statement = text
        raise
