"""The LALR(1) automaton that reads tokens, and says which terminals it could take next.

Lark makes the tables; they are run here because three things need the state of the parser at every token: a word is
a keyword only where the statement can go on with that keyword, completion asks what may follow, and a syntax error
says what was expected. All three are exact: a terminal that LALR's merged lookaheads admit but a later reduction
would refuse does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ngql.ast import Span
from ngql.scan import Token
from ngql.tables import END, Tables

__all__ = ["Automaton", "Refused"]

Action = Callable[[list[Any], Span], Any]

# A word that is a keyword only before one of these, although the parser could take it: elsewhere it is a name.
# "word" stands for any word, "string" for a string, "number" for an integer or a parameter.
_ONLY_BEFORE: dict[str, frozenset[str]] = {
    "ARRAY": frozenset("["),
    "AT": frozenset(("time",)),
    "CAST": frozenset("("),
    "CUBE": frozenset("("),
    "DOUBLE": frozenset(("precision",)),
    "EXTRACT": frozenset("("),
    "FETCH": frozenset(("first", "next")),
    "FILTER": frozenset("("),
    "GRAPH_TABLE": frozenset("("),
    "GROUPING": frozenset(("sets",)),
    "INTERVAL": frozenset(("(", "string", "number")),
    "OVER": frozenset(("(", "word")),
    "ROLLUP": frozenset("("),
    "TRY_CAST": frozenset("("),
    "WINDOW": frozenset(("word",)),
}
_LITERAL_TYPES = frozenset(("date", "time", "timestamp", "timestamptz", "json"))


class Refused(Exception):
    """The automaton cannot take a token; `index` is the token's, or the number of tokens at the end of input."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


class _Melting(list[Any]):
    """The symbols of a rule that melts into its parent."""


