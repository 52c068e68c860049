"""Turns the lines that a campaign has written into a table of docs/reliability.md: `crash_report.py LINES DOCUMENT`."""

from __future__ import annotations

import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- figures: written by `make soak` -->\n", "<!-- end of figures -->"


def main(lines: Path, document: Path) -> None:
    """Replace what stands between the two marks; and write the figures beside the lines, as one JSON document."""
    sums: dict[str, dict[str, Any]] = {}
    for line in lines.read_text("utf-8").splitlines():
        figure = json.loads(line)
        sum_ = sums.setdefault(figure["harness"], {"harness": figure.pop("harness")})
        for name, value in figure.items():
            sum_[name] = round(sum_.get(name, 0) + value, 1)
    figures = list(sums.values())
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    lines.with_suffix(".json").write_text(
        json.dumps({"machine": machine, "figures": figures}, ensure_ascii=False, indent=1) + "\n", "utf-8"
    )
    rows = []
    for figure in figures:
        counts = {k: v for k, v in figure.items() if k not in ("harness", "seconds")}
        what = " · ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in counts.items())
        rows.append(f"| {figure['harness']} | {what} | {figure['seconds']:,.0f} |")
    seconds = sum(figure["seconds"] for figure in figures)
    table = "\n".join(["| harness | done | seconds |", "|---|---|---:|", *rows])
    text = document.read_text("utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    if not tail:
        raise SystemExit(f"{document} has no place for the figures")
    said = f"One campaign on {machine}, {seconds:,.0f} seconds of work in all; every line of it passed.\n\n{table}\n"
    document.write_text(f"{head}{BEGIN}\n{said}\n{END}{tail}", "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
