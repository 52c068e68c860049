"""Trees into text and back."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngql import ast
from ngql.format import format
from ngql.format.registry import PRINTERS
from ngql.parse import parse, statements
from ngql.tables import load

EXAMPLES = [statement for statement, _ in statements((Path(__file__).parent / "examples.ngql").read_text())]


@pytest.mark.parametrize("example", EXAMPLES)
def test_round_trip(example):
    tree = parse(example)
    text = format(tree)
    assert parse(text) == tree
    assert format(parse(text)) == text


def test_every_node_of_the_examples_can_be_printed():
    kinds = {type(node) for example in EXAMPLES for node, _ in ast.walk(parse(example))}
    assert len(kinds) > 110
    helpers = {ast.ChainLink, ast.SetStep}  # printed by what holds them
    assert kinds - set(PRINTERS) <= helpers


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("select KEY from Tokens where (weight>.5)", "SELECT key FROM tokens WHERE weight > .5"),
        ("SELECT ((a)) + (b * c), (a + b) * c", "SELECT a + b * c, (a + b) * c"),
        ("SELECT cast(a AS int), - 1, -(-1), a -1", "SELECT a::int, -1, - -1, a - 1"),
        ("SELECT a x FROM t y", "SELECT a AS x FROM t AS y"),
        ('SELECT "a", "A", "order"', 'SELECT a, "A", "order"'),
        ("SELECT a FROM t OFFSET 1 LIMIT 2", "SELECT a FROM t LIMIT 2 OFFSET 1"),
        ("MATCH (a)-[]->(b)<-[e]-{2,2}(c) RETURN a", "MATCH (a)->(b)<-[e]-{2}(c) RETURN a"),
        ("SELECT 'it''s' != b", "SELECT 'it''s' <> b"),
    ],
)
def test_canonical_text(text, canonical):
    assert format(parse(text)) == canonical


def test_the_deepest_tree_can_be_printed():
    tree = parse("SELECT " + "(1 + " * 195 + "1" + ")" * 195)
    assert parse(format(tree)) == tree


# ---------------------------------------------------------------- generated trees

KEYWORDS = sorted(word.lower() for word in load().keywords)
names = st.builds(
    ast.Name,
    st.one_of(
        st.sampled_from(
            ["a", "weight", "tokens", "Mixed", 'q"q', "größe", "x y", "day", "date", "1a", "current_date"]
        ),
        st.sampled_from(KEYWORDS),
    ),
)
integers = st.builds(ast.Integer, st.integers(-(2**63), 2**63 - 1))
reals = st.floats(allow_nan=False, allow_infinity=False).map(
    lambda value: ast.Real(value, repr(value) if "." in repr(value) or "e" in repr(value) else f"{value!r}.0")
)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
strings = st.builds(ast.String, texts)
parameters = st.builds(ast.Parameter, st.sampled_from(["q", "x1"]), st.just("named"))
types = st.builds(
    ast.TypeName,
    st.sampled_from(["int", "text", "double precision", "timestamp with time zone", "decimal"]),
    st.sampled_from([(), (10,), (10, 2)]),
    st.sampled_from([(), (8,), (None, 3)]),
)
columns = st.builds(ast.ColumnRef, st.lists(names, min_size=1, max_size=3).map(tuple)).filter(
    lambda column: len(column.parts) > 1 or not column.parts[0].value.startswith("current_")
)
leaves = st.one_of(
    integers,
    reals,
    strings,
    parameters,
    columns,
    st.just(ast.Null()),
    st.builds(ast.Boolean, st.booleans()),
    st.builds(
        ast.TypedLiteral, st.builds(ast.TypeName, st.sampled_from(["date", "json", "timestamptz"])), texts
    ),
)


def several(strategy, least=2, most=3):
    return st.lists(strategy, min_size=least, max_size=most).map(tuple)


def chains(operands, operators):
    links = several(st.builds(ast.ChainLink, st.sampled_from(operators), operands))
    return st.builds(ast.Chain, operands, links)


OPERATORS = [["+", "-"], ["*", "/", "%", "//"], ["^", "**"], ["||", "<->", "->", "->>", "&", "|", "<<"]]


def grow(inner):
    comparison = st.sampled_from(["=", "<>", "<", "<=", ">", ">="])
    negated = st.booleans()
    functions = st.builds(
        ast.Function, st.builds(ast.QualifiedName, st.tuples(names)), several(inner, 1), st.booleans()
    ).filter(lambda call: not call.name.parts[0].value.startswith("current_"))
    queries = st.builds(
        lambda value, where, limit: ast.Query(ast.Select((ast.SelectItem(value),), where=where), limit=limit),
        inner.filter(lambda value: not isinstance(value, ast.InBox)),
        st.none() | inner,
        st.none() | inner,
    )
    return st.one_of(
        st.builds(ast.And, several(inner)),
        st.builds(ast.Or, several(inner)),
        st.builds(ast.Not, inner),
        st.builds(ast.Is, inner, st.sampled_from(["null", "true", "unknown"]), negated),
        st.builds(ast.IsDistinct, inner, inner, negated),
        st.builds(ast.Comparison, comparison, inner, inner),
        st.builds(ast.Between, inner, inner, inner, negated),
        st.builds(ast.InList, inner, several(inner), negated),
        st.builds(ast.InQuery, inner, queries, negated),
        st.builds(ast.InBox, inner, st.builds(ast.Box, inner, inner), negated),
        st.builds(
            ast.Like, inner, st.sampled_from(["like", "ilike", "similar"]), inner, st.none() | inner, negated
        ),
        st.sampled_from([operator for group in OPERATORS for operator in group]).flatmap(
            lambda operator: st.builds(ast.Binary, st.just(operator), inner, inner)
        ),
        st.sampled_from(OPERATORS).flatmap(lambda group: chains(inner, group)),
        st.builds(ast.Unary, st.just("+"), inner),
        st.builds(ast.Unary, st.just("-"), columns),
        st.builds(ast.Cast, inner, types, st.booleans()),
        st.builds(ast.Collate, inner, names),
        st.builds(ast.AtTimeZone, inner, inner),
        st.builds(ast.Index, inner, inner),
        st.builds(ast.Slice, inner, st.none() | inner, st.none() | inner),
        st.builds(ast.Member, inner, names),
        st.builds(ast.Array, several(inner, 0)),
        st.builds(ast.Row, several(inner)),
        st.builds(ast.NamedRow, several(st.builds(ast.NamedArgument, names, inner), 1)),
        st.builds(
            ast.Case, st.none() | inner, several(st.builds(ast.When, inner, inner), 1), st.none() | inner
        ),
        st.builds(ast.Exists, queries),
        st.builds(ast.Subquery, queries),
        functions,
    )


expressions = st.recursive(leaves, grow, max_leaves=12)


@settings(deadline=None, max_examples=400)
@given(expressions)
def test_any_expression_round_trips(expression):
    query = ast.Query(ast.Select((ast.SelectItem(expression, ast.Name("x")),)))
    assert parse(format(query)) == query


@settings(deadline=None, max_examples=100)
@given(expressions, names, names, names)
def test_any_name_round_trips_in_every_place(expression, table, alias, column):
    item = ast.SelectItem(ast.ColumnRef((alias, column)), column)
    source = ast.FromItem(ast.TableSource(ast.QualifiedName((table,)), alias, (column,)))
    joined = ast.FromItem(source.source, (ast.Join("left", source.source, using=(column,)),))
    common = ast.CommonTable(table, (column,), ast.Query(ast.Select((item,), sources=(source,))))
    query = ast.Query(
        ast.Select((item,), sources=(joined,), where=expression, group_by=(ast.ColumnRef((column, alias)),)),
        ast.With((common,)),
        (ast.OrderKey(ast.ColumnRef((alias, column))),),
        ast.UsingCdna(table),
    )
    edge = ast.EdgePattern("out", alias, (column,), None, ast.ColumnRef((alias, column)))
    pattern = ast.PathPattern(
        table, None, None, (ast.NodePattern(alias, (column,)), edge, ast.NodePattern(table))
    )
    for statement in (
        query,
        ast.Query(ast.Select((item,), ast.Match((pattern,)))),
        ast.Insert(ast.QualifiedName((table,)), (column, alias), query),
        ast.Update(ast.QualifiedName((table,)), (ast.Assignment(column, expression),), alias),
        ast.Delete(ast.QualifiedName((table,)), alias, (source,)),
        ast.Connect(ast.Integer(1), ast.String("x"), column),
        ast.SetOption(column, ast.Integer(1)),
        ast.ShowOption(column),
        ast.Savepoint(column),
        ast.Rollback(column),
        ast.Explain(ast.Execute(column)),
        ast.CreateCdnaProfile(column, (ast.Option(alias),)),
        ast.Prepare(column, (ast.TypeName("int"),), query),
        ast.Deallocate(column),
        ast.Describe(ast.QualifiedName((table,))),
    ):
        assert parse(format(statement)) == statement
