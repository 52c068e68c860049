"""The parser tables: made by Lark from `grammar/ngql.lark`, then kept as plain dictionaries.

Making them takes about a second, so they are kept in the user's cache directory, under a name that changes with the
grammar. Once cached, parsing never imports Lark.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import sys
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["END", "GRAMMAR", "Rule", "Tables", "build", "load"]

GRAMMAR = Path(__file__).parent / "grammar" / "ngql.lark"
END = "$END"
"""The terminal after the last token."""

_FORMAT = b"1"  # of the file; a part of its name
_KEYWORD = re.compile(r"([a-z_]+)\\b")
_RESERVED = re.compile(r"\(\?!\(\?:([a-z|]+)\)\\b\)")

Rule = tuple[str, str, int, bool, bool]
"""`(action, origin, size, passes_on, melts)`: the action's name; the symbol it makes; how many symbols it takes;
whether a single symbol is passed on as it is; whether the symbol melts into its parent."""


@dataclass(frozen=True, slots=True)
class Tables:
    """An LALR(1) automaton and the words of the language.

    Attributes:
        actions: per state and terminal, the next state (>= 0), or `~rule` of the rule to reduce (< 0).
        gotos: per state and rule symbol, the next state.
        rules: what a reduction does.
        start: the first state.
        end: the state in which a whole statement has been read.
        keywords: terminals that are words, in upper case.
        reserved: the keywords that are never names.
        symbols: the terminal of each operator and bracket.
        shortcuts: where runs of passing reductions end; filled in by use, never more than the automaton holds.
    """

    actions: list[dict[str, int]]
    gotos: list[dict[str, int]]
    rules: list[Rule]
    start: int
    end: int
    keywords: frozenset[str]
    reserved: frozenset[str]
    symbols: dict[str, str]
    shortcuts: dict[tuple[int, int, str], int] = field(default_factory=dict)


@cache
def load() -> Tables:
    """The tables of the language; made once a process, read from the cache where there is one."""
    text = GRAMMAR.read_bytes()
    tag = hashlib.sha256(text + _FORMAT).hexdigest()[:16]
    path = _cache_directory() / f"ngql-{tag}.json"
    tables = _read(path)
    if tables is None:
        tables = build(text.decode())
        _write(path, tables)
    return tables


def _cache_directory() -> Path:
    configured = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(configured) if os.path.isabs(configured) else Path("~/.cache").expanduser()
    return base / "neurograph"


def build(grammar: str) -> Tables:
    """Make the tables from the text of a grammar.

    Raises:
        lark.GrammarError: the grammar has a conflict.
    """
    from lark import Lark
    from lark.parsers.lalr_analysis import Shift

    made: Any = Lark(grammar, parser="lalr", lexer="basic", keep_all_tokens=True, maybe_placeholders=False)
    table = made.parser.parser._parse_table
    numbers = {state: number for number, state in enumerate(table.states)}
    rules: dict[Any, int] = {}
    actions: list[dict[str, int]] = []
    gotos: list[dict[str, int]] = []
    nonterminals = {str(rule.origin.name) for rule in made.rules}
    for state in table.states.values():
        row: dict[str, int] = {}
        goto: dict[str, int] = {}
        for symbol, (action, argument) in state.items():
            if symbol in nonterminals:
                goto[sys.intern(symbol)] = numbers[argument]
            elif action is Shift:
                row[sys.intern(symbol)] = numbers[argument]
            else:
                row[sys.intern(symbol)] = ~rules.setdefault(argument, len(rules))
        actions.append(row)
        gotos.append(goto)
    words = [_word(terminal.pattern.value) for terminal in made.terminals]
    name = next(t.pattern.value for t in made.terminals if t.name == "NAME")
    reserved = _RESERVED.search(name)
    if reserved is None:
        raise ValueError("the NAME terminal lists no reserved words")
    return Tables(
        actions=actions,
        gotos=gotos,
        rules=[_rule(rule) for rule in rules],
        start=numbers[table.start_states["start"]],
        end=numbers[table.end_states["start"]],
        keywords=frozenset(word.upper() for word in words if word is not None),
        reserved=frozenset(word.upper() for word in reserved[1].split("|")),
        symbols={t.pattern.value: t.name for t in made.terminals if t.pattern.type == "str"},
    )


def _rule(rule: Any) -> Rule:
    origin = str(rule.origin.name)
    size = len(rule.expansion)
    melts = origin.startswith("_")
    passes_on = size == 1 and (melts or (rule.options.expand1 and not rule.alias))
    return (str(rule.alias or origin), origin, size, bool(passes_on and not melts), melts)


def _word(pattern: str) -> str | None:
    match = _KEYWORD.fullmatch(pattern)
    return None if match is None else match[1]


def _read(path: Path) -> Tables | None:
    """Tables from the cache; None when there are none, or they are damaged (they are then made again)."""
    try:
        fields = json.loads(path.read_bytes())
        fields["rules"] = [tuple(rule) for rule in fields["rules"]]
        fields["keywords"] = frozenset(fields["keywords"])
        fields["reserved"] = frozenset(fields["reserved"])
        return Tables(**fields)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(path: Path, tables: Tables) -> None:
    """Keep the tables for the next process; a place that cannot be written only costs that process its time."""
    fields = {name: getattr(tables, name) for name in Tables.__slots__ if name != "shortcuts"}
    fields["keywords"] = sorted(tables.keywords)
    fields["reserved"] = sorted(tables.reserved)
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(fields, separators=(",", ":")))
        partial.replace(path)
