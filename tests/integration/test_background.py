"""What fills a database before the trials, on a real server: by COPY or by calls, once for a run."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from math import nan
from pathlib import Path
from random import Random
from typing import Any

import pytest
import servers
from laboratory import Sizes, found, installable

from schemabench import Call, Rows, Workload, Writer
from schemabench.errors import CandidateError, WorkloadError
from schemabench.experiment import Plan, filling, kept, measure
from schemabench.experiment.databases import connect
from schemabench.experiment.feed import Feed
from schemabench.experiment.sessions import Sessions
from schemabench.experiment.template import Template
from schemabench.progress import Silence
from schemabench.server import Needs, Server, opened, serve, several

TABLE = "CREATE TABLE event (id bigint PRIMARY KEY, site text NOT NULL, bytes bigint);\n"
SPLIT = """\
CREATE TABLE site (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text UNIQUE);
CREATE TABLE fact (id bigint PRIMARY KEY, site int, bytes bigint);
CREATE VIEW event AS SELECT fact.id, name AS site, bytes FROM fact JOIN site ON site.id = fact.site;
-- name: load
-- batch: 700
WITH named AS (INSERT INTO site (name) SELECT DISTINCT unnest(:site::text[]) ON CONFLICT (name) DO NOTHING)
SELECT 1;
INSERT INTO fact SELECT line.id, site.id, line.bytes
FROM unnest(:id::bigint[], :site::text[], :bytes::bigint[]) AS line (id, name, bytes) JOIN site USING (name);
-- name: correct
UPDATE fact SET bytes = 0 WHERE id <= :until::bigint;
"""
BINARY = f"{TABLE}-- name: load\nCOPY event (bytes, id, site) FROM STDIN (FORMAT binary);\n"
NARROW = "CREATE TABLE event (id bigint PRIMARY KEY, site text);\n-- name: load\nCOPY event (site, id) FROM STDIN;\n"
OPERATIONS = """\
-- name: load
COPY event (bytes, id, site) FROM STDIN;
-- name: correct
UPDATE event SET bytes = 0 WHERE id <= :until::bigint;
-- name: touch
SELECT 1 FROM event WHERE id = :id::bigint;
-- name: events
SELECT id, site, bytes FROM event ORDER BY id;
"""
ODD = ["plain", "tab\tand\nline", "back\\slash", "", "NULL", "\\N", "\u00e9\u4e16\x0b\x08"]
COLUMNS = ("id", "site", "bytes")
Made = Callable[..., Template]


def rows(first: int, last: int) -> Iterator[tuple[object, ...]]:
    """Yield rows with values that a format might take for something else."""
    return ((id_, ODD[id_ % len(ODD)], None if id_ % 5 == 0 else id_) for id_ in range(first, last + 1))


def both(_: Sizes, __: Random) -> Iterator[Call | Rows]:
    """Yield rows, a correction of them, and further rows as calls and as rows."""
    yield Rows("load", COLUMNS, rows(1, 2500))
    yield Call("correct", {"until": 10})
    for row in rows(2501, 2600):
        yield Call("load", dict(zip(COLUMNS, row, strict=True)))
    yield Rows("load", ["bytes", "site", "id"], [(1, "other order", 2601)])


def planned(
    folder: Path, background: Callable[[Sizes, Random], Iterator[Call | Rows]], candidates: dict[str, str]
) -> Plan:
    """Return a plan of an experiment with a background."""
    workload = Workload[Any](
        name="filled",
        summary="a table with rows",
        cardinalities={"typical": Sizes()},
        writers=lambda _: [Writer(name="touching", kind="reader", weight=10)],
        burst=lambda *_: iter(lambda: Call("touch", {"id": 1}, rows=0), None),
        background=background,
        state=("events",),
    )
    return Plan(
        found=found(folder, workload, OPERATIONS),
        cardinality="typical",
        candidates=installable(folder / "schemas", candidates),
        clients=1,
        budget_s=0.1,
        precision=0.5,
        seed=1,
        burst=10,
    )


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with servers.serving("embedded", settings={}, clients=8, run_id="background") as one:
        yield one


@pytest.fixture
def made(server: Server, tmp_path: Path) -> Iterator[Made]:
    """Make the template of a candidate, given by its text, with a background."""
    templates = []

    def make(background: Callable[[Sizes, Random], Iterator[Call | Rows]], text: str = TABLE) -> Template:
        plan = planned(tmp_path, background, {"baseline": text})
        feed = Feed(plan.found, plan.values, 1, {})
        templates.append(filling.build(plan.candidates[0], plan.found.operations, server, feed.background()))
        return templates[-1]

    yield make
    for template in templates:
        several.drop(server, template.databases)


def content(server: Server, template: Template) -> Sequence[tuple[Any, ...]]:
    with connect(server, template.databases.of("")) as connection:
        return connection.execute("SELECT id, site, bytes FROM event ORDER BY id").fetchall()


@pytest.mark.parametrize("text", [TABLE, BINARY, SPLIT], ids=["copy", "binary", "batches"])
def test_rows_are_the_same_by_copy_in_both_formats_and_by_batches_of_an_insert(
    server: Server, made: Made, text: str
) -> None:
    template = made(both, text)

    expected = [(id_, site, 0 if int(str(id_)) <= 10 else size) for id_, site, size in rows(1, 2600)]
    assert content(server, template) == [*expected, (2601, "other order", 1)]


def test_a_candidate_copies_only_the_values_that_its_table_has(server: Server, made: Made) -> None:
    template = made(lambda *_: iter([Rows("load", COLUMNS, rows(1, 3))]), NARROW)

    with connect(server, template.databases.of("")) as connection:
        assert connection.execute("SELECT id, site FROM event ORDER BY id").fetchall() == [
            (id_, site) for id_, site, _ in rows(1, 3)
        ]


def test_rows_are_never_held_in_memory(tmp_path: Path) -> None:
    ahead = 0

    def counted() -> Iterator[tuple[object, ...]]:
        nonlocal ahead
        for row in rows(1, 50_000):
            ahead += 1
            yield row

    plan = planned(tmp_path, lambda *_: iter([Rows("load", COLUMNS, counted())]), {"baseline": TABLE})
    most = 0
    for part in Feed(plan.found, plan.values, 1, {}).background():
        most = max(most, ahead)
        ahead -= len(part.rows)

    assert most <= 1000


def test_a_value_that_cannot_be_sent_is_told_with_its_row_and_place(made: Made) -> None:
    def wrong(*_: object) -> Iterator[Rows]:
        yield Rows("load", COLUMNS, rows(1, 1500))
        yield Rows("load", COLUMNS, [(1501, "here", {"a", "set"})])

    with pytest.raises(WorkloadError, match="A value of 'load' cannot be sent: :bytes is of type 'set'") as caught:
        made(wrong)

    assert "row 1,501 of the COPY" in str(caught.value)
    assert "operations.sql:2" in str(caught.value)


def test_dicts_and_lists_that_hold_one_are_copied_as_json(server: Server, made: Made) -> None:
    values: list[object] = [{"a": 1}, [{"a": [2]}, None], [[{}]], [], [1, "a", None], [[]]]
    template = made(
        lambda *_: iter([Rows("load", COLUMNS, [(number, "here", one) for number, one in enumerate(values)])]),
        TABLE.replace("bytes bigint", "bytes jsonb"),
    )

    with connect(server, template.databases.of("")) as connection:
        found = connection.execute("SELECT bytes FROM event ORDER BY id").fetchall()
    assert found == [(one,) for one in values]


def test_a_number_that_json_has_not_is_told_with_its_row(made: Made) -> None:
    with pytest.raises(WorkloadError, match="A value of 'load' cannot be sent: :bytes is of type 'dict'") as caught:
        made(
            lambda *_: iter([Rows("load", COLUMNS, [(1, "here", {"a": 1.5}), (2, "here", {"a": nan})])]),
            TABLE.replace("bytes bigint", "bytes jsonb"),
        )

    assert "row 2 of the COPY" in str(caught.value)


def test_a_type_of_which_no_binary_format_is_known_is_told(made: Made) -> None:
    with pytest.raises(WorkloadError, match=r"A row of 'load' cannot be copied in binary format: cannot find a dumper"):
        made(
            lambda *_: iter([Rows("load", COLUMNS, [(1, "here", "well")])]),
            f"CREATE TYPE mood AS ENUM ('well');\n{BINARY.replace('bytes bigint', 'bytes mood')}",
        )


@pytest.mark.parametrize(
    ("type_", "value"),
    [("bigint", "5"), ("int", 1 << 31), ("smallint", -(1 << 15) - 1), ("uuid", "5"), ("jsonb", {"a": nan})],
)
def test_a_value_that_is_not_of_its_columns_type_is_told_in_binary_format(
    made: Made, type_: str, value: object
) -> None:
    table = BINARY.replace("bytes bigint", f"bytes {type_}")

    def wrong(*_: object) -> Iterator[Rows]:
        yield Rows("load", COLUMNS, ((id_, "here", None) for id_ in range(1, 1501)))
        yield Rows("load", COLUMNS, [(1501, "here", value)])

    with pytest.raises(WorkloadError, match="A row of 'load' cannot be copied in binary format") as caught:
        made(wrong, table)

    assert f":bytes = {value!r}" in str(caught.value)
    assert "leave out (FORMAT binary)" in str(caught.value)


def test_a_row_that_the_server_refuses_is_told_with_its_line(made: Made) -> None:
    with pytest.raises(CandidateError, match="duplicate key") as caught:
        made(lambda *_: iter([Rows("load", COLUMNS, [*rows(1, 2000), *rows(7, 7)])]))

    assert "line 2001" in str(caught.value)
    assert "operations.sql:2" in str(caught.value)


def test_a_row_with_too_few_values_is_told_with_its_number(made: Made) -> None:
    with pytest.raises(WorkloadError, match=r"Row 3 of 'load' in the background has 2 values for 3 columns"):
        made(lambda *_: iter([Rows("load", COLUMNS, [*rows(1, 2), (3, "short")])]))


@pytest.mark.parametrize("row", [{"id": 3, "site": "a", "bytes": 1}, "abc", 3], ids=["dict", "text", "number"])
def test_a_row_that_is_no_tuple_is_told_with_its_number(made: Made, row: object) -> None:
    with pytest.raises(WorkloadError, match=r"Row 3 of 'load' in the background is no tuple for 3 columns"):
        made(lambda *_: iter([Rows("load", COLUMNS, [*rows(1, 2), row])]))  # type: ignore[list-item] # the mistake


def test_a_background_that_is_not_the_same_for_each_candidate_is_told(tmp_path: Path, server: Server) -> None:
    numbers = iter(range(100))
    plan = planned(
        tmp_path,
        lambda *_: iter([Rows("load", COLUMNS, [(next(numbers), "here", 0)])]),
        {"baseline": TABLE, "a": TABLE},
    )

    with pytest.raises(WorkloadError, match="The background of 'filled' is not the same for each candidate") as caught:
        measure(plan, server, Silence())
    assert "take all random values from `random`" in str(caught.value)


def test_an_error_of_the_authors_rows_is_the_authors(made: Made) -> None:
    with pytest.raises(WorkloadError, match="`background` of the workload 'filled' failed: ZeroDivisionError"):
        made(lambda *_: iter([Rows("load", COLUMNS, ((1 // (2 - id_), "", 0) for id_ in range(3)))]))


def test_a_second_experiment_copies_the_kept_template_and_its_rows_are_equal(tmp_path: Path) -> None:
    begun = 0

    def counted(_: Sizes, random: Random) -> Iterator[Rows]:
        nonlocal begun
        begun += 1
        yield Rows("load", COLUMNS, ((id_, "drawn", random.randrange(1 << 40)) for id_ in range(3000)))

    with servers.serving("embedded", settings={}, clients=8, run_id="kept") as server:
        plan = replace(planned(tmp_path, counted, {"baseline": TABLE}), keep_templates=True)
        states = []
        for seed, clients in ((1, 1), (1, 2), (2, 1)):
            measure(replace(plan, seed=seed, clients=clients), server, Silence())
            _, (database,) = server.kept[-1]
            with connect(server, database) as connection:
                states.append(connection.execute("SELECT * FROM event ORDER BY id").fetchall())

        assert begun == 2, "rows of another seed are others, rows for more clients are the same"
        assert states[0] == states[1] != states[2]
        assert {one for _, some in server.kept for one in some} == set(server.databases), "they alone stay"


@pytest.mark.parametrize("ending", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("keep", [False, True])
def test_kept_templates_are_gone_from_the_users_server_however_the_run_ends(
    server: Server, tmp_path: Path, ending: type[BaseException], *, keep: bool
) -> None:
    plan = planned(tmp_path, lambda *_: iter([Rows("load", COLUMNS, rows(1, 10))]), {"baseline": TABLE})
    guest = serve(server.conninfo, Needs(clients=4), settings={}, run_id="ended", keep_databases=keep)
    with pytest.raises(ending), guest as theirs:  # noqa: PT012 (the run ends after it has kept one)
        found = measure(replace(plan, keep_templates=True), theirs, Silence())
        assert [database.label for _, database in theirs.kept] == ["baseline_template"]
        assert found.exchange_s is not None
        assert found.exchange_p99_s is not None
        assert 0 < found.exchange_s <= found.exchange_p99_s
        raise ending

    with opened(server.conninfo) as admin:
        assert admin.execute("SELECT datname FROM pg_database WHERE datname LIKE 'sb_ended%'").fetchall() == []


def test_a_template_is_not_kept_where_the_disk_would_be_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    background = lambda *_: iter([Rows("load", COLUMNS, rows(1, 10))])  # noqa: E731 (of one use)
    with servers.serving("embedded", settings={}, clients=8, run_id="short") as server:
        plan = replace(planned(tmp_path, background, {"baseline": TABLE}), keep_templates=True)
        measure(plan, server, Silence())
        (first,) = server.kept
        monkeypatch.setattr(kept, "_most_bytes", lambda *_: 12e6)  # enough for one
        measure(replace(plan, seed=2), server, Silence())
        (second,) = server.kept
        assert second != first, "the one that was used least recently makes room"
        monkeypatch.setattr(kept, "_most_bytes", lambda *_: 1.0)
        measure(replace(plan, seed=3), server, Silence())

        assert server.kept == [second]
        assert server.databases == (*second[1],)


LIMITS = ("statement_timeout", "lock_timeout", "transaction_timeout")
"""Those of a role that apply to measured sessions."""


def test_time_limits_of_the_role_end_no_loading_and_hold_for_the_sessions_that_are_measured(
    server: Server, made: Made
) -> None:
    slow = TABLE + "-- name: correct\nUPDATE event SET bytes = 0 WHERE pg_sleep(0.2) IS NOT NULL AND id <= :until;\n"
    with opened(server.conninfo) as admin:
        known = [name for name in LIMITS if admin.execute("SELECT FROM pg_settings WHERE name = %s", [name]).rowcount]
        for name in known:
            admin.execute(f"ALTER ROLE CURRENT_USER SET {name} TO '100ms'")
        try:
            template = made(lambda *_: iter([Rows("load", COLUMNS, rows(1, 1)), Call("correct", {"until": 1})]), slow)
            writer = Writer(name="touching", kind="reader", weight=1)
            with closing(Sessions(template, template.databases, [writer])) as sessions:
                ((session, _),) = sessions
                found = {name: session.query(f"SHOW {name}").get_value(0, 0) for name in known}
        finally:
            admin.execute("ALTER ROLE CURRENT_USER RESET ALL")

    assert found == dict.fromkeys(known, b"100ms")
    assert "statement_timeout" in found


def test_pages_of_loaded_tables_are_visible_to_all_as_after_any_vacuum(made: Made) -> None:
    template = made(both)
    (database,) = template.databases
    with connect(template.server, database) as connection:
        row = connection.execute("SELECT relpages, relallvisible FROM pg_class WHERE relname = 'event'").fetchone()

    assert row is not None
    assert row[0] == row[1] > 0
