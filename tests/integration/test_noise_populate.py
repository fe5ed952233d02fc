"""Ghost towns are filled once, however they are interrupted, and removed alone."""

import re
import signal
import subprocess
import sys
from pathlib import Path
from random import Random
from time import monotonic, sleep

import programs
import pytest
from towns import LIMIT_S, Towns

from schemabench.noise import populating, town
from schemabench.server import binaries

KILLED = """
import os, signal, sys
from schemabench import cli
from schemabench.noise import populating

left, populate = int(sys.argv.pop(1)), populating.populate

def step(*_):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

def stepping(*arguments):
    sys.setprofile(step)
    try:
        return populate(*arguments)
    finally:
        sys.setprofile(None)

populating.populate, populating._CHUNK_ROWS = stepping, 20
status = cli.main(sys.argv[1:])
print(-left)
sys.exit(status)
"""
"""Ends itself after so many calls of Python within `populate`; otherwise prints how many there were."""


def _stepped(towns: Towns, model: Path, steps: int) -> subprocess.CompletedProcess[str]:
    words = ["noise", "populate", model, "--postgres", towns.conninfo]
    command = [sys.executable, "-c", KILLED, str(steps), *words]
    return programs.run(command, limit_s=LIMIT_S, capture_output=True, text=True)


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(one, marks=pytest.mark.thorough) for one in range(2, 13))])
def test_populate_that_was_killed_anywhere_ends_in_the_same_rows(towns: Towns, seed: int) -> None:
    model = towns.model(3)
    whole = _stepped(towns, model, 0)
    assert whole.returncode == 0, whole.stderr
    steps, expected = int(whole.stdout.split()[-1]), towns.held()
    towns.do("drop")

    killed = _stepped(towns, model, Random(seed).randint(1, steps))  # noqa: S311 (reproducible)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    towns.do("populate", model)

    towns.do("verify", model, "--exact")
    assert towns.held() == expected


def test_populate_again_adds_nothing(towns: Towns) -> None:
    model = towns.model(2)
    towns.do("populate", model)
    before = towns.held()

    assert towns.do("populate", model).startswith("0 rows added")
    assert towns.held() == before


def test_another_model_is_refused_and_nothing_changes(towns: Towns) -> None:
    towns.do("populate", towns.model(2))
    before = towns.held()

    said = towns.refused("populate", towns.model(3, "larger.json"))

    assert "holds the ghost town of another model: seed 1, 2 organisations" in said
    assert towns.held() == before


def test_other_variables_are_refused_by_name(towns: Towns) -> None:
    model = towns.model(2)
    towns.do("populate", model, "--set", "engine_address=http://{organisation}.test/{engine}")

    assert towns.rows("SELECT address FROM ghost.engines ORDER BY id LIMIT 1") == [("http://1.test/1000000",)]
    assert "of other variables" in towns.refused("populate", model)
    towns.do("verify", model)


def test_unknown_variable_is_refused(towns: Towns) -> None:
    assert "did you mean 'engine_address'?" in towns.refused("populate", towns.model(2), "--set", "engine_adress=x")


def test_two_at_once_do_not_meet(towns: Towns, monkeypatch: pytest.MonkeyPatch) -> None:
    model = towns.model(2)
    towns.do("populate", model)
    monkeypatch.setattr(town, "_PATIENCE_S", 0.3)

    with town.entered(town_dsn(towns), "ghost", "Waiting") as other, other.held(shared=False):
        for verb in (["populate", model], ["drop"], ["run", model]):
            assert "Another `schemabench noise` is at work" in towns.refused(*verb)
    towns.do("populate", model)


def town_dsn(towns: Towns) -> town.Conninfo:
    """Return the conninfo as commands have it."""
    return town.Conninfo(towns.conninfo)


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGHUP, pytest.param(signal.SIGTERM, marks=pytest.mark.thorough)]
)
def test_populate_that_a_signal_ends_says_so_and_goes_on_later(towns: Towns, number: int) -> None:
    model = towns.model(3)
    towns.do("populate", model)
    expected = towns.held()
    towns.change("DELETE FROM ghost.audits", "UPDATE ghost.noise_filled SET organisations = 0 WHERE entity = 'audits'")
    with towns.open() as session:
        session.execute("BEGIN; LOCK TABLE ghost.audits")
        with towns.start("populate", model) as program:
            _wait_for(towns, "wait_event_type = 'Lock'")
            program.send_signal(number)
            _, err = program.communicate(timeout=LIMIT_S)
        assert program.returncode == 130
        assert err.strip().endswith("Interrupted")

    towns.do("populate", model)

    assert towns.held() == expected