class Automaton:
    """A run over the tokens of one statement.

    Args:
        tables: the language.
        tokens: the statement; types of words are filled in as they are read, and `<-` may be cut in two.
        actions: what builds the tree, by name; None only checks.
    """

    __slots__ = ("_actions", "_last", "_starts", "_tables", "_tokens", "_values", "states")

    def __init__(
        self, tables: Tables, tokens: list[Token], actions: Mapping[str, Action] | None = None
    ) -> None:
        self._tables = tables
        self._tokens = tokens
        self._actions = actions
        self.states = [tables.start]
        self._values: list[Any] = []
        self._starts: list[Token] = []
        self._last = tokens[0] if tokens else Token(END, "", 1, 1, 0, 0)

    def run(self, count: int | None = None) -> Any:
        """Read the whole statement, or its first `count` tokens.

        Returns:
            What the actions made of the statement; None after a part of it.

        Raises:
            Refused: at the first token that no statement can have there.
        """
        tokens = self._tokens
        index = 0
        while index < (len(tokens) if count is None else count):
            token = tokens[index]
            if token.type == "WORD":
                token.type = self.classify(index)
            elif token.text == "<-" and not self.accepts(token.type):
                token = self._split(index)
            self._feed(index, token.type)
            self._last = token
            index += 1
        if count is not None:
            return None
        self._feed(len(tokens), END)
        return self._values[-1]

    def refusing_state(self, index: int) -> int:
        """The state in which the token at `index` (or the end) is refused, after everything before it was read."""
        try:
            self._feed(index, END if index == len(self._tokens) else self._tokens[index].type)
        except Refused:
            return self.states[-1]
        raise ValueError("the token is not refused")

    def _feed(self, index: int, terminal: str) -> None:
        """Reduce as far as `terminal` says, then shift it."""
        actions, gotos, rules = self._tables.actions, self._tables.gotos, self._tables.rules
        states, values, starts = self.states, self._values, self._starts
        shortcuts = self._tables.shortcuts
        build = self._actions
        end = self._tables.end
        while True:
            target = actions[states[-1]].get(terminal)
            if target is None:
                raise Refused(index)
            if target >= 0:
                token = self._tokens[index]
                states.append(target)
                values.append(token)
                starts.append(token)
                return
            name, origin, size, passes_on, melts = rules[~target]
            if passes_on:
                # The symbol keeps its value and start; only the state on top changes. An operand passes a dozen
                # levels of precedence this way, so where they end is remembered.
                key = (states[-2], states[-1], terminal)
                top = shortcuts.get(key)
                if top is None:
                    top = gotos[states[-2]][origin]
                    while (target := actions[top].get(terminal, 0)) < 0 and rules[~target][3]:
                        top = gotos[states[-2]][rules[~target][1]]
                    shortcuts[key] = top
                states[-1] = top
                continue
            if size:
                taken = values[-size:]
                first = starts[-size]
                del states[-size:], values[-size:], starts[-size:]
            else:
                taken = []
                first = self._tokens[index] if index < len(self._tokens) else self._last
            value: Any = None
            if build is not None:
                if melts:
                    value = _melt(taken)
                else:
                    for symbol in taken:
                        if type(symbol) is _Melting:
                            taken = _melt(taken)
                            break
                    value = build[name](taken, Span(first.line, first.column, first.start, self._last.end))
            states.append(gotos[states[-1]][origin])
            values.append(value)
            starts.append(first)
            if terminal == END and states[-1] == end:
                return

    def classify(self, index: int) -> str:
        """The terminal of a word, in the present state: a keyword where one can stand, otherwise a name."""
        word = self._tokens[index].text
        keyword = word.upper()
        tables = self._tables
        row = tables.actions[self.states[-1]]
        if "INTERVAL_UNIT" in row and word.lower() in UNITS:
            return "INTERVAL_UNIT"
        if "LITERAL_TYPE" in row and self._before(index, "string") and word.lower() in _LITERAL_TYPES:
            return "LITERAL_TYPE"
        if keyword not in tables.keywords:
            return "NAME"
        if keyword in tables.reserved:
            return keyword
        if keyword not in row:
            return "NAME"
        if "NAME" in row:
            before = _ONLY_BEFORE.get(keyword)
            if before is not None and not any(self._before(index, what) for what in before):
                return "NAME"
            if not self.accepts(keyword):
                return "NAME"
        return keyword

    def _split(self, index: int) -> Token:
        """Take `a <-1` as a comparison where no arrow can stand."""
        token = self._tokens[index]
        less, minus = (self._tables.symbols[symbol] for symbol in "<-")
        line, column, start = token.line, token.column, token.start
        self._tokens[index : index + 1] = [
            Token(less, "<", line, column, start, start + 1),
            Token(minus, "-", line, column + 1, start + 1, start + 2),
        ]
        return self._tokens[index]

    def _before(self, index: int, what: str) -> bool:
        """Whether the next token is a string, a number, a word, or this very word or symbol."""
        if index + 1 >= len(self._tokens):
            return False
        following = self._tokens[index + 1]
        if what == "string":
            return following.type == "STRING"
        if what == "number":
            return following.type in ("INT", "PARAMETER")
        if what == "word":
            return following.type in ("WORD", "NAME")
        return following.text.lower() == what

    def accepts(self, terminal: str) -> bool:
        """Whether the statement can go on with this terminal."""
        actions, gotos, rules = self._tables.actions, self._tables.gotos, self._tables.rules
        states = self.states
        below = len(states)  # states[:below] are still there, `above` has been pushed on them
        above: list[int] = []
        while True:
            target = actions[above[-1] if above else states[below - 1]].get(terminal)
            if target is None:
                return False
            if target >= 0:
                return True
            _name, origin, size, _passes_on, _melts = rules[~target]
            if size <= len(above):
                if size:
                    del above[-size:]
            else:
                below -= size - len(above)
                above.clear()
            state = gotos[above[-1] if above else states[below - 1]][origin]
            if terminal == END and state == self._tables.end:
                return True
            above.append(state)

    def name_roles(self) -> set[str]:
        """The rules that a name ends here, if one can stand here: what kind of thing it would name."""
        actions, gotos, rules = self._tables.actions, self._tables.gotos, self._tables.rules
        if not self.accepts("NAME"):
            return set()
        states = list(self.states)
        while (target := actions[states[-1]]["NAME"]) < 0:
            _name, origin, size, _passes_on, _melts = rules[~target]
            if size:
                del states[-size:]
            states.append(gotos[states[-1]][origin])
        named = actions[gotos[states[-1]]["name"]]
        roles = {rules[~target][1] for target in named.values() if target < 0}
        if self._tables.symbols["="] in named:
            roles.add("assignment")
        return roles

    def expected(self) -> set[str]:
        """All terminals that the statement can go on with."""
        return {terminal for terminal in self._tables.actions[self.states[-1]] if self.accepts(terminal)}


def _melt(symbols: list[Any]) -> _Melting:
    """Flatten; a repetition grows in place, or a list of n members would cost n² steps."""
    melted = symbols[0] if symbols and type(symbols[0]) is _Melting else _Melting(symbols[:1])
    for symbol in symbols[1:]:
        if type(symbol) is _Melting:
            melted.extend(symbol)
        else:
            melted.append(symbol)
    return melted


UNITS = frozenset(
    word
    for unit in "decade year quarter month week day hour minute second millisecond microsecond".split()
    for word in (unit, unit + "s")
) | {"century", "centuries", "millennium", "millennia"}
