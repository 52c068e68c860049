"""Text into trees: every construct, places, limits, and texts that must not hurt."""

import copy
import dataclasses
import pickle
import sys
import threading
import time
from pathlib import Path

import pytest

from ng_engine.errors import DataError, Error, NgqlSyntaxError, ProgrammingError
from ngql import ast
from ngql.parse import parse, statements

EXAMPLES = [statement for statement, _ in statements((Path(__file__).parent / "examples.ngql").read_text())]


def expression(text):
    """The tree of one expression."""
    return parse(f"SELECT {text}").body.items[0].value


def refusal(text):
    """The error of a text."""
    with pytest.raises(Error) as caught:
        parse(text)
    return caught.value


def test_the_examples_are_all_there():
    assert len(EXAMPLES) > 190
    assert len({type(parse(example)) for example in EXAMPLES}) > 35


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_parses(example):
    statement = parse(example)
    assert statement.span.start == 0
    assert statement.span.end == len(example)


# ---------------------------------------------------------------- trees


def test_near_is_a_head_with_point_and_radius():
    select = parse("SELECT tokens NEAR (.1,*,.3) WITHIN 0.5 WHERE weight > .2").body
    assert isinstance(select.head, ast.TokensForm)
    near = select.head.form
    assert isinstance(near, ast.Near)
    assert near.target == ast.Row((ast.Real(0.1, ".1"), ast.Star(), ast.Real(0.3, ".3")))
    assert near.radius == ast.Real(0.5, "0.5")
    assert isinstance(select.where, ast.Comparison)
    assert select.items == () and select.sources == ()


def test_box_head_and_box_condition():
    head = parse("SELECT tokens IN BOX (0,0) TO (1,1)").body.head
    assert isinstance(head, ast.TokensForm) and isinstance(head.form, ast.Box)
    where = parse("SELECT id FROM tokens WHERE coords IN BOX (0,0) TO (1,1)").body.where
    assert isinstance(where, ast.InBox)
    source = parse("SELECT id FROM tokens IN BOX (0,0) TO (1,1)").body.sources[0].source
    assert isinstance(source.form, ast.Box)


def test_partial_point():
    target = parse("SELECT tokens NEAR (emotional => .9, social => $s)").body.head.form.target
    assert [item.name.value for item in target.items] == ["emotional", "social"]


def test_neighbors_settings_in_any_order():
    head = parse("SELECT NEIGHBORS OF 'beach' VIA similar|\"and\" BOTH DEPTH 1..3 NEAR $q WITHIN 2").body.head
    assert head.of == ast.String("beach")
    assert head.depth == (ast.Integer(1), ast.Integer(3))
    assert [name.value for name in head.via] == ["similar", "and"]
    assert head.direction == "both"
    assert head.form.radius == ast.Integer(2)


def test_path_and_paths():
    one = parse("SELECT PATH FROM 'a' TO $b VIA x MAX DEPTH 8").body.head
    assert (one.count, one.max_depth, one.target) == (None, ast.Integer(8), ast.Parameter("b", "named"))
    assert parse("SELECT 3 PATHS FROM 'a' TO 'b' COST e.weight").body.head.count == ast.Integer(3)


def test_a_distance_may_be_a_cost_without_parentheses():
    bare, bracketed = (parse(f"SELECT PATH FROM 1 TO 2 COST {cost} IN").body.head for cost in
                       ("u.coords <-> v.coords", "(u.coords <-> v.coords)"))  # fmt: skip
    assert bare == bracketed and bare.cost.operator == "<->" and bare.direction == "in"
    edge = parse("MATCH (a)-[e COST a.coords <-> b.coords]->(b) RETURN 1").body.head.patterns[0].elements[1]
    assert edge.cost.operator == "<->" and edge.direction == "out"


