"""The protocol between the leader and the followers.

Owns the table of the messages that each side may send in each state. Must not send anything, nor act on a message.

The leader has one conversation with each follower. Both ends look up every message that they send or receive in the
table, so both know the state. The idea is h11's: a state machine without a socket.
"""

from collections.abc import Mapping
from enum import Enum, StrEnum
from typing import Any

import msgspec

from schemabench.errors import WorkerError
from schemabench.workers.messages import (
    AskSettings,
    Block,
    Calling,
    Compare,
    Done,
    Go,
    Gone,
    HandedOver,
    HandOver,
    Here,
    Join,
    Joined,
    Leave,
    Left,
    Load,
    Loaded,
    Message,
    Over,
    Pass,
    Settings,
)

SAME_VERSION = "use the same schemabench on every machine; if it is the same, this is a defect of schemabench"
"""The remedy for an unexpected message."""


class Role(Enum):
    """The sender of a message."""

    LEADER = "leader"
    FOLLOWER = "follower"


class State(StrEnum):
    """The state of a conversation."""

    AWAITED = "awaited"
    """The follower has not started."""
    HERE = "here"
    """The follower has started."""
    COMPARED = "compared"
    """It has received the leader's digest of the experiment, to compare with its own."""
    JOINING = "joining"
    """It connects to the entrants."""
    JOINED = "joined"
    """It is connected to them, and waits for the next message."""
    ANNOUNCED = "announced"
    """It knows the trials of a block that are left, and waits for the next one."""
    LOADING = "loading"
    """It loads that trial."""
    LOADED = "loaded"
    """It has loaded it, or the server refused it."""
    EXECUTING = "executing"
    """It executes its part of the trial."""
    HANDING_OVER = "handing over"
    """It stores its latencies for the leader."""
    TELLING_SETTINGS = "telling settings"
    """It reads the settings of its sessions."""
    LEAVING = "leaving"
    """It disconnects from the entrants."""
    LEFT = "left"
    """It is connected to no entrant."""
    GONE = "gone"
    """It has given up."""
    OVER = "over"
    """The leader has ended it."""


_LEADER_ENDS: Mapping[type[Message], State] = {Over: State.OVER}
_FOLLOWER_ENDS: Mapping[type[Message], State] = {Gone: State.GONE, Over: State.GONE}
"""Messages that may be sent at any time. A follower's message about a later experiment ends this one."""

TRANSITIONS: Mapping[State, Mapping[Role, Mapping[type[Message], State]]] = {
    State.AWAITED: {
        Role.LEADER: {Calling: State.AWAITED, **_LEADER_ENDS},
        Role.FOLLOWER: {Here: State.HERE, **_FOLLOWER_ENDS},
    },
    State.HERE: {
        Role.LEADER: {Calling: State.HERE, Compare: State.COMPARED, **_LEADER_ENDS},
        Role.FOLLOWER: {Here: State.HERE, **_FOLLOWER_ENDS},
    },
    State.COMPARED: {
        Role.LEADER: {Join: State.JOINING, **_LEADER_ENDS},
        # an answer to `Calling` may cross with what comes next
        Role.FOLLOWER: {Here: State.COMPARED, **_FOLLOWER_ENDS},
    },
    State.JOINING: {
        Role.LEADER: _LEADER_ENDS,
        Role.FOLLOWER: {Here: State.JOINING, Joined: State.JOINED, **_FOLLOWER_ENDS},
    },
    State.JOINED: {
        Role.LEADER: {
            Block: State.ANNOUNCED,
            HandOver: State.HANDING_OVER,
            AskSettings: State.TELLING_SETTINGS,
            Leave: State.LEAVING,
            **_LEADER_ENDS,
        },
        Role.FOLLOWER: _FOLLOWER_ENDS,
    },
    State.ANNOUNCED: {
        Role.LEADER: {Load: State.LOADING, Pass: State.ANNOUNCED, **_LEADER_ENDS},
        Role.FOLLOWER: _FOLLOWER_ENDS,
    },
    State.LOADING: {
        Role.LEADER: _LEADER_ENDS,
        Role.FOLLOWER: {Loaded: State.LOADED, **_FOLLOWER_ENDS},
    },
    State.LOADED: {
        Role.LEADER: {Go: State.EXECUTING, Pass: State.ANNOUNCED, **_LEADER_ENDS},
        Role.FOLLOWER: _FOLLOWER_ENDS,
    },
    State.EXECUTING: {
        Role.LEADER: _LEADER_ENDS,
        Role.FOLLOWER: {Done: State.ANNOUNCED, **_FOLLOWER_ENDS},
    },
    State.HANDING_OVER: {
        Role.LEADER: _LEADER_ENDS,
        Role.FOLLOWER: {HandedOver: State.JOINED, **_FOLLOWER_ENDS},
    },
    State.TELLING_SETTINGS: {
        Role.LEADER: _LEADER_ENDS,
        Role.FOLLOWER: {Settings: State.JOINED, **_FOLLOWER_ENDS},
    },
    State.LEAVING: {
        Role.LEADER: _LEADER_ENDS,
        Role.FOLLOWER: {Left: State.LEFT, **_FOLLOWER_ENDS},
    },
    State.LEFT: {
        Role.LEADER: {Join: State.JOINING, **_LEADER_ENDS},
        Role.FOLLOWER: _FOLLOWER_ENDS,
    },
    State.GONE: {
        Role.LEADER: _LEADER_ENDS,
        Role.FOLLOWER: _FOLLOWER_ENDS,
    },
    State.OVER: {
        Role.LEADER: _LEADER_ENDS,
        Role.FOLLOWER: _FOLLOWER_ENDS,
    },
}
"""State -> sender -> message -> the next state. One transition needs no message: `ANNOUNCED` without trials left
becomes `JOINED`, see `Conversation`."""

