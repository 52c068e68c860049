"""The gate: `python -m benchmarks.instructions [--accept]` counts the instructions of the engine's hot paths.

Callgrind runs `benchmarks/hot_paths`, and what an operation of each path takes is compared with the baseline in
`instructions.json`. The exit code is 1 when a path takes over 5 % more, or is another one than in the baseline.
`--accept` makes what was counted the baseline.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
BASELINE = Path(__file__).with_name("instructions.json")
# Callgrind's profiles stay there, one a path, for `callgrind_annotate`.
PROFILES = ROOT / "build" / "instructions"
LIMIT = 0.05
CRATE = "hot-paths"
# The function of it inside which instructions are counted.
MEASURED = "hot_path"


@dataclass(frozen=True, slots=True)
class Count:
    """What a path takes and gives."""

    instructions: int
    """An operation's."""
    gave: int
    """Rows (or bytes) of all operations together: another number means that the path does something else."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted, and what it depends on besides the source."""

    circumstances: dict[str, str]
    """Versions and CPU features; counts under others are not comparable."""
    paths: dict[str, Count]


def build() -> Path:
    """Compile the paths in the profile of the wheel; the executable."""
    # With the bindings named too, dependencies have the features that they were compiled with for the wheel.
    packages = ["--package", CRATE, "--package", "ng-bindings", "--bin", CRATE]
    command = [
        "cargo",
        "build",
        "--locked",
        "--release",
        *packages,
        "--message-format=json-render-diagnostics",
    ]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    (made,) = (m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == CRATE)
    return Path(made)


