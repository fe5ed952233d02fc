"""The settings that a report shows, against those that the measured sessions themselves wrote down in mid-trial."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path
from random import Random

import docker
import docker.errors
import laboratory
import places
import psycopg
import pytest
import servers

from schemabench import Call, Workload, Writer
from schemabench.experiment import Plan, measure
from schemabench.experiment.entrant import CONTROL
from schemabench.progress import Silence
from schemabench.records import CandidateResult, Experiment, Setting
from schemabench.server import Needs, Server, binaries, container, folder, local, serve
from schemabench.server.dsn import Conninfo, with_words

IMAGE = "postgres:15"
CUSTOM = "myapp.tenant"
"""A setting of an application's own, which pg_settings does not show."""
BASELINE = """\
CREATE TABLE truth (pid int, name text, value text, chosen boolean, PRIMARY KEY (pid, name));
CREATE TABLE item (key text PRIMARY KEY);
"""
TELL = f"""\
INSERT INTO truth
SELECT pg_backend_pid(), told.*
FROM (
    SELECT name, current_setting(name),
           setting IS DISTINCT FROM boot_val AND source NOT IN ('default', 'override')
    FROM pg_settings
    UNION ALL
    SELECT '{CUSTOM}', current_setting('{CUSTOM}', true), true
) AS told (name, value, chosen)
WHERE value IS NOT NULL AND NOT EXISTS (SELECT FROM truth WHERE pid = pg_backend_pid());
"""  # noqa: S608 (no text of anybody else's)
"""What a writer's session executes in its calls: it writes its own settings down, once."""
OPERATIONS = f"-- name: tell\n{TELL}-- name: keys\nSELECT key FROM item;\n"
SILENT = {"application_name", "listen_addresses", "port", "unix_socket_directories", "external_pid_file"}
"""What no report shows: names and places."""


def _of_database(*settings: str) -> str:
    """Return the SQL by which a candidate gives its own database settings."""
    statements = "".join(
        f"EXECUTE format('ALTER DATABASE %I SET {setting}', current_database());\n" for setting in settings
    )
    return f"DO $$ BEGIN {statements}END $$;\n"


FOR_ROLE = "EXECUTE format('ALTER ROLE CURRENT_USER IN DATABASE %I SET work_mem = ''6MB''', current_database());\n"
CANDIDATES = {
    "hurried": BASELINE + _of_database("synchronous_commit = off"),
    "many": "CREATE SCHEMA app;\n"
    + BASELINE
    + _of_database(
        "work_mem = ''9MB''", "jit = off", 'search_path = app, "Odd, name", public', f"{CUSTOM} = ''it''''s''"
    ),
    "for_role": BASELINE + f"DO $$ BEGIN {FOR_ROLE}END $$;\n",
    "as_loaded": "SET work_mem = '31MB';\nSET synchronous_commit = off;\n" + BASELINE,
    "as_executed": BASELINE + "-- name: tell\nSET work_mem = '11MB';\n" + TELL,
}
DIFFERING = {
    "hurried": {"synchronous_commit": "off"},
    "many": {"work_mem": "9MB", "jit": "off", "search_path": 'app, "Odd, name", public', CUSTOM: "it's"},
    "for_role": {"work_mem": "6MB"},
    "as_loaded": {},
    "as_executed": {"work_mem": "11MB"},
}
"""Candidate -> what its sessions have otherwise than the baseline's."""


@dataclass(frozen=True)
class Sizes:
    """The cardinality."""


WORKLOAD = Workload(
    name="truth",
    summary="sessions that tell their settings",
    cardinalities={"typical": Sizes()},
    writers=lambda _: (
        Writer(name="one", kind="stream", weight=4, clients=2),
        Writer(name="other", kind="stream", weight=4),
    ),
    burst=lambda _sizes, _writer, _block, _random: repeat(Call("tell", {})),
    state=("keys",),
)


@dataclass(frozen=True, kw_only=True)
class Told:
    """What one experiment recorded, and what its sessions wrote down."""

    experiment: Experiment
    sessions: Mapping[str, Mapping[int, Mapping[str, tuple[str, bool]]]]
    """Entrant -> process -> setting -> its value, and whether anybody chose it."""

    def baseline(self) -> dict[str, Setting]:
        """Return the settings that reports show for all."""
        return {one.name: one for one in self.experiment.settings}

    def candidate(self, name: str) -> CandidateResult:
        """Return one candidate's record."""
        (found,) = [one for one in self.experiment.candidates if one.name == name]
        return found


