"""Questions in space: what the engine or NGQL answers, and what brute force does.

`KINDS` names them; each is a function of who is asked and a `Draw`, and gives what was found and what was expected.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import oracle_space as oracle
import pyarrow as pa
from oracle_space import Answer, Metric, Rows
from space_draw import Draw, measured, speakable, sql

import neurograph as ng
from ng_engine import RuntimeStorage


@dataclass(frozen=True)
class Asked:
    """Who is asked: a session, and the database whose own it is, if any."""

    storage: RuntimeStorage
    db: ng.Database | None


Verdict = tuple[Answer, Answer]


def answer(result: Any) -> Answer:
    """The ids and distances of what a question gave."""
    table = pa.table(result)
    return table["id"].to_numpy(), table["distance"].to_numpy()


def _search(draw: Draw, *, k: bool, radius: bool) -> tuple[list[float], Metric, dict[str, Any]]:
    """A place, the metric in force, and the engine's options for the rest."""
    given = None if draw.chance(0.15) else draw.metric()
    metric, point, filter = given or draw.rows.metric, draw.point(), draw.filter()
    norm = draw.among([None, None, "l2", "l1"])
    options: dict[str, Any] = {"metric": given, "norm": norm, "filter": filter}
    if k:
        options |= {"k": draw.k(), "offset": draw.offset()}
    if radius:
        options["radius"] = draw.radius(point, metric, filter, norm)
    if len(draw.rows) and draw.chance(0.2):
        options["exclude"] = draw.token()
    draw.asked |= {"point": point, **options}
    return point, metric, options


def _expected(draw: Draw, point: list[float], metric: Metric, options: dict[str, Any]) -> Answer:
    return oracle.nearest(
        draw.rows, oracle.rounded(point), metric, **{n: v for n, v in options.items() if n != "metric"}
    )


def nearest(who: Asked, draw: Draw) -> Verdict:
    point, metric, options = _search(draw, k=True, radius=False)
    columns = draw.among([["id", "distance"], None]) if options["k"] <= 100 else ["id", "distance"]
    result = who.storage.nearest(point, **options, columns=columns)
    if columns is None:
        _compare_columns(draw.rows, pa.table(result))
    return answer(result), _expected(draw, point, metric, options)


def _compare_columns(rows: Rows, found: pa.Table) -> None:
    """Every column is that of the row with this id."""
    places = np.searchsorted(rows.id, found["id"].to_numpy())
    coords = found["coords"].combine_chunks().flatten().to_numpy().reshape(-1, 8)
    assert np.array_equal(coords, rows.points[:, places].T)
    assert np.array_equal(found["weight"].to_numpy(), rows.weight[places])
    assert found["type"].to_pylist() == rows.type[places].tolist()
    assert [key or "" for key in found["key"].to_pylist()] == rows.key[places].tolist()


def nearest_within(who: Asked, draw: Draw) -> Verdict:
    point, metric, options = _search(draw, k=True, radius=True)
    result = who.storage.nearest(point, **options, columns=["id", "distance"])
    return answer(result), _expected(draw, point, metric, options)


def within(who: Asked, draw: Draw) -> Verdict:
    point, metric, options = _search(draw, k=False, radius=True)
    result = who.storage.within(point, **options, columns=["id", "distance"])
    return answer(result), _expected(draw, point, metric, options)


def _batch(who: Asked, draw: Draw, *, radius: bool) -> Verdict:
    """Many points at once; more than sixteen are answered on every core."""
    point, metric, options = _search(draw, k=not radius, radius=radius)
    most = 20 if len(draw.rows) < 1000 or draw.chance(0.05) else 3
    points = [point] + [draw.point() for _ in range(int(draw.rng.integers(0, most)))]
    draw.asked |= {"points": points}
    ask = who.storage.within if radius else who.storage.nearest
    found = pa.table(ask(np.array(points), **options))
    answers = [_expected(draw, point, metric, options) for point in points]
    numbers = np.concatenate([np.full(len(ids), i) for i, (ids, _) in enumerate(answers)])
    assert np.array_equal(found["query"].to_numpy(), numbers)
    ids, distances = (np.concatenate(parts) for parts in zip(*answers, strict=True))
    return answer(found), (ids, distances)


