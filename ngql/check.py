"""What a store promises about its rows, looked at row by row; what its file promises is the engine's to check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from ng_arrow.tables import stream_to_table
from ngql.engine import Engine

__all__ = ["Finding", "check_rows"]

Finding = tuple[str, str]
"""(place, problem): `tokens`, `connections` or `profile`, and what is wrong there with the first few ids."""

_NAMED = 10  # how many offending ids a finding names
_AT_ONCE = 65_536  # keys a look-up

_Ids = npt.NDArray[np.int64]
_Tell = Callable[[str, _Ids], None]


def check_rows(snapshot: Engine) -> tuple[list[Finding], int, int]:
    """Read every row of one version and compare it with what must hold.

    Args:
        snapshot: the version; a session that stays at it.

    Returns:
        What was found, and how many tokens and connections were read.
    """
    findings: list[Finding] = []

    def teller(table: str) -> _Tell:
        def tell(problem: str, ids: _Ids) -> None:
            if len(ids):
                named = ", ".join(map(str, ids[:_NAMED].tolist()))
                more = ", …" if len(ids) > _NAMED else ""
                findings.append((table, f"{problem}: {len(ids)} (id {named}{more})"))

        return tell

    tokens = _tokens(snapshot, teller("tokens"))
    connections = _connections(snapshot, teller("connections"), tokens)
    for table, ids in (("tokens", tokens), ("connections", connections)):
        counted = snapshot.count("tokens" if table == "tokens" else "connections")
        if counted != len(ids):
            findings.append((table, f"{counted} are counted and {len(ids)} are there"))
    if not snapshot.validate_cdna():
        findings.append(("profile", "rows are illegal under the profile in force"))
    return findings, len(tokens), len(connections)


def _tokens(snapshot: Engine, tell: _Tell) -> _Ids:
    table = stream_to_table(snapshot.scan("tokens", columns=["id", "key", "coords"]))
    ids = _ids(table, "id")
    tell("ids do not rise", ids[1:][np.diff(ids) <= 0])
    coords = table.column("coords").combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(-1, 8)
    tell("a coordinate is not finite", ids[~np.isfinite(coords).all(axis=1)])
    keys = table.column("key").to_pylist()
    owners = {key: id for key, id in zip(keys, ids.tolist(), strict=True) if key is not None}
    shared = [id for key, id in zip(keys, ids.tolist(), strict=True) if key is not None and owners[key] != id]
    tell("another token has the same key", np.asarray(shared, dtype=np.int64))
    astray = []
    for start in range(0, len(keys), _AT_ONCE):
        asked = {key: owners[key] for key in keys[start : start + _AT_ONCE] if key is not None}
        found = dict(snapshot.lookup("tokens", "key", list(asked), columns=["key", "id"]).rows())
        astray += [id for key, id in asked.items() if found.get(key) != id]
    tell("the key does not lead to the token", np.asarray(astray, dtype=np.int64))
    return ids


def _connections(snapshot: Engine, tell: _Tell, tokens: _Ids) -> _Ids:
    table = stream_to_table(snapshot.scan("connections", columns=["id", "source", "target", "type"]))
    ids = _ids(table, "id")
    tell("ids do not rise", ids[1:][np.diff(ids) <= 0])
    source, target = _ids(table, "source"), _ids(table, "target")
    for end, values in (("source", source), ("target", target)):
        tell(f"the {end} is no token", ids[~np.isin(values, tokens)])
    names = table.unify_dictionaries().column("type").combine_chunks()
    kind = np.asarray(names.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
    order = np.lexsort((ids, kind, target, source))
    same = np.ones(max(len(ids) - 1, 0), dtype=bool)
    for column in (source, target, kind):
        same &= np.diff(column[order]) == 0
    tell("another connection has the same source, target and type", ids[order[1:][same]])
    return ids


def _ids(table: Any, column: str) -> _Ids:
    return np.asarray(table.column(column).to_numpy(), dtype=np.int64)
