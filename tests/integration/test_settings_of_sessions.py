"""Settings are read in the session that has them, in whatever encoding, and whatever they hold."""

from collections.abc import Iterator
from contextlib import closing

import pytest
import servers

from schemabench.load import Session
from schemabench.monitor import conditions

ODD = ['it\'s "quoted", \\ and {braces}, in\ntwo lines', "", "one\x1etwo\x1fthree"]
KATAKANA = "SELECT set_config('search_path', chr(12477), false)"
"""In SJIS, the second byte of this character is a backslash."""


@pytest.fixture(scope="module", params=servers.ENDS)
def conninfo(request: pytest.FixtureRequest) -> Iterator[str]:
    with servers.serving(str(request.param), settings={}, clients=4, run_id="settings") as server:
        yield server.conninfo_for(server.create("test").name)


@pytest.mark.parametrize("encoding", ["UTF8", "SJIS", "EUC_JP"])
def test_a_session_tells_its_settings_in_any_encoding(conninfo: str, encoding: str) -> None:
    with closing(Session.open(conninfo)) as session:
        session.query(f"SET client_encoding TO {encoding}")
        session.query(KATAKANA)
        (found,) = conditions.read([session], {})

    assert found["work_mem"] == conditions.Condition("4MB", "default", default=True)
    assert found["search_path"].source == "session"
    assert len(found) > 300


@pytest.mark.parametrize("value", ODD)
def test_custom_settings_may_hold_anything(conninfo: str, value: str) -> None:
    with closing(Session.open(conninfo)) as session:
        session.query("SELECT set_config('myapp.odd', $1, false)", [value.encode()])
        (found,) = conditions.read([session], {"myapp.odd": value})

    assert found["myapp.odd"].value == value.replace("\x1e", "").replace("\x1f", "")
    assert found["myapp.odd"].source == "command line"