def _wait_for(towns: Towns, condition: str) -> None:
    """Wait until a session of noise is in some state."""
    query = f"SELECT FROM pg_stat_activity WHERE application_name = 'schemabench noise' AND {condition}"
    until_s = monotonic() + LIMIT_S
    while not towns.rows(query):
        assert monotonic() < until_s, f"no session of noise has {condition}"
        sleep(0.02)


def test_session_that_the_server_ends_is_told_in_words(towns: Towns) -> None:
    model = towns.model(2)
    towns.do("populate", model)
    towns.change("DELETE FROM ghost.audits", "UPDATE ghost.noise_filled SET organisations = 0 WHERE entity = 'audits'")
    with towns.open() as session:
        session.execute("BEGIN; LOCK TABLE ghost.audits")
        with towns.start("populate", model) as program:
            _wait_for(towns, "wait_event_type = 'Lock'")
            towns.change("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            _, err = program.communicate(timeout=LIMIT_S)

    assert program.returncode == 2
    assert re.search("Populating the schema 'ghost' failed: .*(terminating connection|server closed the conn)", err)
    assert "run again: what is complete stays" in err
    assert "Traceback" not in err
    towns.do("populate", model)


def test_schema_that_holds_other_things_is_not_touched(towns: Towns) -> None:
    towns.change("CREATE SCHEMA ghost", "CREATE TABLE ghost.users (id int)", "INSERT INTO ghost.users VALUES (7)")

    for verb in ("populate", "verify", "run"):
        assert "holds other things than a ghost town" in towns.refused(verb, towns.model(2))
    assert "holds other things than a ghost town" in towns.refused("drop")
    assert towns.rows("SELECT id FROM ghost.users") == [(7,)]


@pytest.mark.parametrize("columns", ["id int", "digest text, seed bigint"])
def test_table_of_the_records_name_that_is_somebody_elses_is_not_touched(towns: Towns, columns: str) -> None:
    towns.change("CREATE SCHEMA ghost", f"CREATE TABLE ghost.noise_record ({columns})")

    assert "holds other things than a ghost town" in towns.refused("populate", towns.model(2))
    assert "holds other things than a ghost town" in towns.refused("drop")
    assert towns.rows("SELECT * FROM ghost.noise_record") == []


def test_record_that_somebody_damaged_is_not_trusted(towns: Towns) -> None:
    towns.do("populate", towns.model(2))
    towns.change("UPDATE ghost.noise_record SET variables = 'nonsense'")

    assert "holds other things than a ghost town" in towns.refused("drop")
    assert towns.rows("SELECT count(*) FROM ghost.organisations") == [(2,)]


def test_empty_schema_is_used_and_stays_after_drop(towns: Towns) -> None:
    towns.change("CREATE SCHEMA ghost")
    towns.do("populate", towns.model(2))
    towns.do("drop")

    assert towns.rows("SELECT count(*) FROM pg_namespace WHERE nspname = 'ghost'") == [(1,)]
    assert towns.rows("SELECT count(*) FROM pg_class WHERE relnamespace = 'ghost'::regnamespace") == [(0,)]


def test_drop_leaves_nothing_behind_and_strangers_alone(towns: Towns) -> None:
    towns.change("CREATE TABLE public.users (id int)", "INSERT INTO public.users VALUES (7)")
    towns.do("populate", towns.model(2))
    towns.do("populate", towns.model(2), "--schema-name", 'my "town" ä')

    assert "removed" in towns.do("drop")
    assert "nothing was removed" in towns.do("drop")

    towns.do("verify", towns.model(2), "--schema-name", 'my "town" ä')
    assert towns.rows("SELECT id FROM public.users") == [(7,)]
    assert towns.rows("SELECT count(*) FROM pg_namespace WHERE nspname = 'ghost'") == [(0,)]


@pytest.mark.parametrize(
    ("stranger", "kept"),
    [
        ("CREATE VIEW public.watch AS SELECT count(*) FROM ghost.users", "SELECT * FROM public.watch"),
        ("CREATE TABLE public.notes (author bigint REFERENCES ghost.users)", "SELECT * FROM public.notes"),
        ("CREATE TABLE ghost.notes (id int)", "SELECT * FROM ghost.notes"),
    ],
    ids=["view", "reference", "table"],
)
def test_drop_that_would_take_somebody_elses_things_removes_nothing(towns: Towns, stranger: str, kept: str) -> None:
    model = towns.model(2)
    towns.do("populate", model)
    towns.change(stranger)

    said = towns.refused("drop")

    assert "was not removed, since something else depends on it" in said
    towns.do("verify", model, "--exact")
    towns.rows(kept)


@pytest.mark.parametrize(
    "stranger",
    ["TABLE ghost.records (LIKE ghost.runs INCLUDING ALL)", "VIEW ghost.records AS SELECT 7 AS job"],
    ids=["table", "view"],
)
def test_what_somebody_made_in_place_of_a_table_is_not_touched(towns: Towns, stranger: str) -> None:
    model = towns.model(2)
    towns.do("populate", model)
    towns.change("DROP TABLE ghost.records", f"CREATE {stranger}")

    for verb in (["populate", model], ["verify", model], ["run", model], ["drop"]):
        assert '"ghost"."records" is not the table that populate made' in towns.refused(*verb)
    towns.rows("SELECT job FROM ghost.records")
    towns.change("CREATE SCHEMA theirs", f"ALTER {stranger.split(maxsplit=1)[0]} ghost.records SET SCHEMA theirs")
    towns.do("drop")
    towns.rows("SELECT job FROM theirs.records")


def test_town_from_a_dump_is_removed_as_the_one_that_was_dumped(towns: Towns) -> None:
    towns.do("populate", towns.model(2))
    folder, dump = binaries.survey().found[0].folder, towns.folder / "ghost.sql"
    programs.run([folder / "pg_dump", "--schema", "ghost", "--file", dump, towns.conninfo], check=True)
    towns.do("drop")
    restoring = [folder / "psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", dump, towns.conninfo]
    programs.run(restoring, check=True, stdout=subprocess.DEVNULL)

    towns.do("verify", towns.model(2), "--exact")
    towns.do("drop")
    assert towns.rows("SELECT count(*) FROM pg_namespace WHERE nspname = 'ghost'") == [(0,)]


def test_town_of_which_a_table_is_gone_can_be_removed(towns: Towns) -> None:
    towns.do("populate", towns.model(2))
    towns.change("DROP TABLE ghost.records")

    assert "failed: relation" in towns.refused("verify", towns.model(2))
    towns.do("drop")


def test_role_that_may_not_create_is_told_what_to_grant(towns: Towns) -> None:
    nobody = towns.role("nobody")

    said = towns.refused("populate", towns.model(2), conninfo=nobody)

    assert "permission denied for database" in said
    assert "GRANT CREATE ON DATABASE" in said


def test_role_that_owns_an_empty_schema_needs_no_other_right(towns: Towns) -> None:
    owner = towns.role("owner")
    towns.change("CREATE SCHEMA theirs AUTHORIZATION owner")
    place = ["--schema-name", "theirs"]

    towns.do("populate", towns.model(2), *place, conninfo=owner)
    towns.do("verify", towns.model(2), *place, conninfo=owner)
    towns.do("run", towns.model(2), *place, "--for", "200ms", "--speed", "100", conninfo=owner)
    assert "permission denied" in towns.refused("drop", *place, conninfo=towns.role("nobody"))
    towns.do("drop", *place, conninfo=owner)


@pytest.mark.parametrize("name", ["", "pg_ghost", "g" * 64])
def test_name_that_no_schema_can_have_is_refused(towns: Towns, name: str) -> None:
    assert "cannot name a schema" in towns.refused("drop", "--schema-name", name)


def test_model_larger_than_the_disk_is_refused_before_anything_is_made(
    towns: Towns, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(populating, "_BYTES_PER_ROW", 1 << 50)

    said = towns.refused("populate", towns.model(2))

    assert "the server's disk has" in said
    assert towns.rows("SELECT count(*) FROM pg_namespace WHERE nspname = 'ghost'") == [(0,)]


@pytest.mark.parametrize(("verb", "option"), [("drop", "--postgres"), ("fit", "--from")])
def test_an_error_about_a_dsn_names_the_option_that_it_came_from(towns: Towns, verb: str, option: str) -> None:
    words = ["-o", towns.folder / "fitted"] if verb == "fit" else []

    assert f"The DSN of {option} cannot be read" in towns.refused(verb, *words, conninfo="host=127.0.0.1 port=x")


@pytest.mark.parametrize("word", ["postgresql://me:hunter2@127.0.0.1:1/x", "password=hunter2 host=127.0.0.1 port=1"])
@pytest.mark.parametrize("verb", ["populate", "verify", "run", "drop", "fit"])
def test_password_is_never_shown(towns: Towns, verb: str, word: str) -> None:
    words = {"drop": [], "fit": ["-o", towns.folder / "fitted"]}.get(verb, [towns.model(2)])

    assert "hunter2" not in towns.refused(verb, *words, conninfo=word)
    assert "hunter2" not in towns.refused(verb, *words, word)  # in the place of something else
    assert "hunter2" not in towns.refused(verb, word)
