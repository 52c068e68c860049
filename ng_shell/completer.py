"""Completion at the prompt: what `ngql.complete` says, and meta-commands."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

from ng_shell.meta import COMMANDS
from ngql import Catalog
from ngql.complete import complete

__all__ = ["ShellCompleter"]

_CAP = 200  # a longer menu helps nobody, and drawing it is what makes typing slow


class ShellCompleter(Completer):
    """Completes statements from the catalog, meta-commands from their list, file names for those that take one.

    Attributes:
        catalog: the names to offer; the prompt renews it, since completion runs in a thread of its own.
    """

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterator[Completion]:
        """What may be typed at the cursor."""
        text = document.text_before_cursor
        if text.startswith("\\"):
            yield from self._meta(text, event)
            return
        for found in islice(complete(document.text, document.cursor_position, self.catalog), _CAP):
            start = found.start - document.cursor_position
            yield Completion(found.text, start_position=start, display_meta=found.kind)

    def _meta(self, text: str, event: CompleteEvent) -> Iterator[Completion]:
        name, blank, argument = text[1:].partition(" ")
        if not blank:
            for command in sorted(COMMANDS):
                if command.startswith(name):
                    yield Completion(command, start_position=-len(name), display_meta=COMMANDS[command].help)
        elif name == "d":
            for table in sorted(self.catalog.tables):
                if table.startswith(argument):
                    yield Completion(table, start_position=-len(argument))
        elif name in ("i", "o"):
            yield from self._paths.get_completions(Document(argument), event)
