from collections.abc import Iterator

import numpy as np
import pytest

import neurograph as ng


@pytest.fixture
def db() -> Iterator[ng.Database]:
    """An empty store."""
    with ng.connect() as database:
        yield database


@pytest.fixture
def words(db: ng.Database) -> ng.Database:
    """Five tokens on the first axis and a chain of connections between them."""
    db.tokens.create_many(
        {
            "key": ["a", "b", "c", "d", "e"],
            "type": ["object", "event", "object", "event", "state"],
            "coords": np.array([[i, 0, 0, 0, 0, 0, 0, 0] for i in range(5)], dtype=float),
            "weight": [0.1, 0.2, 0.3, 0.4, 0.5],
            "props": [{"n": 1}, None, {"n": [2, {"x": None}]}, None, None],
        }
    )
    db.connections.create_many({"source": ["a", "b", "c"], "target": ["b", "c", "d"], "type": ["cause"] * 3})
    return db
