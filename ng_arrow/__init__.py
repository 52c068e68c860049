"""Arrow tables, files and the DuckDB tail: the only room that imports pyarrow and duckdb."""
