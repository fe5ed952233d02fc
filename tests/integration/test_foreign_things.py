"""What candidates do to a server of somebody else's, beside their databases: refused, or told with how to undo it."""

from collections.abc import Iterator
from random import Random

import psycopg
import pytest
import servers
from laboratory import Laboratory

from schemabench import Call, Writer
from schemabench.errors import CandidateError
from schemabench.records import Experiment
from schemabench.server import Server, outside, serve

Folders = pytest.TempPathFactory
HIDDEN = """\
CREATE TABLE item (key integer);
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'left_behind') THEN
        EXECUTE 'CREATE ROLE left_behind LOGIN';
    END IF;
END $$;
"""
"""A role that a DO block makes is seen by nobody before."""


@pytest.fixture
def theirs() -> Iterator[Server]:
    """Start a server that plays somebody else's, and serve it to a run as its superuser."""
    with servers.serving("embedded", settings={}, clients=30, run_id="theirs") as owned:
        dsn = "postgresql://postgres:{password}@{host}:{port}/postgres".format(
            **psycopg.conninfo.conninfo_to_dict(owned.conninfo)
        )
        with serve(dsn, settings={}, clients=4, databases=3, run_id="guest") as server:
            yield server


def test_what_changed_is_told_with_how_to_undo_it(theirs: Server) -> None:
    with psycopg.connect(theirs.conninfo, autocommit=True) as connection:
        connection.execute("CREATE ROLE before LOGIN")
        connection.execute("CREATE ROLE going")
        then = theirs.standing()
        connection.execute("CREATE ROLE new_one")
        connection.execute("GRANT new_one TO before")
        connection.execute("ALTER ROLE before CREATEDB")
        connection.execute("ALTER ROLE before SET jit = off")
        connection.execute("DROP ROLE going")
        connection.execute("ALTER SYSTEM SET work_mem = '5MB'")
        connection.execute("CREATE DATABASE somebodys")
        connection.execute("CREATE DATABASE sb_another_run_template")
    found = outside.changes(then, theirs.standing())

    assert [text.partition("; to undo: ")[2] for text in found if "new_one" in text] == [
        "REVOKE it",
        'DROP ROLE "new_one"',
    ]
    for words in (
        "role 'going' is gone",
        "role 'before' is 'CREATEDB LOGIN",
        "setting of a role or database 'before' is new",
        "setting of the server 'work_mem' is new; to undo: ALTER SYSTEM RESET \"work_mem\"",
        "database 'somebodys' is new; to undo: DROP DATABASE \"somebodys\"",
    ):
        assert any(text.startswith(words) for text in found), (words, found)
    assert not any("another_run" in text for text in found)


def test_a_server_that_nobody_changed_has_no_changes(theirs: Server) -> None:
    assert theirs.standing() != {}
    assert outside.changes(theirs.standing(), theirs.standing()) == []


def test_what_a_candidate_hides_in_a_block_is_a_notice_of_the_report(theirs: Server, folders: Folders) -> None:
    found = ranked(theirs, folders, HIDDEN)
    (text,) = [notice.text for notice in found.notices if notice.code == "server-changed"]

    assert "role 'left_behind' is new; to undo: DROP ROLE \"left_behind\"" in text


def test_a_candidate_that_alters_the_system_needs_the_users_word(theirs: Server, folders: Folders) -> None:
    text = "CREATE TABLE item (key integer);\nALTER SYSTEM SET work_mem = '6MB';\n"
    with pytest.raises(CandidateError, match="ALTER SYSTEM changes the server") as caught:
        ranked(theirs, folders, text)
    assert any("--allow-server-changes" in remedy for remedy in caught.value.remedies)


@pytest.fixture
def folders(tmp_path_factory: Folders) -> Folders:
    return tmp_path_factory


def numbered(_: str, random: Random) -> Iterator[Call]:
    while True:
        yield Call("add", {"key": random.randrange(1000)})


def ranked(server: Server, folders: Folders, baseline: str) -> Experiment:
    """Measure a baseline for a moment."""
    return Laboratory(server=server, folders=folders).rank(
        operations="-- name: add\nINSERT INTO item VALUES (:key::integer);\n",
        candidates={"baseline": baseline},
        writers=[Writer(name="adding", kind="stream", weight=4, clients=2)],
        burst=numbered,
        budget_s=0.1,
    )
