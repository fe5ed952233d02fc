"""The list of faults: when each strikes, on which kinds of servers, and how the run may end.

Owns what is expected of a run that meets a fault, beyond what is expected of all. Must not strike.
"""

import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import acts
from acts import Scene, Stage, Starts
from shop import Shop
from stands import KINDS, OWN, SHARED

STATUSES = {
    "interrupted": {2},
    "failed": {1},
    "goes on": {1},
    "complete": {0},
    "over": {0, 2},
    "killed": {-9},
    "hung up": {-1, 129},
    "unheard": {1},
}
"""How a run ends -> the statuses that it may have; that of a shell where it is hung up."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STAGES: tuple[Stage, ...] = ("build", "blocks", "report")
_ALL_BUT_CONTAINER = (*OWN, *SHARED)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What befalls a run."""

    name: str
    act: Callable[[Scene], object]
    stage: Stage = "blocks"
    """`build`: in the first experiment; `blocks`: in the second; `report`: once both are done."""
    end: str = "failed"
    """One of `STATUSES`."""
    kinds: tuple[str, ...] = KINDS
    """The kinds of servers where it can happen."""
    workers: int = 0
    prepare: Callable[[Shop], object] = acts.nothing
    starts: Starts = acts.plainly
    disk: Literal["", "server", "reports"] = ""
    """What is on a disk with little room."""
    tells: bool = True
    """Whether there is something to tell, and somebody to be told."""
    names: str = ""
    """A word of what must be told."""
    downs: bool = False
    """Whether the server may be down when the run ends, so that what is on it stays until the next run."""


def _signal(number: signal.Signals, stage: Stage, *, twice: bool) -> Fault:
    over = stage == "report"  # then there is nothing to interrupt, and nothing to tell
    return Fault(
        name=f"{number.name}{' twice' if twice else ''} at {stage}",
        act=acts.sends(number, twice=twice),
        stage=stage,
        end="over" if over else "interrupted",
        tells=not over,
        names="" if over else "interrupted",
    )


FAULTS = (
    Fault(name="server killed (-9)", act=acts.kill_server, downs=True),
    Fault(name="server stopped", act=acts.stop_server, downs=True),
    Fault(name="server stopped and started again", act=acts.restart_server, kinds=SHARED, downs=True),
    Fault(name="session killed (-9), server restarts", act=acts.kill_session),
    Fault(name="session terminated", act=acts.terminate_session, kinds=SHARED),
    Fault(
        name="candidate ends its own session",
        act=acts.nothing,
        end="goes on",
        prepare=acts.ends_itself,
        names="ends_itself",
    ),
    Fault(name="connections reset", act=acts.reset_connections, kinds=SHARED),
    Fault(
        name="disk of the server full at build",
        act=acts.fill_disk,
        stage="build",
        kinds=_ALL_BUT_CONTAINER,
        disk="server",
        downs=True,
    ),
    Fault(
        name="disk of the server full at blocks",
        act=acts.fill_disk,
        kinds=_ALL_BUT_CONTAINER,
        disk="server",
        downs=True,
    ),
    Fault(name="disk of the reports full", act=acts.fill_disk, disk="reports", names="No space left on device"),
    Fault(name="memory of the server limited", act=acts.take_memory, kinds=OWN),
    *(_signal(number, stage, twice=twice) for number in SIGNALS for stage in STAGES for twice in (False, True)),
    Fault(
        name="terminal and its shell closed",
        act=acts.close,
        starts=acts.on_terminal,
        end="hung up",
        tells=False,
    ),
    Fault(name="reader of the output gone", act=acts.close, starts=acts.into_pipe, end="unheard", tells=False),
    Fault(name="run killed (-9)", act=acts.sends(signal.SIGKILL), end="killed", tells=False),
    Fault(name="worker killed (-9)", act=lambda scene: scene.worker("gw1").kill(), workers=2),
    Fault(name="worker stopped", act=lambda scene: scene.worker("gw1").suspend(), workers=2),
    Fault(name="leader killed (-9)", act=lambda scene: scene.worker("gw0").kill(), workers=2),
    Fault(name="leader stopped", act=lambda scene: scene.worker("gw0").suspend(), workers=2),
    Fault(name="folder of reports gone", act=acts.remove_reports, end="complete", names="vanished"),
    Fault(name="folder of reports replaced by a file", act=acts.block_reports, names="cannot be written"),
    Fault(name="another run in the same folder", act=acts.start_beside, end="complete", tells=False),
    Fault(name="another run on the same server", act=acts.start_elsewhere, end="complete", tells=False),
    Fault(
        name="clock jumps forward by an hour",
        act=acts.jumps("+1h"),
        starts=acts.by_wrong_clock,
        end="complete",
        tells=False,
    ),
    Fault(
        name="clock jumps back by an hour",
        act=acts.jumps("-1h"),
        starts=acts.by_wrong_clock,
        end="complete",
        tells=False,
    ),
)
FILES = (
    "run file ends early",
    "run file ends early, gzip",
    "replayed file ends early, gzip",
    "line of a replayed file has 1 GB",
)
"""Faults of files, which no server sees."""
NO_SERVER = "none"
NAMES = (*(one.name for one in FAULTS), *FILES)
"""All faults, in the order of the table."""
