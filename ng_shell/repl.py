"""The prompt."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.filters import Condition, completion_is_selected, is_searching
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.output import ColorDepth

import neurograph
from ng_shell.completer import ShellCompleter
from ng_shell.highlight import STYLE, NgqlLexer
from ng_shell.meta import Quit
from ng_shell.session import Failed, Session, colour
from ngql.is_complete import is_complete

__all__ = ["continuation", "prompt_text", "ready", "repl"]


def repl(session: Session, *, rc: bool = True) -> int:
    """Read statements and meta-commands and run them until the user leaves.

    Args:
        session: the open store.
        rc: whether to run the start-up file first.

    Returns:
        The exit code, always 0: an error at the prompt is no failure of the shell.
    """
    if not session.quiet:
        session.say(
            f"ngql {neurograph.__version__}. End a statement with ;  \\? lists commands, Ctrl-D leaves."
        )
    try:
        if rc:
            _run_start_up_file(session)
        _loop(session, _prompt_session(session))
    except (EOFError, Quit):
        pass  # the two ways to leave
    return 0


def _loop(session: Session, prompt: PromptSession[str]) -> None:
    completer = prompt.completer
    while True:
        if isinstance(completer, ShellCompleter):
            completer.catalog = session.db.catalog(session.db.runtime)
        try:
            text = prompt.prompt(prompt_text(session))
        except KeyboardInterrupt:
            continue  # forgets what has been typed
        if not text.strip():
            continue
        run(session, text)


def run(session: Session, text: str) -> None:
    """Run what has been typed; whatever goes wrong is told, and the prompt comes back."""
    if not text.lstrip().startswith("\\"):
        session.last_script = text
    try:
        session.run_script(text)
    except Failed:
        pass
    except Quit:
        raise
    except KeyboardInterrupt:
        session.say("\ncanceled")
    except BrokenPipeError:
        pass
    except OSError as error:
        session.say(f"{error.filename or 'output'}: {error.strerror}")
    except Exception:  # a bug; it must not take the store in memory with it
        session.say(traceback.format_exc())


def prompt_text(session: Session) -> str:
    """`ngql=> `, `ngql*> ` in a transaction, `ngql!> ` in one that has failed."""
    runtime = session.db.runtime
    mark = "=" if not runtime.in_transaction else "!" if runtime.transaction_failed else "*"
    return f"ngql{mark}> "


def continuation(width: int, line_number: int, wrap_count: int) -> str:
    """What stands before every line but the first."""
    return "ngql-> ".rjust(width) if not wrap_count else " " * width


def ready(text: str) -> bool:
    """Whether Enter runs the text."""
    return text.lstrip().startswith("\\") or is_complete(text)


def _prompt_session(session: Session) -> PromptSession[str]:
    keys = KeyBindings()

    @Condition
    def runs() -> bool:
        return ready(get_app().current_buffer.document.text)

    @keys.add("enter", filter=runs & ~completion_is_selected & ~is_searching)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.validate_and_handle()

    return PromptSession(
        multiline=True,
        prompt_continuation=continuation,
        key_bindings=keys,
        history=_history(),
        completer=ShellCompleter(session.db.catalog(session.db.runtime)),
        complete_in_thread=True,
        complete_while_typing=False,
        lexer=NgqlLexer() if colour(sys.stdout) else None,
        style=STYLE,
        color_depth=None if colour(sys.stdout) else ColorDepth.DEPTH_1_BIT,
        enable_history_search=True,
    )


def _history() -> History:
    """What was typed before, kept in XDG's state directory where that can be written."""
    file = directory("XDG_STATE_HOME", "~/.local/state") / "ngql_history"
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
    except OSError:
        return InMemoryHistory()
    return FileHistory(str(file))


def directory(variable: str, default: str) -> Path:
    """Our directory below one of XDG's; a relative path there counts as unset, as the specification says."""
    configured = os.environ.get(variable, "")
    return (Path(configured) if os.path.isabs(configured) else Path(default).expanduser()) / "neurograph"


def _run_start_up_file(session: Session) -> None:
    file = directory("XDG_CONFIG_HOME", "~/.config") / "ngqlrc"
    try:
        script = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        session.say(f"{file}: {error}")
        return
    with contextlib.suppress(Failed):  # it has been told; the prompt comes all the same
        session.run_script(script, str(file))
