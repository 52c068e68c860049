"""DuckDB's exceptions in our words: SQLSTATE, PostgreSQL's manner, a hint, and no parameter values."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa

from ng_engine.errors import Error, from_sqlstate

__all__ = ["LESS", "kind_of", "map_error", "suggest"]

LESS = "aggregate, filter earlier, or give fewer rows with LIMIT"
"""The hint when memory is short."""

# By the name of the exception's class: duckdb itself is imported only when a tail first runs.
_BY_CLASS: dict[str, str] = {
    "BinderException": "42000",
    "CatalogException": "42704",
    "ConstraintException": "23000",
    "ConversionException": "22P02",
    "DataError": "22023",
    "DependencyException": "42000",
    "HTTPException": "58030",
    "IOException": "58030",
    "IntegrityError": "23000",
    "InvalidInputException": "22023",
    "InvalidTypeException": "42804",
    "NotImplementedException": "0A000",
    "NotSupportedError": "0A000",
    "OutOfMemoryException": "53200",
    "OutOfRangeException": "22003",
    "ParserException": "42601",
    "PermissionException": "42501",
    "SyntaxException": "42601",
    "TransactionException": "25000",
    "TypeMismatchException": "42804",
}

# An error within a stream of results comes as pyarrow's OSError: only DuckDB's prefix still tells its kind.
_BY_PREFIX = {
    "Binder Error": "BinderException",
    "Catalog Error": "CatalogException",
    "Constraint Error": "ConstraintException",
    "Conversion Error": "ConversionException",
    "FATAL Error": "FatalException",
    "IO Error": "IOException",
    "INTERNAL Error": "InternalException",
    "Invalid Input Error": "InvalidInputException",
    "Invalid type Error": "InvalidTypeException",
    "Mismatch Type Error": "TypeMismatchException",
    "Not implemented Error": "NotImplementedException",
    "Out of Memory Error": "OutOfMemoryException",
    "Out of Range Error": "OutOfRangeException",
    "Parser Error": "ParserException",
    "Permission Error": "PermissionException",
}

_KIND = re.compile(r"^[A-Za-z ]*(?:Error|Exception): ")
_PLACE = re.compile(r"\n\s*\nLINE (\d+): (.*)\n( *)(\^+)", re.DOTALL)
_CANDIDATES = re.compile(r"Candidate (?:bindings|tables): ?:?(.*)")
_QUOTED = re.compile(r'"((?:[^"]|"")*)"')
_COLUMN = re.compile(
    r'Referenced column "(?P<a>[^"]+)" not found|does not have a column named "(?P<b>[^"]+)"'
    r'|column "(?P<c>[^"]+)" (?:not found|was not found|does not exist)'
)
_NO_TABLE = re.compile(r'Table with name (?P<a>.+?) does not exist|Referenced table "(?P<b>[^"]+)" not found')
_NO_FUNCTION = re.compile(
    r"(?:Scalar|Table|Aggregate|Macro|Pragma|Window|Table Macro)? ?Function with name (.+?) does not exist"
)
_IN_EXTENSION = re.compile(r'Function with name "?(.+?)"? is not in the catalog')
_NO_CALL = re.compile(
    r"(?:the given name and argument types|for the function call) ['\"](.+?)['\"]\.", re.DOTALL
)
_VALUE_TO_TYPE = re.compile(r"(?:to|type) ([A-Z][A-Z0-9_]*(?:\([^)]*\))?)")
_OPERAND = re.compile(r"Overflow in (\w+) of ([A-Z0-9]+)")
_DUCK_TYPES = {
    "INT8": "TINYINT",
    "INT16": "SMALLINT",
    "INT32": "INTEGER",
    "INT64": "BIGINT",
    "INT128": "HUGEINT",
    "UINT8": "UTINYINT",
    "UINT16": "USMALLINT",
    "UINT32": "UINTEGER",
    "UINT64": "UBIGINT",
    "FLOAT": "REAL",
    "BOOL": "BOOLEAN",
    "VARCHAR": "TEXT",
}


def suggest(name: str, candidates: Iterable[str]) -> str | None:
    """A hint naming the candidate closest to `name`, or None when none is close."""
    close = difflib.get_close_matches(name.lower(), list(candidates), n=1, cutoff=0.65)
    return f'did you mean "{close[0]}"?' if close else None


def kind_of(error: BaseException) -> str | None:
    """Name of DuckDB's exception class, or None when the error is not DuckDB's."""
    if type(error).__module__.startswith(("duckdb", "_duckdb")):
        return type(error).__name__
    return (
        _BY_PREFIX.get(str(error).split(":", 1)[0])
        if isinstance(error, (OSError, pa.ArrowException))
        else None
    )


def map_error(
    error: BaseException,
    *,
    tables: Mapping[str, Sequence[str]] | None = None,
    functions: Iterable[str] = (),
    statement: str | None = None,
) -> Error:
    """Translate an exception of DuckDB.

    Args:
        error: what DuckDB raised.
        tables: column names by table that FROM may use, for did-you-mean.
        functions: function names, for did-you-mean.
        statement: the user's own SQL, which then gives the error its place. SQL that NeuroGraph wrote is
            never shown: leave it None.

    Returns:
        The error to raise; its message holds none of the values that DuckDB quotes.
    """
    kind, text = kind_of(error) or type(error).__name__, str(error)
    place = _PLACE.search(text)
    message = _KIND.sub("", text[: place.start()] if place else text).strip()
    state, said, hint, name = _explain(kind, message, tables or {}, functions)
    mapped = from_sqlstate(state, said, hint)
    if statement is not None:
        _locate(mapped, statement, place, name)
    return mapped


def _explain(
    kind: str, message: str, tables: Mapping[str, Sequence[str]], functions: Iterable[str]
) -> tuple[str, str, str | None, str | None]:
    """SQLSTATE, message, hint, and the name in question if there is one."""
    if kind in ("BinderException", "CatalogException"):
        return _name_error(_BY_CLASS[kind], message, tables, functions)
    if kind == "ConversionException":
        return (*_conversion(message), None, None)
    if kind == "OutOfRangeException":
        return (*_out_of_range(message), None, None)
    if kind == "InvalidInputException":
        return (*_invalid_input(message), None)
    if kind == "OutOfMemoryException":
        return "53200", "out of memory: the statement needs more than it may take", LESS, None
    if kind == "PermissionException":
        said = "not allowed: files, extensions and other databases are out of reach of a query"
        return "42501", said, "connect(allow_external=True) opens them; COPY reads and writes files", None
    if kind in ("ParserException", "SyntaxException"):
        first = message.split("\n", 1)[0]
        if "depth" in first or "memory exhausted" in first:
            return "54001", "statement too complex: it nests too deep", None, None
        return "42601", _lower(first), None, None
    first = message.split("\n", 1)[0]
    return _BY_CLASS.get(kind, "XX000"), _lower(_without_values(first)), None, None


def _name_error(
    default: str, message: str, tables: Mapping[str, Sequence[str]], functions: Iterable[str]
) -> tuple[str, str, str | None, str | None]:
    first = message.split("\n", 1)[0]
    if found := _COLUMN.search(message):
        name = found["a"] or found["b"] or found["c"]
        listed = _CANDIDATES.search(message)
        names = [n.rsplit(".", 1)[-1] for n in _QUOTED.findall(listed[1])] if listed else []
        names += [column for columns in tables.values() for column in columns]
        return "42703", f'column "{name}" does not exist', suggest(name, names), name
    if found := _NO_TABLE.search(message):
        name = (found["a"] or found["b"]).strip('"')
        return "42P01", f'table "{name}" does not exist', suggest(name, tables), name
    if found := _IN_EXTENSION.search(message):
        return "42883", f"function {found[1]} does not exist", None, found[1]
    if "LIMIT/OFFSET" in first:
        return "22023", _lower(first), None, None
    if found := _NO_FUNCTION.search(message):
        name = found[1].strip('"')
        return "42883", f"function {name} does not exist", suggest(name, functions), name
    if found := _NO_CALL.search(message):
        call = found[1]
        said = f"function {_without_values(call)} does not exist"
        return (
            "42883",
            said,
            "no function of that name takes these types; a cast may help",
            call.split("(")[0],
        )
    if "GROUP BY clause" in first:
        names = _QUOTED.findall(first)
        return "42803", _lower(first).rstrip("."), None, names[0] if names else None
    if "Cannot compare" in first or "Cannot mix" in first or ("type" in first and "mismatch" in first):
        return "42804", _lower(_without_values(first)), None, None
    if "mbiguous" in first:
        names = _QUOTED.findall(first)
        return "42702", f'column reference "{names[0]}" is ambiguous' if names else _lower(first), None, None
    if "depth" in first:
        return "54001", "statement too complex: it nests too deep", None, None
    if "Unexpected prepared parameter" in first:
        return "42P02", "no value for a parameter", None, None
    return default, _lower(_without_values(first)), None, None


def _conversion(message: str) -> tuple[str, str]:
    named = _VALUE_TO_TYPE.findall(message)
    target = _DUCK_TYPES.get(named[-1], named[-1]) if named else None
    if "out of range" in message or "overflow" in message.lower():
        return "22003", f"value out of range for type {target}" if target else "value out of range"
    if "Malformed JSON" in message:
        return "22P02", "invalid input for type JSON"
    if target is not None:
        return "22P02", f"invalid input for type {target}"
    return "22P02", _lower(_without_values(message.split("\n", 1)[0]))


def _out_of_range(message: str) -> tuple[str, str]:
    if "Cannot create a string of size" in message or ("maximum" in message and "size" in message):
        return "53200", "out of memory: a value would be larger than allowed"
    if found := _OPERAND.search(message):
        return "22003", f"{_DUCK_TYPES.get(found[2], found[2])} out of range in {found[1]}"
    return "22003", _lower(_without_values(message.split("\n", 1)[0]))


def _invalid_input(message: str) -> tuple[str, str, str | None]:
    first = message.split("\n", 1)[0]
    if "Values were not provided" in first:
        return "42P02", f"no value for parameter {_parameters(first)}", None
    if "excess parameters" in first:
        return "42P02", f"the statement has no parameter {_parameters(first)}", None
    if "configuration has been locked" in first:
        return "42501", "not allowed: the settings of the query engine are locked", None
    if "division by zero" in first.lower():
        return "22012", "division by zero", None
    if "More than one row returned by a subquery" in first:
        return "21000", "more than one row returned by a sub-query used as an expression", None
    return "22023", _lower(_without_values(first)), None


def _parameters(message: str) -> str:
    names = message.rsplit(":", 1)[-1].split(",")
    return ", ".join(f"${name.strip()}" for name in names)


def _without_values(text: str) -> str:
    """Leave out what may be a value: quoted texts, and numbers after "value"."""
    text = re.sub(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"", "…", text)
    return re.sub(r"(value|number|size:?) [-+0-9.eE]+", r"\1 …", text)


def _lower(text: str) -> str:
    """PostgreSQL's manner: no capital first letter, unless the first word is a keyword."""
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _locate(error: Error, statement: str, place: re.Match[str] | None, name: str | None) -> None:
    """Give the error the place DuckDB printed, or else the only place where `name` stands."""
    if place is not None:
        shown, line = place[2], int(place[1])
        source = statement.split("\n")[line - 1 : line]
        offset = len(place[3]) - len(f"LINE {line}: ")
        if source:
            start = _offset(source[0], shown, offset)
            if start is not None:
                error.at(statement, line, start + 1, len(place[4]))
                return
    if name is None:
        return
    found = re.search(rf'(?<![\w"]){re.escape(name)}(?!\w)|"{re.escape(name)}"', statement, re.IGNORECASE)
    if found is not None:
        line = statement.count("\n", 0, found.start()) + 1
        column = found.start() - (statement.rfind("\n", 0, found.start()) + 1) + 1
        error.at(statement, line, column, len(found[0]))


def _offset(source: str, shown: str, offset: int) -> int | None:
    """Where in `source` the caret points; DuckDB shows a long line as a window between dots."""
    if shown == source:
        return offset if 0 <= offset < len(source) else None
    window = shown.removeprefix("...")
    head = len(shown) - len(window)
    at = source.find(window.removesuffix("..."))
    return at + offset - head if at >= 0 and 0 <= offset - head <= len(window) else None
