"""When Enter runs a text."""

import pytest

from ngql.is_complete import is_complete


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n",
        "-- only a comment",
        "SELECT 1;",
        "SELECT 1; -- done",
        "SELECT ';';",
        "SELECT 1; SELECT 2;",
        "SELECT * FRO\n",  # nothing can make it right: the error is due
        "SELECT FROM FROM",
        "SELECT (1;",
        "SELECT 1 $",
        "SELECT " + "(" * 100_000,
    ],
)
def test_complete(text):
    assert is_complete(text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "SELECT key\nFROM tokens",
        "SELECT '",
        "SELECT ';",
        'SELECT ";',
        "/* ; ",
        "/* /* */ ;",
        "SELECT 1; SELECT 2",
        "SELECT CAST",
        "SELECT x::double",
        "SELECT 1 -- ;",
        "CONNECT 'a' TO",
        "MATCH (a)-[e]->",
    ],
)
def test_incomplete(text):
    assert not is_complete(text)
