"""Text's names into the catalog's: the stage between the syntax tree and the plan."""

from ngql.bind.statements import bind

__all__ = ["bind"]