def nearest_batch(who: Asked, draw: Draw) -> Verdict:
    return _batch(who, draw, radius=False)


def within_batch(who: Asked, draw: Draw) -> Verdict:
    return _batch(who, draw, radius=True)


def _corners(draw: Draw) -> tuple[list[float | None], list[float | None]]:
    """Two corners; a side is open, or has a coordinate of a row, or a number between."""
    a, b = np.sort([draw.point(), draw.point()], axis=0)
    sides = [[None if draw.chance(0.4) else float(side) for side in corner] for corner in (a, b)]
    return sides[0], sides[1]


def box(who: Asked, draw: Draw) -> Verdict:
    (low, high), filter = _corners(draw), draw.filter()
    page = draw.among([{}, {"limit": draw.k()}, {"limit": draw.k(), "offset": draw.offset()}])
    draw.asked |= {"low": low, "high": high, "filter": filter, **page}
    result = pa.table(who.storage.box(low, high, filter=filter, columns=["id"], **page))
    ids = _page(oracle.box(draw.rows, low, high, filter), page.get("limit"), page.get("offset", 0))
    return _without_distance(result["id"].to_numpy()), _without_distance(ids)


def _page(ids: Any, limit: int | None, offset: int) -> Any:
    return ids[offset : None if limit is None else offset + limit]


def _without_distance(ids: Any) -> Answer:
    return ids, np.zeros(len(ids))


def _in_the_session(
    who: Asked, draw: Draw, ask: Callable[[], list[tuple[int, float]]], metric: Metric
) -> Answer:
    """Ask where the metric can only be the session's: set for a transaction, or the profile's."""
    if metric is draw.rows.metric:
        pairs = ask()
    elif who.storage.in_transaction:
        who.storage.set_local_metric(metric)
        pairs = ask()
        who.storage.set_local_metric(None)
    else:
        who.storage.begin(read_only=True)
        who.storage.set_local_metric(metric)
        pairs = ask()
        who.storage.rollback()
    return np.array([i for i, _ in pairs], np.int64), np.array([d for _, d in pairs])


def _session_metric(who: Asked, draw: Draw) -> Metric:
    return draw.rows.metric if draw.chance(0.3) or who.storage.read_only else draw.metric()


def find_neighbors(who: Asked, draw: Draw) -> Verdict:
    if not len(draw.rows):
        return range_query(who, draw)
    token, metric = draw.token(), _session_metric(who, draw)
    point = draw.rows.points[:, np.searchsorted(draw.rows.id, token)]
    radius, most = draw.radius(point.tolist(), metric), draw.among([None, draw.k()])
    draw.asked |= {"token": token, "radius": radius, "max_results": most, "metric": metric}
    found = _in_the_session(
        who, draw, lambda: who.storage.find_neighbors(token, radius, max_results=most), metric
    )
    return found, oracle.nearest(draw.rows, point, metric, k=most, radius=radius, exclude=token)


def range_query(who: Asked, draw: Draw) -> Verdict:
    point, metric = draw.point(), _session_metric(who, draw)
    radius = draw.radius(point, metric)
    draw.asked |= {"point": point, "radius": radius, "metric": metric}
    found = _in_the_session(who, draw, lambda: who.storage.range_query(point, radius), metric)
    return found, oracle.nearest(draw.rows, oracle.rounded(point), metric, radius=radius)


def _where(draw: Draw, params: dict[str, Any]) -> tuple[Any, str]:
    filter = draw.filter()
    while not speakable(filter):
        filter = draw.filter()
    if filter is None:
        return None, ""
    text = (
        f"NOT {sql(filter, params, True)}"
        if filter[0] in ("and", "or") and draw.chance(0.3)
        else sql(filter, params)
    )
    return filter, f" WHERE {text}"


