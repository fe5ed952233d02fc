"""The end of a run on a server of somebody else's: everything is tried once more, and what stays is told besides."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from schemabench.errors import CandidateError, SchemabenchError, ServerError
from schemabench.server import Database, Server, dropping, serving, settings, several
from schemabench.server.dropping import Patience
from schemabench.server.dsn import Conninfo

COPY = Database(name="sb_run_copy", label="copy")
OTHER = Database(name="sb_run_other", label="other")


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Patience]]:
    """Let no database be dropped; return those that were tried, and how long each was waited for."""
    tried: list[tuple[str, Patience]] = []

    def refuse(_: object, name: str, __: str, patience: Patience) -> None:
        tried.append((name, patience))
        raise ServerError(f"{name} is in use")

    monkeypatch.setattr(dropping, "drop", refuse)
    return tried


def _server(*databases: Database, staying: set[str]) -> Server:
    server = Server.__new__(Server)
    session: Any = SimpleNamespace(execute=lambda *_: None, close=lambda: None)
    vars(server).update(
        source=SimpleNamespace(owned=False, alive=lambda: True),
        record=SimpleNamespace(origin="postgresql://h/d"),
        run_id="run",
        _session=session,
        _patience=Patience(),
        _databases={one.name: one for one in databases},
        _staying=staying,
    )
    return server


def test_a_copy_that_was_to_outlive_the_run_but_was_given_up_is_tried_again_and_told(
    tried: list[tuple[str, Patience]],
) -> None:
    server = _server(COPY, OTHER, staying={COPY.name, OTHER.name})
    several.give_up(server, [COPY])

    with pytest.raises(ServerError, match="Left on postgresql://h/d: 1 database of the run") as caught:
        server.close()

    assert [name for name, _ in tried] == [COPY.name, COPY.name]
    assert caught.value.checked == (f"{COPY.name}: {COPY.name} is in use",)


def test_the_end_of_a_run_waits_anew(tried: list[tuple[str, Patience]]) -> None:
    server = _server(COPY, staying=set())
    several.give_up(server, [COPY])
    with pytest.raises(ServerError):
        server.close()

    (_, during), (_, after) = tried
    assert after is not during


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), CandidateError("no such table")])
@pytest.mark.usefixtures("tried")
def test_what_is_left_is_told_with_what_ended_the_run(ending: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    server = _server(COPY, staying=set())
    monkeypatch.setattr(serving, "open_session", lambda *_: SimpleNamespace(close=lambda: None))
    monkeypatch.setattr(serving, "pinned", lambda conninfo, _: conninfo)
    monkeypatch.setattr(serving, "admission", SimpleNamespace(check_fitness=lambda *_: None, check_room=_room))
    monkeypatch.setattr(dropping, "sweep", lambda *_: ())
    monkeypatch.setattr(settings, "check_per_database", lambda _, asked: asked)
    monkeypatch.setattr(serving, "Server", lambda *_, **__: server)
    with pytest.raises(type(ending)) as caught, _attended():
        raise ending

    assert caught.value is ending
    told = str(ending) if isinstance(ending, SchemabenchError) else ending.__notes__[0]
    assert "Left on postgresql://h/d: 1 database of the run" in told


def _room(*_: object, owned: bool) -> int:
    assert not owned
    return 1


@contextmanager
def _attended() -> Iterator[None]:
    source: Any = SimpleNamespace(conninfo=Conninfo("host=h dbname=d"), owned=False)
    needs: Any = None
    with serving.attend(source, asked={}, ours={}, needs=needs, run_id="run", keep=False, session_name="x"):
        yield
