"""The server's clocks at the end of a soak, and the count of what its data take, on a server that fails meanwhile."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from schemabench.errors import CandidateError, SchemabenchError, ServerError
from schemabench.server import clocks, room


class Failing:
    """A server of ours that stops answering.

    Attributes:
        answers: Whether it still does.
    """

    owned = True
    conninfo = ""

    def __init__(self, data: Path) -> None:
        self.answers = True
        self.data = data
        self.most_bytes = 1 << 40

    def alive(self) -> bool:
        """Return that its process runs."""
        return True

    def failure(self) -> str:
        """Return how it failed."""
        return "it was killed"

    def opened(self, _: str) -> Any:  # noqa: ANN401 (a connection, as far as it is used)
        """Connect, or fail."""
        if not self.answers:
            raise psycopg.OperationalError("the connection is lost")
        rows = [("checkpoint_timeout", 300.0, 86400.0)]
        return SimpleNamespace(execute=lambda *_: SimpleNamespace(fetchall=lambda: rows), close=lambda: None)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:  # noqa: ANN401 (as clocks look at it)
    server = Failing(tmp_path)
    monkeypatch.setattr(clocks, "opened", server.opened)
    monkeypatch.setattr(clocks, "_set", lambda *_: None)
    monkeypatch.setattr(clocks, "_read", lambda one, wanted: one.opened("") and wanted)
    monkeypatch.setattr(room, "opened", server.opened)
    return server


def test_clocks_that_cannot_be_set_as_before_are_an_error_in_words(server: Any) -> None:  # noqa: ANN401
    with pytest.raises(ServerError, match="The connection to the server was lost"), clocks.slowed(server, 2):
        server.answers = False


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), CandidateError("too slow")])
def test_what_ends_a_soak_is_told_though_the_server_fails_then(server: Any, ending: BaseException) -> None:  # noqa: ANN401
    with pytest.raises(type(ending)) as caught, clocks.slowed(server, 2):  # noqa: PT012 (mid-run)
        server.answers = False
        raise ending

    assert caught.value is ending
    told = str(ending) if isinstance(ending, SchemabenchError) else ending.__notes__[0]
    assert "The connection to the server was lost" in told


def test_a_server_that_does_not_say_what_its_log_takes_is_an_error_in_words(server: Any) -> None:  # noqa: ANN401
    server.answers = False
    with pytest.raises(ServerError, match="The connection to the server was lost"):
        room.free_bytes(server)
