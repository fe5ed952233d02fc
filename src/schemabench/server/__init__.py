"""Postgres servers: an existing one, programs on this machine, or a container, all used in the same way.

Owns the lifetime of servers and databases. Must not know what they are used for.

    with serve("embedded", Needs(clients=8), settings={}, run_id="3f2a") as server:
        template = server.create("template")
        candidate = server.clone(template, "baseline")
"""

from schemabench.server import room, several
from schemabench.server.account import shared_account
from schemabench.server.admission import Needs
from schemabench.server.beside import scratch
from schemabench.server.choice import SESSION_NAME, serve, survey, sweep
from schemabench.server.clocks import slowed
from schemabench.server.database import Database, Databases
from schemabench.server.dsn import full, opened, unlimited
from schemabench.server.extensions import offering
from schemabench.server.holding import HeldError
from schemabench.server.offer import Offer
from schemabench.server.reached import Host, Reached, gone, lost
from schemabench.server.serving import Server

__all__ = [
    "SESSION_NAME",
    "Database",
    "Databases",
    "HeldError",
    "Host",
    "Needs",
    "Offer",
    "Reached",
    "Server",
    "full",
    "gone",
    "lost",
    "offering",
    "opened",
    "room",
    "scratch",
    "serve",
    "several",
    "shared_account",
    "slowed",
    "survey",
    "sweep",
    "unlimited",
]