MESSAGES: Mapping[Role, Mapping[str, type[Message]]] = {
    role: {kind.kind: kind for rows in TRANSITIONS.values() for kind in rows[role]} for role in Role
}
"""Sender -> name of a message in JSON -> its class."""


class OutOfTurnError(WorkerError):
    """A message that its sender may not send in the current state.

    Attributes:
        sender: The sender.
        state: The state of the conversation.
        kind: The name of the message.
    """

    def __init__(self, sender: Role, state: State, kind: str, name: str = "") -> None:
        self.sender, self.state, self.kind = sender, state, kind
        expected = ", ".join(sorted(repr(one.kind) for one in TRANSITIONS[state][sender]))
        super().__init__(
            f"{_named(sender, name)} sent {kind!r} in the state {state.value!r}, in which it may send {expected}",
            worker=name,
            remedies=[SAME_VERSION],
        )


def transition(state: State, sender: Role, kind: type[Message], name: str = "") -> State:
    """Return the state after a message.

    Args:
        state: The state before it.
        sender: Its sender.
        kind: Its class.
        name: The sender's name, as in `gw1`, for the error; empty for this process.

    Raises:
        OutOfTurnError: It may not be sent in this state.
    """
    try:
        return TRANSITIONS[state][sender][kind]
    except KeyError:
        raise OutOfTurnError(sender, state, kind.kind, name) from None


class Conversation:
    """The conversation between the leader and one follower, at one end.

    Args:
        own: The role of this end.
        other: The name of the other end, as in `gw1`.

    Attributes:
        state: The current state.
    """

    def __init__(self, own: Role, other: str) -> None:
        self.state = State.AWAITED
        self._own = own
        self._other = other
        self._trials = 0
        """The trials left in the block."""

    def tell(self, message: Message) -> None:
        """Record a message that is about to be sent.

        Raises:
            OutOfTurnError: This end may not send it now.
        """
        self._take(self._own, message)

    def hear(self, fields: Mapping[str, Any]) -> Message:
        """Return a message that has arrived, and record it.

        Args:
            fields: Its `kind` and its other fields.

        Raises:
            OutOfTurnError: The other end may not send it now.
            WorkerError: It cannot be read.
        """
        sender = Role.FOLLOWER if self._own is Role.LEADER else Role.LEADER
        kind = MESSAGES[sender].get(fields["kind"])
        if kind is None:
            raise OutOfTurnError(sender, self.state, fields["kind"], self._other)
        try:
            message = msgspec.convert(fields, type=kind)
        except msgspec.ValidationError as cause:
            what = f"{_named(sender, self._other)} sent {kind.kind!r} in another form: {cause}"
            raise WorkerError(what, worker=self._other, remedies=[SAME_VERSION]) from cause
        self._take(sender, message, self._other)
        return message

    def _take(self, sender: Role, message: Message, name: str = "") -> None:
        self.state = transition(self.state, sender, type(message), name)
        if isinstance(message, Block):
            self._trials = len(message.trials)
        elif isinstance(message, Pass | Done):
            self._trials -= 1
        if self.state is State.ANNOUNCED and not self._trials:
            self.state = State.JOINED


def _named(sender: Role, name: str) -> str:
    if not name:
        return f"The {sender.value}"
    return f"The {'leading' if sender is Role.LEADER else 'following'} worker {name}"
