"""What the processes do that the crash tests start, stop, kill and fork: `python crash_jobs.py JOB ARGUMENT…`.

`nursery` imports the SDK once and forks a process for every line of JSON it reads, before any file is open in it:
so a process costs milliseconds. Acknowledgements are written after the call has returned, never before.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import sqlite3
import sys
import threading
import time
from typing import Any

import neurograph as ng
from neurograph import Error

ORIGIN = [0.0] * 8
KEYS = [f"k{n}" for n in range(12)]


# ---- histories: the commit with a number is a function of (seed, number), here and in the process that checks

Rows = dict[str, Any]


def empty() -> Rows:
    """The model: tokens by key, and connections by (source, target)."""
    return {"tokens": {}, "connections": {}}


def planned(seed: int, number: int) -> list[tuple[Any, ...]]:
    """What commit `number` does: one to four changes."""
    rng = random.Random(f"{seed}-{number}")
    changes: list[tuple[Any, ...]] = []
    for _ in range(rng.randint(1, 4)):
        kind = rng.choice(["put", "put", "put", "delete", "connect", "connect", "disconnect", "sql"])
        key, other = rng.choice(KEYS), rng.choice(KEYS)
        value = {"n": number, "text": "ü" * rng.choice([0, 5, 2000])}
        changes.append((kind, key, other, rng.randint(0, 64) / 64, value))
    return changes


def model_of(rows: Rows, seed: int, number: int) -> Rows:
    """The model after that commit."""
    tokens, connections = dict(rows["tokens"]), dict(rows["connections"])
    for kind, key, other, weight, value in planned(seed, number):
        if kind == "put":
            tokens[key] = (weight, value)
        elif kind == "sql" and key in tokens:
            tokens[key] = (weight, tokens[key][1])
        elif kind == "delete" and tokens.pop(key, None):
            connections = {ends: w for ends, w in connections.items() if key not in ends}
        elif kind == "connect" and key in tokens and other in tokens:
            connections.setdefault((key, other), weight)
        elif kind == "disconnect":
            connections.pop((key, other), None)
    return {"tokens": tokens, "connections": connections}


def apply(db: ng.Database, seed: int, number: int) -> None:
    """Do it: one transaction."""
    with db.transaction():
        for kind, key, other, weight, value in planned(seed, number):
            if kind == "put":
                if not db.tokens.update(key, weight=weight, props=value):
                    db.tokens.create(key=key, coords=ORIGIN, weight=weight, props=value)
            elif kind == "sql":
                db.execute("UPDATE tokens SET weight = $w WHERE key = $k", {"w": weight, "k": key})
            elif kind == "delete":
                db.tokens.delete(key)
            elif db.tokens.get(key) and db.tokens.get(other):
                between = set(db.connections.of(key, "out")) & set(db.connections.of(other, "in"))
                if kind == "connect" and not between:
                    db.connections.create(key, other, weight=weight)
                for connection in between if kind == "disconnect" else ():
                    db.connections.delete(connection)


def held(db: ng.Database) -> Rows:
    """Everything in the store, as the model has it."""
    tokens = db.execute("SELECT id, key, weight, props FROM tokens").fetchall()
    names = {row[0]: row[1] for row in tokens}
    for identity, key, *_ in tokens:
        found = db.tokens.get(key)
        assert found is not None and found["id"] == identity, f"{key} is not found by its key"
    connections = db.execute("SELECT source, target, weight FROM connections").fetchall()
    for token in names:
        outward = len(db.connections.of(token, "out"))
        assert outward == sum(source == token for source, *_ in connections), "the graph index is wrong"
    return {
        "tokens": {key: (weight, props) for _, key, weight, props in tokens},
        "connections": {(names[source], names[target]): weight for source, target, weight in connections},
    }


def told(lines: list[str]) -> dict[str, Any]:
    """What `dump` tells, as the model has it."""
    tokens, connections = json.loads(lines[-1])
    return {
        "tokens": {key: (weight, props) for key, (weight, props) in tokens},
        "connections": {tuple(ends): weight for ends, weight in connections},
    }


# ---- jobs


def say(what: object) -> None:
    """One line to whoever listens, at once."""
    os.write(1, f"{what}\n".encode())


def history(path: str, seed: str, number: str, synchronous: str = "full") -> None:
    """Commit for ever."""
    db = ng.connect(path, synchronous=synchronous)
    at = int(number)
    say("ready")
    while True:
        apply(db, int(seed), at)
        at += 1
        say(at)
        if at % 50 == 0:
            db.checkpoint()


def commit(path: str, seed: str, number: str, count: str) -> None:
    """Open, do some commits of a history, close."""
    with ng.connect(path) as db:
        for at in range(int(number), int(number) + int(count)):
            apply(db, int(seed), at)
            say(at + 1)


def put(path: str, key: str, weight: str) -> None:
    """Set one token."""
    with ng.connect(path) as db:
        fields: Rows = {"weight": float(weight), "props": {"w": float(weight)}}
        if not db.tokens.update(key, **fields):
            db.tokens.create(key=key, coords=ORIGIN, **fields)


def dump(path: str) -> None:
    """Tell what a store holds."""
    with ng.connect(path) as db:
        rows = held(db)
        say(json.dumps([sorted(rows["tokens"].items()), sorted(rows["connections"].items())]))


def hold(path: str) -> None:
    """Write and keep the lock."""
    db = ng.connect(path)
    db.execute("BEGIN")
    db.tokens.create(key="never", coords=ORIGIN)
    say("holding")
    time.sleep(600)


def meddle(path: str, seed: str) -> None:
    """Hold the store, and treat its file as anybody may: hash it, copy it, open it with SQLite; then wait to be killed.

    Every line read from stdin is an order: ``commit N``, ``hash`` or ``sqlite``.
    """
    db = ng.connect(path)
    say("ready")
    for line in sys.stdin:
        order, _, argument = line.strip().partition(" ")
        if order == "commit":
            apply(db, int(seed), int(argument))
        elif order == "hash":
            for name in (path, f"{path}-wal", f"{path}-shm", f"{path}-mark"):
                if os.path.exists(name):
                    with open(name, "rb") as file:
                        hashlib.sha256(file.read()).digest()
        else:
            foreign = sqlite3.connect(path)
            foreign.execute("SELECT count(*) FROM sqlite_master").fetchall()
            foreign.close()
        say("done")


def write_pairs(path: str, board: str, writer: str, count: str) -> None:
    """Raise the number in two rows in one transaction, for ever; the acknowledged one stands on the board."""
    import numpy as np

    acknowledged = np.memmap(board, dtype=np.int64, mode="r+")
    mine, last = int(writer), int(count)
    db = ng.connect(path, busy_timeout=60)
    names = [f"w{mine}a", f"w{mine}b"]
    row = db.tokens.get(names[0])
    if row is None:
        with db.transaction():
            for name in names:
                db.tokens.create(key=name, coords=ORIGIN, props={"n": 0})
    at = 0 if row is None else row["props"]["n"]
    say("ready")
    while last == 0 or at < last:
        at += 1
        with db.transaction():
            for name in names:
                db.tokens.update(name, props={"n": at})
        acknowledged[mine] = at
    db.close()


def read_pairs(path: str, board: str, writers: str, seconds: str) -> None:
    """Read the pairs: never torn, never older than what was acknowledged before the statement began."""
    import numpy as np

    acknowledged = np.memmap(board, dtype=np.int64, mode="r")
    db = ng.connect(path)
    until = time.monotonic() + float(seconds)
    say("ready")
    statements, newest = 0, [0] * int(writers)
    while time.monotonic() < until:
        before = [int(acknowledged[w]) for w in range(int(writers))]
        rows = db.execute("SELECT key, props FROM tokens").fetchall()
        if statements % 16 == 0:
            with db.transaction(read_only=True):
                rows = db.execute("SELECT key, props FROM tokens").fetchall()
                time.sleep(0.001)
                assert rows == db.execute("SELECT key, props FROM tokens").fetchall(), "a snapshot moved"
        values = {key: props["n"] for key, props in rows}
        for writer in range(int(writers)):
            first, second = values.get(f"w{writer}a"), values.get(f"w{writer}b")
            assert first == second, f"a torn pair: {first} and {second}"
            assert (first or 0) >= before[writer], f"{first} is older than the acknowledged {before[writer]}"
            assert (first or 0) >= newest[writer], "time ran backwards"
            newest[writer] = first or 0
        statements += 1
    say(json.dumps({"statements": statements, "newest": newest}))
    db.close()


def fork(path: str) -> None:
    """A child inherits an open store: its calls are refused and touch nothing, a store of its own works."""
    db = ng.connect(path, busy_timeout=0.2)
    other = ng.connect(path)
    db.tokens.create(key="before", coords=ORIGIN)
    result = db.execute("SELECT key FROM tokens")
    with db.transaction():
        db.tokens.create(key="within", coords=ORIGIN)
        child = os.fork()
        if child == 0:
            refused = 0
            for call in (
                lambda: db.tokens.create(key="child", coords=ORIGIN),
                lambda: db.execute("SELECT count(*) FROM tokens").fetchall(),
                lambda: db.tokens.get("before"),
                lambda: db.execute("COMMIT"),
                lambda: db.checkpoint(),
                lambda: other.tokens.count(),
            ):
                try:
                    call()
                except Error as error:
                    assert error.sqlstate == "08003", error
                    refused += 1
            say(f"refused {refused}")
            db.close()
            own = ng.connect(path, busy_timeout=0.2)
            say(f"sees {own.tokens.count()}")
            try:
                own.tokens.create(key="blocked", coords=ORIGIN)
            except Error as error:
                say(f"blocked {error.sqlstate} {str(os.getppid()) in str(error)}")
            del db, other, result
            say("child done")
            sys.exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        db.tokens.create(key="after", coords=ORIGIN)
    child = os.fork()
    if child == 0:
        with ng.connect(path) as own:
            own.tokens.create(key="of the child", coords=ORIGIN)
        sys.exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert db.tokens.get("of the child") is not None or time.sleep(0.002) or db.tokens.get("of the child")
    db.tokens.create(key="last", coords=ORIGIN)
    say(sorted(key for (key,) in db.execute("SELECT key FROM tokens").fetchall()))


def leave(path: str, how: str) -> None:
    """End in some way with a commit made and a transaction open."""
    db = ng.connect(path)
    db.tokens.create(key="kept", coords=ORIGIN)
    result = db.execute("SELECT * FROM tokens")
    if how != "plain":
        db.execute("BEGIN")
        db.tokens.create(key="lost", coords=ORIGIN)
    if how == "exit":
        sys.exit(3)
    if how == "hard":
        os._exit(4)
    if how == "thread":

        def work() -> None:
            for n in range(1_000_000):
                db.tokens.create(key=f"t{n}", coords=ORIGIN)

        db.execute("ROLLBACK")
        threading.Thread(target=work, daemon=True).start()
        time.sleep(0.05)
    if how == "iterating":
        iterator = iter(result)
        next(iterator)
        globals()["kept_alive"] = (db, iterator)
    if how == "atexit":
        import atexit

        db.execute("ROLLBACK")
        atexit.register(lambda: db.tokens.create(key="at exit", coords=ORIGIN))
    if how == "term":
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(5))
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)


def nursery() -> None:
    """Fork a process for each order ``{"job", "arguments", "stdin", "stdout"}``; answer with its number."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with ng.connect() as db:
        # What a process does only once, such as reading the grammar, is done before they are forked.
        apply(db, 1, 0)
        db.execute("UPDATE tokens SET weight = $w WHERE key = $k", {"w": 0.5, "k": "none"})
        held(db)
    say("ready")
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child:
            say(child)
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(os.open(order["stdout"], os.O_WRONLY | os.O_APPEND | os.O_CREAT), 1)
        try:
            JOBS[order["job"]](*order["arguments"])
            say("end")
        except BaseException as error:
            say(f"failed {type(error).__name__}: {error}")
        os._exit(0)


JOBS = {
    job.__name__: job
    for job in (history, commit, put, dump, hold, meddle, write_pairs, read_pairs, fork, leave, nursery)
}

if __name__ == "__main__":
    JOBS[sys.argv[1]](*sys.argv[2:])
