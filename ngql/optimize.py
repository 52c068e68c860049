"""The rules, in the order they are tried on every block, innermost block first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ngql import bound
from ngql.rules.box_filter import box_filter
from ngql.rules.count_rows import count_rows
from ngql.rules.distance_filter import distance_filter
from ngql.rules.engine_alone import engine_alone
from ngql.rules.lookup import lookup
from ngql.rules.near_form import near_form
from ngql.rules.near_join import near_join
from ngql.rules.order_by_distance import order_by_distance
from ngql.rules.prune_columns import prune_columns
from ngql.rules.prune_seeds import prune_seeds
from ngql.rules.push_filters import push_filters
from ngql.rules.push_join_filters import push_join_filters
from ngql.rules.push_limit import push_limit
from ngql.rules.push_match_filters import push_match_filters

__all__ = ["RULES", "Rule", "optimize"]

Rule = Callable[[bound.Block], Any]
"""A block into an equal block, or into an `EngineQuery`, which no rule looks at any more."""

RULES: tuple[Rule, ...] = (
    push_filters,
    push_match_filters,
    push_join_filters,
    near_join,
    lookup,
    near_form,
    order_by_distance,
    distance_filter,
    box_filter,
    push_limit,
    count_rows,
    prune_columns,
    prune_seeds,
    engine_alone,
)


def optimize(statement: Any, rules: Sequence[Rule] = RULES) -> Any:
    """The same statement, asking of the engine what the engine does best.

    Args:
        statement: a planned statement.
        rules: fewer rules give a slower plan with the same answer.
    """

    def change(node: Any) -> Any:
        for rule in rules:
            if not isinstance(node, bound.Block):
                break
            node = rule(node)
        return node

    return bound.rewrite(statement, change)