def test_order_limit_and_profile_belong_to_the_query():
    query = parse(
        "SELECT tokens NEAR $q ORDER BY key DESC NULLS LAST USING CDNA PROFILE Explorer LIMIT 3 OFFSET 2"
    )
    assert query.using_cdna.profile == ast.Name("explorer")
    assert (query.limit, query.offset) == (ast.Integer(3), ast.Integer(2))
    assert query.order_by[0].descending and query.order_by[0].nulls == "last"


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("a OR b AND NOT c", "a OR (b AND (NOT c))"),
        ("a = b AND c", "(a = b) AND c"),
        ("a = b IS NULL", "(a = b) IS NULL"),
        ("NOT a = b", "NOT (a = b)"),
        ("a <-> b < .5", "(a <-> b) < .5"),
        ("a || b + c * d", "a || (b + (c * d))"),
        ("-a ^ 2", "(-a) ^ 2"),
        ("-a::int", "-(a::int)"),
        ("a BETWEEN 1 AND 2 AND c", "(a BETWEEN 1 AND 2) AND c"),
        ("a <-1", "a < -1"),
        ("a-1", "a - 1"),
        ("SUM(a)", "sum(a)"),
        ("a != b", "a <> b"),
        ("CAST(a AS Float[8])", "a::float[8]"),
    ],
)
def test_precedence(text, same):
    assert expression(text) == expression(same)


def test_chains_are_flat():
    assert len(expression(" AND ".join(["a"] * 5000)).terms) == 5000
    assert len(expression(" OR ".join(["a = 1"] * 3000)).terms) == 3000
    assert len(expression(" - ".join(["1"] * 5000)).links) == 4999
    assert len(parse(" UNION ".join(["SELECT 1"] * 1000)).body.steps) == 999
    assert len(parse("SELECT * FROM t" + " CROSS JOIN t" * 1000).body.sources[0].joins) == 1000


def test_parentheses_leave_no_node_but_make_a_chain_of_its_own():
    assert expression("((a))") == expression("a")
    assert isinstance(expression("(a + b) + c"), ast.Binary)
    assert isinstance(expression("a + b + c"), ast.Chain)


def test_rows_points_and_scalars():
    assert isinstance(expression("(1)"), ast.Integer)
    assert isinstance(expression("(1, 2)"), ast.Row)
    assert isinstance(expression("(*)"), ast.Row)
    assert isinstance(expression("(SELECT 1)"), ast.Subquery)
    assert isinstance(expression("((SELECT 1))"), ast.Subquery)


def test_names_fold_unless_quoted():
    assert expression('T."Weird ""Name"""') == ast.ColumnRef((ast.Name("t"), ast.Name('Weird "Name"')))


def test_strings():
    assert expression("'it''s'") == ast.String("it's")
    assert expression("'-- no /* comment'") == ast.String("-- no /* comment")
    assert expression("'a\nb'") == ast.String("a\nb")


def test_comments_nest():
    assert expression("1 /* a /* b */ c */ + -- d\n 2") == expression("1 + 2")


def test_parameters_are_numbered_in_order_of_the_text():
    row = expression("(?, f(?), CASE WHEN ? THEN ? END)")
    found = [node.name for node, _ in ast.walk(row) if isinstance(node, ast.Parameter)]
    assert found == [1, 2, 3, 4]
    assert expression("$2") == ast.Parameter(2, "numbered")


def test_soft_keywords_are_names_where_no_keyword_can_stand():
    select = parse("SELECT cost, depth, path, interval, date FROM box AS steps WHERE array = cast").body
    assert [item.value.parts[0].value for item in select.items] == [
        "cost",
        "depth",
        "path",
        "interval",
        "date",
    ]
    assert select.sources[0].source.alias == ast.Name("steps")


def test_copy_options_take_bare_words():
    copy = parse("COPY tokens FROM 'words.parquet' (ON_ERROR skip, REJECTS 'r.parquet', HEADER)")
    assert [(option.name.value, option.value) for option in copy.options] == [
        ("on_error", ast.String("skip")),
        ("rejects", ast.String("r.parquet")),
        ("header", None),
    ]


def test_explain_analyze_may_stand_among_the_options():
    assert parse("EXPLAIN ANALYZE SELECT 1") == parse("EXPLAIN (ANALYZE) SELECT 1")
    assert [option.name.value for option in parse("EXPLAIN (DESUGAR) SELECT 1").options] == ["desugar"]


def test_redundant_parentheses_around_queries_vanish():
    assert parse("((SELECT 1))") == parse("SELECT 1")
    assert isinstance(parse("(SELECT 1 LIMIT 1) UNION SELECT 2").body.first, ast.Query)


