"""PEP 249."""

import concurrent.futures
import datetime
from pathlib import Path

import pytest

import neurograph as ng
from neurograph import dbapi

INSERT = "INSERT INTO tokens (key, coords) VALUES (?, ?)"
ZERO = [0.0] * 8


def test_module() -> None:
    assert (dbapi.apilevel, dbapi.threadsafety, dbapi.paramstyle) == ("2.0", 2, "qmark")
    assert ng.dbapi is dbapi and dbapi.Error is ng.Error
    for name in ("InterfaceError", "DatabaseError"):
        assert issubclass(getattr(dbapi, name), dbapi.Error)
    for name in (
        "DataError",
        "OperationalError",
        "IntegrityError",
        "InternalError",
        "ProgrammingError",
        "NotSupportedError",
    ):
        assert issubclass(getattr(dbapi, name), dbapi.DatabaseError)
        assert getattr(dbapi.Connection, name) is getattr(dbapi, name)
    assert issubclass(ng.NgqlSyntaxError, dbapi.ProgrammingError) and issubclass(dbapi.Warning, Exception)
    assert dbapi.Date(2026, 1, 2) == datetime.date(2026, 1, 2) and dbapi.Binary(b"x") == b"x"
    assert dbapi.TimestampFromTicks(0) == datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    assert isinstance(dbapi.DateFromTicks(0), datetime.date) and isinstance(
        dbapi.TimeFromTicks(0), datetime.time
    )


def test_cursor(db: ng.Database) -> None:
    cursor = db.cursor()
    assert (
        cursor.description is None
        and cursor.rowcount == -1
        and cursor.fetchall() == []
        and cursor.connection is db
    )
    assert (
        cursor.execute(INSERT, ["a", ZERO]) is cursor and cursor.rowcount == 1 and cursor.description is None
    )
    assert cursor.fetchone() is None and cursor.lastrowid is None
    cursor.executemany(INSERT, [(k, ZERO) for k in "bcd"])
    assert cursor.rowcount == 3 and cursor.description is None
    cursor.execute("SELECT id, key, weight, created_at, coords FROM tokens ORDER BY id")
    assert cursor.description is not None and [d[0] for d in cursor.description] == [
        "id",
        "key",
        "weight",
        "created_at",
        "coords",
    ]
    kinds = [d[1] for d in cursor.description]
    assert kinds[0] == dbapi.NUMBER == kinds[2] and kinds[0] == dbapi.ROWID and kinds[1] == dbapi.STRING
    assert kinds[3] == dbapi.DATETIME and kinds[4] != dbapi.NUMBER and kinds[1] != dbapi.BINARY
    assert all(len(d) == 7 for d in cursor.description)
    assert cursor.fetchone()[:2] == (1, "a")  # type: ignore[index]
    assert [row[1] for row in cursor.fetchmany()] == ["b"]
    cursor.arraysize = 5
    assert [row[1] for row in cursor.fetchmany()] == ["c", "d"]
    assert cursor.fetchone() is None and list(cursor) == []
    assert [row[0] for row in cursor.execute("SELECT key FROM tokens ORDER BY key")] == list("abcd")
    assert cursor.result is not None and cursor.result.arrow().num_rows == 4
    cursor.setinputsizes([1])
    cursor.setoutputsize(1)
    with pytest.raises(dbapi.ProgrammingError):
        cursor.execute("SELECT nope FROM tokens")
    assert cursor.fetchall() == [] and cursor.rowcount == -1


def test_closed_cursor(db: ng.Database) -> None:
    with db.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(INSERT, ["a", ZERO])
    cursor.close()
    for use in (
        lambda: cursor.execute("SELECT 1"),
        cursor.fetchone,
        cursor.fetchall,
        lambda: cursor.executemany("SELECT ?", [[1]]),
    ):
        with pytest.raises(dbapi.InterfaceError):
            use()
    assert db.tokens.count() == 0, "its open transaction is undone"
    db.tokens.create(coords=ZERO)


def test_connections_commit_and_roll_back() -> None:
    connection = dbapi.connect()
    cursor = connection.cursor()
    cursor.execute(INSERT, ["a", ZERO])
    connection.commit()
    connection.commit()
    cursor.execute(INSERT, ["b", ZERO])
    assert connection.execute("SELECT count(*) FROM tokens").fetchone() == (2,), "cursors share a session"
    connection.rollback()
    assert connection.execute("SELECT count(*) FROM tokens").fetchone() == (1,)
    connection.rollback()
    connection.execute("BEGIN")
    connection.executemany(INSERT, [["c", ZERO]])
    assert connection.database.tokens.count() == 1, "not committed yet"
    connection.commit()
    assert connection.database.tokens.count() == 2
    connection.close()
    connection.close()
    with pytest.raises(dbapi.InterfaceError):
        connection.cursor()
    with pytest.raises(dbapi.InterfaceError):
        cursor.execute("SELECT 1")
    with pytest.raises(dbapi.InterfaceError):
        connection.commit()


def test_connection_as_context() -> None:
    with dbapi.connect() as connection:
        connection.execute(INSERT, ["a", ZERO])
        database = connection.database
        connection.commit()
        connection.execute(INSERT, ["b", ZERO])
        assert database.tokens.count() == 1
    with pytest.raises(KeyError), dbapi.connect() as connection:
        raise KeyError


def test_errors_name_the_class(db: ng.Database) -> None:
    cursor = db.cursor()
    cursor.execute(INSERT, ["a", ZERO])
    for statement, parameters, error in (
        (INSERT, ["a", ZERO], dbapi.IntegrityError),
        (INSERT, ["b", [0.0] * 7], dbapi.DataError),
        (INSERT, ["b"], dbapi.ProgrammingError),
        ("SELEC", None, dbapi.ProgrammingError),
        ("ATTACH 'other.ng' AS o", None, dbapi.NotSupportedError),
    ):
        with pytest.raises(error):
            cursor.execute(statement, parameters)


def test_what_is_part_of_no_transaction_opens_none(tmp_path: Path) -> None:
    with dbapi.connect(tmp_path / "world.ng") as connection:
        connection.execute("SET synchronous = normal")
        assert connection.execute("show synchronous").fetchall() == [("normal",)]
        assert connection.execute(" CHECK STORE;").fetchall() == []
        connection.execute("vacuum")
        connection.execute(f"BACKUP TO '{tmp_path}/copy.ng'")
        connection.execute("SET CDNA PROFILE explorer")
        connection.execute(INSERT, ["a", ZERO])
        with pytest.raises(dbapi.OperationalError) as caught:
            connection.execute("VACUUM")
        assert caught.value.sqlstate == "25001"
        connection.rollback()
        assert connection.execute("SELECT name FROM cdna_profiles WHERE active").fetchall() == [("default",)]
        connection.execute("SET LOCAL CDNA PROFILE creative")
        connection.execute(INSERT, ["b", ZERO])
        connection.commit()
    with dbapi.connect(tmp_path / "world.ng", read_only=True) as connection:
        assert connection.execute("SELECT key FROM tokens").fetchall() == [("b",)]


def test_two_threads_on_one_cursor_do_no_harm(db: ng.Database) -> None:
    db.tokens.create_many([{"key": f"k{i}", "coords": ZERO} for i in range(500)])
    cursor = db.cursor()

    def work(_: int) -> None:
        for _ in range(50):
            cursor.execute("SELECT id, key FROM tokens")
            while (row := cursor.fetchone()) is not None:
                assert row[1] == f"k{row[0] - 1}"
                if row[0] > 20:
                    break

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(2)))
    assert db.execute("SELECT count(*) FROM tokens").fetchone() == (500,)
