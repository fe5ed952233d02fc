"""The messages between workers, one class each.

Owns their names and fields. Must not know their order: see `protocol`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, TypeAlias

Turn: TypeAlias = tuple[int, float, tuple[str, ...], bool]
"""The fields of a turn of a block."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message from one worker to another; its fields are JSON types."""

    kind: ClassVar[str]
    """Its name in JSON."""


@dataclass(frozen=True, kw_only=True)
class Calling(Message):
    """The leader is ready: a follower that said `Here` earlier must say it again."""

    kind = "calling"


@dataclass(frozen=True, kw_only=True)
class Compare(Message):
    """The experiment that the leader is about to execute."""

    kind = "experiment"
    digest: str
    """The digest of the files and the options: `Plan.fingerprint`."""


@dataclass(frozen=True, kw_only=True)
class Described:
    """An entrant, as a follower needs it."""

    name: str
    candidate: str
    """The candidate's name."""
    label: str
    """The purpose of its databases."""
    databases: Mapping[str, str]
    """Part -> the name of its database; under an empty name the one of all parts."""


@dataclass(frozen=True, kw_only=True)
class Join(Message):
    """Connect to these entrants."""

    kind = "entrants"
    entrants: Sequence[Described]
    by_turns: bool = False
    """Whether the sessions are closed after the next block, and opened again before a later one."""


@dataclass(frozen=True, kw_only=True)
class Leave(Message):
    """Disconnect from the entrants: their databases are about to be copied, or others are about to work."""

    kind = "leave"


@dataclass(frozen=True, kw_only=True)
class Block(Message):
    """The next block. Its trials follow, each loaded by `Load` and started by `Go`, or skipped by `Pass`."""

    kind = "block"
    number: int
    label: str
    """What users know it by, for messages."""
    turns: Sequence[Turn]
    """What an entrant executes before the next one."""
    order: Sequence[str]
    """The names of the entrants."""
    duration_s: float | None
    """The time in which the calls are due; None if they start as soon as a connection is free."""

    @property
    def trials(self) -> Sequence[tuple[str, int]]:
        """The entrant and the place among `turns` of each trial, in order."""
        return [(name, place) for name in self.order for place in range(len(self.turns))]


@dataclass(frozen=True, kw_only=True)
class Load(Message):
    """No worker executes anything: load the next trial."""

    kind = "load"


@dataclass(frozen=True, kw_only=True)
class Go(Message):
    """All workers are ready: execute the trial."""

    kind = "go"
    call_s: float
    """How long a call may take."""
    trial_s: float
    """How long the trial may take."""


@dataclass(frozen=True, kw_only=True)
class Pass(Message):
    """The server refused an operation, or the entrant has left: skip the trial."""

    kind = "pass"


@dataclass(frozen=True, kw_only=True)
class HandOver(Message):
    """Store the latencies."""

    kind = "hand over"


@dataclass(frozen=True, kw_only=True)
class AskSettings(Message):
    """Send the settings of the sessions."""

    kind = "settings"
    entrants: Sequence[str]
    """The names of the entrants."""
    custom: Mapping[str, str]
    """As for `conditions.held`."""


@dataclass(frozen=True, kw_only=True)
class Over(Message):
    """The experiment is over. A message about a later experiment means the same."""

    kind = "over"
    hand_over: bool = False
    """Whether it was broken off, and the leader waits for the latencies that the follower stores before it is gone."""


@dataclass(frozen=True, kw_only=True)
class Here(Message):
    """A follower has started."""

    kind = "here"
    process: str
    """Which process it is, in words."""


@dataclass(frozen=True, kw_only=True)
class Joined(Message):
    """A follower is connected to the entrants."""

    kind = "joined"
    pids: Mapping[str, Sequence[int]]
    """Entrant -> the process ids of its sessions, in the order of the connections."""


@dataclass(frozen=True, kw_only=True)
class Left(Message):
    """A follower is connected to no entrant."""

    kind = "left"


@dataclass(frozen=True, kw_only=True)
class Loaded(Message):
    """A follower has loaded the next trial, or the server refused it."""

    kind = "loaded"
    digest: str
    """The digest of the whole burst, which must be the same for all workers."""
    refusal: Mapping[str, Any] | None = None
    """The server's refusal, as in `wire.written`."""


@dataclass(frozen=True, kw_only=True)
class Done(Message):
    """A follower has executed its part of a trial, or the server refused it."""

    kind = "done"
    part: Mapping[str, Any] | None = None
    """The executed part, as in `wire.packed`."""
    refusal: Mapping[str, Any] | None = None
    """As in `Loaded`."""


@dataclass(frozen=True, kw_only=True)
class HandedOver(Message):
    """A follower has stored its latencies."""

    kind = "handed over"


@dataclass(frozen=True, kw_only=True)
class Settings(Message):
    """The settings of a follower's sessions."""

    kind = "settings"
    held: Mapping[str, Sequence[Mapping[str, Any]]]
    """Entrant -> the fields of each `Held`."""


@dataclass(frozen=True, kw_only=True)
class Gone(Message):
    """A follower gives up."""

    kind = "gone"
    reason: str
    interrupted: bool = False
    """Whether its user has ended it, and so the whole run."""
    remedies: Sequence[str] = ()
    """What to do about it."""


def written(message: Message) -> dict[str, Any]:
    """Return the fields of a message, without its kind, as builtins."""
    return asdict(message)