def test_match():
    select = parse(
        "MATCH p = ANY SHORTEST (a NEAR $q LIMIT 5)<-[e IS x|y WHERE e.weight > .5]-{1,3}(b) RETURN b.key"
    ).body
    (pattern,) = select.head.patterns
    assert pattern.variable == ast.Name("p") and pattern.selector.kind == "any shortest"
    node, edge, _ = pattern.elements
    assert node.limit == ast.Integer(5)
    assert edge.direction == "in" and edge.quantifier == ast.Quantifier(ast.Integer(1), ast.Integer(3))


# ---------------------------------------------------------------- places


def test_spans_name_line_column_and_offsets():
    text = "SELECT\n\tkey,\n  weight * 2 AS w\nFROM tokens"
    items = parse(text).body.items
    assert items[0].span == ast.Span(2, 2, 8, 11)
    assert items[1].value.span == ast.Span(3, 3, 15, 25)
    assert text[items[1].span.start : items[1].span.end] == "weight * 2 AS w"


def test_spans_do_not_count_for_equality():
    assert parse("SELECT  1") == parse("SELECT 1")
    assert hash(parse("SELECT  1")) == hash(parse("SELECT 1"))


def test_a_line_break_inside_a_string_counts():
    error = refusal("SELECT 'a\nb', FROM")
    assert (error.line, error.column) == (2, 5)


def test_nodes_are_frozen_and_can_be_copied():
    tree = parse("SELECT key FROM tokens WHERE id = 1")
    with pytest.raises(dataclasses.FrozenInstanceError):
        tree.limit = None
    with pytest.raises(dataclasses.FrozenInstanceError):
        del tree.limit
    with pytest.raises((AttributeError, dataclasses.FrozenInstanceError)):
        tree.unknown = 1
    assert copy.deepcopy(tree) == tree and pickle.loads(pickle.dumps(tree)) == tree
    limited = dataclasses.replace(tree, limit=ast.Integer(3))
    assert limited != tree and limited.limit == ast.Integer(3) and limited.span == tree.span
    assert repr(ast.Name("a", span=tree.span)) == "Name(value='a')"
    assert ast.Name("a") != ast.String("a") and ast.Boolean(True) != ast.Integer(1)


# ---------------------------------------------------------------- limits


@pytest.mark.parametrize(
    "text",
    [
        "SELECT " + "(" * 100_000,
        "SELECT " + "(" * 100_000 + "1" + ")" * 100_000,
        "SELECT " + "NOT " * 100_000 + "a",
        "SELECT " + "- " * 100_000 + "a",
        "SELECT " + "[" * 100_000,
        "SELECT " + "CASE WHEN " * 100_000,
        "SELECT " + "f(" * 100_000,
        "SELECT " + "+".join(["1"] * 100_000),
        "SELECT " + " AND ".join(["a"] * 100_000),
        "SELECT a" + "::b" * 100_000,
        "SELECT a" + "[1]" * 100_000,
        "SELECT a" + " IS NULL" * 100_000,
        "SELECT a" + " COLLATE b" * 90_000,
        "SELECT 1" + " UNION SELECT 1" * 60_000,
        "SELECT * FROM a" + " CROSS JOIN a" * 60_000,
        "MATCH (a)" + "->(b)" * 100_000 + " RETURN 1",
        "SELECT '" + "x" * (2 << 20) + "'",
        "SELECT '" + "é" * (600 << 10) + "'",
        "{" * 1_000_000,
        "SELECT a" + "::b" * 300,
        "SELECT " + "(SELECT " * 100 + "1" + ")" * 100,
    ],
    ids=lambda text: f"{text[:12]}… {len(text)}",
)
def test_too_deep_or_too_long_is_54001_at_once(text):
    began = time.process_time()  # the machine may be busy with other things
    error = refusal(text)
    assert time.process_time() - began < 1.0
    assert error.sqlstate == "54001"
    assert isinstance(error, NgqlSyntaxError)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT " + "(" * 200 + "1" + ")" * 200,
        "SELECT " + "NOT " * 199 + "a",
        "SELECT " + "(1 + " * 195 + "1" + ")" * 195,
        "SELECT " + "[" * 190 + "1" + "]" * 190,
        "SELECT a" + "::b" * 190,
        "INSERT INTO tokens (id, key) VALUES " + ", ".join(["(1, 'a')"] * 20_000),
        "SELECT a IN (" + ", ".join(map(str, range(-20_000, 20_000))) + ")",
    ],
    ids=lambda text: f"{text[:14]}… {len(text)}",
)
def test_what_is_within_the_limits_works(text):
    parse(text)