def _told(folder: Path, server: Server, candidates: Mapping[str, str] = CANDIDATES, isolation: str = "") -> Told:
    """Return what an experiment of one counted block recorded and what its sessions wrote down."""
    workload = replace(WORKLOAD, isolation=isolation) if isolation else WORKLOAD
    plan = Plan(
        found=laboratory.found(folder, workload, OPERATIONS),
        cardinality="typical",
        candidates=laboratory.installable(folder / "schemas", {"baseline": BASELINE, **candidates}),
        clients=3,
        budget_s=0.0,
        precision=0.01,
        seed=1,
        keep_databases=True,
    )
    experiment = measure(plan, server, Silence())
    try:
        sessions = {database.label: _written(server, database.name) for database in server.databases}
    finally:
        for database in server.databases:
            server.drop(database)
    return Told(
        experiment=experiment,
        sessions={label.removeprefix("truth_typical_"): some for label, some in sessions.items()},
    )


def _written(server: Server, database: str) -> dict[int, dict[str, tuple[str, bool]]]:
    found: dict[int, dict[str, tuple[str, bool]]] = {}
    with psycopg.connect(server.conninfo_for(database)) as connection:
        connection.execute("SET search_path = app, public")
        for pid, name, value, chosen in connection.execute("SELECT pid, name, value, chosen FROM truth"):
            found.setdefault(pid, {})[name] = (value, chosen)
    return found


def _check(told: Told, differing: Mapping[str, Mapping[str, str]] = DIFFERING) -> None:
    """See that what was recorded is what every session wrote down, and that nothing is missing."""
    assert {one.name: one.reason for one in told.experiment.candidates if one.status != "ranked"} == {}
    assert told.sessions.keys() == {"baseline", CONTROL, *differing}
    assert {len(some) for some in told.sessions.values()} == {3}, "every session tells"
    assert not [one.text for one in told.experiment.notices if "settings" in one.code]
    recorded = {name: one.value for name, one in told.baseline().items()}
    for written in (*told.sessions["baseline"].values(), *told.sessions[CONTROL].values()):
        values = {name: value for name, (value, _) in written.items()}
        chosen = {name for name, (_, chosen) in written.items() if chosen} - SILENT
        assert {name: values[name] for name in recorded} == recorded
        assert chosen <= recorded.keys()
    (usual, *_) = told.sessions["baseline"].values()
    for name, expected in differing.items():
        own = {one.name: one.value for one in told.candidate(name).settings}
        assert own == expected
        for written in told.sessions[name].values():
            others = {
                setting: value
                for setting, (value, _) in written.items()
                if setting not in SILENT and usual.get(setting, ("",))[0] != value
            }
            assert others == own
    ways = {one.source for one in told.experiment.settings}
    assert not [way for way in ways if "candidate" in way or "operation" in way], "the baseline sets nothing"


@pytest.fixture(scope="module")
def owned() -> Iterator[Server]:
    asked = {"work_mem": "5MB", "temp_tablespaces": "", CUSTOM: "a, b"}
    with servers.serving("embedded", settings=asked, clients=48, run_id="truth") as server:
        yield server


def test_on_a_server_of_ours_the_report_shows_what_the_sessions_had(tmp_path: Path, owned: Server) -> None:
    told = _told(tmp_path, owned)
    shown = told.baseline()

    _check(told)
    assert (shown["work_mem"].value, shown["work_mem"].source) == ("5MB", "--postgres-setting")
    assert (shown[CUSTOM].value, shown[CUSTOM].source) == ("a, b", "--postgres-setting")
    assert (shown["synchronous_commit"].value, shown["synchronous_commit"].source) == ("on", "schemabench")
    assert shown["idle_in_transaction_session_timeout"].source == "schemabench"
    assert shown["lc_messages"].source == "configuration file"
    (hurried,) = told.candidate("hurried").settings
    assert hurried.source == "candidate's database"
    (for_role,) = told.candidate("for_role").settings
    assert for_role.source == "candidate's database, for the role"
    (as_executed,) = told.candidate("as_executed").settings
    assert as_executed.source == "an operation"


def test_the_isolation_of_a_workload_is_among_the_settings(tmp_path: Path, owned: Server) -> None:
    told = _told(tmp_path, owned, {}, isolation="serializable")

    _check(told, {})
    isolation = told.baseline()["default_transaction_isolation"]
    assert (isolation.value, isolation.source) == ("serializable", "workload")