def _near(draw: Draw, params: dict[str, Any]) -> tuple[str, list[float], list[bool], dict[str, Any]]:
    """How the place is told: a token, a point, or one without some axes; which axes count."""
    counts = [True] * 8
    if len(draw.rows) and draw.chance(0.2):
        token = draw.token()
        place = int(np.searchsorted(draw.rows.id, token))
        params["q"] = draw.among([token, str(draw.rows.key[place]) or token])
        return "$q", draw.rows.points[:, place].tolist(), counts, {"exclude": token}
    point = draw.point()
    if draw.chance(0.4):
        counts = draw.rng.permutation(draw.rng.random(8) < 0.5).tolist()
        counts[int(draw.rng.integers(8))] = True
    if draw.chance(0.3) and not all(counts):
        named = ", ".join(f"l{axis + 1} => {point[axis]!r}" for axis in range(8) if counts[axis])
        return f"({named})", point, counts, {}
    params["q"] = [x if alive else None for x, alive in zip(point, counts, strict=True)]
    return "$q", point, counts, {}


def ngql_near(who: Asked, draw: Draw) -> Verdict:
    """`SELECT … NEAR … WITHIN … WHERE … USING CDNA … LIMIT … OFFSET …`, each part or not."""
    params: dict[str, Any] = {}
    near, point, counts, options = _near(draw, params)
    filter, where = _where(draw, params)
    metric, using = draw.rows.metric, ""
    if draw.chance(0.6):
        metric, using = draw.metric(), " USING CDNA (scale => $scale, period => $period)"
        params |= {"scale": metric[0], "period": metric[1]}
        filter = measured(filter, metric)
    metric = [s if alive else 0.0 for s, alive in zip(metric[0], counts, strict=True)], metric[1]
    if not any(metric[0]):
        return ngql_near(who, draw)
    options["filter"] = filter
    text, page = f"SELECT id, distance FROM tokens NEAR {near}", ""
    if draw.chance(0.5):
        options["radius"] = params["r"] = draw.radius(point, metric, filter)
        text += " WITHIN $r"
    if draw.chance(0.8):
        options["k"] = params["k"] = draw.k()
        page = " LIMIT $k"
    if draw.chance(0.3):
        options["offset"] = params["o"] = draw.offset()
        page += " OFFSET $o"
    text += where + using + page
    draw.asked |= {"text": text, "params": params}
    return answer(who.db.execute(text, params)), _expected(draw, point, metric, options)


def ngql_box(who: Asked, draw: Draw) -> Verdict:
    params: dict[str, Any] = {}
    low, high = _corners(draw)
    most = float(np.finfo(np.float32).max)
    low = (
        low if any(x is not None for x in low) else [-most, *low[1:]]
    )  # a corner that is open everywhere is refused
    high = high if any(x is not None for x in high) else [most, *high[1:]]
    filter, where = _where(draw, params)
    limit, page = None, ""
    if draw.chance(0.5):
        limit = params["k"] = draw.k()
        page = " LIMIT $k"
    params |= {"low": low, "high": high}
    text = f"SELECT id FROM tokens IN BOX $low TO $high{where}{page}"
    draw.asked |= {"text": text, "params": params}
    found = pa.table(who.db.execute(text, params))["id"].to_numpy()
    ids = _page(oracle.box(draw.rows, low, high, filter), limit, 0)
    return _without_distance(found), _without_distance(ids)


KINDS: dict[str, Callable[[Asked, Draw], Verdict]] = {
    "nearest": nearest,
    "within": within,
    "nearest within": nearest_within,
    "box": box,
    "find_neighbors": find_neighbors,
    "range_query": range_query,
    "nearest batch": nearest_batch,
    "within batch": within_batch,
    "NGQL NEAR": ngql_near,
    "NGQL IN BOX": ngql_box,
}
SPOKEN = ("NGQL NEAR", "NGQL IN BOX")
