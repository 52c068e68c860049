"""A pyarrow filter expression as one of our filters: decoded from its Substrait bytes.

pyarrow's expressions cannot be taken apart, but they serialise themselves; the protobuf wire format is a few
lines, so no protobuf dependency is needed. What is not understood is reported; the caller filters by itself.
"""

from __future__ import annotations

import datetime
import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ng_arrow.protobuf import Fields, every, first, number_of, split, text_of

__all__ = ["Filter", "decode", "plain_schema"]

Filter = tuple[Any, ...]

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_COMPARE = {"equal": "=", "not_equal": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_FLIP = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_NEGATE = {"=": "<>", "<>": "=", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_NOTHING: Filter = ("const", False)
_NULL = object()


class Undecodable(Exception):
    """The expression holds something the engine's filters cannot say."""


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """The schema to bind filters with: numbers widened and dictionaries flattened.

    Otherwise Arrow casts the column to the literal's type, and casts cannot be serialised.
    """
    fields = []
    for field in schema:
        kind = field.type
        if isinstance(kind, pa.DictionaryType):
            kind = kind.value_type
        elif pa.types.is_floating(kind):
            kind = pa.float64()
        elif pa.types.is_integer(kind):
            kind = pa.int64()
        elif pa.types.is_nested(kind):
            kind = pa.binary()  # stands for what cannot be compared: pyarrow has no Substrait for fixed lists
        fields.append(pa.field(field.name, kind))
    return pa.schema(fields)


def decode(expression: pc.Expression, schema: pa.Schema) -> tuple[Filter | None, bool]:
    """Decode a filter over the columns of `schema`, as far as it can be.

    Understood are comparisons of a column with a constant, IN lists, null tests, AND, OR and NOT.

    Args:
        expression: an unbound boolean expression.
        schema: the schema of the table it filters.

    Returns:
        The engine's filter tuple, and whether it passes exactly the rows that `expression` passes. If not, it
        passes more (None: all of them), and the caller applies `expression` to what comes back.
    """
    try:
        message = bytes(expression.to_substrait(plain_schema(schema)))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowKeyError, pa.ArrowTypeError):
        return None, False  # it holds a cast or a function that Substrait has no name for
    fields = split(message)
    functions: dict[int, str] = {}
    for declaration in every(fields, 2):
        function = first(split(declaration), 3)
        if function is not None:
            parts = split(function)
            functions[number_of(parts, 2)] = text_of(parts, 3).split(":", 1)[0]
    referred = first(fields, 3)
    root = None if referred is None else first(split(referred), 1)
    if root is None:
        return None, False
    decoder = _Decoder(functions, schema)
    decoded, exact = [], True
    for part in decoder.conjuncts(root):
        try:
            decoded.append(decoder.filter(part, negated=False))
        except Undecodable:
            exact = False
    if len(decoded) < 2:
        return (decoded[0] if decoded else None), exact
    return ("and", *decoded), exact


class _Decoder:
    def __init__(self, functions: Mapping[int, str], schema: pa.Schema) -> None:
        self._functions = functions
        self._schema = schema

    def conjuncts(self, message: bytes) -> list[bytes]:
        """The parts of a tree of ANDs; one undecodable part does not spoil the others."""
        function = first(split(message), 3)
        if function is not None:
            fields = split(function)
            if self._functions.get(number_of(fields, 1)) == "and":
                parts = [first(split(argument), 3) or b"" for argument in every(fields, 4)]
                return [inner for part in parts for inner in self.conjuncts(part)]
        return [message]

    def filter(self, message: bytes, *, negated: bool) -> Filter:
        """Negation is pushed down as it is met, so the filter comes out in negation normal form."""
        fields = split(message)
        if len(fields) != 1:
            raise Undecodable("unknown expression")
        number, body = fields[0]
        if not isinstance(body, bytes):
            raise Undecodable("unknown expression")
        if number == 1:
            value = _literal(body)
            if value is _NULL:
                return _NOTHING
            if isinstance(value, bool):
                return ("const", value is not negated)
        elif number == 3:
            return self._function(split(body), negated)
        elif number == 6:
            return self._guarded_list(split(body), negated)
        elif number == 8:
            return self._list(split(body), negated, guarded=False)
        raise Undecodable(f"expression kind {number}")

    def _function(self, fields: Fields, negated: bool) -> Filter:
        name = self._functions.get(number_of(fields, 1))
        arguments = [first(split(argument), 3) or b"" for argument in every(fields, 4)]
        if name == "not" and len(arguments) == 1:
            return self.filter(arguments[0], negated=not negated)
        if name in ("and", "or"):
            joined = name if not negated else {"and": "or", "or": "and"}[name]
            return (joined, *(self.filter(argument, negated=negated) for argument in arguments))
        if name in ("is_null", "is_not_null") and len(arguments) == 1:
            column = self._column(arguments[0])
            if column is None:
                raise Undecodable("null test of an expression")
            return ("is_null" if (name == "is_null") is not negated else "is_not_null", column)
        if name in _COMPARE and len(arguments) == 2:
            return self._comparison(_COMPARE[name], arguments[0], arguments[1], negated)
        raise Undecodable(f"function {name}")

    def _comparison(self, operator: str, left: bytes, right: bytes, negated: bool) -> Filter:
        column, value = self._column(left), self._constant(right)
        if column is None:
            column, value, operator = self._column(right), self._constant(left), _FLIP[operator]
        if column is None or value is None:
            raise Undecodable("not a comparison of a column with a constant")
        if value is _NULL:
            return _NOTHING
        return self._leaf(_NEGATE[operator] if negated else operator, column, value)

    def _leaf(self, operator: str, column: str, value: Any) -> Filter:
        kind = self._schema.field(column).type
        if isinstance(value, float):
            if math.isnan(value):
                raise Undecodable("a comparison with NaN")
            if kind == pa.float32():
                return _float32_leaf(operator, column, value)
        elif isinstance(kind, pa.DictionaryType) and operator not in ("=", "<>"):
            raise Undecodable("an order of type names")
        return (operator, column, value)

    def _guarded_list(self, fields: Fields, negated: bool) -> Filter:
        """IN as DuckDB sends it: if_else(is_valid(x), is_in(x, …), null), so a NULL passes neither way."""
        clauses = every(fields, 1)
        otherwise = first(fields, 2)
        if len(clauses) != 1 or otherwise is None or self._constant(otherwise) is not _NULL:
            raise Undecodable("a conditional")
        parts = split(clauses[0])
        condition, then = first(parts, 1), first(parts, 2)
        listed = None if then is None else first(split(then), 8)
        if condition is None or listed is None:
            raise Undecodable("a conditional")
        guard = self.filter(condition, negated=False)
        decoded = self._list(split(listed), negated, guarded=True)
        if guard != ("is_not_null", decoded[1]):
            raise Undecodable("a conditional")
        return decoded

    def _list(self, fields: Fields, negated: bool, guarded: bool) -> Filter:
        subject = first(fields, 1)
        column = None if subject is None else self._column(subject)
        if column is None:
            raise Undecodable("IN over an expression")
        values = [_literal_of(option) for option in every(fields, 2)]
        kind = self._schema.field(column).type
        if any(value is _NULL for value in values):
            raise Undecodable("NULL in a list: which of Arrow's meanings is not in the bytes")
        if negated and not guarded:
            raise Undecodable("NOT IN: whether NULL passes is not in the bytes")
        if kind == pa.float32():
            values = [value for value in values if float(np.float32(value)) == value]
        return ("not_in" if negated else "in", column, values)

    def _column(self, message: bytes) -> str | None:
        """The column an expression is, or None when it is something else."""
        selection = first(split(message), 2)
        reference = None if selection is None else first(split(selection), 1)
        step = None if reference is None else first(split(reference), 2)
        if step is None:
            return None
        index = number_of(split(step), 1)
        if first(split(step), 2) is not None:
            raise Undecodable("a nested field")
        field = self._schema.field(index)
        if pa.types.is_nested(field.type) or field.name == "props":
            raise Undecodable("a column that the engine's filters do not take")
        return str(field.name)

    def _constant(self, message: bytes) -> Any:
        """The value of a literal, `_NULL` for NULL, or None when the expression is something else."""
        literal = first(split(message), 1)
        return None if literal is None else _literal(literal)


def _float32_leaf(operator: str, column: str, value: float) -> Filter:
    """Compare a float32 column with a double exactly.

    The engine rounds the constant to float32; a constant between two float32 values is replaced by the
    neighbour that passes the same rows.
    """
    if math.isinf(value):
        passes = {"=": False, "<>": True, "<": value > 0, "<=": value > 0, ">": value < 0, ">=": value < 0}
        return ("is_not_null", column) if passes[operator] else _NOTHING
    with np.errstate(over="ignore"):  # beyond float32 the neighbour is an infinity
        rounded = np.float32(value)
        below = rounded if float(rounded) < value else np.nextafter(rounded, np.float32(-np.inf))
        above = np.nextafter(below, np.float32(np.inf))
    if float(rounded) == value:
        return (operator, column, value)
    if operator == "=":
        return _NOTHING
    if operator == "<>":
        return ("is_not_null", column)
    if operator in ("<", "<="):
        return ("<=", column, float(below)) if np.isfinite(below) else _NOTHING
    return (">=", column, float(above)) if np.isfinite(above) else _NOTHING


def _literal_of(expression: bytes) -> Any:
    literal = first(split(expression), 1)
    if literal is None:
        raise Undecodable("an expression in a list")
    return _literal(literal)


def _literal(message: bytes) -> Any:
    """A Substrait literal: bool, int, float, str or datetime; `_NULL` for NULL."""
    for number, body in split(message):
        if number == 1:
            return bool(body)
        if number in (2, 3, 5, 7) and isinstance(body, int):
            return body - (1 << 64) if body >= 1 << 63 else body
        if number == 10 and isinstance(body, bytes):
            return float(struct.unpack("<f", body)[0])
        if number == 11 and isinstance(body, bytes):
            return float(struct.unpack("<d", body)[0])
        if number == 12 and isinstance(body, bytes):
            return body.decode()
        if number == 27 and isinstance(body, int):
            micros = body - (1 << 64) if body >= 1 << 63 else body
            try:
                return _EPOCH + datetime.timedelta(microseconds=micros)
            except OverflowError:
                raise Undecodable("a time beyond year 9999") from None
        if number == 29:
            return _NULL
    raise Undecodable("a literal of another type")
