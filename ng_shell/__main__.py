"""The command line: `ngql [STORE] [-c STATEMENT]… [-f FILE]…`."""

from __future__ import annotations

import io
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ng_shell.variables import assignment

# --help, --version and wrong options answer without the engine: what needs it is imported where it is used.
if TYPE_CHECKING:
    from neurograph import Database
    from ng_shell.session import Session

__all__ = ["main"]

OWN_FAILURE, NO_STORE, STATEMENT_FAILED = 1, 2, 3

_ORDER = "ng_shell.order"


class _InOrder(click.Command):
    """Remembers in which order `-c` and `-f` were given."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments twice; the first time only for their order."""
        _, _, order = self.make_parser(ctx).parse_args(list(args))
        ctx.meta[_ORDER] = [parameter.name for parameter in order if parameter.name in ("commands", "files")]
        return super().parse_args(ctx, args)


class _Variable(click.ParamType[Any]):
    name = "name=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Split at the first `=`."""
        if isinstance(value, tuple):
            return value
        try:
            return assignment(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


_STYLES = ("csv", "json", "ndjson", "markdown", "arrow")


@click.command(cls=_InOrder, context_settings={"help_option_names": ["--help"]})
@click.argument("store", default=":memory:")
@click.option(
    "-c", "--command", "commands", multiple=True, metavar="STATEMENTS", help="Run statements; repeatable."
)
@click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    metavar="FILE",
    help="Run a file, - is standard input; repeatable.",
)
@click.option("--csv", "style", flag_value="csv", help="Results as CSV.")
@click.option("--json", "style", flag_value="json", help="Results as a JSON array each.")
@click.option("--ndjson", "style", flag_value="ndjson", help="Results as a JSON object a line.")
@click.option("--markdown", "style", flag_value="markdown", help="Results as Markdown tables.")
@click.option("--arrow", "style", flag_value="arrow", help="Results as Arrow IPC streams.")
@click.option("-A", "--no-align", "style", flag_value="unaligned", help="Values with | between, unaligned.")
@click.option("-x", "--expanded", is_flag=True, help="A line a value.")
@click.option("-t", "--tuples-only", is_flag=True, help="No headings, no counts.")
@click.option("-o", "--output", metavar="FILE", help="Write results to a file.")
@click.option(
    "-v", "--set", "variables", multiple=True, type=_Variable(), help="Give $name a value; repeatable."
)
@click.option("-1", "--single-transaction", is_flag=True, help="Commit all of -c and -f, or nothing.")
@click.option("-q", "--quiet", is_flag=True, help="No greeting, no words about what statements did.")
@click.option("--read-only", is_flag=True, help="Refuse writes; STORE must exist.")
@click.option("--axes", metavar="NAMES", help="Names of the eight axes of a new store, with commas between.")
@click.option("--timing", is_flag=True, help="Tell how long statements take.")
@click.option("-X", "--no-rc", is_flag=True, help="Do not run the start-up file at the prompt.")
@click.version_option(
    None, "--version", package_name="neurograph", prog_name="ngql", message="%(prog)s %(version)s"
)
@click.pass_context
def _ngql(ctx: click.Context, /, store: str, **options: Any) -> int:
    r"""NGQL on the store in the file STORE, or on a new one in memory.

    Without -c and -f, statements come from the prompt, or from standard input when that is no terminal. Values of -v
    are read as JSON where they are JSON (numbers, lists, objects), as text otherwise.

    Exit codes: 0 fine, 1 bad usage or a failure of the shell itself, 2 the store could not be opened, 3 a statement
    failed.
    """
    import neurograph
    from ng_engine.errors import escape_control

    axes = options["axes"]
    try:
        db = neurograph.connect(
            store,
            read_only=options["read_only"],
            axes=None if axes is None else [name.strip() for name in axes.split(",")],
        )
    except (neurograph.Error, ValueError, TypeError) as error:
        _complain(f"could not open {escape_control(store)}: {error}{_way_out(error)}")
        return NO_STORE
    try:
        with db:
            return _talk(db, _steps(ctx.meta[_ORDER], options["commands"], options["files"]), options)
    except neurograph.Error as error:  # statements tell theirs: this is what closing says
        _complain(f"{escape_control(store)}: {error}")
        return OWN_FAILURE


def _talk(db: Database, steps: list[tuple[str, str]], options: dict[str, Any]) -> int:
    """Run what the command line names, or talk to a terminal."""
    from ng_shell.render import Format, Output
    from ng_shell.session import Session

    interactive = not steps and sys.stdin.isatty() and sys.stdout.isatty()
    session = Session(
        db,
        Output(pager=interactive),
        Format(options["style"] or "aligned", options["expanded"], options["tuples_only"]),
        dict(options["variables"]),
        options["quiet"],
        options["timing"],
        interactive,
    )
    try:
        if options["output"] is not None:
            session.redirect(options["output"])
        if session.form.style == "arrow" and session.output.to_terminal:
            raise click.UsageError("--arrow writes bytes, not for a terminal: use -o FILE or a pipe")
        if interactive:
            from ng_shell.repl import repl

            return repl(session, rc=not options["no_rc"])
        code = _run(session, steps or [("files", "-")], options["single_transaction"])
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader has seen enough. Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    finally:
        session.output.close()


def _way_out(error: Exception) -> str:
    """A hint of the shell's own, where the error has none."""
    if getattr(error, "sqlstate", None) == "58P01" and not getattr(error, "hint", None):
        return "\nHINT: leave STORE out for a store in memory"
    return ""


def _steps(order: list[str], commands: tuple[str, ...], files: tuple[str, ...]) -> list[tuple[str, str]]:
    """`(kind, value)` of each -c and -f, as they were given."""
    sources = {"commands": iter(commands), "files": iter(files)}
    return [(kind, next(sources[kind])) for kind in order]


def _run(session: Session, steps: list[tuple[str, str]], together: bool) -> int:
    """Run what the command line names, up to the first failure."""
    import neurograph
    from ng_shell.meta import Quit
    from ng_shell.session import Failed

    if together:
        session.db.execute("BEGIN")
    try:
        for kind, value in steps:
            if kind == "commands":
                session.run_script(value)
            else:
                session.run_script(_read(value), "<stdin>" if value == "-" else value)
    except Failed:
        return STATEMENT_FAILED
    except Quit:
        pass  # what was done before it counts
    if together and session.db.runtime.in_transaction:
        try:
            session.db.execute("COMMIT")
        except neurograph.Error as error:
            _complain(str(error))
            return STATEMENT_FAILED
    return 0


def _read(name: str) -> str:
    """The text of a file, or of standard input.

    Raises:
        ClickException: it cannot be read.
    """
    try:
        return (sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()).decode()
    except OSError as error:
        raise click.ClickException(f"{name}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise click.ClickException(f"{name}: not UTF-8 text at byte {error.start}") from None


def _complain(text: str) -> None:
    print(f"ngql: {text}", file=sys.stderr)


def main(arguments: list[str] | None = None) -> None:
    """Run the command and leave the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=None if stream.isatty() else "utf-8", errors="backslashreplace")
    try:
        code = _ngql.main(arguments, prog_name="ngql", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        code = OWN_FAILURE
    except click.ClickException as error:
        _complain(error.format_message())
        code = OWN_FAILURE
    except (KeyboardInterrupt, click.Abort):
        # As a program that a signal has ended, so that a calling script ends too.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
        code = OWN_FAILURE
    except OSError as error:
        _complain(f"{error.filename or 'output'}: {error.strerror}")
        code = OWN_FAILURE
    sys.exit(code)


if __name__ == "__main__":
    main()
