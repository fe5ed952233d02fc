"""Ghost jobs at work: what is counted, how it ends, and what is left."""

import re
import signal
from pathlib import Path
from time import monotonic, sleep

import psycopg
import pytest
import servers
from programs import Program
from towns import LIMIT_S, Towns

from schemabench.noise import running
from schemabench.noise.datamodel import OWN_IDS
from schemabench.noise.running import Ghosts
from schemabench.server.dsn import Conninfo

FAST = ("--speed", "300")
HELD_S = 15.0
"""An end takes no longer, even if a lock is never granted: 5 s for runs to end, and a moment to cancel them."""


@pytest.fixture
def model(towns: Towns) -> Path:
    """Return a model whose town is there."""
    path = towns.model(3)
    towns.do("populate", path)
    return path


def _counts(out: str) -> dict[str, int]:
    """Return the counts of all kinds together."""
    lines = [line.split() for line in out.splitlines()]
    names = next(line[1:6] for line in lines if line[:1] == ["runs"])
    rows = [line[1:6] for line in lines if line and line[0] in {"ingest", "replicate", "report", "expire"}]
    assert len(rows) == 4
    return {name: sum(int(row[place].replace(",", "")) for row in rows) for place, name in enumerate(names)}


def _done(towns: Towns) -> int:
    """Return how many runs the database has beyond the model's."""
    return int(str(towns.rows("SELECT count(*) FROM ghost.runs WHERE started_at > '2026-01-01'")[0][0]))


def _wait_until_some_ran(towns: Towns, program: Program) -> None:
    until_s = monotonic() + LIMIT_S
    while _done(towns) < 5:
        assert program.poll() is None
        assert monotonic() < until_s, "no job runs"
        sleep(0.02)


def _ended(program: Program) -> str:
    out, err = program.communicate(timeout=LIMIT_S)
    assert program.returncode == 0, err
    assert "Traceback" not in err
    return str(out)


def test_every_run_that_is_counted_as_done_is_in_the_database(towns: Towns, model: Path) -> None:
    counts = _counts(towns.do("run", model, "--for", "1s", *FAST))

    assert counts["due"] >= counts["begun"] == counts["done"] + counts["failed"] > 0
    assert counts["done"] == _done(towns)
    assert towns.sessions() == 0


@pytest.mark.parametrize(
    "numbers",
    [
        [signal.SIGTERM],
        [signal.SIGINT] * 5,
        *(pytest.param([one], marks=pytest.mark.thorough) for one in (signal.SIGINT, signal.SIGHUP)),
    ],
)
def test_signals_end_jobs_with_true_counts_and_no_session_left(
    towns: Towns, model: Path, numbers: list[signal.Signals]
) -> None:
    with towns.start("run", model, *FAST) as program:
        _wait_until_some_ran(towns, program)
        for number in numbers:
            program.send_signal(number)
        counts = _counts(_ended(program))

    assert counts["begun"] == counts["done"] + counts["failed"]
    assert counts["done"] == _done(towns)
    assert towns.sessions() == 0


def test_locked_table_makes_runs_late_and_the_end_comes_all_the_same(towns: Towns, model: Path) -> None:
    with towns.open() as session, towns.start("run", model, *FAST) as program:
        _wait_until_some_ran(towns, program)
        session.execute("BEGIN; LOCK TABLE ghost.jobs")
        done = _done(towns)
        sleep(2 * running.LATE_S)
        program.send_signal(signal.SIGTERM)
        asked_s = monotonic()
        out = _ended(program)
        took_s = monotonic() - asked_s
        session.execute("ROLLBACK")

    counts = _counts(out)
    assert took_s < HELD_S
    assert counts["late"] > 0
    assert counts["due"] > counts["begun"] == counts["done"] + counts["failed"]
    assert counts["done"] == _done(towns) == done
    assert "failed: canceling statement due to user request (SQLSTATE 57014)" in out
    assert towns.sessions() == 0


def test_run_of_a_job_that_is_gone_fails_and_others_go_on(towns: Towns, model: Path) -> None:
    towns.change("DELETE FROM ghost.job_labels", "DELETE FROM ghost.jobs WHERE kind = 'ingest'")

    said = towns.do("run", model, "--for", "1s", *FAST)

    counts = _counts(said)
    assert counts["failed"] > 0
    assert counts["done"] == _done(towns) > 0
    assert re.search(r"failed: the job \d+ is gone\n", said)


def test_server_that_ends_the_sessions_is_told_in_words(towns: Towns, model: Path) -> None:
    with towns.start("run", model, *FAST) as program:
        _wait_until_some_ran(towns, program)
        towns.change("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%noise'")
        out, err = program.communicate(timeout=LIMIT_S)

    assert program.returncode == 2
    assert re.search("Running the ghost jobs failed: .*(terminating connection|server closed the connection)", err)
    assert "run again: runs that were under way are undone, and the town is whole" in err
    assert "who ended the session" in err
    assert "Traceback" not in err
    counts = _counts(out)
    assert counts["begun"] == counts["done"] + counts["failed"]
    assert counts["done"] <= _done(towns), "a run whose end the server did not answer may be there"
    towns.do("run", model, "--for", "100ms")


def test_reader_that_closes_the_pipe_ends_nothing_before_its_time(towns: Towns, model: Path) -> None:
    with towns.start("run", model, *FAST) as program:
        _wait_until_some_ran(towns, program)
        program.stdout.close()
        program.stdout = None
        program.send_signal(signal.SIGINT)
        _, err = program.communicate(timeout=LIMIT_S)

    assert (program.returncode, err) == (0, "")
    assert towns.sessions() == 0


