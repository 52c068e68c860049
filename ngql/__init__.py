"""NGQL, the language: `compile` makes a program of a text, `execute.run` an answer of a program and an engine.

Example:
    >>> from ng_engine import RuntimeStorage
    >>> engine = RuntimeStorage.memory()
    >>> program = compile("SELECT count(*) FROM tokens", Catalog.of(engine))
    >>> execute.run(program, engine).relation.rows()
    [(0,)]
"""

from ngql import execute, parse
from ngql.cache import PlanCache
from ngql.catalog import Catalog
from ngql.compiler import compile
from ngql.complete import complete
from ngql.is_complete import is_complete
from ngql.parameters import kinds_of
from ngql.program import Program

__all__ = [
    "Catalog",
    "PlanCache",
    "Program",
    "compile",
    "complete",
    "execute",
    "is_complete",
    "kinds_of",
    "parse",
]
