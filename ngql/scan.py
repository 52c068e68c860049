"""Text into tokens: strings, comments, names and numbers, each with its place.

One pass of one regular expression, linear in the length of the text. Which words are keywords is decided later, by
the state of the parser (`ngql.automaton`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from ng_engine.errors import Error, from_sqlstate
from ngql.ast import MAX_DEPTH, Span

__all__ = ["MAX_BYTES", "Lexeme", "Token", "lexemes", "scan"]

MAX_BYTES = 1 << 20
"""How long a statement may be, in UTF-8."""

MAX_OPERATORS = 10_000
"""How many operators, set operations and joins a statement may have; lists have no such bound."""

Lexeme = tuple[str, int, int]
"""`(kind, start, end)`; the kinds are those of `lexemes`."""

_LEXEME = re.compile(
    r"""
      (?P<blank>[ \t\r\n\f\v]+)
    | (?P<word>[A-Za-z_][A-Za-z_0-9]*)
    | (?P<number>(?:[0-9]+(?:\.(?!\.)[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<string>'[^']*(?:''[^']*)*')
    | (?P<quoted>"[^"]*(?:""[^"]*)*")
    | (?P<parameter>\$[A-Za-z_0-9]+|\?)
    | (?P<comment>--[^\n]*)
    | (?P<block>/\*)
    | (?P<symbol><->|<\+>|<=>|->>|!~\*|->|<-|<=|>=|<>|!=|==|=>|::|\|\||<<|>>|!~|~\*|@>|<@|&&|\*\*|//|\.\.
        |[-+*/%^=<>(),;.\[\]{}|&~:])
    | (?P<open_string>'[^']*(?:''[^']*)*)
    | (?P<open_quoted>"[^"]*(?:""[^"]*)*)
    | (?P<invalid>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK_EDGE = re.compile(r"/\*|\*/")
_OPENING = frozenset("([{")
_CLOSING = frozenset(")]}")
_PREFIX = frozenset(("not", "+", "-"))
_NO_OPERATOR = frozenset("(){}],;")
_OPERATOR_WORDS = frozenset(("and", "or", "is", "union", "except", "intersect", "join", "collate"))


class Token:
    """One token of a statement.

    Attributes:
        type: the parser's terminal; for a word the parser fills it in.
        text: as written.
        line: 1-based.
        column: 1-based, in characters.
        start: character offset of the first character.
        end: character offset after the last.
        ordinal: for `?`, which one it is, from 1.
    """

    __slots__ = ("column", "end", "line", "ordinal", "start", "text", "type")

    def __init__(self, kind: str, text: str, line: int, column: int, start: int, end: int) -> None:
        self.type = kind
        self.text = text
        self.line = line
        self.column = column
        self.start = start
        self.end = end
        self.ordinal = 0

    def __repr__(self) -> str:
        return f"Token({self.type}, {self.text!r}, {self.line}:{self.column})"

    @property
    def span(self) -> Span:
        """The place of the token."""
        return Span(self.line, self.column, self.start, self.end)


def lexemes(text: str, start: int = 0) -> Iterator[Lexeme]:
    """Cut a text into lexemes without judging it; blanks and comments are among them.

    Kinds: blank, word, number, string, quoted, parameter, comment, block, symbol, and what never ends or begins
    nothing: open_string, open_quoted, open_block, invalid.
    """
    match = _LEXEME.match
    size = len(text)
    while start < size:
        found = match(text, start)
        assert found is not None  # `invalid` takes any character
        kind, end = str(found.lastgroup), found.end()
        if kind == "block":
            depth = 1
            while depth:
                edge = _BLOCK_EDGE.search(text, end)
                if edge is None:
                    kind, end = "open_block", size
                    break
                depth += 1 if edge[0] == "/*" else -1
                end = edge.end()
        yield kind, start, end
        start = end


def scan(text: str, symbols: dict[str, str]) -> list[Token]:
    """Cut a statement into tokens.

    Args:
        text: the statement.
        symbols: the terminal of each operator and bracket.

    Returns:
        The tokens without blanks and comments. A word has the type `WORD`; a symbol that no rule knows, and `;`,
        are their own type.

    Raises:
        NgqlSyntaxError: 54001 when the text is too long or nests too deep; 42601 for something unterminated, for
            characters that may not stand there, and for parameters of two styles.
    """
    check_length(text)
    if not text.isascii() or "\0" in text:
        _check_characters(text)
    tokens: list[Token] = []
    line, line_start, depth, run, questions, operators = 1, 0, 0, 0, 0, 0
    operand = False  # whether the last token may end an operand: a sign after it is an operator
    style: str | None = None
    several_lines = "\n" in text
    for kind, start, end in lexemes(text):
        if kind == "blank" or kind == "comment" or kind == "block":
            pass
        else:
            value = text[start:end]
            token = Token("", value, line, start - line_start + 1, start, end)
            tokens.append(token)
            if kind == "word":
                token.type = "WORD"
                folded = value.lower()
                run = run + 1 if folded == "not" else 0
                operand = folded not in _OPERATOR_WORDS
                operators += not operand
                if folded == "case":
                    depth += 1
                elif folded == "end" and depth:
                    depth -= 1
            elif kind == "symbol":
                token.type = symbols.get("<>" if value == "!=" else value, value)
                run = run + 1 if value in _PREFIX else 0
                operators += operand and value not in _NO_OPERATOR
                operand = value in _CLOSING
                if value in _OPENING:
                    depth += 1
                elif value in _CLOSING and depth:
                    depth -= 1
            else:
                run, operand = 0, True
                if kind == "number":
                    _check_number(text, token)
                elif kind == "string":
                    token.type = "STRING"
                elif kind == "quoted":
                    token.type = "NAME"
                    _check_quoted(text, token)
                elif kind == "parameter":
                    token.type = "PARAMETER"
                    found = "?" if value == "?" else "$1" if value[1].isdigit() else "$name"
                    if style is not None and style != found:
                        raise _at(text, token, f"cannot mix {style} and {found} parameters in one statement")
                    style = found
                    questions += 1
                    token.ordinal = questions
                else:
                    raise _malformed(text, token, kind)
            if depth + run > MAX_DEPTH:
                raise _at(text, token, f"statement nests deeper than {MAX_DEPTH} levels", "54001")
            if operators > MAX_OPERATORS:
                raise _at(text, token, f"statement has more than {MAX_OPERATORS} operators", "54001")
        if several_lines:
            breaks = text.count("\n", start, end)
            if breaks:
                line += breaks
                line_start = text.rindex("\n", start, end) + 1
    return tokens


def check_length(text: str) -> None:
    """Refuse a statement over a mebibyte, before anything looks at it.

    Raises:
        NgqlSyntaxError: 54001.
    """
    if len(text) > MAX_BYTES or (
        len(text) * 4 > MAX_BYTES and len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES
    ):
        raise from_sqlstate("54001", f"statement is longer than {MAX_BYTES} bytes")


def place(text: str, offset: int) -> tuple[int, int]:
    """The 1-based line and column of a character offset."""
    line_start = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - line_start + 1


def _at(text: str, token: Token, message: str, sqlstate: str = "42601", hint: str | None = None) -> Error:
    error = from_sqlstate(sqlstate, message, hint)
    return error.at(text, token.line, token.column, len(token.text.split("\n", 1)[0]))


def _check_characters(text: str) -> None:
    """NUL and halves of surrogate pairs are no text, wherever they stand."""
    for offset, character in enumerate(text):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            message = f"invalid character {_named(character)} in the statement"
            raise from_sqlstate("42601", message).at(text, *place(text, offset))


def _check_number(text: str, token: Token) -> None:
    value = token.text
    token.type = "INT" if value.isdigit() else "FLOAT"
    following = text[token.end : token.end + 1]
    if following and (following.isalnum() or following == "_"):
        message = f'trailing junk after numeric literal at or near "{value}{following}"'
        raise _at(text, token, message)


def _check_quoted(text: str, token: Token) -> None:
    name = token.text[1:-1]
    if not name:
        raise _at(text, token, "zero-length delimited identifier")
    for index, character in enumerate(name):
        # Controls and invisible format characters make two names look like one.
        if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp"):
            error = from_sqlstate("42601", f"invalid character {_named(character)} in a name")
            raise error.at(text, *place(text, token.start + 1 + index))


_UNTERMINATED = {
    "open_string": ("unterminated quoted string", "a string ends with ', and a ' inside it is doubled"),
    "open_quoted": ("unterminated quoted identifier", None),
    "open_block": ("unterminated /* comment", "comments nest: every /* needs its */"),
}
_CHARACTER_HINTS = {
    "`": "names are quoted with double quotes",
    "#": "comments begin with -- or stand between /* and */",
    "\\": "NGQL strings have no backslash escapes, and shell commands stand alone on their line",
    "‘": "strings are written in straight quotes: '…'",
    "’": "strings are written in straight quotes: '…'",
    "“": "names are quoted with straight double quotes",
    "”": "names are quoted with straight double quotes",
    "$": "a parameter is written $name or $1",
    "!": "use <> or NOT",
    "@": "a parameter is written $name or $1",
}


def _malformed(text: str, token: Token, kind: str) -> Error:
    if kind in _UNTERMINATED:
        message, hint = _UNTERMINATED[kind]
        shown = token.text.split("\n", 1)[0][:40]
        return _at(text, token, f'{message} at or near "{shown}"', hint=hint)
    hint = _CHARACTER_HINTS.get(token.text)
    if hint is None and token.text.isspace():
        hint = "use a plain blank"
    elif hint is None and token.text.isalpha():
        hint = "a name with other than ASCII letters is written in double quotes"
    return _at(text, token, f"invalid character {_named(token.text)}", hint=hint)


def _named(character: str) -> str:
    if "!" <= character <= "~":
        return f'"{character}"'
    name = unicodedata.name(character, "")
    shown = f' "{character}"' if character.isprintable() else ""
    return f"U+{ord(character):04X}{shown}" + (f" ({name.lower()})" if name else "")
