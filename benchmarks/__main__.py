"""The command: `python -m benchmarks [--quick] [--only NAME …] [--output FILE]`."""

from __future__ import annotations

import os

# Before NumPy and the peers are loaded: the single queries compared here run on one thread.
os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import bulk, report, rows, space, statements
from benchmarks.report import Section

SECTIONS: dict[str, Callable[[bool], Section]] = {
    "nearest": space.nearest,
    "within": space.within,
    "rows": rows.section,
    "bulk": bulk.section,
    "statements": statements.section,
}
REPORT = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def main(arguments: list[str]) -> None:
    """Run the sections asked for and write the report; a quick or partial run only prints unless told where to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="little data, few rounds: proves that it works")
    parser.add_argument(
        "--only", nargs="+", choices=list(SECTIONS), metavar="NAME", help=f"of {', '.join(SECTIONS)}"
    )
    parser.add_argument("--output", type=Path, help=f"the report; docs/{REPORT.name} after a full run")
    options = parser.parse_args(arguments)
    names = options.only or list(SECTIONS)
    sections = []
    for name in names:
        print(f"{name} …", file=sys.stderr, flush=True)
        section = SECTIONS[name](options.quick)
        print(report.markdown(section), flush=True)
        sections.append(section)
    output = options.output
    if output is None and not options.quick and not options.only:
        output = REPORT
    if output is not None:
        command = " ".join(["python -m benchmarks", *arguments])
        output.write_text(report.document(sections, command), encoding="utf-8")
        print(f"written: {output}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
