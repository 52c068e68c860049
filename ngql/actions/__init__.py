"""From the rules of the grammar to the nodes of `ngql.ast`: one action a rule or alias."""

from __future__ import annotations

from ngql.actions import expression, query, space, statement
from ngql.actions.registry import ACTIONS

__all__ = ["ACTIONS", "expression", "query", "space", "statement"]
