"""Function names: which aggregate, which are the language's own; all others are DuckDB's to know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from ngql import types

__all__ = [
    "AGGREGATES",
    "COST",
    "FILES",
    "GRAPH",
    "OWN",
    "PATHS",
    "TABLE_FUNCTIONS",
    "GraphFunction",
    "is_aggregate",
    "is_refused",
    "names",
]

OWN = frozenset({"centroid", "spread"})
"""`centroid(coords)`: mean of each axis. `spread(coords)`: root of the mean squared distance to it, in the metric."""

COST: Mapping[str, int | None] = MappingProxyType(
    {"abs": 1, "sqrt": 1, "exp": 1, "ln": 1, "power": 2, "pow": 2, "least": None, "greatest": None}
)
"""What the engine computes itself, in COST, with the number of arguments; None for any number but none."""


@dataclass(frozen=True, slots=True)
class GraphFunction:
    """A table function over the whole graph: its arguments, each optional and by name, and its columns.

    An argument is a `number`, a `count`, `tokens` or connection `types`.
    """

    arguments: Mapping[str, str]
    columns: Mapping[str, str]


GRAPH: Mapping[str, GraphFunction] = MappingProxyType(
    {
        "components": GraphFunction({"via": "types"}, {"id": types.BIGINT, "component": types.BIGINT}),
        "pagerank": GraphFunction(
            {
                "damping": "number",
                "seeds": "tokens",
                "via": "types",
                "tolerance": "number",
                "max_iterations": "count",
            },
            {"id": types.BIGINT, "score": types.DOUBLE},
        ),
    }
)
"""What the engine answers in FROM; what an argument is when it is left out, the engine alone knows."""

PATHS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "path_tokens": ("tokens", "BIGINT[]"),
        "path_connections": ("connections", "BIGINT[]"),
        "path_length": ("length", "INTEGER"),
        "path_cost": ("cost", "DOUBLE"),
    }
)
"""Functions of a path variable: what they give of the path, and its type."""

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

TABLE_FUNCTIONS = frozenset({"generate_series", "json_each", "json_tree", "range", "repeat", "unnest"})
"""What FROM may call: functions of their arguments alone."""

FILES = frozenset(
    """
    glob parquet_bloom_probe parquet_file_metadata parquet_full_metadata parquet_kv_metadata parquet_metadata
    parquet_scan parquet_schema read_blob read_csv read_csv_auto read_duckdb read_json read_json_auto read_json_objects
    read_json_objects_auto read_ndjson read_ndjson_auto read_ndjson_objects read_parquet read_single_csv_file
    read_single_json_file read_single_parquet_file read_text sniff_csv
    """.split()
)
"""Table functions that DuckDB itself refuses unless the database was opened with `allow_external`."""

_REFUSED = frozenset(
    """
    checkpoint current_connection_id current_query current_query_id current_setting current_transaction_id currval
    disable_logging disable_profiling enable_logging enable_profiling force_checkpoint getenv getvariable
    json_execute_serialized_sql json_serialize_plan nextval query query_table seq_scan setval txid_current which_secret
    write_log
    """.split()
)
_REFUSED_PREFIXES = ("duckdb_", "pragma_", "arrow_scan", "pandas_scan", "python_", "truncate_duckdb_")


def is_refused(name: str) -> bool:
    """Whether a function shows or changes the query engine below, or runs SQL that nobody here has bound.

    Args:
        name: in any case; a schema may stand before it.
    """
    last = name.rpartition(".")[2].lower()
    return last in _REFUSED or last.startswith(_REFUSED_PREFIXES)


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
