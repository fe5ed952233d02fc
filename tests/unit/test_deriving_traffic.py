"""Which statements are an application's, and what restricts their figures."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from schemabench.deriving import traffic, writers
from schemabench.deriving.catalog import Server
from schemabench.deriving.found import Executed
from schemabench.deriving.operations import Operation
from schemabench.deriving.statement import Kind, kind_of

SERVER = Server(
    version="18.6",
    version_num=180006,
    database="shop",
    role="watcher",
    read_at=datetime(2026, 1, 2, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("SELECT * FROM t WHERE id = $1", Kind.READ),
        ("SELECT * FROM t WHERE id = $1 FOR UPDATE", Kind.WRITE),
        ("INSERT INTO t VALUES ($1)", Kind.WRITE),
        ("WITH gone AS (DELETE FROM t RETURNING *) SELECT count(*) FROM gone", Kind.WRITE),
        ("REFRESH MATERIALIZED VIEW v", Kind.WRITE),
        ("SELECT place_order($1)", Kind.READ),
        ("SELECT pg_sleep($1)", None),
        ("SELECT $1", None),
        ("WITH RECURSIVE a AS (SELECT oid FROM pg_class) SELECT * FROM a", None),
        ("SELECT * FROM public.pg_stat_statements", None),
        ("BEGIN", None),
        ("SET work_mem = $1", None),
        ("VACUUM t", None),
        ("CREATE TABLE t (id int)", None),
        ("COPY t (a) FROM STDIN", None),
        ("SAVEPOINT $1", None),
        ("SELECT * FROM t WHERE na", Kind.READ),
        ("SELECT * FROM t WHERE (name", None),
    ],
)
def test_a_statement_is_a_write_a_read_or_none_of_an_application(sql: str, kind: Kind | None) -> None:
    found, why = kind_of(sql, {"place_order"})

    assert found is kind
    assert bool(why) == (kind is None)


@pytest.mark.parametrize("sql", ["CREATE TABLE t (plan text DEFAULT $1)", "ALTER ROLE app PASSWORD $1", "DO $1"])
def test_a_change_of_the_schema_is_told_as_one_though_a_log_has_numbers_for_its_texts(sql: str) -> None:
    _, why = kind_of(sql, ())

    assert "a change of the schema" in why


def test_counts_of_an_extension_that_was_never_updated_are_read() -> None:
    answers = {"extension": [{"schema": "public", "version": "1.7"}], "functions": []}
    row = {"query": "SELECT * FROM t WHERE id = $1", "role": "app", "calls": 9, "total_time": 4.5, "rows": 9}
    source: Any = SimpleNamespace(ask=answers.__getitem__, tried=lambda _: [row])

    (found,) = traffic.read(source, SERVER).executed

    assert found.total_ms == 4.5


def test_statements_that_matter_have_the_most_calls_or_take_the_most_time_commits_included() -> None:
    def counted(kind: Kind, calls: int, total_ms: float) -> Executed:
        return Executed(sql="", kind=kind, role="app", calls=calls, total_ms=total_ms, rows=0)

    rare, slow, often = counted(Kind.READ, 2, 1), counted(Kind.READ, 2, 900), counted(Kind.READ, 900, 50)
    write, rare_write = counted(Kind.WRITE, 90, 9), counted(Kind.WRITE, 2, 0.1)

    assert traffic.ranked([rare_write, rare, write, slow, often]) == [often, slow, write, rare_write, rare]


def test_what_restricts_the_figures_is_said() -> None:
    rows = [{"query": "<insufficient privilege>"}, {"query": "<insufficient privilege>"}, {"query": None}]
    hidden, lost, forgotten, since = traffic.restrictions(rows, {"dealloc": 7}, SERVER)

    assert hidden.startswith("Missing here, because 'watcher' may not read them: 2 statements of other roles")
    assert "GRANT pg_read_all_stats TO watcher" in hidden
    assert lost.startswith("Missing here, because the server has lost the text: 1 statement")
    assert "forgot rare statements 7 times" in forgotten
    assert "does not say since when it counts" in since


def _operation(name: str, role: str, kind: Kind, calls: int, total_ms: float) -> Operation:
    counted = Executed(sql=name, kind=kind, role=role, calls=calls, total_ms=total_ms, rows=0)
    return Operation(name=name, executed=counted, sql="", uses={}, names={}, types={}, root=None)


def test_writers_have_the_proportions_and_the_pace_of_production() -> None:
    operations = [
        _operation("a", "app", Kind.WRITE, 1_000, 500),
        _operation("b", "app", Kind.WRITE, 3_000, 500),
        _operation("c", "app", Kind.READ, 36_000, 1_000),
    ]
    (writer, reader), slice_s = writers.grouped(operations, 100)

    assert (writer.name, writer.kind, reader.name, reader.kind) == ("writer", "stream", "reader", "reader")
    assert writer.rates == {"a": 10.0, "b": 30.0}
    assert reader.weight / writer.weight == pytest.approx(9)
    assert slice_s * writer.rate == pytest.approx(writer.weight)


def test_each_role_has_writers_of_its_own() -> None:
    operations = [_operation("a", "app", Kind.WRITE, 10, 1), _operation("b", "report", Kind.READ, 10, 1)]
    found, _ = writers.grouped(operations, 10)

    assert [one.name for one in found] == ["app_writer", "report_reader"]


def test_a_writer_of_which_every_burst_would_have_far_too_much_is_left_out() -> None:
    seldom = _operation("vacuum_carts", "admin", Kind.WRITE, 4, 1)
    usual = [_operation("a", "app", Kind.WRITE, 10_000, 1), _operation("b", "app", Kind.WRITE, 4, 1)]
    found, left_out = writers.at_work([seldom, *usual])

    assert found == usual, "a statement is as rare as in production where its writer has others"
    assert [(one.what, one.calls) for one in left_out] == [("vacuum_carts", 4)]


def test_a_writer_that_is_hardly_ever_at_work_makes_no_burst_endless() -> None:
    operations = [_operation("a", "app", Kind.WRITE, 1, 1), _operation("b", "app", Kind.READ, 10**8, 1)]
    found, _ = writers.grouped(operations, 86_400)

    assert [one.weight for one in found] == [1, 2_000]
