"""Where the workers of a run find each other.

Owns how the leader makes the address known, and how the others wait for it: by a file in a folder of the controller's,
where they are on its machine, else in a database whose name follows from the run's id, on a server that all reach.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from schemabench.errors import SchemabenchError, UsageError, WorkerError
from schemabench.server import Reached
from schemabench.server.database import database_name
from schemabench.server.dsn import Conninfo, with_words
from schemabench.server.spec import Existing, parse_spec
from schemabench.workers.link import LINK_LABEL

MEET_LIMIT_S = 120.0
"""How long the others wait for the leader to have a server: pulling an image may take as long."""
_POLL_S = 0.05
_FILE = "address.json"


@dataclass(frozen=True, kw_only=True)
class Seat:
    """One worker's place in its run."""

    number: int
    """0 for the one that leads."""
    of: int
    """How many there are."""
    name: str
    """As in `gw1`."""
    run_id: str
    """The same for all."""
    folder: str
    """Where the address is left, on the controller's machine; for its user alone, since it may hold a password."""

    @property
    def leads(self) -> bool:
        """Whether this worker leads."""
        return self.number == 0


def publish(seat: Seat, conninfo: str) -> None:
    """Make known where the workers meet."""
    _leave(seat, {"conninfo": conninfo})


def publish_failure(seat: Seat, failure: SchemabenchError) -> None:
    """Make known that there will be no meeting, and why."""
    _leave(seat, {"failure": failure.what})


def await_address(seat: Seat, spec: str) -> Conninfo:
    """Return where the workers meet, once the leader is there.

    Args:
        seat: This worker's.
        spec: Where Postgres comes from: a server that the user named needs no telling.

    Raises:
        WorkerError: The leader has no server, or did not come in time.
        UsageError: This worker is on another machine and cannot reach the server.
    """
    folder, known, wanted = Path(seat.folder), None, parse_spec(spec)
    if isinstance(wanted, Existing):
        name = database_name(seat.run_id, LINK_LABEL)
        known = Conninfo(with_words(wanted.conninfo, dbname=name))
    if known is None and not folder.is_dir():
        raise UsageError(
            f"The worker {seat.name} is on another machine, and the server is on the leader's alone",
            remedies=["name a server that all of them reach: --postgres postgresql://user@host:5432/database"],
        )
    deadline_s = time.monotonic() + MEET_LIMIT_S
    while time.monotonic() < deadline_s:
        if (folder / _FILE).exists():
            address = json.loads((folder / _FILE).read_text(encoding="utf-8"))
            if "failure" in address:
                raise WorkerError(f"The worker that leads has no server: {address['failure']}")
            return Conninfo(address["conninfo"])
        if known is not None and Reached(known).failure() is None:
            return known
        time.sleep(_POLL_S)
    raise WorkerError(f"The worker that leads had no server within {MEET_LIMIT_S:g} s")


def _leave(seat: Seat, address: dict[str, str]) -> None:
    """Write the address down, at once and for this user alone; nowhere where the controller is on another machine."""
    folder = Path(seat.folder)
    if not folder.is_dir():
        return
    draft = folder / f"{_FILE}.draft"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
        json.dump(address, file)
    draft.replace(folder / _FILE)
