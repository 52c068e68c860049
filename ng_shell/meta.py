r"""Meta-commands: `\d`, `\x`, `\i`, … The shell's own, never the language's."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ng_shell.render import Format, lines
from ng_shell.variables import value
from ngql.errors import closest

if TYPE_CHECKING:
    from ng_shell.session import Session

__all__ = ["COMMANDS", "MetaError", "Quit", "run"]

_Action: TypeAlias = "Callable[[Session, str], None]"


class Quit(Exception):
    r"""`\q` was said: leave the file, or the shell."""


class MetaError(Exception):
    """A meta-command that does not exist, or cannot do what it was told."""


@dataclass(frozen=True, slots=True)
class Command:
    """A meta-command: what it takes, what it does, and what does it."""

    arguments: str
    help: str
    action: _Action


COMMANDS: dict[str, Command] = {}


def _command(name: str, arguments: str, text: str) -> Callable[[_Action], _Action]:
    def register(action: _Action) -> _Action:
        COMMANDS[name] = Command(arguments, text, action)
        return action

    return register


def run(session: Session, line: str) -> None:
    r"""Run a meta-command.

    Args:
        session: the shell's state.
        line: from the backslash to the end of the line; a final `;` is forgiven.

    Raises:
        MetaError: there is no such command, or it failed.
        Quit: by `\q`.
    """
    name, _, rest = line[1:].partition(" ")
    name, rest = name.rstrip(";"), rest.strip()
    command = COMMANDS.get(name)
    if command is None:
        near = closest(name, COMMANDS)
        hint = f"did you mean \\{near}?" if near else "\\? lists the commands"
        raise MetaError(f"invalid command \\{name}\nHINT: {hint}")
    command.action(session, rest)


def _switch(session: Session, what: str, present: bool, argument: str) -> bool:
    """On, off, or the other way."""
    argument = argument.rstrip(";").lower()
    if argument not in ("", "on", "off"):
        raise MetaError(f'unrecognized value "{argument}" for {what}: on or off expected')
    wanted = not present if not argument else argument == "on"
    if not session.quiet and session.interactive:
        session.say(f"{what} is {'on' if wanted else 'off'}.")
    return wanted


def _word(argument: str) -> str | None:
    """The one argument, quotes removed; None when there is none."""
    try:
        words = shlex.split(argument.rstrip(";"))
    except ValueError as error:
        raise MetaError(f"cannot read the argument: {error}".lower()) from None
    if len(words) > 1:
        raise MetaError(f'extra argument "{words[1]}"')
    return words[0] if words else None


@_command("q", "", "leave")
def _quit(session: Session, argument: str) -> None:
    raise Quit


@_command("?", "", "this list")
def _help(session: Session, argument: str) -> None:
    width = max(len(f"{name} {command.arguments}") for name, command in COMMANDS.items())
    listed = (
        f"  \\{f'{name} {command.arguments}'.ljust(width)}  {command.help}"
        for name, command in sorted(COMMANDS.items())
    )
    session.output.write(listed)


@_command("dt", "", "list tables")
def _tables(session: Session, argument: str) -> None:
    catalog = session.db.catalog(session.db.runtime)
    rows = [(name, table.kind) for name, table in sorted(catalog.tables.items())]
    form = Format("aligned", tuples_only=session.form.tuples_only)
    session.output.write(lines(["table", "kind"], ["TEXT", "TEXT"], rows, form))


@_command("d", "[TABLE]", "list tables, or a table's columns")
def _describe(session: Session, argument: str) -> None:
    name = _word(argument)
    if name is None:
        _tables(session, "")
        return
    tables = session.db.catalog(session.db.runtime).tables
    table = tables.get(name) or tables.get(name.lower())
    if table is None:
        near = closest(name.lower(), tables)
        raise MetaError(
            f'table "{name}" does not exist' + (f'\nHINT: did you mean "{near}"?' if near else "")
        )
    rows = [(column, kind) for part in (table.shown, table.hidden) for column, kind in part.items()]
    session.output.write(lines(["column", "type"], ["TEXT", "TEXT"], rows, Format("aligned")))


@_command("timing", "[on|off]", "tell how long statements take")
def _timing(session: Session, argument: str) -> None:
    session.timing = _switch(session, "Timing", session.timing, argument)


@_command("x", "[on|off]", "a line a value instead of a line a row")
def _expanded(session: Session, argument: str) -> None:
    session.form.expanded = _switch(session, "Expanded display", session.form.expanded, argument)


@_command("t", "[on|off]", "rows only, without headings and counts")
def _tuples_only(session: Session, argument: str) -> None:
    session.form.tuples_only = _switch(session, "Tuples only", session.form.tuples_only, argument)


@_command("i", "FILE", "run a file")
def _include(session: Session, argument: str) -> None:
    name = _word(argument)
    if name is None:
        raise MetaError("\\i: missing required argument")
    if session.depth >= _MAX_DEPTH:
        raise MetaError(f"\\i: files include each other more than {_MAX_DEPTH} levels deep")
    try:
        script = Path(name).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MetaError(f"{name}: {_reason(error)}") from None
    session.depth += 1
    try:
        session.run_script(script, name)
    except Quit:
        return
    finally:
        session.depth -= 1


_MAX_DEPTH = 50


@_command("o", "[FILE]", "send results to a file, or back to the terminal")
def _redirect(session: Session, argument: str) -> None:
    name = _word(argument)
    try:
        session.redirect(name)
    except OSError as error:
        raise MetaError(f"{name}: {_reason(error)}") from None


@_command("echo", "TEXT", "write a line to the output")
def _echo(session: Session, argument: str) -> None:
    session.output.write([argument])


@_command("set", "[NAME VALUE]", "give $NAME a value, or list the values")
def _set(session: Session, argument: str) -> None:
    name, _, text = argument.partition(" ")
    if not name:
        session.output.write(f"{each} = {session.variables[each]!r}" for each in sorted(session.variables))
    elif not name.isidentifier():
        raise MetaError(f'"{name}" is no name for a variable')
    else:
        session.variables[name] = value(text.strip())


@_command("unset", "NAME", "forget the value of $NAME")
def _unset(session: Session, argument: str) -> None:
    if session.variables.pop(_word(argument) or "", session) is session:
        raise MetaError(f'variable "{argument}" is not set')


@_command("e", "", "edit the last statement in $EDITOR and run it")
def _edit(session: Session, argument: str) -> None:
    if not session.interactive:
        raise MetaError("\\e needs a terminal")
    editor = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
    with tempfile.TemporaryDirectory(prefix="ngql-") as directory:
        file = Path(directory) / "statement.ngql"
        file.write_text(session.last_script, encoding="utf-8")
        try:
            subprocess.run([*editor, str(file)], check=True)
            script = file.read_text(encoding="utf-8")
        except (OSError, subprocess.CalledProcessError, UnicodeDecodeError) as error:
            raise MetaError(f"{editor[0]}: {_reason(error)}") from None
    session.last_script = script
    session.run_script(script)


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 text at byte {error.start}"
    return getattr(error, "strerror", None) or str(error)
