"""`Database.check`: everything the store promises about its rows and its file, looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from ngql.check import check_rows
from ngql.store import outside_transaction

if TYPE_CHECKING:
    from ng_engine import RuntimeStorage

__all__ = ["Report", "check"]


class Report(TypedDict):
    """What `check` found.

    Attributes:
        ok: nothing is wrong, neither with the rows nor with the file.
        version: number of the commit whose rows were read.
        tokens: how many were read.
        connections: how many were read.
        replayed: how many commits of the log were replayed when this process opened the file: after a crash those
            that no checkpoint had taken in, after a clean close 0.
        findings: one line for each kind of damage: its place, and what is wrong there.
    """

    ok: bool
    version: int
    tokens: int
    connections: int
    replayed: int
    findings: list[str]


def check(engine: RuntimeStorage) -> Report:
    """Read the file, then every row, and compare them with what must hold.

    Args:
        engine: a session outside a transaction.

    Returns:
        The report; a file that cannot be read any more raises instead.
    """
    outside_transaction(engine, "CHECK STORE")
    damage = engine.check_file()
    findings, tokens, connections = check_rows(snapshot := engine.snapshot())
    found = [*damage, *findings]
    return Report(
        ok=not found,
        version=snapshot.version,
        tokens=tokens,
        connections=connections,
        replayed=engine.stats().get("replayed", 0),
        findings=[f"{place}: {problem}" for place, problem in found],
    )
