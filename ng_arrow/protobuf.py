"""The protobuf wire format, as much of it as reading a message takes."""

from __future__ import annotations

__all__ = ["Fields", "Malformed", "every", "first", "number_of", "split", "text_of"]

Fields = list[tuple[int, int | bytes]]
"""(field number, value): int for a varint, bytes for the rest."""


class Malformed(ValueError):
    """The bytes are no protobuf message."""


def split(message: bytes) -> Fields:
    """Split a protobuf message into (number, value): int for a varint, bytes for the rest."""
    fields: Fields = []
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        number, wire = key >> 3, key & 7
        value: int | bytes
        if wire == 0:
            value, at = _varint(message, at)
        else:
            if wire == 2:
                length, at = _varint(message, at)
            elif wire in (1, 5):
                length = 8 if wire == 1 else 4
            else:
                raise Malformed(f"wire type {wire}")
            value = message[at : at + length]
            at += length
        fields.append((number, value))
    return fields


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(message):
            raise Malformed("truncated")
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def first(fields: Fields, number: int) -> bytes | None:
    """The first message or text of this number, or None."""
    found = every(fields, number)
    return found[0] if found else None


def every(fields: Fields, number: int) -> list[bytes]:
    """All messages or texts of this number."""
    return [value for key, value in fields if key == number and isinstance(value, bytes)]


def number_of(fields: Fields, number: int) -> int:
    """A varint field; protobuf leaves zero out."""
    return next((value for key, value in fields if key == number and isinstance(value, int)), 0)


def text_of(fields: Fields, number: int) -> str:
    """A text; protobuf leaves the empty one out."""
    return (first(fields, number) or b"").decode()
