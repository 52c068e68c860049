"""13,374 English words as people rated them, asked from Python.

python examples/words.py        prints the answers and draws build/beach.svg
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import words_data
import words_map

import neurograph as ng

PICTURE = Path("build/beach.svg")
FEELING = "(1, 1, 1, 0, 0, 0, 0, 0)"
SENSES = "(0, 0, 0, 1, 1, 1, 1, 1)"


def load(db: ng.Database) -> None:
    """Put the words into the store and connect each to its five nearest, each in one commit."""
    ids = db.tokens.create_many(words_data.load())
    woven = db.execute("CONNECT (SELECT id FROM tokens WHERE type = 'word') TO NEAREST 5 AS similar")
    print(f"{len(ids):,} words, {woven.rowcount:,} connections\n")


def words(result: ng.Result) -> str:
    """The keys of a result and how far each is: `grill 0.84, playground 1.01`."""
    return ", ".join(f"{row['key']} {row['distance']:.2f}" for row in result.dicts())


def near(db: ng.Database) -> None:
    """Neighbours of one word, under other metrics, and from a place where no word stands."""
    nearest = "SELECT key, distance FROM tokens NEAR $q"
    beach = db.runtime.point("beach")
    sadder = beach - 2 * np.eye(8)[words_data.AXES.index("valence")]
    print("near beach:      ", words(db.execute(f"{nearest} LIMIT 6", {"q": "beach"})))
    print("two sd sadder:   ", words(db.execute(f"{nearest} LIMIT 6", {"q": sadder})))
    for name, scale in [("by feeling only: ", FEELING), ("by senses only:  ", SENSES)]:
        answer = db.execute(f"{nearest} USING CDNA (scale => {scale}) LIMIT 6", {"q": "beach"})
        print(name, words(answer))
    print("in a dark mood:  ", words(db.tokens.nearest("beach", k=6, where="valence < -1")), "\n")


def paths(db: ng.Database) -> None:
    """Ways from word to word over the woven connections."""
    for start, end in [("thunder", "silence"), ("grief", "joy"), ("war", "peace")]:
        steps = db.graph.path(start, end, via=["similar"]).dicts()
        print(" → ".join(step["key"] for step in steps))
    print()


def relational(db: ng.Database) -> None:
    """A result is a table for DuckDB, pandas and polars as it is."""
    result = db.execute("SELECT key, distance, valence, arousal FROM tokens NEAR 'thunder' WITHIN 3")
    total = db.tokens.count()
    print(f"{len(result)} words within 3 of thunder; {result.rows_examined:,} of {total:,} examined")
    print(
        result.sql("""
            SELECT CASE WHEN valence < 0 THEN 'unpleasant' ELSE 'pleasant' END AS mood,
                   count(*) AS words, round(avg(arousal), 2) AS arousal, min_by(key, distance) AS nearest
            FROM result GROUP BY mood ORDER BY words DESC
        """)
    )
    print("calmest:", ", ".join(result.pl().sort("arousal")["key"].head(6)), "\n")


def draw(db: ng.Database) -> None:
    """A map of the 60 words around beach and the connections among them."""
    around = db.tokens.nearest("beach", k=60).arrow()
    beach = db.execute("SELECT id, key, coords, 0.0 AS distance FROM tokens WHERE key = 'beach'").arrow()
    rows = beach.to_pylist() + around.select(["id", "key", "coords", "distance"]).to_pylist()
    edges = db.execute(
        "SELECT source, target FROM connections WHERE source IN $ids AND target IN $ids",
        {"ids": [row["id"] for row in rows]},
    )
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(words_map.svg(rows, edges.fetchall()), encoding="utf-8")
    print(f"{PICTURE}: {len(rows)} words, {len(edges)} connections")


def main() -> None:
    """Run the whole tour in memory."""
    with ng.connect(axes=words_data.AXES) as db:
        load(db)
        near(db)
        paths(db)
        relational(db)
        draw(db)


if __name__ == "__main__":
    main()
