"""The command: `python -m benchmarks [NAME …] [--quick] [--seconds N] [--directory DIR] [--output FILE]`."""

from __future__ import annotations

import os

# Before NumPy and the peers are loaded: the single queries compared here run on one thread.
os.environ["OMP_NUM_THREADS"] = "1"

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import batches, bulk, durable, graph, report, rows, space, statements, updates, weights
from benchmarks.options import Options
from benchmarks.report import Section

ROOT = Path(__file__).parent.parent
REPORT = ROOT / "docs" / "benchmarks.md"


def _in_memory(section: Callable[[bool], Section]) -> Callable[[Options], Section]:
    return lambda options: section(options.quick)


SECTIONS: dict[str, Callable[[Options], Section]] = {
    "nearest": _in_memory(space.nearest),
    "within": _in_memory(space.within),
    "batches": _in_memory(batches.section),
    "weights": _in_memory(weights.section),
    "updates": _in_memory(updates.section),
    "rows": _in_memory(rows.section),
    "bulk": _in_memory(bulk.section),
    "statements": _in_memory(statements.section),
    **graph.SECTIONS,
    **durable.SECTIONS,
}
GROUPS = {"graph": list(graph.SECTIONS), "durable": list(durable.SECTIONS)}


def main(arguments: list[str]) -> None:
    """Run the sections asked for and write the report; a quick or partial run only prints unless told where to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    known = [*SECTIONS, *GROUPS]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}; all by default")
    parser.add_argument("--quick", action="store_true", help="little data, few rounds: proves that it works")
    parser.add_argument(
        "--seconds",
        type=float,
        default=60.0,
        help="how long several processes read and write beside each other",
    )
    parser.add_argument(
        "--directory",
        type=Path,
        default=ROOT / "build",
        help="for the files of stores: on the disk to measure",
    )
    parser.add_argument("--output", type=Path, help=f"the report; docs/{REPORT.name} after a full run")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(known):
        parser.error(f"no section is called {', '.join(sorted(unknown))}")
    names = [name for asked in options.names or SECTIONS for name in GROUPS.get(asked, [asked])]
    sections = []
    for name in dict.fromkeys(names):
        print(f"{name} …", file=sys.stderr, flush=True)
        section = SECTIONS[name](Options(options.quick, options.seconds, options.directory))
        print(report.markdown(section), flush=True)
        sections.append(section)
    output = options.output
    if output is None and not options.quick and not options.names:
        output = REPORT
    if output is not None:
        command = " ".join(["python -m benchmarks", *arguments])
        output.write_text(report.document(sections, command), encoding="utf-8")
        print(f"written: {output}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
