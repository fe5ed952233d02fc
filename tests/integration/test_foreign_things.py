"""What candidates do to a server of somebody else's, beside their databases: refused, or told with how to undo it."""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack
from random import Random

import laboratory
import psycopg
import pytest
import servers
from laboratory import Laboratory

from schemabench import Call, Workload, Writer
from schemabench.errors import CandidateError, SchemabenchError, ServerError
from schemabench.experiment import Plan, measure
from schemabench.progress import Progress, Shown, Silence
from schemabench.records import Experiment
from schemabench.server import Needs, Server, dropping, outside, serve
from schemabench.server.database import Mark
from schemabench.server.dsn import Conninfo, with_words

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


ADDING = "-- name: add\nINSERT INTO item (key) VALUES (:key::integer);\n"
SILENCE = Silence()
SETTINGS = {"max_prepared_transactions": "5", "wal_level": "logical"}


@pytest.fixture
def theirs() -> Iterator[Server]:
    """Start a server that plays somebody else's, and serve it to a run as its superuser."""
    with (
        servers.serving("embedded", settings=SETTINGS, clients=30, run_id="theirs") as owned,
        serve(_dsn(owned.conninfo), Needs(clients=4, databases=3), settings={}, run_id="guest") as server,
    ):
        yield server


@pytest.fixture
def owner(theirs: Server) -> Iterator[psycopg.Connection]:
    """Connect to their server as its superuser, with a database, a role and a tablespace that stood there before."""
    with psycopg.connect(theirs.conninfo, autocommit=True) as connection:
        connection.execute("SET allow_in_place_tablespaces = on")
        for statement in (
            "CREATE ROLE maker LOGIN PASSWORD 'old'",
            "ALTER ROLE maker SET work_mem = '4MB'",
            "CREATE ROLE team",
            "CREATE DATABASE victim",
            "CREATE DATABASE sb_prod",
            "COMMENT ON DATABASE victim IS 'precious'",
            "CREATE TABLESPACE fast LOCATION ''",
        ):
            connection.execute(statement.encode())
        yield connection


