"""Results as text or bytes, and where they go."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from neurograph import Result
from ng_arrow import display
from ng_arrow.binary_files import write_ipc_stream

__all__ = ["Format", "Output", "lines"]

STYLES = ("aligned", "expanded", "unaligned", "csv", "json", "ndjson", "markdown", "arrow")


@dataclass(slots=True)
class Format:
    """How results look.

    Attributes:
        style: one of `STYLES`.
        expanded: a line a value instead of `aligned`'s line a row.
        tuples_only: no headings and no counts.
    """

    style: str = "aligned"
    expanded: bool = False
    tuples_only: bool = False

    @property
    def name(self) -> str:
        """The style that is used."""
        return "expanded" if self.expanded and self.style == "aligned" else self.style


def lines(columns: list[str], types: list[str], rows: Iterable[Any], form: Format) -> Iterator[str]:
    """Rows as lines of text, in any style but arrow."""
    style = form.name
    if style == "csv":
        return display.csv_lines(columns, types, rows, header=not form.tuples_only)
    if style in ("json", "ndjson"):
        return display.STYLES[style](columns, types, rows)
    return display.STYLES[style](columns, types, rows, tuples_only=form.tuples_only)


class Output:
    """Standard output, a file, or a pager; results and nothing else.

    Args:
        pager: whether long results at a terminal go through the user's pager.
    """

    def __init__(self, *, pager: bool = False) -> None:
        self._file: BinaryIO | None = None
        self._pager = pager

    def redirect(self, path: str | None) -> None:
        """Write to a file from now on, or to standard output again.

        Raises:
            OSError: the file cannot be written.
        """
        file = None if path is None else Path(path).expanduser().open("wb")
        self.close()
        self._file = file

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def to_terminal(self) -> bool:
        """Whether a person reads it."""
        return self._file is None and sys.stdout.isatty()

    def write(self, text: Iterable[str]) -> None:
        """Write lines."""
        if self._pager and self.to_terminal:
            text = self._page(text)
        if self._file is not None:
            for line in text:
                self._file.write(line.encode() + b"\n")
            self._file.flush()
            return
        for line in text:
            sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def write_arrow(self, result: Result) -> None:
        """Write an Arrow IPC stream of its own."""
        reader = result.reader()
        sys.stdout.flush()
        file = self._file or sys.stdout.buffer
        write_ipc_stream(file, reader.schema, reader)
        file.flush()

    def _page(self, text: Iterable[str]) -> Iterable[str]:
        """Hand what does not fit on the screen to the pager; give back what does."""
        command = shlex.split(os.environ.get("PAGER", "less"))
        if not command or shutil.which(command[0]) is None:
            return text
        size = shutil.get_terminal_size()
        held: list[str] = []
        source = iter(text)
        for line in source:
            held.append(line)
            if len(held) >= size.lines or display.width(line) > size.columns:
                break
        else:
            return held
        environment = {"LESS": "FRSX", **os.environ}
        with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as pager:
            assert pager.stdin is not None
            try:
                for line in held:
                    pager.stdin.write(line.encode() + b"\n")
                for line in source:
                    pager.stdin.write(line.encode() + b"\n")
                pager.stdin.close()
            except BrokenPipeError:
                pass  # the reader has seen enough
        return ()
