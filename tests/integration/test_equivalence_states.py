"""States compared between real databases: streamed, exact, and left before the end where they differ early."""

from collections.abc import Iterator

import psycopg
import pytest

from schemabench.equivalence import difference, digest, violation
from schemabench.server import Database, Server

Connection = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def connections(server: Server, database: Database) -> Iterator[tuple[Connection, Connection]]:
    conninfo = server.conninfo_for(database.name)
    with psycopg.connect(conninfo, autocommit=True) as one, psycopg.connect(conninfo, autocommit=True) as other:
        yield one, other


def _difference(connections: tuple[Connection, Connection], expected: str, actual: str) -> str | None:
    one, other = connections
    return difference("rows", [(one, expected)], [(other, actual)])


@pytest.mark.parametrize(
    "values",
    [
        "('größe 🎉'), (E'two\\nlines'), (E'ends\\n'), (E'\\r\\n'), (''), (NULL)",
        "('a,b'), ('\"'), (E'\\\\.'), (E'\\t')",
        "(1.10::numeric), (NULL), ('NaN'), (1e300)",
        "(ARRAY['a', NULL, 'é']), ('{}')",
    ],
)
def test_the_same_rows_are_the_same(connections: tuple[Connection, Connection], values: str) -> None:
    query = f"SELECT v FROM (VALUES {values}) AS t (v);"  # noqa: S608 (a query of our own)

    assert _difference(connections, query, query) is None


@pytest.mark.parametrize(
    ("expected", "actual"),
    [
        ("NULL::text", "''"),
        ("E'a\\n'", "'a'"),
        ("'é'", "'e\u0301'"),
        ("'a '", "'a'"),
        ("1.10", "1.1"),
        ("'1'", "'1 '"),
    ],
)
def test_rows_that_differ_by_a_hair_differ(
    connections: tuple[Connection, Connection], expected: str, actual: str
) -> None:
    assert _difference(connections, f"SELECT {expected} AS v", f"SELECT {actual} AS v") is not None


def test_differing_rows_are_shown_with_newlines_and_unicode(connections: tuple[Connection, Connection]) -> None:
    text = _difference(connections, "SELECT E'größe\\n🎉' AS v", "SELECT 'other' AS v")

    assert text == "the state 'rows' differs from the baseline's:\nrow 1: expected \"größe\n🎉\", found other"


def test_a_long_state_is_left_once_enough_is_shown_and_the_connection_stays_good(
    connections: tuple[Connection, Connection],
) -> None:
    many = "SELECT n, repeat('x', 200) FROM generate_series(1, 100000) AS n"
    text = _difference(connections, many, many.replace("n,", "-n AS n,", 1))

    assert str(text).count("expected") == 3
    for connection in connections:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_braces_and_percent_signs_are_only_text(connections: tuple[Connection, Connection]) -> None:
    query = "SELECT '{0} {} %s %(a)s' AS v WHERE 'a' LIKE '%'"

    assert _difference(connections, query, query) is None


def test_a_digest_sees_every_column_whatever_the_names(connections: tuple[Connection, Connection]) -> None:
    connection, other = connections
    queries = [
        "SELECT 1 AS state, 'a' AS v",
        "SELECT 1 AS state, 'b' AS v",
        "SELECT 1 AS state, NULL AS v",
        "SELECT 1 AS state, '' AS v",
        "SELECT 1 AS state, 'a' AS v UNION ALL SELECT 1, 'a'",
        "SELECT WHERE false",
        "SELECT NULL",
    ]

    assert len({digest([(connection, query)]) for query in queries}) == len(queries)
    assert [digest([(connection, query)]) for query in queries] == [digest([(other, f"{query};")]) for query in queries]


def test_a_digest_is_of_the_rows_and_not_of_the_columns_names(connections: tuple[Connection, Connection]) -> None:
    connection, _ = connections

    assert digest([(connection, "SELECT 1 AS a, 'x' AS b")]) == digest([(connection, "SELECT 1 AS c, 'x' AS c")])


def test_an_invariant_holds_or_shows_its_rows(connections: tuple[Connection, Connection]) -> None:
    connection, _ = connections

    assert violation("rule", [(connection, "SELECT 1 AS n WHERE false;")]) is None
    assert violation("rule", [(connection, "SELECT n FROM generate_series(1, 9) AS n")]) == (
        "the invariant 'rule' does not hold:\n1\n2\n3"
    )
    assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_query_that_is_refused_is_an_error(connections: tuple[Connection, Connection]) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable):
        _difference(connections, "SELECT 1", "SELECT * FROM absent")
