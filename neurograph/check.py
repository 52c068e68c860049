"""`Database.check`: everything the store promises about its rows, looked at row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np
import numpy.typing as npt

from ng_arrow.tables import stream_to_table

if TYPE_CHECKING:
    from ng_engine import RuntimeStorage

__all__ = ["Report", "check"]

_NAMED = 10  # how many offending ids a finding names


class Report(TypedDict):
    """What `check` found.

    Attributes:
        ok: nothing.
        version: number of the commit that was read.
        tokens: how many were read.
        connections: how many were read.
        findings: one line for each kind of damage, with the first few ids.
    """

    ok: bool
    version: int
    tokens: int
    connections: int
    findings: list[str]


def check(snapshot: RuntimeStorage) -> Report:
    """Read every row of one version and compare it with what must hold.

    Args:
        snapshot: the version.

    Returns:
        The report; reading damaged memory raises instead.
    """
    findings: list[str] = []
    tokens = stream_to_table(snapshot.scan("tokens", columns=["id", "key", "coords", "weight"]))
    ids = _ids(tokens, "id")
    _find(findings, "token ids do not rise", ids[1:][np.diff(ids) <= 0])
    coords = tokens.column("coords").combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(-1, 8)
    _find(findings, "tokens with a coordinate that is not finite", ids[~np.isfinite(coords).all(axis=1)])
    _keys(findings, snapshot, tokens.column("key").to_pylist(), ids)

    edges = stream_to_table(snapshot.scan("connections", columns=["id", "source", "target", "type"]))
    edge_ids = _ids(edges, "id")
    _find(findings, "connection ids do not rise", edge_ids[1:][np.diff(edge_ids) <= 0])
    ends = [_ids(edges, end) for end in ("source", "target")]
    for end, values in zip(("source", "target"), ends, strict=True):
        _find(findings, f"connections whose {end} is no token", edge_ids[~np.isin(values, ids)])
    _, types = np.unique(
        np.asarray(edges.column("type").to_pylist(), dtype=object).astype(str), return_inverse=True
    )
    triples = np.stack([*ends, types.astype(np.int64)], axis=1)
    _, first = np.unique(triples, axis=0, return_index=True)
    _find(findings, "connections of the same source, target and type", np.delete(edge_ids, first))

    for table, rows in (("tokens", len(ids)), ("connections", len(edge_ids))):
        counted = snapshot.count_tokens() if table == "tokens" else snapshot.count_connections()
        if counted != rows:
            findings.append(f"{counted} {table} are counted and {rows} are there")
    if not snapshot.validate_cdna():
        findings.append("rows are illegal under the profile in force")
    return Report(
        ok=not findings,
        version=snapshot.version,
        tokens=len(ids),
        connections=len(edge_ids),
        findings=findings,
    )


def _ids(table: Any, column: str) -> npt.NDArray[np.int64]:
    return np.asarray(table.column(column).to_numpy(), dtype=np.int64)


def _keys(
    findings: list[str], snapshot: RuntimeStorage, keys: list[str | None], ids: npt.NDArray[np.int64]
) -> None:
    owners = {key: int(id) for key, id in zip(keys, ids, strict=True) if key is not None}
    if len(owners) != sum(key is not None for key in keys):
        findings.append("several tokens share a key")
    found = snapshot.lookup("tokens", "key", list(owners), columns=["id", "key"]).rows()
    wrong = [id for id, key in found if owners.get(key) != id]
    missing = len(owners) - len(found)
    _find(findings, "keys that lead to another token", np.asarray(wrong, dtype=np.int64))
    if missing:
        findings.append(f"{missing} keys lead to no token")


def _find(findings: list[str], what: str, ids: npt.NDArray[np.int64]) -> None:
    if len(ids):
        named = ", ".join(map(str, ids[:_NAMED].tolist()))
        findings.append(f"{what}: {len(ids)} ({named}{', …' if len(ids) > _NAMED else ''})")
