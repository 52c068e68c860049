"""What may stand at the cursor: keywords from the parser's state, names from the catalog."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Protocol

from ng_engine.errors import Error
from ngql import functions, tables
from ngql.automaton import Automaton, Refused
from ngql.format.registry import quote
from ngql.scan import Token, lexemes, scan

__all__ = ["Completion", "Names", "complete"]

Kind = Literal["form", "column", "table", "function", "argument", "type", "profile", "axis", "keyword"]

_FORMS = ("tokens NEAR", "tokens IN BOX", "NEIGHBORS OF", "PATH FROM", "SPREAD FROM")
_HOP = {"e": "connections", "u": "tokens", "v": "tokens"}
_ENDS_COST = frozenset(
    "VIA OUT IN BOTH MAX WHERE ORDER USING LIMIT OFFSET FETCH UNION EXCEPT INTERSECT".split()
)
# By the rule that the name would end.
_ROLES: dict[str, tuple[Kind, ...]] = {
    "name_path": ("column", "function"),
    "name_list": ("column",),
    "assignment": ("column",),
    "qualified_name": ("table",),
    "labels": ("type",),
    "connect_type_opt": ("type",),
    "profile": ("profile",),
    "validate_profile": ("profile",),
    "drop_profile": ("profile",),
}


class _Table(Protocol):
    @property
    def shown(self) -> Mapping[str, str]: ...
    @property
    def hidden(self) -> Mapping[str, str]: ...


class Names(Protocol):
    """What `complete` asks of a catalog; `ngql.Catalog` has it."""

    @property
    def axes(self) -> tuple[str, ...]:
        """The store's axis names."""

    @property
    def tables(self) -> Mapping[str, _Table]:
        """Tables and their columns, by name."""

    @property
    def connection_types(self) -> frozenset[str]:
        """Names of connection types."""

    @property
    def profiles(self) -> frozenset[str]:
        """Names of profiles."""


@dataclass(frozen=True, slots=True)
class Completion:
    """Replace the text from `start` to the cursor by `text`."""

    text: str
    start: int
    kind: Kind


def complete(text: str, cursor: int, catalog: Names) -> list[Completion]:
    """What could be typed at the cursor.

    Args:
        text: everything typed, of which only the statement around the cursor matters.
        cursor: a character offset in `text`.
        catalog: the names of the store.

    Returns:
        Completions of the word before the cursor, the likeliest kinds first; none inside strings, comments,
        parameters and numbers, and none after a syntax error.
    """
    found = _statement(text, cursor)
    if found is None:
        return []
    begin, start, end = found
    prefix = text[start:cursor]
    language = tables.load()
    try:
        tokens = scan(text[begin:start], language.symbols)
        automaton = Automaton(language, tokens)
        automaton.run(len(tokens))
    except (Error, Refused):
        return []
    around = _words(text[begin:end])
    completions: dict[str, Completion] = {}
    for kind, name in _candidates(automaton, tokens, around, catalog):
        written = name if kind in ("argument", "form", "keyword") else quote(name)
        if kind in ("form", "keyword") and prefix.islower():
            written = written.lower()
        if written.lower().startswith(prefix.lower()) and written != prefix:
            completions.setdefault(written, Completion(written, start, kind))
    return list(completions.values())


def _statement(text: str, cursor: int) -> tuple[int, int, int] | None:
    """Where the statement around the cursor begins, where the word before the cursor begins, where it all ends."""
    begin, start, end = 0, cursor, len(text)
    for kind, first, last in lexemes(text):
        if first >= cursor:
            if kind == "symbol" and text[first] == ";":
                end = first
                break
            continue
        if kind == "symbol" and text[first] == ";":
            begin = last
        touches = first < cursor <= last
        if touches and kind == "word":
            start = first
        elif (first < cursor < last and kind != "blank") or (
            touches and kind not in ("blank", "symbol", "block", "string", "quoted")
        ):
            return None
    return begin, start, end


