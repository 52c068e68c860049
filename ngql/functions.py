"""Function names: which aggregate, which are the language's own; all others are DuckDB's to know."""

from __future__ import annotations

from functools import cache

__all__ = ["AGGREGATES", "LATER", "OWN", "is_aggregate", "names"]

OWN = frozenset({"centroid", "spread"})
"""`centroid(coords)`: mean of each axis. `spread(coords)`: root of the mean squared distance to it, in the metric."""

LATER = frozenset({"components", "pagerank", "path_length", "path_tokens"})
"""Named by the language, not built yet."""

AGGREGATES = OWN | frozenset(
    """
    any_value approx_count_distinct approx_quantile approx_top_k arbitrary arg_max arg_max_null
    arg_max_nulls_last arg_min arg_min_null arg_min_nulls_last argmax argmin array_agg avg bit_and bit_or
    bit_xor bitstring_agg bool_and bool_or combine_aggr corr count count_if count_star countif covar_pop
    covar_samp decimal_average entropy favg first fsum geomean geometric_mean group_concat histogram
    histogram_exact json_group_array json_group_object json_group_structure kahan_sum kurtosis kurtosis_pop
    last list listagg lttb mad max max_by mean median min min_by mode product quantile quantile_cont
    quantile_disc regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy
    regr_syy reservoir_quantile sem skewness stddev stddev_pop stddev_samp string_agg sum sum_no_overflow
    sumkahan var_pop var_samp variance variant_group_object
    """.split()
)
"""Functions over a group of rows. A test compares the list with DuckDB's own."""


def is_aggregate(name: str) -> bool:
    """Whether a function, by its lower-case name, folds many rows into one."""
    return name in AGGREGATES


@cache
def names() -> frozenset[str]:
    """Every function that may be called, DuckDB's included; opens a DuckDB instance once to ask it."""
    from ng_arrow.duck import Tail

    tail = Tail()
    try:
        return frozenset(tail.function_names()) | OWN
    finally:
        tail.close()