@pytest.mark.parametrize(
    ("doing", "told"),
    [
        (
            "ALTER DATABASE victim RENAME TO victim2",
            ["database victim is renamed to victim2; to undo: ALTER DATABASE victim2 RENAME TO victim"],
        ),
        (
            "ALTER DATABASE sb_prod RENAME TO prod",
            ["database sb_prod is renamed to prod; to undo: ALTER DATABASE prod RENAME TO sb_prod"],
        ),
        ("DROP DATABASE sb_prod", ["database sb_prod is gone; to undo: restore sb_prod from a backup"]),
        ("CREATE DATABASE sb_test", ["database sb_test is new; to undo: DROP DATABASE sb_test"]),
        (
            "ALTER DATABASE victim OWNER TO maker",
            [
                (
                    "database victim is changed to OWNER TO maker, and was OWNER TO postgres; "
                    "to undo: ALTER DATABASE victim OWNER TO postgres"
                )
            ],
        ),
        (
            "ALTER DATABASE victim CONNECTION LIMIT 5",
            [
                (
                    "database victim is changed to CONNECTION LIMIT 5, and was CONNECTION LIMIT -1; "
                    "to undo: ALTER DATABASE victim CONNECTION LIMIT -1"
                )
            ],
        ),
        (
            "ALTER DATABASE victim SET search_path = a, b",
            ["setting search_path of DATABASE victim is new; to undo: ALTER DATABASE victim RESET search_path"],
        ),
        (
            "GRANT CREATE ON DATABASE victim TO maker",
            [
                (
                    "privilege CREATE on database victim for maker is new; "
                    "to undo: REVOKE CREATE ON DATABASE victim FROM maker"
                )
            ],
        ),
        (
            "REVOKE CONNECT ON DATABASE victim FROM PUBLIC",
            [
                (
                    "privilege CONNECT on database victim for PUBLIC is gone; "
                    "to undo: GRANT CONNECT ON DATABASE victim TO PUBLIC"
                )
            ],
        ),
        (
            "GRANT CREATE ON TABLESPACE fast TO maker",
            [
                (
                    "privilege CREATE on tablespace fast for maker is new; "
                    "to undo: REVOKE CREATE ON TABLESPACE fast FROM maker"
                )
            ],
        ),
        (
            "GRANT SET ON PARAMETER log_statement TO maker",
            [
                (
                    "privilege SET on parameter log_statement for maker is new; "
                    "to undo: REVOKE SET ON PARAMETER log_statement FROM maker"
                )
            ],
        ),
        (
            "COMMENT ON DATABASE victim IS 'worthless'",
            [
                (
                    "comment on database victim is changed to 'worthless', and was 'precious'; "
                    "to undo: COMMENT ON DATABASE victim IS 'precious'"
                )
            ],
        ),
        (
            "COMMENT ON ROLE maker IS 'x'",
            ["comment on role maker is new; to undo: COMMENT ON ROLE maker IS NULL"],
        ),
        (
            "ALTER ROLE maker CREATEROLE",
            ["role maker is changed to CREATEROLE, and was NOCREATEROLE; to undo: ALTER ROLE maker NOCREATEROLE"],
        ),
        (
            "ALTER ROLE team RENAME TO crew",
            ["role team is renamed to crew; to undo: ALTER ROLE crew RENAME TO team"],
        ),
        (
            "ALTER ROLE maker SET work_mem = '5MB'",
            [
                (
                    "setting work_mem of ROLE maker is changed to '5MB', and was '4MB'; "
                    "to undo: ALTER ROLE maker SET work_mem = '4MB'"
                )
            ],
        ),
        (
            "ALTER ROLE maker RESET work_mem",
            ["setting work_mem of ROLE maker is gone; to undo: ALTER ROLE maker SET work_mem = '4MB'"],
        ),
        ("GRANT team TO maker", ["membership of maker in team is new; to undo: REVOKE team FROM maker"]),
        ("DROP ROLE team", ["role team is gone; to undo: CREATE ROLE team"]),
        ('CREATE ROLE "New One"', ['role "New One" is new; to undo: DROP ROLE "New One"']),
        (
            "ALTER ROLE maker PASSWORD 'new'",
            [
                (
                    "password of role maker is changed; "
                    "to undo: ALTER ROLE maker PASSWORD with the old one, which only its owner knows"
                )
            ],
        ),
        (
            "ALTER TABLESPACE fast RENAME TO slow",
            ["tablespace fast is renamed to slow; to undo: ALTER TABLESPACE slow RENAME TO fast"],
        ),
        (
            "ALTER TABLESPACE fast SET (seq_page_cost = 2)",
            ["option seq_page_cost of tablespace fast is new; to undo: ALTER TABLESPACE fast RESET (seq_page_cost)"],
        ),
        (
            "ALTER SYSTEM SET work_mem = '5MB'",
            ["setting work_mem of the server is new; to undo: ALTER SYSTEM RESET work_mem; SELECT pg_reload_conf()"],
        ),
        (
            "ALTER SYSTEM SET primary_conninfo = 'password=hunter2'",
            [
                (
                    "setting primary_conninfo of the server is new; "
                    "to undo: ALTER SYSTEM RESET primary_conninfo; SELECT pg_reload_conf()"
                )
            ],
        ),
        (
            "SELECT pg_create_physical_replication_slot('grows')",
            ["replication slot grows is new; to undo: SELECT pg_drop_replication_slot('grows')"],
        ),
        (
            "SELECT pg_replication_origin_create('there')",
            ["replication origin there is new; to undo: SELECT pg_replication_origin_drop('there')"],
        ),
        (
            "CREATE SUBSCRIPTION s CONNECTION 'dbname=x' PUBLICATION p WITH (connect = false, slot_name = NONE)",
            ["subscription s of database postgres is new; to undo: DROP SUBSCRIPTION s, in postgres"],
        ),
        (
            "BEGIN; CREATE TABLE held (x int); PREPARE TRANSACTION 'g'",
            [
                (
                    "prepared transaction 'g' of database postgres is new; "
                    "to undo: ROLLBACK PREPARED 'g', in postgres, unless it is about to be committed"
                )
            ],
        ),
        (
            "UPDATE pg_database SET datname = 'stolen' WHERE datname = 'victim'",
            ["database victim is renamed to stolen; to undo: ALTER DATABASE stolen RENAME TO victim"],
        ),
    ],
)
def test_what_changed_is_told_with_how_to_undo_it(
    theirs: Server, owner: psycopg.Connection, doing: str, told: list[str]
) -> None:
    then = theirs.standing()
    _executed(owner, doing)

    assert [text for text in outside.changes(then, theirs.standing(then)) if "origin pg_" not in text] == told


