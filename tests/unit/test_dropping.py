"""Databases of runs that cannot be dropped: told with who is in them, and no reason to lose results."""

from contextlib import ExitStack, nullcontext
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from psycopg import errors

from schemabench.equivalence.scratch import Scratch
from schemabench.errors import CandidateError, ServerError
from schemabench.experiment import building, calibration, filling, kept, neighbours, surroundings, turns
from schemabench.server import Database, Databases, dropping, several
from schemabench.server.database import Mark
from schemabench.server.dropping import Patience, drop, drop_all

NAMES = ("sb_run_a", "sb_run_b", "sb_run_c")


class Rows(list[tuple[Any, ...]]):
    """What a query returned."""

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return all rows."""
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the first row."""
        return self[0] if self else None


class Session:
    """A session of a server whose databases are used by others.

    Attributes:
        refusals: Database -> why it cannot be dropped.
        inside: The sessions in each: process, role, and program.
        keep: Whether the databases were to outlive the run.
        dropped: What was dropped.
        attempts: The databases of which the dropping was tried, in order.
        comments: What was written into the comments on them.
    """

    info = SimpleNamespace(host="h", port=1, user="maker", dbname="postgres")

    def __init__(self, refusals: dict[str, psycopg.Error]) -> None:
        self.refusals = refusals
        self.inside: list[tuple[int, str | None, str]] = [(4711, "postgres", "psql"), (4712, None, "")]
        self.keep = False
        self.dropped: list[str] = []
        self.attempts: list[str] = []
        self.comments: list[str] = []

    def execute(self, statement: Any, parameters: Any = ()) -> Rows:  # noqa: ANN401 (as psycopg has them)
        """Answer what is asked on the way to dropping a database."""
        text = statement if isinstance(statement, str) else statement.as_string(None)
        if text.startswith("DROP DATABASE"):
            (name,) = [one for one in NAMES if one in text]
            self.attempts.append(name)
            if name in self.refusals:
                raise self.refusals[name]
            self.dropped.append(name)
            return Rows()
        if "pg_stat_activity" in text:
            assert parameters[0] in NAMES
            return Rows(self.inside)
        if "shobj_description" in text:
            return Rows([(1, name, str(Mark(run="run", label="x", keep=self.keep))) for name in NAMES])
        if "EXISTS" in text:
            return Rows([("pg_locks" not in text,)])
        if text.startswith("COMMENT"):
            self.comments.append(text)
        return Rows()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Return a clock that runs while somebody sleeps, and then has happen what happens `later`."""
    clock = SimpleNamespace(now_s=0.0, later=lambda: None)

    def sleep(duration_s: float) -> None:
        clock.now_s += duration_s
        clock.later()

    monkeypatch.setattr(dropping, "time", SimpleNamespace(monotonic=lambda: clock.now_s, sleep=sleep))
    return clock


def _session(*refused: str, by: type[psycopg.Error] = errors.InsufficientPrivilege) -> Any:  # noqa: ANN401 (see above)
    return Session({name: by("permission denied to terminate process") for name in refused})


@pytest.mark.parametrize("by", [errors.InsufficientPrivilege, errors.ObjectInUse])
@pytest.mark.usefixtures("clock")
def test_who_is_in_a_database_that_cannot_be_dropped_is_told_with_what_to_do(by: type[psycopg.Error]) -> None:
    with pytest.raises(ServerError, match=r"^Dropping the database sb_run_a failed: ") as caught:
        drop(_session("sb_run_a", by=by), "sb_run_a", "run", Patience())

    assert caught.value.sqlstate == by.sqlstate
    assert "process 4711 of the role postgres (psql), process 4712 of the server itself" in caught.value.what
    assert any("SELECT pg_terminate_backend(4711)" in remedy for remedy in caught.value.remedies)
    assert any(remedy.endswith("DROP DATABASE sb_run_a") for remedy in caught.value.remedies)


def test_roles_are_waited_for_at_length_once_and_for_a_moment_at_each_later_database(clock: SimpleNamespace) -> None:
    session, patience = _session(*NAMES), Patience()
    for name in NAMES:
        with pytest.raises(ServerError):
            drop(session, name, "run", patience)

    expected_s = dropping.LIMIT_S + 2 * dropping.LATER_S
    assert expected_s - 0.5 < clock.now_s < expected_s + 1
    assert {*session.attempts} == {*NAMES}, "each is tried all the same"


AUTOVACUUM = (4712, None, "")


def test_an_autovacuum_is_waited_for_though_a_role_was_waited_for_in_vain(clock: SimpleNamespace) -> None:
    session, patience = _session(*NAMES), Patience()
    with pytest.raises(ServerError):
        drop(session, "sb_run_a", "run", patience)
    begun_s = clock.now_s
    session.inside = [AUTOVACUUM, (4713, "maker", "our own, which the server may end")]
    clock.later = lambda: clock.now_s < begun_s + 20 or session.refusals.clear()

    drop(session, "sb_run_b", "run", patience)

    assert session.dropped == ["sb_run_b"]
    assert clock.now_s - begun_s > 19


def test_an_autovacuum_is_waited_for_in_each_database_but_not_for_ever(clock: SimpleNamespace) -> None:
    session, patience = _session(*NAMES), Patience()
    session.inside = [AUTOVACUUM]
    for name in NAMES:
        with pytest.raises(ServerError, match="in it: process 4712 of the server itself"):
            drop(session, name, "run", patience)

    assert 3 * dropping.LIMIT_S - 0.5 < clock.now_s < 3 * dropping.LIMIT_S + 1


def test_a_role_that_comes_after_an_autovacuum_has_its_own_moment(clock: SimpleNamespace) -> None:
    session, patience = _session(*NAMES), Patience()
    patience.spend()
    session.inside = [AUTOVACUUM]

    def come() -> None:
        if clock.now_s > 10:
            session.inside = [(4711, "postgres", "psql")]

    clock.later = come
    with pytest.raises(ServerError, match="the role postgres"):
        drop(session, "sb_run_a", "run", patience)

    assert 10 + dropping.LATER_S - 0.5 < clock.now_s < 10 + dropping.LATER_S + 1


@pytest.mark.usefixtures("clock")
def test_what_was_to_outlive_the_run_but_was_given_up_is_left_to_later_runs() -> None:
    session = _session("sb_run_a")
    session.keep = True
    with pytest.raises(ServerError):
        drop(session, "sb_run_a", "run", Patience())

    (comment,) = session.comments
    assert comment.startswith('COMMENT ON DATABASE "sb_run_a"')
    assert '"keep": false' in comment


def test_who_is_in_a_database_of_a_dead_run_is_told() -> None:
    session = _session()
    told = [one.text for one in dropping.sweep(session, "later")]

    assert session.dropped == []
    assert len(told) == len(NAMES)
    assert told[0].startswith(
        "The database sb_run_a of a dead run is in use, and was not dropped: process 4711 of the role"
    )
    session.inside = [AUTOVACUUM]
    assert dropping.sweep(session, "later") == (), "it leaves soon"
    session.inside = []
    assert dropping.sweep(session, "later") == ()
    assert session.dropped == [*NAMES]


@pytest.mark.usefixtures("clock")
def test_a_database_that_cannot_be_dropped_keeps_no_other_one() -> None:
    session = _session("sb_run_a")
    session.refusals["sb_run_b"] = psycopg.OperationalError("the disk is full")

    with pytest.raises(
        ServerError, match=r"^Left on postgresql://maker@h:1/postgres: 2 databases of the run"
    ) as caught:
        drop_all(session, "run")

    assert session.dropped == ["sb_run_c"]
    assert "process 4711" in caught.value.checked[0]
    assert "Dropping the database sb_run_b failed: the disk is full" in caught.value.checked[1]
    assert "drops the databases of dead runs" in caught.value.remedies[-1]


def test_a_server_that_goes_meanwhile_is_an_error_in_words() -> None:
    class Lost(Session):
        def execute(self, statement: Any, parameters: Any = ()) -> Rows:  # noqa: ANN401, ARG002 (as above)
            raise psycopg.OperationalError("the connection is lost")

    session: Any = Lost({})
    with pytest.raises(ServerError, match="Looking for the databases of the run run failed: the connection is lost"):
        drop_all(session, "run")


@pytest.fixture
def in_use(monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401 (a server, as far as it is asked)
    """Return a server on which nothing can be dropped, which notes what was tried; copies can be made."""
    server = SimpleNamespace(tried=[], alive=lambda: True, conninfo="", conninfo_for=lambda name: f"dbname={name}")

    def refuse(database: Database) -> None:
        server.tried.append(database.name)
        raise ServerError("it is in use")

    server.drop, server.create = refuse, lambda label: Database(name=f"sb_{label}", label=label)
    monkeypatch.setattr(several, "clone", lambda *_, **__: SOME)
    return server


SOME = Databases(label="copy", by_part={name: Database(name=f"sb_{name}", label=name) for name in ("", "south")})


def test_results_are_kept_though_the_databases_of_entrants_cannot_be_dropped(in_use: Any) -> None:  # noqa: ANN401
    around: Any = SimpleNamespace(server=in_use)
    entrant: Any = SimpleNamespace(databases=SOME)
    building.Building._drop(around, entrant)

    assert sorted(in_use.tried) == ["sb_", "sb_south"]


def test_results_are_kept_though_what_tells_of_the_cache_cannot_be_dropped(
    in_use: Any,  # noqa: ANN401
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(surroundings, "opened", nullcontext)
    monkeypatch.setattr(surroundings, "cache", SimpleNamespace(may_tell=lambda _: True, make=lambda _: True))
    with ExitStack() as stack:
        assert surroundings.prepare(in_use, stack)

    assert in_use.tried == ["sb_cache"]


def test_results_are_kept_though_the_noise_cannot_be_dropped(in_use: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    monkeypatch.setattr(kept, "find", lambda *_: SOME)
    plan: Any = SimpleNamespace(noise=SimpleNamespace(model=SimpleNamespace(digest="x")))
    progress: Any = None
    noise = neighbours.Neighbours(plan, in_use, progress)
    noise.settle()
    noise.close()

    assert sorted(in_use.tried) == ["sb_", "sb_south"]


def test_an_interrupt_of_a_soak_is_one_though_its_copies_cannot_be_dropped(
    in_use: Any,  # noqa: ANN401
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(turns, "enter", interrupt)
    found = SimpleNamespace(workload=SimpleNamespace(name="made_up"))
    around: Any = SimpleNamespace(
        found=found, cardinality="typical", connections=(), round_trip_s=0.0, template=SimpleNamespace(databases=SOME)
    )
    around.name = "baseline"
    with pytest.raises(KeyboardInterrupt), ExitStack() as stack:
        turns.begin(around, in_use, around, around, around, stack)

    assert sorted(in_use.tried) == ["sb_", "sb_south"]


def test_an_interrupt_while_databases_are_given_up_is_one_though_others_cannot_be_dropped(in_use: Any) -> None:  # noqa: ANN401
    endings = iter([KeyboardInterrupt(), ServerError("it is in use")])

    def fail(_: Database) -> None:
        raise next(endings)

    in_use.drop = fail
    with pytest.raises(KeyboardInterrupt):
        several.give_up(in_use, SOME)


def test_an_interrupt_while_databases_are_made_is_one_though_the_first_cannot_be_dropped(in_use: Any) -> None:  # noqa: ANN401
    def create(label: str) -> Database:
        if label.endswith("south"):
            raise KeyboardInterrupt
        return Database(name=f"sb_{label}", label=label)

    in_use.create = create
    with pytest.raises(KeyboardInterrupt):
        several.create(in_use, "shop", ["north", "south"])

    assert in_use.tried == ["sb_shop_north"]


def test_a_candidates_bad_sql_is_told_though_its_template_cannot_be_dropped(
    in_use: Any,  # noqa: ANN401
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise CandidateError("no such table")

    monkeypatch.setattr(filling, "candidates", SimpleNamespace(check_parts=lambda *_: None, operations=lambda *_: {}))
    monkeypatch.setattr(filling, "_fill", refuse)
    candidate: Any = SimpleNamespace(name="wide", databases="one")
    with pytest.raises(CandidateError, match="no such table"):
        filling.build(candidate, {}, in_use, (), "")

    assert in_use.tried == ["sb_wide_template"]


def test_a_template_is_kept_though_an_older_one_cannot_be_dropped(in_use: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    in_use.kept = [("older", SOME)]
    monkeypatch.setattr(kept, "_bytes", lambda *_: 10)
    monkeypatch.setattr(kept, "_most_bytes", lambda *_: 15)

    assert kept.keep(in_use, "newer", SOME)
    assert in_use.kept == [("newer", SOME)]
    assert sorted(in_use.tried) == ["sb_", "sb_south"]


def test_a_check_goes_on_though_its_databases_cannot_be_dropped(in_use: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401
    monkeypatch.setattr(Scratch, "_connect", lambda _: {})
    scratch = Scratch.__new__(Scratch)
    vars(scratch).update(_server=in_use, _databases=SOME, _pristine=SOME, _connections={})
    scratch.clear()
    scratch.close()

    assert in_use.tried == ["sb_", "sb_south"] * 3


def test_the_size_of_bursts_is_known_though_the_copy_cannot_be_dropped(
    in_use: Any,  # noqa: ANN401
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(calibration, "shifts", SimpleNamespace(needed=lambda *_: False))
    monkeypatch.setattr(calibration, "enter", lambda *_, **__: SimpleNamespace(close=lambda: None))
    monkeypatch.setattr(calibration, "calibrate", lambda *_: calibration.Size(7))
    plan: Any = SimpleNamespace(given_size=0, has_own_budget=True, connections=(), round_trip_s=0.0)
    template: Any = SimpleNamespace(databases=SOME)
    feed: Any = None
    progress: Any = SimpleNamespace(stage=lambda *_: None)

    assert calibration.calibrated(plan, in_use, template, feed, progress, 1.0) == 7
    assert sorted(in_use.tried) == ["sb_", "sb_south"]
