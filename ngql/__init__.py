"""NGQL, the language: text into a program, a program and an engine into an answer.

program = ngql.compile(text, ngql.Catalog.of(engine), ngql.kinds_of(parameters))
answer = ngql.execute.run(program, engine, parameters, tail)
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