def test_counts_that_cannot_be_written_are_told_and_nothing_is_left(towns: Towns, model: Path) -> None:
    with Path("/dev/full").open("w") as full, towns.start("run", model, "--for", "100ms", stdout=full) as program:
        _, err = program.communicate(timeout=LIMIT_S)

    assert program.returncode == 2
    assert "Standard output cannot be written: No space left on device" in err
    assert "Traceback" not in err
    assert towns.sessions() == 0


def test_town_that_is_not_there_or_not_complete_is_refused(towns: Towns, model: Path) -> None:
    assert "There is no ghost town" in towns.refused("run", model, "--schema-name", "nowhere")
    towns.change("UPDATE ghost.noise_filled SET organisations = 1 WHERE entity = 'records'")
    assert "There is an incomplete ghost town" in towns.refused("run", model)
    assert "of another model" in towns.refused("populate", towns.model(2, "smaller.json"))


def test_model_without_active_jobs_is_refused(towns: Towns) -> None:
    model = towns.folder / "idle.json"
    model.write_text(towns.model(3).read_text().replace('"state":"active"', '"state":"paused"'))
    towns.do("populate", model)

    assert "No job of the model is active" in towns.refused("run", model)


def test_speed_at_which_more_runs_are_due_than_any_server_gets_done_is_refused(towns: Towns) -> None:
    said = towns.refused("run", towns.model(3), "--speed", "1e12")

    assert re.search(r"--speed 1e\+12 is too fast for this model: [\d,]+ job runs would be due per second", said)
    (fitting,) = re.findall(r"slow it down: --speed (\S+)", said)
    assert 0.98 < running.pace(towns.read(towns.model(3)), float(fitting)) / running.MOST_PER_S <= 1


def test_records_of_a_job_do_not_grow_for_ever(towns: Towns, model: Path) -> None:
    towns.do("run", model, "--for", "2s", "--speed", "1000")

    most = towns.rows(
        "SELECT max(runs) FROM (SELECT count(DISTINCT run) AS runs FROM ghost.records GROUP BY job) AS one"
    )
    assert 0 < int(str(most[0][0])) <= running.KEPT_RUNS
    assert towns.rows("SELECT max(runs) > 10 FROM ghost.jobs") == [(True,)]


def test_reports_read_records_of_their_organisation_and_old_ones_expire(towns: Towns, model: Path) -> None:
    found = towns.read(model)
    ghosts = Ghosts(conninfo=Conninfo(towns.conninfo), schema="ghost", model=found)
    some = [(one.id, job) for one in found.organisations for job in one.jobs]
    organisation, report = next((own, job) for own, job in some if job.kind == "report" and job.reads)
    values = {"first": organisation * OWN_IDS, "beyond": (organisation + 1) * OWN_IDS, "reads": report.reads}
    count = """
        SELECT count(*) FILTER (WHERE job >= %(first)s AND job < %(beyond)s),
            count(*) FILTER (WHERE job >= %(first)s AND job < %(beyond)s AND run < runs),
            count(*) FILTER (WHERE run < runs)
        FROM ghost.records JOIN ghost.jobs ON id = job
    """
    with psycopg.connect(towns.conninfo) as connection:
        written, *before = connection.execute(count, values).fetchone() or ()
        assert written
        assert before == [0, 0]
        read, _ = connection.execute(ghosts._texts[running._READ], values).fetchone() or (0, 0)
        assert read == min(report.reads, written)
        connection.execute("INSERT INTO ghost.records SELECT job, run - 1, place, 0 FROM ghost.records")
        everywhere = connection.execute(ghosts._texts[running._EXPIRE], values).rowcount
        *now, others = connection.execute(count, values).fetchone() or ()

    assert everywhere == written
    assert now == [written, 0], "those of the last runs stay"
    assert others > 0, "and those of other organisations"


def test_counts_while_jobs_run_are_those_of_that_moment(towns: Towns, model: Path) -> None:
    seen = []
    ghosts = Ghosts(conninfo=Conninfo(towns.conninfo), schema="ghost", model=towns.read(model), speed=300)

    def tell(ghosts: Ghosts) -> bool:
        seen.append(sum(one.due for one in ghosts.counts().values()))
        assert towns.sessions() == len(ghosts.pids)
        return len(seen) < 5

    ghosts.work(60, tell)

    assert seen == sorted(seen)
    assert seen[-1] > 0
    assert towns.sessions() == 0


@pytest.mark.parametrize("major", servers.ENDS[:-1])  # the other tests have the last one
def test_town_is_made_verified_at_work_and_removed_on_older_servers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], major: int
) -> None:
    with servers.serving(str(major), settings={}, clients=8, run_id="older") as server:
        conninfo = server.conninfo_for(server.create("town").name)
        towns = Towns(conninfo=conninfo, folder=tmp_path, capsys=capsys)
        model = towns.model(6)
        towns.do("populate", model)
        towns.do("verify", model, "--exact")
        counts = _counts(towns.do("run", model, "--for", "500ms", *FAST))
        towns.do("verify", model)
        towns.do("fit", "-o", tmp_path / "fitted")
        towns.do("drop")

        assert counts["done"] == counts["begun"] > 0
        assert towns.rows("SELECT count(*) FROM pg_class WHERE relname = 'organisations'") == [(0,)]
