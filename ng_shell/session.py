"""What the shell does with statements, wherever they come from: run them, print results, tell errors."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from neurograph import Database, Error, Result
from neurograph.script import located
from ng_shell import meta
from ng_shell.render import Format, Output, lines
from ng_shell.script import Piece, parameters, pieces
from ngql.store import refuse_store

__all__ = ["Failed", "Session"]


class Failed(Exception):
    """A statement or meta-command failed, and the error has been told."""


@dataclass(slots=True)
class Session:
    """An open store and how the shell talks about it.

    Attributes:
        db: the database.
        output: where results go.
        form: how they look.
        variables: values for `$name`.
        quiet: do not tell what a statement without rows did.
        timing: tell how long statements take.
        interactive: at a prompt; errors need no file and line.
        depth: how many files are being included.
        last_script: what was typed last.
    """

    db: Database
    output: Output = field(default_factory=Output)
    form: Format = field(default_factory=Format)
    variables: dict[str, Any] = field(default_factory=dict)
    quiet: bool = False
    timing: bool = False
    interactive: bool = False
    depth: int = 0
    last_script: str = ""

    def run_script(self, script: str, name: str | None = None) -> None:
        r"""Run every statement and meta-command of a script.

        Args:
            script: the text.
            name: the file it comes from, for errors; None at the prompt and for `-c`.

        Raises:
            Failed: at the first that fails; the rest is not run.
            meta.Quit: by `\q`.
        """
        for piece in pieces(script):
            if piece.is_meta:
                self._run_meta(piece, script, name)
            else:
                self._run_statement(piece, script, name)

    def _run_statement(self, piece: Piece, script: str, name: str | None) -> None:
        began = time.perf_counter()
        try:
            self.show(self._execute(piece.text))
        except Error as error:
            self._tell(located(error, script, piece.start), name)
            raise Failed from None
        except RecursionError:
            self.say(f"{_where(name, script, piece.start)}ERROR: statement too complex")
            raise Failed from None
        finally:
            if self.timing:
                self.say(f"Time: {(time.perf_counter() - began) * 1e3:.3f} ms")

    def _execute(self, statement: str) -> Result:
        names = parameters(statement)
        bound = {name: self.variables[name] for name in names if name in self.variables}
        return self.db.execute(statement, bound or None)

    def show(self, result: Result) -> None:
        """Print a result: its rows to the output, what it did to standard error."""
        if not result.columns:
            if not self.quiet:
                self.say(_tag(result))
        elif self.form.name == "arrow":
            self.output.write_arrow(result)
        else:
            self.output.write(lines(result.columns, result.types, result, self.form))
        if result.statement_type == "CHECK STORE" and not self.quiet:
            # No rows is the good answer here, and silence could be taken for none at all.
            self.say(
                f"CHECK STORE: {f'{result.rowcount} problems' if result.rowcount else 'the store is sound'}"
            )

    def _run_meta(self, piece: Piece, script: str, name: str | None) -> None:
        try:
            meta.run(self, piece.text)
        except meta.MetaError as error:
            self.say(f"{_where(name, script, piece.start)}{error}")
            raise Failed from None
        except Error as error:
            self.say(f"{_where(name, script, piece.start)}ERROR: {error}")
            raise Failed from None

    def _tell(self, error: Error, name: str | None) -> None:
        place = "" if name is None else f"{name}:{error.line}: "
        self.say(f"{place}{_red('ERROR:')} {error}")

    def redirect(self, file: str | None) -> None:
        """Send results to a file, or to standard output again.

        Raises:
            Error: 42501, the file is the store's own.
            OSError: it cannot be written.
        """
        if file is not None:
            refuse_store(self.db.runtime, os.path.expanduser(file))
        self.output.redirect(file)

    def say(self, text: str) -> None:
        """Tell the user something that is no result."""
        sys.stdout.flush()
        print(text, file=sys.stderr, flush=True)


def _tag(result: Result) -> str:
    counted = ("INSERT", "UPDATE", "DELETE", "CONNECT", "DISCONNECT", "COPY")
    return (
        f"{result.statement_type} {result.rowcount}"
        if result.statement_type in counted
        else result.statement_type
    )


def _where(name: str | None, script: str, start: int) -> str:
    return "" if name is None else f"{name}:{script.count(chr(10), 0, start) + 1}: "


def _red(text: str) -> str:
    return f"\x1b[31;1m{text}\x1b[0m" if colour(sys.stderr) else text


def colour(stream: Any) -> bool:
    """Whether a stream is a terminal that wants colour."""
    return bool(stream.isatty()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