def test_what_the_environment_sets_is_shown_and_overrules_what_is_ours(
    tmp_path: Path, owned: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c synchronous_commit=off")
    told = _told(tmp_path, owned, {})

    _check(told, {})
    commit = told.baseline()["synchronous_commit"]
    assert (commit.value, commit.source) == ("off", "environment or DSN")


def test_a_setting_that_a_session_sets_in_one_writer_alone_is_shown_with_the_writer(
    tmp_path: Path, owned: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def burst(_sizes: Sizes, writer: str, _block: int, _: Random) -> Iterator[Call]:
        return repeat(Call("tell" if writer == "one" else "keys", {}))

    monkeypatch.setitem(globals(), "WORKLOAD", replace(WORKLOAD, burst=burst))
    told = _told(tmp_path, owned, {"as_executed": CANDIDATES["as_executed"]})
    (setting,) = told.candidate("as_executed").settings

    assert setting.value == "11MB (one), 5MB (other)"
    assert setting.source == "an operation, --postgres-setting"


@pytest.fixture(scope="module")
def dsn() -> Iterator[Conninfo]:
    """Start a server that plays somebody else's; its role `bench` has settings of its own."""
    with places.place() as path, pytest.MonkeyPatch.context() as patch:
        patch.setenv(folder.VARIABLE, str(path))
        settings = {"max_connections": "60", "fsync": "off", **servers.WAL}
        oldest = min(binaries.survey().found, key=lambda one: one.major)
        with local.start(oldest, settings, [], "theirs") as server:
            with psycopg.connect(server.conninfo, autocommit=True) as connection:
                connection.execute("CREATE ROLE bench LOGIN SUPERUSER PASSWORD 'theirs'")
                connection.execute("ALTER ROLE bench SET random_page_cost = 1.5")
                connection.execute("ALTER ROLE bench SET statement_timeout = '1h'")
                connection.execute("ALTER ROLE ALL SET lock_timeout = '1h'")
            yield Conninfo(with_words(server.conninfo, user="bench", password="theirs"))  # noqa: S106 (a test's)


ASKED = {"search_path": '"$user", public , app', "work_mem": "5120kB", CUSTOM: "a, b", "synchronous_commit": "on"}


def test_on_a_server_of_somebody_elses_the_report_shows_what_the_sessions_had(
    tmp_path: Path, dsn: Conninfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c jit_above_cost=77")
    with serve(dsn, Needs(clients=3, databases=7), settings=ASKED, run_id="truth") as server:
        told = _told(tmp_path, server)
    shown = {name: (one.value, one.source) for name, one in told.baseline().items()}

    _check(told)
    assert shown["work_mem"] == ("5MB", "--postgres-setting")
    assert shown["search_path"] == ('"$user", public , app', "--postgres-setting")
    assert shown[CUSTOM] == ("a, b", "--postgres-setting")
    assert shown["synchronous_commit"] == ("on", "--postgres-setting")
    assert shown["random_page_cost"] == ("1.5", "role")
    assert shown["statement_timeout"] == ("1h", "role")
    assert shown["lock_timeout"] == ("1h", "all roles")
    assert shown["jit_above_cost"] == ("77", "environment or DSN")
    assert shown["max_connections"] == ("60", "command line")


def test_a_setting_of_the_user_that_the_role_overrules_is_told(tmp_path: Path, dsn: Conninfo) -> None:
    with serve(dsn, Needs(clients=3, databases=4), settings={"random_page_cost": "1.1"}, run_id="truth") as server:
        told = _told(tmp_path, server, {})

    cost = told.baseline()["random_page_cost"]
    assert (cost.value, cost.source) == ("1.5", "role")
    (notice,) = [one for one in told.experiment.notices if one.code == "setting-overruled"]
    assert notice.text == (
        "--postgres-setting random_page_cost=1.1 has no effect in the writers' sessions: there it is 1.5, set by: role"
    )


@contextmanager
def _container() -> Iterator[Server]:
    if (reason := container.survey().reason) is not None:
        pytest.skip(reason)
    client = docker.from_env()
    try:
        client.images.get(IMAGE)
    except docker.errors.ImageNotFound:
        pytest.skip(f"no image {IMAGE} on this machine")
    finally:
        client.close()
    with tempfile.TemporaryDirectory(prefix="schemabench-test-") as path, pytest.MonkeyPatch.context() as patch:
        Path(path).chmod(0o755)
        patch.setenv(folder.VARIABLE, path)
        with serve(f"docker:{IMAGE}", Needs(clients=48), settings={"work_mem": "5MB"}, run_id="truth") as server:
            yield server


def test_in_a_container_the_report_shows_what_the_sessions_had(tmp_path: Path) -> None:
    with _container() as server:
        told = _told(tmp_path, server)

    _check(told)
    assert told.baseline()["work_mem"].source == "--postgres-setting"