def test_deep_trees_are_safe_on_a_small_stack():
    """Printing, hashing, comparing and freeing the deepest tree, and refusing deeper ones, with 256 KiB of stack."""
    outcome = []

    def work():
        deep = parse("SELECT " + "(1 + " * 195 + "1" + ")" * 195)
        assert deep == parse("SELECT " + "(1 + " * 195 + "1" + ")" * 195)
        hash(deep)
        for text in ("SELECT " + "(" * 100_000, "SELECT a" + "::b" * 9_000, "SELECT " + "NOT (" * 100_000):
            assert refusal(text).sqlstate == "54001"
        outcome.append(True)

    size = threading.stack_size(256 << 10)
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(size)
    assert outcome == [True]


@pytest.mark.parametrize(
    ("text", "sqlstate"),
    [
        ("SELECT 9223372036854775808", "22003"),
        ("SELECT - (9223372036854775809)", "22003"),
        ("SELECT " + "9" * 5000, "22003"),
        ("SELECT 1e400", "22003"),
        ("SELECT " + "9" * 400 + ".0", "22003"),
        ("SELECT tokens NEAR $q LIMIT 99999999999999999999", "22003"),
        ("SELECT $0", "42P02"),
        ("SELECT $99999999", "42P02"),
        ("SELECT $1a", "42601"),
        ("SELECT ?, $1", "42601"),
        ("SELECT $a, $1", "42601"),
        ("SELECT 12ab", "42601"),
        ("SELECT 1.5x", "42601"),
        ("SELECT 'a", "42601"),
        ('SELECT "a', "42601"),
        ('SELECT ""', "42601"),
        ("SELECT 1 /* a /* b */", "42601"),
        ("SELECT 'a\0b'", "42601"),
        ("SELECT '\ud800'", "42601"),
        ("SELECT t\u202eb", "42601"),
        ('SELECT "t\u202eb"', "42601"),
        ("SELECT t\u043ekens", "42601"),
        ("SELECT\u00a01", "42601"),
        ("SELECT \u200b1", "42601"),
        ("", "42601"),
        (" -- nothing\n", "42601"),
        (";", "42601"),
        ("SELECT 1; SELECT 2", "42601"),
    ],
)
def test_bad_text_has_its_code_and_place(text, sqlstate):
    error = refusal(text)
    assert error.sqlstate == sqlstate
    assert error.statement == text
    assert error.line is not None and error.column is not None
    assert isinstance(error, {"22003": DataError, "42P02": ProgrammingError}.get(sqlstate, NgqlSyntaxError))


@pytest.mark.parametrize(
    "number", ["9223372036854775807", "-9223372036854775808", "- 9223372036854775808", "007"]
)
def test_every_int64_can_be_written(number):
    assert expression(number) == ast.Integer(int(number.replace(" ", "")))


def test_a_row_too_many_semicolons_is_fine():
    assert parse("SELECT 1 ; ; -- done\n;") == parse("SELECT 1")


def test_letters_of_any_script_are_fine_in_quotes():
    assert expression('"größe"') == ast.ColumnRef((ast.Name("größe"),))


# ---------------------------------------------------------------- scripts


def test_statements_split_at_semicolons_outside_strings_names_and_comments():
    script = """-- first; comment
SELECT ';' AS ";", $x; /* a ; b /* ; */ */
  SELECT 2 -- ; no
  + 1;
;
SELECT 'unterminated; "
"""
    assert statements(script) == [
        ("""SELECT ';' AS ";", $x""", 2),
        ("SELECT 2 -- ; no\n  + 1", 3),
        ("""SELECT 'unterminated; "\n""", 6),
    ]


def test_statements_of_nothing():
    assert statements("") == statements(" ;; -- x\n /* y */ ;") == []


def test_splitting_a_long_script_is_linear():
    began = time.perf_counter()
    assert len(statements("SELECT 1;\n" * 50_000)) == 50_000
    assert time.perf_counter() - began < 5.0


def test_many_threads_parse_at_once():
    texts = EXAMPLES * 2
    expected = [parse(text) for text in texts]
    failures = []

    def work():
        if [parse(text) for text in texts] != expected:
            failures.append(threading.get_ident())

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert failures == []
