"""The messages that workers send each other, each a class of its own.

Owns what they are called and what they say. Must not know when which may be sent: see `protocol`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True)
class Message:
    """What one worker tells another; its fields are such as JSON has."""

    kind: ClassVar[str]
    """What it is called on its way."""


@dataclass(frozen=True, kw_only=True)
class Calling(Message):
    """The leader is there: whoever came before it could hear has to say so again."""

    kind = "calling"


@dataclass(frozen=True, kw_only=True)
class Compare(Message):
    """Which experiment the leader is about to execute."""

    kind = "experiment"
    digest: str
    """Of the files and the options, as `Plan.fingerprint`."""


@dataclass(frozen=True, kw_only=True)
class Described:
    """An entrant, as a follower needs to know it."""

    name: str
    candidate: str
    """The candidate's name."""
    database: str
    """The database's name."""


@dataclass(frozen=True, kw_only=True)
class Join(Message):
    """Whom to connect to."""

    kind = "entrants"
    entrants: Sequence[Described]


@dataclass(frozen=True, kw_only=True)
class Leave(Message):
    """Nobody may be connected to the entrants: their databases are about to be copied."""

    kind = "leave"


@dataclass(frozen=True, kw_only=True)
class Block(Message):
    """Which block comes; its trials follow, each begun by `Go` or left out by `Pass`."""

    kind = "block"
    number: int
    bursts: Sequence[tuple[int, int | float]]
    """The number and the size of each burst that an entrant executes before it is the next one's turn."""
    order: Sequence[str]
    """The names of the entrants."""
    duration_s: float | None
    """In which the calls are due; None where they are made as soon as a connection is free."""

    @property
    def trials(self) -> Sequence[tuple[str, int]]:
        """The entrant and the place among `bursts` of each trial, in order."""
        return [(name, place) for name in self.order for place in range(len(self.bursts))]


@dataclass(frozen=True, kw_only=True)
class Go(Message):
    """Everyone is ready: execute the trial."""

    kind = "go"
    call_s: float
    """How long a call may take."""
    trial_s: float
    """How long the trial may take."""


@dataclass(frozen=True, kw_only=True)
class Pass(Message):
    """Somebody was refused, or the entrant is out: leave the trial out."""

    kind = "pass"


@dataclass(frozen=True, kw_only=True)
class HandOver(Message):
    """Put down the latencies."""

    kind = "hand over"


@dataclass(frozen=True, kw_only=True)
class AskSettings(Message):
    """Tell the settings of the sessions."""

    kind = "settings"
    entrants: Sequence[str]
    """The names of the entrants whose sessions they are."""
    custom: Mapping[str, str]
    """As for `conditions.held`."""


@dataclass(frozen=True, kw_only=True)
class Over(Message):
    """The experiment is over; so says, too, whatever is heard of a later one."""

    kind = "over"


@dataclass(frozen=True, kw_only=True)
class Here(Message):
    """A follower has come."""

    kind = "here"


@dataclass(frozen=True, kw_only=True)
class Joined(Message):
    """A follower is connected to the entrants."""

    kind = "joined"
    pids: Mapping[str, Sequence[int]]
    """Entrant -> the process ids of its sessions."""


@dataclass(frozen=True, kw_only=True)
class Left(Message):
    """A follower is connected to no entrant."""

    kind = "left"


@dataclass(frozen=True, kw_only=True)
class Loaded(Message):
    """A follower is ready for the next trial, or was refused."""

    kind = "loaded"
    digest: str
    """Of the whole burst: all must have made the same."""
    refusal: Mapping[str, Any] | None = None
    """What the server refused, as `letters.written`."""


@dataclass(frozen=True, kw_only=True)
class Done(Message):
    """A follower has executed its part of a trial, or was refused."""

    kind = "done"
    part: Mapping[str, Any] | None = None
    """What it did, as `letters.packed`."""
    refusal: Mapping[str, Any] | None = None
    """As in `Loaded`."""


@dataclass(frozen=True, kw_only=True)
class HandedOver(Message):
    """A follower's latencies are there."""

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


def written(message: Message) -> dict[str, Any]:
    """Return the fields of a message, beside its kind, as builtins."""
    return asdict(message)
