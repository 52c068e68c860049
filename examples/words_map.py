"""A map of words as an SVG picture: eight axes laid flat by their two principal components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

WIDTH, HEIGHT, MARGIN = 1200, 800, 100
LETTER, LINE = 7.0, 14.0  # about the size of a label's letters, in pixels


def flat(points: np.ndarray) -> np.ndarray:
    """N×8 points → N×2 pixel positions: the plane on which they spread most, filling the picture."""
    centred = points - points.mean(axis=0)
    plane = np.linalg.svd(centred, full_matrices=False)[2][:2]
    spread = centred @ plane.T
    low, high = spread.min(axis=0), spread.max(axis=0)
    room = np.array([WIDTH, HEIGHT]) - 2 * MARGIN
    placed: np.ndarray = MARGIN + (spread - low) / (high - low) * room
    return placed


def colour(valence: float) -> str:
    """Blue for the saddest, grey for the average word, orange for the happiest."""
    t = max(-1.0, min(1.0, valence / 2))
    end = (230, 120, 20) if t > 0 else (40, 90, 200)
    return "#" + "".join(f"{round(150 + (channel - 150) * abs(t)):02x}" for channel in end)


def svg(rows: Sequence[dict[str, Any]], edges: Sequence[tuple[int, int]]) -> str:
    """Draw words and the connections among them.

    Args:
        rows: id, key, coords (first axis: valence) and distance of each word; the first is the centre.
        edges: pairs of ids.

    Returns:
        An SVG document. A label that would cover another is left to the dot's tooltip.
    """
    at = dict(zip((row["id"] for row in rows), flat(np.array([row["coords"] for row in rows])), strict=True))
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="20" y="30" font-size="18">Words near “{escape(rows[0]["key"])}”</text>',
        '<text x="20" y="50" font-size="12" fill="#777">orange: pleasant, blue: unpleasant; '
        "lines: among each other's five nearest</text>",
    ]
    for source, target in edges:
        (x1, y1), (x2, y2) = at[source], at[target]
        out.append(f'<line x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}" stroke="#ddd"/>')
    taken: list[tuple[float, float, float]] = []
    for i, row in enumerate(rows):
        x, y = at[row["id"]]
        key = escape(row["key"])
        out.append(
            f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{9 if i == 0 else 5}" fill="{colour(row["coords"][0])}">'
            f"<title>{key} {row['distance']:.2f}</title></circle>"
        )
        width = LETTER * len(row["key"])
        if all(abs(y - b) > LINE or x + width < a or a + w < x for a, b, w in taken):
            taken.append((x, y, width))
            weight = ' font-weight="bold"' if i == 0 else ""
            out.append(f'<text x="{x + 10:.0f}" y="{y + 4:.0f}" font-size="13"{weight}>{key}</text>')
    return "\n".join([*out, "</svg>", ""])
