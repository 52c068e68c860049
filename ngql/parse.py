"""Text into a tree: the first stage of the compiler.

Nothing here recurses, so no text can exhaust the stack: the scanner and the automaton are loops, and a tree that
would be too deep for the stages after this one is refused with 54001.
"""

from __future__ import annotations

from typing import cast

from ng_engine.errors import Error, NgqlSyntaxError, from_sqlstate
from ngql import ast, tables
from ngql.actions import ACTIONS
from ngql.actions.expression import integer_range
from ngql.ast import MAX_DEPTH
from ngql.automaton import Automaton, Refused
from ngql.errors import syntax_error
from ngql.scan import Token, lexemes, scan

__all__ = ["parse", "statements"]

_INT64_LIMIT = 1 << 63
_ABOVE_EXPRESSIONS = 4  # a statement, its block and its clause are no nesting yet


def parse(text: str) -> ast.Statement:
    """Parse one statement; a semicolon may end it.

    Args:
        text: the statement.

    Returns:
        Its tree, whose expressions nest at most `MAX_DEPTH` levels.

    Raises:
        NgqlSyntaxError: 42601, with the place; 54001 when the text is too long or nests too deep.
        DataError: 22003 for a number that no type holds.
        ProgrammingError: 42P02 for a parameter's impossible number.

    Example:
        >>> parse("SELECT key FROM tokens").body.items[0].value.parts[0].value
        'key'
    """
    language = tables.load()
    tokens = one_statement(text, scan(text, language.symbols))
    try:
        statement = cast(ast.Statement, Automaton(language, tokens, ACTIONS).run())
        if (len(tokens) > MAX_DEPTH and _deepest(tokens) > MAX_DEPTH) or str(_INT64_LIMIT) in text:
            _check(statement)
    except Refused as refused:
        raise syntax_error(text, language, tokens, refused.index) from None
    except Error as error:
        if not error.statement:
            error.statement = text
        raise
    return statement


def statements(text: str) -> list[tuple[str, int]]:
    """Split a script at its semicolons; those in strings, names and comments do not count.

    Args:
        text: any number of statements.

    Returns:
        For each statement its text, without the semicolon and the blanks and comments before it, and the 1-based line
        on which it begins. What is not terminated runs to the end, and `parse` will say so.
    """
    found: list[tuple[str, int]] = []
    first: int | None = None
    end = line = 0
    counted = 0
    for kind, start, stop in lexemes(text):
        if kind in ("blank", "comment", "block"):
            continue
        if kind == "symbol" and text[start] == ";":
            if first is not None:
                found.append((text[first:end], line))
            first = None
            continue
        if first is None:
            first = start
            line += text.count("\n", counted, start)
            counted = start
        end = stop
    if first is not None:
        found.append((text[first:end], line))
    return [(statement, number + 1) for statement, number in found]


def one_statement(text: str, tokens: list[Token]) -> list[Token]:
    """Drop the semicolons at the end.

    Raises:
        NgqlSyntaxError: 42601 when a second statement follows.
    """
    for index, token in enumerate(tokens):
        if token.text == ";" and token.type == ";":
            following = next((other for other in tokens[index:] if other.type != ";"), None)
            if following is not None and index:
                message = "cannot execute several statements at once"
                error = NgqlSyntaxError(message, hint="use script() for several statements")
                raise error.at(text, following.line, following.column, len(following.text.split("\n", 1)[0]))
            if following is None:
                return tokens[:index]
            break
    return tokens


def _deepest(tokens: list[Token]) -> int:
    """A bound on the depth of the tree, without walking it.

    A node costs a token of its own, outside the brackets of its members; blocks and clauses may cost none.
    """
    stack: list[tuple[int, int, int]] = []
    own = inner = most = 0
    for token in tokens:
        text = token.text
        if text == ",":
            most = max(most, own + inner)
            own = inner = 0
        elif text in ("(", "[", "{"):
            stack.append((own, inner, most))
            own = inner = most = 0
        elif text in (")", "]", "}"):
            bound = max(most, own + inner) + _ABOVE_EXPRESSIONS
            own, inner, most = stack.pop()
            inner = max(inner, bound)
        else:
            own += 1
    return max(most, own + inner)


def _check(statement: ast.Statement) -> None:
    """Refuse what no single action sees: depth, and 2⁶³ without a minus sign."""
    for node, level in ast.walk(statement):
        if level > MAX_DEPTH + _ABOVE_EXPRESSIONS:
            span = node.span
            error = from_sqlstate("54001", f"statement nests deeper than {MAX_DEPTH} levels")
            raise error.at("", span.line, span.column, 1)
        if isinstance(node, ast.Integer) and node.value == _INT64_LIMIT:
            raise integer_range(node.span)