def _words(statement: str) -> list[str]:
    """Its words and dots, folded; enough to find tables and their aliases."""
    words = []
    for kind, start, end in lexemes(statement):
        if kind == "word":
            words.append(statement[start:end].lower())
        elif kind == "quoted":
            words.append(statement[start + 1 : end - 1].replace('""', '"'))
        elif kind not in ("blank", "comment", "block"):
            words.append("" if statement[start:end] != "." else ".")
    return words


def _candidates(
    automaton: Automaton, tokens: list[Token], around: list[str], catalog: Names
) -> Iterator[tuple[Kind, str]]:
    expected = automaton.expected()
    last = tokens[-1] if tokens else None
    if last is not None and last.type == "SELECT":
        for form in _FORMS:
            yield "form", form
    if last is not None and last.text in ("(", ","):
        expected = expected - {"VIA"}  # which names an argument here
        yield from (("argument", name) for name in _arguments(tokens))
    kinds: list[Kind] = []
    roles = automaton.name_roles()
    for role in sorted(roles):
        kinds += _ROLES.get(role, ())
    if last is not None and last.type in ("SCALE", "FLAG"):
        kinds = ["axis"] if last.type == "SCALE" else []
    sources = _sources(around, catalog)
    in_cost = _in_cost(tokens)
    if last is not None and last.text == "." and len(tokens) > 1:
        qualifier = tokens[-2].text.lower()
        sources = _HOP if in_cost else sources
        if qualifier in sources:
            yield from (("column", name) for name in sorted(_columns([sources[qualifier]], catalog)))
        return
    for kind in dict.fromkeys(kinds):
        if in_cost:
            names: Iterable[str] = _HOP if kind == "column" else functions.COST
        else:
            names = _named(kind, sources, around, catalog)
        yield from ((kind, name) for name in sorted(names))
    if "function_name" in roles and "name_path" not in roles:
        yield from (("function", name) for name in sorted(functions.TABLE_FUNCTIONS | functions.GRAPH.keys()))
    yield from (("keyword", word) for word in sorted(expected & tables.load().keywords))


def _arguments(tokens: list[Token]) -> Iterator[str]:
    """The arguments of the table function around the cursor that have not been given."""
    depth = 0
    for place in range(len(tokens) - 1, 0, -1):
        depth += {")": -1, "]": -1, "(": 1, "[": 1}.get(tokens[place].text, 0)
        if depth > 0:
            called = functions.GRAPH.get(tokens[place - 1].text.lower())
            given = {token.text.lower() for token, after in pairwise(tokens[place:]) if after.text == "=>"}
            yield from sorted(called.arguments.keys() - given if called is not None else ())
            return


def _in_cost(tokens: list[Token]) -> bool:
    """Whether the statement goes on in the expression of a COST."""
    for token in reversed(tokens):
        if token.type == "COST":
            return True
        if token.type in _ENDS_COST:
            return False
    return False


def _named(kind: Kind, sources: dict[str, str], around: list[str], catalog: Names) -> Iterable[str]:
    match kind:
        case "column":
            computed = {"near": "distance", "neighbors": "depth", "spread": "activation"}
            columns = _columns(dict.fromkeys(sources.values()) or ("tokens", "connections"), catalog)
            return columns | {name for word, name in computed.items() if word in around}
        case "table":
            return catalog.tables
        case "function":
            return functions.names()
        case "type":
            return catalog.connection_types
        case "profile":
            return catalog.profiles
        case _:
            return catalog.axes


def _columns(names: Iterable[str], catalog: Names) -> set[str]:
    found: set[str] = set()
    for name in names:
        table = catalog.tables.get(name)
        if table is not None:
            found.update(table.shown, table.hidden)
    return found


def _sources(words: list[str], catalog: Names) -> dict[str, str]:
    """Tables of the statement, by their names and aliases."""
    reserved = tables.load().reserved
    sources: dict[str, str] = {}
    for index, word in enumerate(words):
        if word not in catalog.tables or (index and words[index - 1] == "."):
            continue
        sources.setdefault(word, word)
        following = words[index + 1 : index + 3]
        if following[:1] == ["as"]:
            del following[0]
        if following and following[0].isidentifier() and following[0].upper() not in reserved:
            sources.setdefault(following[0], word)
    return sources
