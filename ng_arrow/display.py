"""Rows as text: what `Result` shows and the shell prints. Pure functions from rows to lines."""

from __future__ import annotations

import html
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from wcwidth import wcswidth

from ng_arrow.values import cell, cell_formatter, json_formatter, plain_formatter

__all__ = [
    "STYLES",
    "aligned",
    "csv_lines",
    "expanded",
    "html_table",
    "json_array",
    "json_lines",
    "markdown",
    "text_table",
    "unaligned",
    "width",
]

Rows = Iterable[Sequence[Any]]

_NUMBERS = ("BIGINT", "INTEGER", "SMALLINT", "TINYINT", "HUGEINT", "REAL", "DOUBLE", "DECIMAL", "U")


def width(text: str) -> int:
    """Columns a text takes in a terminal: two for a wide character, none for a combining one."""
    if text.isascii():
        return len(text)
    return max(0, wcswidth(text))


def _is_number(type_name: str) -> bool:
    return type_name.startswith(_NUMBERS) and not type_name.endswith("]")


def _pad(text: str, size: int, right: bool) -> str:
    space = " " * (size - width(text))
    return space + text if right else text + space


def _centered(text: str, size: int) -> str:
    space = size - width(text)
    return " " * (space // 2) + text + " " * (space - space // 2)


def _shown(types: Sequence[str], rows: Rows, null: str) -> Iterator[list[str]]:
    formatters = [cell_formatter(name, null) for name in types]
    for row in rows:
        yield [show(value) for show, value in zip(formatters, row, strict=True)]


def row_count(count: int) -> str:
    """``(1 row)``, ``(3 rows)``."""
    return f"({count} row{'' if count == 1 else 's'})"


def aligned(
    columns: Sequence[str], types: Sequence[str], rows: Rows, *, null: str = "", tuples_only: bool = False
) -> Iterator[str]:
    r"""A table as psql prints it: headings centred, numbers to the right, a count below.

    Args:
        columns: names.
        types: NGQL types.
        rows: the values; all are read before the first line comes, since the widest decides.
        null: what a NULL looks like.
        tuples_only: leave out heading and count.

    Yields:
        Lines without their line break.

    Example:
        >>> print(*aligned(["id", "key"], ["BIGINT", "TEXT"], [(1, "sea"), (10, None)]), sep="\n")
         id | key
        ----+-----
          1 | sea
         10 |
        (2 rows)
    """
    headings = [cell(name) for name in columns]
    cells = list(_shown(types, rows, null))
    widths = [0 if tuples_only else width(heading) for heading in headings]
    for row in cells:
        widths = [max(size, width(text)) for size, text in zip(widths, row, strict=True)]
    if not tuples_only:
        yield (
            " | ".join(_centered(h, size) for h, size in zip(headings, widths, strict=True))
            .join((" ", ""))
            .rstrip()
        )
        yield "-+-".join("-" * size for size in widths).join(("-", "-"))
    right = [_is_number(name) for name in types]
    for row in cells:
        padded = (_pad(text, size, side) for text, size, side in zip(row, widths, right, strict=True))
        yield f" {' | '.join(padded)}".rstrip()
    if not tuples_only:
        yield row_count(len(cells))


def expanded(
    columns: Sequence[str], types: Sequence[str], rows: Rows, *, null: str = "", tuples_only: bool = False
) -> Iterator[str]:
    r"""A block a row as psql's ``\x`` prints it: ``name | value`` lines for each row."""
    headings = [cell(name) for name in columns]
    size = max(map(width, headings), default=0)
    count = 0
    for count, row in enumerate(_shown(types, rows, null), start=1):
        if tuples_only:
            if count > 1:
                yield ""
        else:
            yield f"-[ RECORD {count} ]".ljust(size + 1, "-") + "+-"
        for heading, text in zip(headings, row, strict=True):
            yield f"{_pad(heading, size, right=False)} | {text}".rstrip()
    if not tuples_only and count == 0:
        yield row_count(0)


def markdown(
    columns: Sequence[str], types: Sequence[str], rows: Rows, *, null: str = "", tuples_only: bool = False
) -> Iterator[str]:
    """A table as GitHub's Markdown has it; numbers to the right."""

    def line(texts: Iterable[str]) -> str:
        return f"| {' | '.join(text.replace('|', chr(92) + '|') for text in texts)} |"

    if not tuples_only:
        yield line(cell(name) for name in columns)
        yield f"| {' | '.join('---:' if _is_number(name) else '---' for name in types)} |"
    for row in _shown(types, rows, null):
        yield line(row)


def unaligned(
    columns: Sequence[str],
    types: Sequence[str],
    rows: Rows,
    *,
    null: str = "",
    tuples_only: bool = False,
    separator: str = "|",
) -> Iterator[str]:
    """Rows as psql's ``-A`` prints them: a separator between values, each line as soon as its row comes."""
    if not tuples_only:
        yield separator.join(cell(name) for name in columns)
    count = 0
    for row in _shown(types, rows, null):
        count += 1
        yield separator.join(row)
    if not tuples_only:
        yield row_count(count)


def csv_lines(
    columns: Sequence[str], types: Sequence[str], rows: Rows, *, header: bool = True, delimiter: str = ","
) -> Iterator[str]:
    """CSV as RFC 4180 and PostgreSQL have it: NULL is an empty field, the empty text is ``""``."""

    def quoted(text: str) -> str:
        special = not text or '"' in text or delimiter in text or "\n" in text or "\r" in text
        return '"' + text.replace('"', '""') + '"' if special else text

    if header:
        yield delimiter.join(map(quoted, columns))
    formatters = [plain_formatter(name) for name in types]
    for row in rows:
        yield delimiter.join(
            "" if value is None else quoted(show(value)) for show, value in zip(formatters, row, strict=True)
        )


def json_lines(columns: Sequence[str], types: Sequence[str], rows: Rows) -> Iterator[str]:
    """NDJSON: one object a row.

    Example:
        >>> list(json_lines(["id", "weight", "props"], ["BIGINT", "REAL", "JSON"], [(1, 0.1, None)]))
        ['{"id": 1, "weight": 0.1, "props": null}']
    """
    name_of = json_formatter("TEXT")
    names = [name_of(name) for name in columns]
    formatters = [json_formatter(name) for name in types]
    for row in rows:
        members = (f"{name}: {show(value)}" for name, show, value in zip(names, formatters, row, strict=True))
        yield "{" + ", ".join(members) + "}"


def json_array(columns: Sequence[str], types: Sequence[str], rows: Rows) -> Iterator[str]:
    """One JSON array of objects, an object a line."""
    lines = json_lines(columns, types, rows)
    first = next(lines, None)
    if first is None:
        yield "[]"
        return
    held = f"[{first}"
    for line in lines:
        yield f"{held},"
        held = f" {line}"
    yield f"{held}]"


STYLES: dict[str, Callable[..., Iterator[str]]] = {
    "aligned": aligned,
    "expanded": expanded,
    "markdown": markdown,
    "unaligned": unaligned,
    "csv": csv_lines,
    "json": json_array,
    "ndjson": json_lines,
}
"""Renderer by the name of its style."""


def text_table(
    columns: Sequence[str], types: Sequence[str], rows: Rows, *, style: str = "aligned", **options: Any
) -> str:
    """Rows in one of `STYLES`, as one text.

    Args:
        columns: names.
        types: NGQL types.
        rows: the values.
        style: a name in `STYLES`.
        options: what that renderer takes: ``null``, ``tuples_only``, ``header``, ``separator``, ….

    Raises:
        KeyError: there is no such style.
    """
    return "\n".join(STYLES[style](columns, types, rows, **options))


def html_table(
    columns: Sequence[str], types: Sequence[str], rows: Rows, *, more: int = 0, null: str = "NULL"
) -> str:
    """An HTML table for notebooks, everything escaped.

    Args:
        columns: names.
        types: NGQL types, shown below the names.
        rows: the values.
        more: how many rows are not among `rows`, named below the table.
        null: what a NULL looks like.
    """
    heads = (
        f"<th>{html.escape(cell(name))}<br><small>{html.escape(kind)}</small></th>"
        for name, kind in zip(columns, types, strict=True)
    )
    styles = [' style="text-align: right"' if _is_number(kind) else "" for kind in types]
    body = []
    for row in _shown(types, rows, null):
        cells = (f"<td{style}>{html.escape(text)}</td>" for style, text in zip(styles, row, strict=True))
        body.append(f"<tr>{''.join(cells)}</tr>")
    caption = f"<p>… {more} more row{'' if more == 1 else 's'}</p>" if more else ""
    lines = itertools.chain((f"<thead><tr>{''.join(heads)}</tr></thead><tbody>",), body, ("</tbody>",))
    return f"<table>{''.join(lines)}</table>{caption}"