def test_what_is_told_undoes_it(theirs: Server, owner: psycopg.Connection) -> None:
    then = theirs.standing()
    for doing in (
        "ALTER ROLE maker RENAME TO mallory",
        "ALTER ROLE mallory CREATEDB VALID UNTIL '2030-01-01'",
        "ALTER ROLE mallory SET search_path = mine, public",
        "GRANT team TO mallory WITH ADMIN OPTION",
        "ALTER DATABASE victim RENAME TO victim2",
        "ALTER DATABASE victim2 OWNER TO mallory",
        "REVOKE ALL ON DATABASE victim2 FROM PUBLIC",
        "COMMENT ON DATABASE victim2 IS NULL",
        "ALTER SYSTEM SET work_mem = '5MB'",
        "ALTER TABLESPACE fast OWNER TO mallory",
        "SELECT pg_create_physical_replication_slot('grows')",
    ):
        _executed(owner, doing)
    for text in outside.changes(then, theirs.standing(then)):
        _executed(owner, text.partition("; to undo: ")[2])

    assert outside.changes(then, theirs.standing(then)) == []


def test_a_mark_that_a_database_gets_does_not_hide_it(theirs: Server, owner: psycopg.Connection) -> None:
    owner.execute("CREATE DATABASE sb_dead_orders")
    then = theirs.standing()
    owner.execute(f"COMMENT ON DATABASE sb_dead_orders IS '{Mark(run='dead', label='x', keep=True)}'".encode())
    owner.execute("ALTER DATABASE sb_dead_orders CONNECTION LIMIT 1")
    told = " ".join(outside.changes(then, theirs.standing(then)))

    assert "comment on database sb_dead_orders is new; to undo: COMMENT ON DATABASE sb_dead_orders IS NULL" in told
    assert "ALTER DATABASE sb_dead_orders CONNECTION LIMIT -1" in told


def test_databases_of_runs_are_nobodys_change(theirs: Server, owner: psycopg.Connection) -> None:
    then = theirs.standing()
    owner.execute("CREATE DATABASE sb_other_template")
    owner.execute(f"COMMENT ON DATABASE sb_other_template IS '{Mark(run='other', label='x', keep=True)}'".encode())
    owner.execute("ALTER DATABASE sb_other_template SET jit = off")
    theirs.create("ours")

    assert outside.changes(then, theirs.standing(then)) == []


def test_a_password_reaches_nothing_that_can_be_written_down(theirs: Server, owner: psycopg.Connection) -> None:
    then = theirs.standing()
    (stored,) = owner.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'maker'").fetchone() or ("",)
    owner.execute("ALTER SYSTEM SET primary_conninfo = 'password=hunter2'")
    before = theirs.standing(then)
    owner.execute("ALTER SYSTEM SET primary_conninfo = 'password=hunter3'")
    told = " ".join(outside.changes(before, theirs.standing(then)))

    assert stored
    assert stored not in repr(then)
    assert hashlib.sha256(stored.encode()).hexdigest() not in repr(then)
    assert "primary_conninfo" in told
    assert "hunter" not in told


def _dsn(conninfo: str) -> str:
    words = psycopg.conninfo.conninfo_to_dict(conninfo)
    return "postgresql://{user}:{password}@{host}:{port}/postgres".format(**words)


def _executed(connection: psycopg.Connection, text: str) -> None:
    """Execute statements, each by itself, as whoever reads an advice does."""
    for statement in text.split("; "):
        connection.execute(statement.encode())


def test_a_server_that_nobody_changed_has_no_changes(theirs: Server) -> None:
    assert theirs.standing() != {}
    assert outside.changes(theirs.standing(), theirs.standing()) == []


def test_what_a_candidate_hides_in_a_block_is_a_notice_of_the_report(theirs: Server, folders: Folders) -> None:
    found = ranked(theirs, folders, HIDDEN)
    (text,) = [notice.text for notice in found.notices if notice.code == "server-changed"]

    assert "role left_behind is new; to undo: DROP ROLE left_behind" in text


def test_a_candidate_that_alters_the_system_needs_the_users_word(theirs: Server, folders: Folders) -> None:
    text = "CREATE TABLE item (key integer);\nALTER SYSTEM SET work_mem = '6MB';\n"
    with pytest.raises(CandidateError, match="ALTER SYSTEM changes the server") as caught:
        ranked(theirs, folders, text)
    assert any("--allow-server-changes" in remedy for remedy in caught.value.remedies)


PREPARED = "CREATE TABLE item (key integer);\nBEGIN;\nCREATE TABLE p (x int);\nPREPARE TRANSACTION 'g';\n"
SUBSCRIBED = (
    "CREATE TABLE item (key integer);\n"
    "CREATE SUBSCRIPTION s CONNECTION 'dbname=x' PUBLICATION p WITH (connect = false, slot_name = 'theirs');\n"
)