def count(executable: Path) -> Counts:
    """Run every path under callgrind."""
    shutil.rmtree(PROFILES, ignore_errors=True)
    PROFILES.mkdir(parents=True)
    parts = PROFILES / "part"
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={parts}"]
    counting = [f"--toggle-collect={MEASURED}", f"--dump-after={MEASURED}"]
    # The environment lies on the stack, and variables change how memory is allotted: there are no others.
    environment = {name: os.environ[name] for name in ("PATH", "VALGRIND_LIB") if name in os.environ}
    environment["RAYON_NUM_THREADS"] = "1"
    # Callgrind takes each byte that `rep movsb` copies for an instruction; without ERMS memory is copied by vectors.
    environment["GLIBC_TUNABLES"] = "glibc.cpu.hwcaps=-ERMS"
    done = subprocess.run(
        [*valgrind, *counting, str(executable)], env=environment, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise SystemExit(f"the paths failed:\n{done.stdout}{done.stderr}")
    features, *lines = done.stdout.splitlines()
    paths = {}
    for number, line in enumerate(lines, 1):
        name, operations, gave = line.split("\t")
        profile = Path(f"{parts}.{number}").read_text("utf-8")
        paths[name] = Count(round(total(profile) / int(operations)), int(gave))
        # Calls that began before are counted as none here, and callgrind_annotate takes their cost for the caller's.
        readable = profile.replace("\ncalls=0 ", "\ncalls=1 ")
        (PROFILES / (re.sub(r"\W+", "-", name.lower()) + ".callgrind")).write_text(readable, "utf-8")
    for part in PROFILES.glob(f"{parts.name}*"):
        part.unlink()
    return Counts(circumstances(features), paths)


def total(profile: str) -> int:
    """All instructions of a profile that was written when the counted function ended."""
    trigger = re.search(r"^desc: Trigger: (.*)$", profile, re.MULTILINE)
    if trigger is None or trigger[1] != f"--dump-after={MEASURED}":
        raise SystemExit(f"callgrind has not seen {MEASURED}: {trigger and trigger[1]}")
    found = re.search(r"^totals: (\d+)$", profile, re.MULTILINE)
    if found is None or found[1] == "0":
        raise SystemExit("callgrind has counted nothing")
    return int(found[1])


def circumstances(features: str) -> dict[str, str]:
    """What counts depend on besides the source; CPU features are those that valgrind shows to a program."""

    def ask(*command: str) -> str:
        return subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout

    rust = dict(
        line.split(": ", 1) for line in ask("rustc", "--version", "--verbose").splitlines() if ": " in line
    )
    return {
        "rustc": f"{rust['release']} ({rust['commit-hash'][:9]})",
        "target": rust["host"],
        "valgrind": ask("valgrind", "--version").strip().removeprefix("valgrind-"),
        "libc": " ".join(platform.libc_ver()),
        "cpu": features,
    }


def problems(baseline: Mapping[str, Count], now: Mapping[str, Count]) -> list[str]:
    """What is worse than in the baseline, or cannot be compared with it; a sentence each."""
    found = [f"{name}: it is gone" for name in baseline if name not in now]
    for name, count in now.items():
        before = baseline.get(name)
        if before is None:
            found.append(f"{name}: the baseline does not have it")
        elif before.gave != count.gave:
            found.append(f"{name}: it gave {before.gave:,} and gives {count.gave:,}: it does something else")
        elif change(before, count) > LIMIT:
            found.append(f"{name}: {change(before, count):+.1%} instructions")
    return found


def improvements(baseline: Mapping[str, Count], now: Mapping[str, Count]) -> list[str]:
    """Paths so much better that the baseline would no longer guard them."""
    return [name for name, before in baseline.items() if name in now and change(before, now[name]) < -LIMIT]


def change(before: Count, now: Count) -> float:
    """By which share there are more instructions now."""
    return (now.instructions - before.instructions) / before.instructions


def table(baseline: Mapping[str, Count], now: Mapping[str, Count]) -> str:
    """A line a path: instructions of an operation then and now, and the difference."""
    width = max(map(len, now))
    lines = [f"{'instructions an operation':{width}}  {'baseline':>13}  {'now':>13}  change"]
    for name, count in now.items():
        before = baseline.get(name)
        then, by = (f"{before.instructions:,}", f"{change(before, count):+.1%}") if before else ("", "")
        lines.append(f"{name:{width}}  {then:>13}  {count.instructions:>13,}  {by:>6}")
    return "\n".join(lines)


def read(text: str) -> Counts:
    """What [`write`] has written."""
    stored = json.loads(text)
    return Counts(stored["circumstances"], {name: Count(**count) for name, count in stored["paths"].items()})


def write(counts: Counts) -> str:
    """As JSON, a line a path, so that a change of one is a change of one line."""
    paths = [f"    {json.dumps(name)}: {json.dumps(asdict(count))}" for name, count in counts.paths.items()]
    stored = json.dumps({"circumstances": counts.circumstances}, indent=2).removesuffix("\n}")
    return stored + ',\n  "paths": {\n' + ",\n".join(paths) + "\n  }\n}\n"


def main(arguments: list[str]) -> int:
    """Count, compare, tell; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--accept", action="store_true", help="make what is counted the baseline")
    accept = parser.parse_args(arguments).accept
    if shutil.which("valgrind") is None:
        print("Instructions were NOT counted: there is no valgrind on the PATH.", file=sys.stderr)
        return 1 if accept else 0
    baseline = read(BASELINE.read_text("utf-8")) if BASELINE.exists() else Counts({}, {})
    now = count(build())
    print(table(baseline.paths, now.paths))
    if accept:
        BASELINE.write_text(write(now), "utf-8")
        print(f"\nThat is the baseline now: {BASELINE.relative_to(ROOT)}")
        return 0
    again = "make instructions-accept takes the baseline anew."
    if others := {k: v for k, v in now.circumstances.items() if baseline.circumstances.get(k) != v}:
        then = {name: baseline.circumstances.get(name) for name in others}
        print(f"\nNOT compared: the baseline is of {then}, this is {others}. {again}", file=sys.stderr)
        return 0
    if better := improvements(baseline.paths, now.paths):
        print(f"\nMore than {LIMIT:.0%} better: {'; '.join(better)}. {again}")
    if worse := problems(baseline.paths, now.paths):
        print(
            f"\nWorse than the baseline allows ({LIMIT:.0%}), or another path:",
            *worse,
            sep="\n  ",
            file=sys.stderr,
        )
        print(f"If that is meant, {again} Profiles: {PROFILES.relative_to(ROOT)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
