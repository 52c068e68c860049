"""Arrow types and their NGQL names."""

from __future__ import annotations

import pyarrow as pa

__all__ = ["arrow_type", "field_type", "ngql_type", "schema_types", "utc"]

# An Arrow field whose values mean more than its storage says carries the NGQL type under this key.
_TYPE_KEY = b"ngql:type"

_NAMES: dict[pa.DataType, str] = {
    pa.bool_(): "BOOLEAN",
    pa.int8(): "TINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.uint8(): "UTINYINT",
    pa.uint16(): "INTEGER",
    pa.uint32(): "UINTEGER",
    pa.uint64(): "UBIGINT",
    pa.float16(): "REAL",
    pa.float32(): "REAL",
    pa.float64(): "DOUBLE",
    pa.string(): "TEXT",
    pa.large_string(): "TEXT",
    pa.string_view(): "TEXT",
    pa.binary(): "BYTEA",
    pa.large_binary(): "BYTEA",
    pa.binary_view(): "BYTEA",
    pa.date32(): "DATE",
    pa.date64(): "DATE",
    pa.month_day_nano_interval(): "INTERVAL",
    pa.null(): "NULL",
}


def ngql_type(data_type: pa.DataType) -> str:
    """Name an Arrow type as NGQL does.

    Args:
        data_type: any Arrow type; a dictionary is named after its values.

    Returns:
        ``BIGINT``, ``TEXT``, ``FLOAT[8]``, ``TIMESTAMPTZ`` and so on; a struct is
        ``STRUCT(name TYPE, …)``, a list of unknown length ``TYPE[]``.

    Example:
        >>> import pyarrow as pa
        >>> ngql_type(pa.list_(pa.float32(), 8)), ngql_type(pa.timestamp("us", "UTC"))
        ('FLOAT[8]', 'TIMESTAMPTZ')
    """
    name = _NAMES.get(data_type)
    if name is not None:
        return name
    if isinstance(data_type, pa.DictionaryType):
        return ngql_type(data_type.value_type)
    if isinstance(data_type, pa.FixedSizeListType):
        return f"{_element(data_type.value_type)}[{data_type.list_size}]"
    if isinstance(data_type, pa.MapType):
        return f"MAP({ngql_type(data_type.key_type)}, {ngql_type(data_type.item_type)})"
    if pa.types.is_list(data_type) or pa.types.is_large_list(data_type):
        return f"{_element(data_type.value_type)}[]"
    if isinstance(data_type, pa.StructType):
        members = ", ".join(f"{field.name} {ngql_type(field.type)}" for field in data_type)
        return f"STRUCT({members})"
    if isinstance(data_type, pa.TimestampType):
        return "TIMESTAMPTZ" if data_type.tz else "TIMESTAMP"
    if pa.types.is_time(data_type):
        return "TIME"
    if pa.types.is_duration(data_type):
        return "INTERVAL"
    if pa.types.is_decimal(data_type):
        # DuckDB hands HUGEINT, the type of sum() over integers, over as DECIMAL(38, 0).
        whole = data_type.precision == 38 and data_type.scale == 0
        return "HUGEINT" if whole else f"DECIMAL({data_type.precision},{data_type.scale})"
    if isinstance(data_type, pa.BaseExtensionType):
        return "JSON" if data_type.extension_name == "arrow.json" else ngql_type(data_type.storage_type)
    return str(data_type).upper()


def _element(data_type: pa.DataType) -> str:
    """A list of REAL is written FLOAT[n], as in DuckDB and pgvector."""
    return "FLOAT" if data_type == pa.float32() else ngql_type(data_type)


def field_type(field: pa.Field) -> str:
    """NGQL type of a field: what its metadata says, otherwise that of its Arrow type."""
    if field.metadata is not None:
        named = field.metadata.get(_TYPE_KEY)
        if named is not None:
            return str(named.decode())
    return ngql_type(field.type)


def schema_types(schema: pa.Schema) -> list[str]:
    """NGQL types of a schema's fields, in order."""
    return [field_type(field) for field in schema]


def utc(schema: pa.Schema) -> pa.Schema:
    """The same schema with every zoned timestamp in ``UTC``.

    DuckDB calls its zone ``Etc/UTC``; the instants are the same, so casting to the result copies nothing.
    """
    fields = []
    for field in schema:
        if isinstance(field.type, pa.TimestampType) and field.type.tz not in (None, "UTC"):
            field = field.with_type(pa.timestamp(field.type.unit, "UTC"))
        fields.append(field)
    return pa.schema(fields, metadata=schema.metadata)


_BY_NAME: dict[str, pa.DataType] = {
    "BOOLEAN": pa.bool_(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "REAL": pa.float32(),
    "DOUBLE": pa.float64(),
    "TEXT": pa.string(),
    "JSON": pa.string(),
    "BYTEA": pa.binary(),
    "DATE": pa.date32(),
    "TIMESTAMP": pa.timestamp("us"),
    "TIMESTAMPTZ": pa.timestamp("us", "UTC"),
    "FLOAT[8]": pa.list_(pa.float32(), 8),
}


def arrow_type(name: str) -> pa.DataType | None:
    """The Arrow type of a column of this NGQL type; None where the name leaves it open."""
    kind = _BY_NAME.get(name)
    if kind is None and name.endswith("[]"):
        element = arrow_type("REAL" if name == "FLOAT[]" else name.removesuffix("[]"))
        return None if element is None else pa.list_(element)
    return kind