@pytest.mark.parametrize(
    ("text", "holder"),
    [
        (PREPARED, "the prepared transaction 'g' (pg_prepared_xacts)"),
        (SUBSCRIBED, "the subscription s (pg_subscription)"),
    ],
)
def test_a_candidate_that_holds_its_database_fails_alone_and_leaves_nothing(
    theirs: Server, folders: Folders, text: str, holder: str
) -> None:
    with psycopg.connect(theirs.conninfo, autocommit=True) as connection:
        connection.execute("SELECT pg_create_physical_replication_slot('theirs')")
        (failed,) = [one for one in measured(theirs, folders, text).candidates if one.name == "holding"]
        left = connection.execute(
            "SELECT datname FROM pg_database WHERE datname LIKE 'sb%' UNION ALL SELECT gid FROM pg_prepared_xacts "
            "UNION ALL SELECT subname FROM pg_subscription UNION ALL SELECT slot_name FROM pg_replication_slots"
        ).fetchall()

    assert failed.status == "failed"
    assert holder in failed.reason
    assert "end it, in the database sb_guest_holding_template: " in failed.reason
    assert left == [("theirs",)]


@pytest.mark.parametrize("text", [PREPARED, SUBSCRIBED])
def test_what_a_dead_run_left_held_is_dropped(theirs: Server, owner: psycopg.Connection, text: str) -> None:
    owner.execute("CREATE DATABASE sb_dead_a")
    owner.execute(f"COMMENT ON DATABASE sb_dead_a IS '{Mark(run='dead', label='a', keep=False)}'".encode())
    with psycopg.connect(with_words(theirs.conninfo, dbname="sb_dead_a"), autocommit=True) as inside:
        _executed(inside, text.replace(";\n", "; "))

    with serve(_dsn(theirs.conninfo), Needs(clients=1), settings={}, run_id="next") as server:
        assert not [one for one in server.notices if one.code == "left-behind"]
    assert owner.execute("SELECT FROM pg_database WHERE datname = 'sb_dead_a'").rowcount == 0


def test_what_cannot_be_dropped_of_a_dead_run_is_told(theirs: Server, owner: psycopg.Connection) -> None:
    owner.execute("CREATE DATABASE sb_dead_b")
    owner.execute(f"COMMENT ON DATABASE sb_dead_b IS '{Mark(run='dead', label='b', keep=False)}'".encode())
    owner.execute("ALTER ROLE maker CREATEDB PASSWORD 'p'")
    conninfo = with_words(theirs.conninfo, user="maker", password="p")  # noqa: S106 (of this test)

    with serve(_dsn(conninfo), Needs(clients=1), settings={}, run_id="next") as server:
        (told,) = [one.text for one in server.notices if one.code == "left-behind"]
    assert told.startswith(
        "The database sb_dead_b of a dead run could not be dropped: must be owner of database sb_dead_b"
    )
    assert "DROP DATABASE sb_dead_b" in told


def test_who_is_in_a_database_of_a_dead_run_is_told(theirs: Server, owner: psycopg.Connection) -> None:
    owner.execute("CREATE DATABASE sb_dead_c")
    owner.execute(f"COMMENT ON DATABASE sb_dead_c IS '{Mark(run='dead', label='c', keep=False)}'".encode())
    inside = with_words(theirs.conninfo, dbname="sb_dead_c", application_name="monitoring")
    with psycopg.connect(inside), serve(_dsn(theirs.conninfo), Needs(clients=1), settings={}, run_id="next") as server:
        (told,) = [one.text for one in server.notices if one.code == "left-behind"]

    assert told.startswith("The database sb_dead_c of a dead run is in use, and was not dropped: process ")
    assert "of the role postgres (monitoring)" in told


@pytest.mark.parametrize(
    "broken",
    [HIDDEN + "SELECT nothing;\n", HIDDEN.replace("(key integer)", "(other integer)")],
    ids=["schema", "write"],
)
def test_a_run_without_a_result_tells_what_it_changed(theirs: Server, folders: Folders, broken: str) -> None:
    with pytest.raises(SchemabenchError) as caught:
        ranked(theirs, folders, broken)

    assert "role left_behind is new; to undo: DROP ROLE left_behind" in str(caught.value)


