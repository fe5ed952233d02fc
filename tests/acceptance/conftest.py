"""What all acceptance tests have in common: the shared server, and what no run may leave behind."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import places
import psutil
import psycopg
import pytest
import servers
from shared_server import PASSWORD, ROOM, Shared
from shop import Shop

from schemabench.server import folder
from schemabench.server.dsn import with_words


@pytest.fixture(scope="session")
def shared() -> Iterator[Shared]:
    """Start a server for all tests, and return it."""
    settings = {"synchronous_commit": "off", "max_connections": str(ROOM)}
    with servers.serving("embedded", settings=settings, clients=8, run_id="theirs") as server:
        with psycopg.connect(server.conninfo, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE maker LOGIN CREATEDB PASSWORD '{PASSWORD}'")
            connection.execute(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'")
            port = connection.info.port
        yield Shared(conninfo=with_words(server.conninfo), place=f"127.0.0.1:{port}")


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """Return the folder in which runs keep their own servers."""
    with places.place() as path:
        yield path


@pytest.fixture(scope="session")
def environment(shared: Shared, place: Path) -> dict[str, str]:
    """Return what runs find in the environment: the shared server, and as little work as can be."""
    return {
        "SCHEMABENCH_POSTGRES": shared.dsn(),
        "SCHEMABENCH_BUDGET": "200ms",
        "SCHEMABENCH_CLIENTS": "2",
        "SCHEMABENCH_EQUIVALENCE": "off",
        folder.VARIABLE: str(place),
        "TMPDIR": str(place),
    }


@pytest.fixture
def shop(tmp_path: Path, environment: dict[str, str]) -> Iterator[Shop]:
    """Return a project of the test's own, and see that no report in it shows the password."""
    yield Shop.open(tmp_path / "shop", environment)
    written = [path for path in tmp_path.rglob("*") if path.suffix in {".md", ".json"} and path.is_file()]
    assert [path for path in written if PASSWORD in path.read_text(encoding="utf-8", errors="replace")] == []


@pytest.fixture(autouse=True)
def nothing_left(shared: Shared, place: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """See that a test left no database, server or folder behind, and that no run showed the password."""
    yield
    assert shared.databases() == set()
    homes = place / "schemabench" / "servers"
    assert not homes.exists() or list(homes.iterdir()) == []
    assert [process for process in psutil.process_iter() if _works_below(process, place)] == []
    out, err = capsys.readouterr()
    assert PASSWORD not in out + err


def _works_below(process: psutil.Process, place: Path) -> bool:
    with suppress(psutil.Error):
        return process.name() == "postgres" and process.cwd().startswith(f"{place}/")
    return False
