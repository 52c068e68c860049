"""Syntax errors in PostgreSQL's manner: where, near what, what was expected, and a hint where one helps."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from ng_engine.errors import Error, NgqlSyntaxError, from_sqlstate
from ngql.automaton import Automaton, Refused
from ngql.scan import Token, lexemes, scan
from ngql.tables import END, Tables, load

__all__ = ["closest", "syntax_error"]

_FEW = 5
_ARROW = "Cypher's --> begins a comment here: write -[]-> or ->"

# Broken statements and what to say about them. The state and the token at which the example breaks are the pattern:
# other statements that break in the same state at the same kind of token get the same hint.
_EXAMPLES: tuple[tuple[str, str], ...] = (
    ("SELECT * tokens", "expected FROM before the table"),
    ("SELECT key, * tokens", "expected FROM before the table"),
    ("DELETE tokens", "write DELETE FROM tokens"),
    ("INSERT tokens (key) VALUES ('a')", "write INSERT INTO tokens"),
    ("UPDATE tokens weight = 1", "write UPDATE tokens SET column = value"),
    ("UPDATE tokens t weight = 1", "write UPDATE tokens SET column = value"),
    ("SELECT key FROM tokens LIMIT 10, 20", "write LIMIT count OFFSET start"),
    ("SELECT key FROM tokens GROUP type", "write GROUP BY"),
    ("SELECT key FROM tokens GROUP BY ALL", "GROUP BY names the columns: GROUP BY a, b"),
    ("SELECT FROM tokens", "what to select is missing between SELECT and FROM"),
    ("DELETE FROM tokens RETURNING id WHERE id = 1", "WHERE stands before RETURNING"),
    ("DELETE FROM tokens RETURNING id AS a WHERE id = 1", "WHERE stands before RETURNING"),
    ("DELETE FROM tokens RETURNING id LIMIT 1", "RETURNING shows every row written: it takes no LIMIT"),
    ("DELETE FROM tokens RETURNING id AS a LIMIT 1", "RETURNING shows every row written: it takes no LIMIT"),
    ("DELETE FROM tokens RETURNING id ORDER BY id", "RETURNING takes no ORDER BY"),
    ("DELETE FROM tokens RETURNING id AS a ORDER BY id", "RETURNING takes no ORDER BY"),
    ("SELECT key FROM tokens ORDER key", "write ORDER BY"),
    ("SELECT key FROM tokens WHERE key = 'a' WHERE id = 1", "join conditions with AND"),
    ("SELECT key FROM tokens LIMIT 5 WHERE id = 1", "WHERE stands before ORDER BY and LIMIT"),
    ("SELECT key FROM tokens ORDER BY key WHERE id = 1", "WHERE stands before ORDER BY and LIMIT"),
    ("SELECT key FROM tokens WHERE id = 1 NEAR 'a'", "NEAR stands right after the table: FROM tokens NEAR …"),
    ("SELECT tokens NEAR 'a' LIMIT 5 USING CDNA PROFILE p", "USING CDNA stands before LIMIT"),
    ("SELECT tokens NEAR 'a' USING PROFILE p", "write USING CDNA PROFILE …"),
    ("SELECT a = b = c", "comparisons do not chain: write a = b AND b = c"),
    ("SELECT a < b < c", "comparisons do not chain: write a < b AND b < c"),
    ("SELECT key FROM tokens WHERE type = NULL AND", "a condition is missing at the end"),
    ("MATCH (a)", "a MATCH ends with RETURN and what to return"),
    ("MATCH (a)-[e]->(b)", "a MATCH ends with RETURN and what to return"),
    ("MATCH (a) WHERE a.id = 1", "a MATCH ends with RETURN and what to return"),
    ("MATCH (a:event) RETURN a", "a type is written (a IS event), -[e IS cause]->"),
    ("MATCH (a)-[e:cause]->(b) RETURN a", "a type is written (a IS event), -[e IS cause]->"),
    ("MATCH (a)-[*1..3]->(b) RETURN a", "a quantifier stands after the arrow: ->{1,3}"),
    ("MATCH (a)-[e*1..3]->(b) RETURN a", "a quantifier stands after the arrow: ->{1,3}"),
    ("MATCH (a)-(b) RETURN a", "an edge is written -[e]-, -[e]->, <-[e]-, -> or <-"),
    ("CONNECT beach TO 'sea' AS similar", "a token is an id, a key in single quotes, or a parameter"),
    ("CONNECT 'beach' TO sea AS similar", "a token is an id, a key in single quotes, or a parameter"),
    ("CONNECT 'beach' WITH 'sea'", "write CONNECT … TO …"),
    ("SELECT NEIGHBORS OF beach", "a token is an id, a key in single quotes, or a parameter"),
    ("SELECT PATH FROM 'a' TO beach", "a token is an id, a key in single quotes, or a parameter"),
    ("CONNECT 'beach' TO 'sea' AS 'similar'", "a type is a bare word: AS similar"),
    ("COPY tokens FROM words.parquet", "a file is a string in single quotes"),
    ("SELECT tokens IN BOX (0,0) AND (1,1)", "write IN BOX low TO high"),
)
_BY_TEXT = {
    "==": 'equality is written "="',
    ":=": 'an argument is named with "=>"',
    "&&": "conditions are joined with AND",
    "{": "a quantifier stands after an edge: -[e]->{1,3}",
}
_NAMES = {
    "NAME": "a name",
    "INT": "a number",
    "STRING": "a string",
    "PARAMETER": "a parameter",
    END: "the end of the statement",
}
_NO_TABLE = {
    "PARAMETER": "a table name cannot be a parameter",
    "STRING": "a table name is not a string; COPY reads files",
}
_SUB_QUERIES = {
    "neighbors": "use a sub-query: FROM (SELECT NEIGHBORS OF …) n",
    "path": "use a sub-query: FROM (SELECT PATH FROM … TO …) p",
}
# Where one of these may stand too, a name would be an alias that nobody meant to write.
_AFTER_A_NAME = frozenset((END, "AS", "RPAR", "COMMA"))
# After an expression any of these may follow; naming them would say nothing.
_CONTINUES = frozenset(
    ("AND", "OR", "IS", "IN", "NOT", "BETWEEN", "LIKE", "ILIKE", "SIMILAR", "AT", "COLLATE", "FILTER", "OVER")
)
_BEGINS = frozenset(
    """
    NAME INT FLOAT STRING PARAMETER TRUE FALSE NULL LITERAL_TYPE INTERVAL EXISTS CASE CAST TRY_CAST EXTRACT ARRAY LEFT
    RIGHT NOT
    """.split()
)


def syntax_error(text: str, tables: Tables, tokens: list[Token], index: int) -> Error:
    """The error for the token that no statement can have at its place.

    Args:
        text: the statement.
        tables: the language.
        tokens: its tokens; those before `index` have been read.
        index: which token was refused; `len(tokens)` for the end of the statement.
    """
    automaton = Automaton(tables, tokens)
    automaton.run(index)
    expected = automaton.expected()
    token = tokens[index] if index < len(tokens) else None
    misspelt = _misspelt(tables, tokens, index, expected)
    if misspelt is not None:
        wrong, keyword = misspelt
        return _error(text, tokens[wrong], f'did you mean "{keyword}"?')
    if (
        index > 1
        and "TO" in expected
        and tokens[index - 2].type == "FROM"
        and not _is_path(tokens, index - 3)
    ):
        no_table = tokens[index - 1]  # FROM 'a' may also begin the two ends of a path
        return _error(text, no_table, _NO_TABLE.get(no_table.type))
    hint = _hint(text, tables, tokens, index, automaton.refusing_state(index), expected)
    if token is not None:
        return _error(text, token, hint)
    error = NgqlSyntaxError("syntax error at end of input", hint=hint)
    if not tokens:
        return error.at(text, 1, 1)
    last = tokens[-1]
    line = last.line + last.text.count("\n")
    column = last.column if line == last.line else 1 - (last.text.rfind("\n") + 1)
    return error.at(text, line, column + len(last.text))


def _error(text: str, token: Token, hint: str | None) -> Error:
    shown = token.text.split("\n", 1)[0]
    if len(shown) > 60:
        shown = shown[:60] + "…"
    error = from_sqlstate("42601", f'syntax error at or near "{shown}"', hint)
    return error.at(text, token.line, token.column, len(token.text.split("\n", 1)[0]))


def _misspelt(tables: Tables, tokens: list[Token], index: int, expected: set[str]) -> tuple[int, str] | None:
    """Which token should probably have been which keyword: the one before (read as an alias), or the refused one."""
    wrong = _misspelt_before(tables, tokens, index)
    if wrong is not None:
        return index - 1, wrong
    if index < len(tokens) and _is_word(tokens[index]) and len(tokens[index].text) > 2:
        keyword = closest(tokens[index].text.upper(), expected & tables.keywords)
        if keyword is not None:
            return index, keyword
    return None


def _misspelt_before(tables: Tables, tokens: list[Token], index: int) -> str | None:
    """The keyword that the word before should have been, if the refused token can follow it."""
    before = index - 1
    if before < 0 or not _is_word(tokens[before]) or tokens[before].type != "NAME":
        return None
    automaton = Automaton(tables, tokens)
    automaton.run(before)
    keyword = closest(tokens[before].text.upper(), automaton.expected() & tables.keywords)
    if keyword is None:
        return None
    word = tokens[before]
    changed = Token(keyword, word.text, word.line, word.column, word.start, word.end)
    trial = [*tokens[:before], changed, *tokens[index:]]
    automaton = Automaton(tables, trial)
    automaton.run(before + 1)
    if index < len(tokens):
        following = automaton.classify(index) if _is_word(tokens[index]) else tokens[index].type
    else:
        following = END
    return keyword if automaton.accepts(following) else None


def _is_word(token: Token) -> bool:
    return token.text[0].isalpha() or token.text[0] == "_"


def _is_path(tokens: list[Token], index: int) -> bool:
    """Whether the select item that ends here is the word PATH or PATHS."""
    return index >= 0 and tokens[index].text.lower() in ("path", "paths")


def _as_source(tokens: list[Token], index: int, expected: set[str]) -> str | None:
    """A hint for what was meant as a table and is none."""
    token = tokens[index]
    before = tokens[index - 1] if index else None
    source = "LATERAL" in expected or (before is not None and before.type in ("INTO", "UPDATE"))
    if source and token.type in _NO_TABLE and token.type not in expected:
        return _NO_TABLE[token.type]
    words = [other.text.lower() for other in tokens[:index]]
    if words[-2:] == ["from", "path"] and token.type == "FROM":
        return _SUB_QUERIES["path"]
    if words[-3:] == ["from", "neighbors", "of"]:
        return _SUB_QUERIES["neighbors"]
    return None


def _hint(
    text: str, tables: Tables, tokens: list[Token], index: int, state: int, expected: set[str]
) -> str | None:
    if any(text.startswith("-->", start) for kind, start, _ in lexemes(text) if kind == "comment"):
        return _ARROW
    token = tokens[index] if index < len(tokens) else None
    kind = END if token is None else token.type
    before = tokens[index - 1] if index else None
    if before is not None and before.text == "," and not _BEGINS.isdisjoint(expected):
        if token is None:
            return "something is missing after the comma"
        if token.type in tables.keywords or token.text in (")", ";"):
            return f'remove the comma before "{token.text}"'
    if token is not None:
        if token.text in _BY_TEXT:
            return _BY_TEXT[token.text]
        if token.text[0] == '"' and "STRING" in expected:
            return "strings are written in single quotes; double quotes are for names"
        source = _as_source(tokens, index, expected)
        if source is not None:
            return source
    example = _examples().get((state, kind))
    if example is not None:
        return example
    named = "NAME" in expected and _AFTER_A_NAME.isdisjoint(expected)
    if token is not None and token.type in tables.reserved and named:
        return f'"{token.text.lower()}" is a reserved word: as a name it is written in double quotes'
    return _expectation(expected, tables)


@cache
def _examples() -> dict[tuple[int, str], str]:
    """The hints of the examples, by state and terminal."""
    tables = load()
    hints: dict[tuple[int, str], str] = {}
    for statement, hint in _EXAMPLES:
        tokens = scan(statement, tables.symbols)
        try:
            Automaton(tables, tokens).run()
        except Refused as refused:
            automaton = Automaton(tables, tokens)
            automaton.run(refused.index)
            kind = END if refused.index == len(tokens) else tokens[refused.index].type
            hints.setdefault((automaton.refusing_state(refused.index), kind), hint)
    return hints


def _expectation(expected: set[str], tables: Tables) -> str | None:
    """`expected A, B or C` when there are few."""
    symbols = {terminal: text for text, terminal in tables.symbols.items()}
    shown: set[str] = set()
    left = set(expected)
    if {"NAME", "INT", "STRING", "CASE"} <= left:
        shown.add("an expression")
        left -= _BEGINS | {tables.symbols[text] for text in "([+-"}
    elif {"OR", "AND"} <= left:
        left -= _CONTINUES | {t for t in left if t in symbols and symbols[t] not in "),;]"}
        shown.add("an operator")
    elif tables.symbols["+"] in left and tables.symbols["*"] in left:
        left -= {t for t in left if t in symbols and symbols[t] not in "),;]"} | {"AT", "COLLATE"}
    for terminal in left:
        name = _NAMES.get(terminal) or symbols.get(terminal)
        shown.add(f'"{name}"' if terminal in symbols else name or terminal)
    if not 0 < len(shown) <= _FEW:
        return None
    words = sorted(shown, key=lambda word: (word.islower(), word))
    return "expected " + (words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}")


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate that a slip of the finger turns into `word`, or None.

    A slip is a letter too many, missing, wrong, or two letters swapped: one in a word of up to five letters, two in
    a longer one, none in one of a single letter. Equal words are no slip.
    """
    allowed = 0 if len(word) < 2 else 1 if len(word) <= 5 else 2
    best: tuple[int, str] | None = None
    for candidate in candidates:
        if candidate == word or abs(len(candidate) - len(word)) > allowed or len(candidate) < 2:
            continue
        distance = _distance(word, candidate)
        if distance <= allowed and (best is None or (distance, candidate) < best):
            best = (distance, candidate)
    return None if best is None else best[1]


def _distance(a: str, b: str) -> int:
    """Optimal string alignment distance."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, previous, row = row, before, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, previous[j - 2] + 1)
            row.append(cost)
    return row[-1]
