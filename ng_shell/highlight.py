"""Colours for what is typed, by the language's own scanner."""

from __future__ import annotations

from collections.abc import Callable

from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.lexers import Lexer
from prompt_toolkit.styles import Style

from ngql.scan import lexemes
from ngql.tables import load

__all__ = ["STYLE", "NgqlLexer"]

STYLE = Style.from_dict(
    {
        "ngql.keyword": "bold ansiblue",
        "ngql.string": "ansigreen",
        "ngql.number": "ansicyan",
        "ngql.parameter": "ansimagenta",
        "ngql.comment": "italic ansibrightblack",
        "ngql.invalid": "ansired",
    }
)
_STYLES = {
    "string": "class:ngql.string",
    "open_string": "class:ngql.string",
    "number": "class:ngql.number",
    "parameter": "class:ngql.parameter",
    "comment": "class:ngql.comment",
    "block": "class:ngql.comment",
    "open_block": "class:ngql.comment",
    "invalid": "class:ngql.invalid",
}


class NgqlLexer(Lexer):
    """Keywords, strings, numbers, parameters and comments."""

    def lex_document(self, document: Document) -> Callable[[int], StyleAndTextTuples]:
        """The styled pieces of each line."""
        text = document.text
        lines: list[StyleAndTextTuples] = [[]]
        meta = text.startswith("\\")
        keywords = load().keywords
        for kind, start, end in [("", 0, len(text))] if meta else lexemes(text):
            style = _STYLES.get(kind, "")
            if kind == "word" and text[start:end].upper() in keywords:
                style = "class:ngql.keyword"
            for number, part in enumerate(text[start:end].split("\n")):
                if number:
                    lines.append([])
                lines[-1].append((style, part))
        return lambda line: lines[line] if line < len(lines) else []
