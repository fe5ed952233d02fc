"""Commits wait for the disk where the settings say so, in the sessions that are measured and in no others' word for it.

A candidate's trials are executed by one connection on a server whose data are on a disk. Before and after each, a
session of the test's own reads how often the server synced its WAL: at least once for every commit of one writer, who
has nobody to share a sync with; hardly ever with `synchronous_commit = off`, where the WAL writer syncs some five times
a second (`wal_writer_delay`). Sources: the manual, "Asynchronous Commit"; `wal_sync` of "pg_stat_wal", since version 18
`fsyncs` of "pg_stat_io" for the object `wal`.
"""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from random import Random

import pytest
import servers
from laboratory import Laboratory, result
from witness import Connection, Reading, Witness, staying

from schemabench import Call, Writer
from schemabench.experiment import Plan
from schemabench.server import binaries

FOUND = {one.major for one in binaries.survey().found}
QUICK = 18
"""The version that is tried every time; the others, by `tox run -e truth`."""
MAJORS = [
    pytest.param(
        major,
        marks=[
            *([] if major == QUICK else [pytest.mark.long]),
            pytest.mark.skipif(major not in FOUND, reason=f"no PostgreSQL {major} here"),
        ],
    )
    for major in (15, 16, 17, 18)
]
SYNCS_IN_IO_SINCE = 18
BUDGET_S = 1.0
SHARED = 0.01
"""Of commits, those that may find their WAL synced by the WAL writer, whose count comes a little later."""
FEW = 0.1
"""Syncs for each commit that is not waited for, at most: bursts are short, and each is begun and ended by one."""
TABLE = "CREATE TABLE event (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind integer NOT NULL);\n"
OPERATIONS = "-- name: add\nINSERT INTO event (kind) VALUES (:kind::integer);\n"
NAMES = ("baseline", "baseline (control)", "indexed")


def burst(_: str, random: Random) -> Iterator[Call]:
    """Yield inserts of one row, each its own transaction."""
    while True:
        yield Call("add", {"kind": random.randrange(10)})


def syncs(server: Connection, _: Connection) -> Reading:
    """Return how often the server has synced its WAL, whichever process did."""
    query = "SELECT wal_sync FROM pg_stat_wal"
    if server.info.server_version // 10_000 >= SYNCS_IN_IO_SINCE:
        query = "SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal'"
    row = server.execute(query).fetchone()
    assert row is not None
    return {"syncs": float(row[0])}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What became of one experiment."""

    commits: dict[str, int]
    """Entrant -> operations in its counted trials."""
    syncs: dict[str, float]
    said: dict[str, str]
    """Setting -> its value, as a report has it."""


def look(major: int, folders: pytest.TempPathFactory, settings: dict[str, str]) -> Seen:
    """Measure with one connection on a server of its own."""
    with servers.durable(str(major), settings=settings, clients=1, databases=4, run_id="commits") as server:
        watched: list[Witness] = []

        def team(plan: Plan) -> Witness:
            watched.append(Witness(plan, server.conninfo, read=syncs))
            return watched[0]

        with staying():
            experiment = Laboratory(server=server, folders=folders).rank(
                operations=OPERATIONS,
                candidates={"baseline": TABLE, "indexed": f"{TABLE}CREATE INDEX ON event (kind);\n"},
                writers=[Writer(name="adding", kind="stream", weight=1)],
                burst=burst,
                budget_s=BUDGET_S,
                team=team,
            )
        with closing(watched[0]) as witness:
            increases = witness.increases(result(experiment, "baseline"))
            counted = {name: grown["syncs"] for name, grown in increases.items()}
        trials = result(experiment, "baseline").trials
        executed = sum(
            trial.operations for trial in trials if not trial.warmup
        )  # every entrant executes the same bursts
        return Seen(
            commits=dict.fromkeys(counted, executed),
            syncs=counted,
            said={setting.name: setting.value for setting in experiment.settings},
        )


@pytest.mark.parametrize("major", MAJORS)
def test_every_commit_of_a_measured_session_waits_for_a_sync(
    major: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    seen = look(major, tmp_path_factory, {})

    assert set(seen.syncs) == set(NAMES)
    assert (seen.said["synchronous_commit"], seen.said["fsync"]) == ("on", "on")
    for name in NAMES:
        assert seen.commits[name] > 20, "too few commits to say anything"
        assert seen.syncs[name] >= (1 - SHARED) * seen.commits[name], name


@pytest.mark.parametrize("major", MAJORS)
def test_no_commit_waits_for_a_sync_where_the_user_says_so(
    major: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    seen = look(major, tmp_path_factory, {"synchronous_commit": "off"})

    assert seen.said["synchronous_commit"] == "off"
    for name in NAMES:
        assert seen.commits[name] > 20, "too few commits to say anything"
        assert seen.syncs[name] <= FEW * seen.commits[name], name