class Interrupting(Silence):
    """A terminal at which somebody interrupts the building of the second candidate."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def stage(self, plan: Shown, text: str, elapsed_s: float | None = None) -> None:  # noqa: ARG002 (as everybody's)
        """Interrupt once the baseline is built."""
        if text == "building holding":
            raise KeyboardInterrupt

    def say(self, text: str) -> None:
        """Keep what was said."""
        self.said.append(text)


def test_a_run_that_is_interrupted_without_a_result_tells_what_it_changed(theirs: Server, folders: Folders) -> None:
    progress = Interrupting()
    with pytest.raises(KeyboardInterrupt):
        measured(theirs, folders, "CREATE TABLE item (key integer);\n", baseline=HIDDEN, progress=progress)

    assert any("role left_behind is new; to undo: DROP ROLE left_behind" in text for text in progress.said)


class Intruding(Silence):
    """A terminal at which a superuser connects to all databases of runs, once the blocks are over."""

    def __init__(self, superuser: Conninfo, stack: ExitStack) -> None:
        self._superuser = superuser
        self._stack = stack

    def stage(self, plan: Shown, text: str, elapsed_s: float | None = None) -> None:  # noqa: ARG002 (as everybody's)
        """Connect when states are compared."""
        if text == "comparing states":
            with psycopg.connect(self._superuser) as connection:
                names = [
                    name for (name,) in connection.execute("SELECT datname FROM pg_database WHERE datname ~ '^sb_'")
                ]
            for name in names:
                inside = psycopg.connect(with_words(self._superuser, dbname=name, application_name="monitoring"))
                self._stack.enter_context(inside)


def test_an_experiment_is_not_lost_when_its_databases_cannot_be_dropped(
    theirs: Server, owner: psycopg.Connection, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dropping, "LIMIT_S", 0.2)
    owner.execute("ALTER ROLE maker CREATEDB PASSWORD 'p'")
    maker = _dsn(with_words(theirs.conninfo, user="maker", password="p"))  # noqa: S106 (of this test)
    with ExitStack() as sessions:
        progress = Intruding(theirs.conninfo, sessions)
        with (
            pytest.raises(ServerError, match=r"Left on .*: 4 databases of the run") as caught,
            serve(maker, Needs(clients=4, databases=3), settings={}, run_id="next") as server,
        ):
            found = measured(server, folders, "CREATE TABLE item (key bigint);\n", progress=progress)

    assert {one.name: one.status for one in found.candidates} == {"baseline": "ranked", "holding": "ranked"}
    assert all("of the role postgres (monitoring)" in line for line in caught.value.checked)
    assert any("pg_terminate_backend" in remedy for remedy in caught.value.remedies)
    with serve(maker, Needs(clients=4), settings={}, run_id="later") as server:
        assert not [one for one in server.notices if one.code == "left-behind"]
    assert owner.execute("SELECT FROM pg_database WHERE datname LIKE 'sb%next%'").rowcount == 0


def measured(
    server: Server,
    folders: Folders,
    text: str,
    *,
    baseline: str = "CREATE TABLE item (key integer);\n",
    progress: Progress = SILENCE,
) -> Experiment:
    """Measure a baseline and a candidate that may do anything, for a moment."""
    folder = folders.mktemp("experiment")
    workload = Workload(
        name="laboratory",
        summary="a candidate that may do anything",
        cardinalities={"typical": laboratory.Sizes()},
        writers=lambda _: [Writer(name="adding", kind="stream", weight=4, clients=2)],
        burst=lambda _sizes, writer, _block, random: numbered(writer, random),
    )
    plan = Plan(
        found=laboratory.found(folder, workload, ADDING),
        cardinality="typical",
        candidates=laboratory.installable(folder / "schemas", {"baseline": baseline, "holding": text}),
        clients=2,
        budget_s=0.1,
        precision=laboratory.PRECISION,
        seed=1,
        allow_server_changes=True,
    )
    return measure(plan, server, progress)


@pytest.fixture
def folders(tmp_path_factory: Folders) -> Folders:
    return tmp_path_factory


def numbered(_: str, random: Random) -> Iterator[Call]:
    while True:
        yield Call("add", {"key": random.randrange(1000)})


def ranked(server: Server, folders: Folders, baseline: str) -> Experiment:
    """Measure a baseline for a moment."""
    return Laboratory(server=server, folders=folders).rank(
        operations=ADDING,
        candidates={"baseline": baseline},
        writers=[Writer(name="adding", kind="stream", weight=4, clients=2)],
        burst=numbered,
        budget_s=0.1,
    )
