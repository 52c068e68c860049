"""What EXPLAIN shows of a pattern: as it is written, and the conditions that the engine's walk takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ngql.program import EngineCall

__all__ = ["pattern_shown"]


def pattern_shown(call: EngineCall, filter_text: Callable[[Any], str]) -> dict[str, Any]:
    """The arguments of a `match_paths`, for people; conditions with parameters are in the pattern alone."""
    shown: dict[str, Any] = {"table": call.table}
    if call.span is not None and call.span.line:
        shown["pattern"] = " ".join(call.text[call.span.start : call.span.end].split())
    for name, what in (("nodes", "token"), ("edges", "connection")):
        for number, part in enumerate(call.fixed.get(name, ()), 1):
            if "filter" in part:
                shown[f"filter of {what} {number}"] = filter_text(part["filter"])
    return shown | {name: call.fixed[name] for name in ("limit",) if name in call.fixed}
