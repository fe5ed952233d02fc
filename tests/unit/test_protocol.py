"""Who may send what when: every pair of the table, and whole conversations, both ends of which agree."""

import json
from collections.abc import Iterator
from itertools import product

import pytest

from schemabench.errors import WorkerError
from schemabench.experiment.burst import Turn
from schemabench.workers.messages import (
    AskSettings,
    Block,
    Calling,
    Compare,
    Described,
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
    written,
)
from schemabench.workers.protocol import MESSAGES, TRANSITIONS, Conversation, OutOfTurnError, Role, State, transition

PROCESS = "process 7 on load2"
EXAMPLES = (
    Calling(),
    Compare(digest="abc"),
    Join(entrants=[Described(name="baseline (control)", candidate="baseline", label="orders", databases={"": "db"})]),
    Leave(),
    Block(
        number=3,
        label="block 2",
        turns=[Turn(4, 0.5, timed=False), Turn(5, 2, ("orders",))],
        order=["a", "b"],
        duration_s=None,
    ),
    Load(),
    Go(call_s=30.0, trial_s=float("inf")),
    Pass(),
    HandOver(),
    AskSettings(entrants=["a"], custom={"app.tenant": "1"}),
    Over(),
    Here(process=PROCESS),
    Joined(pids={"a": [1, 2]}),
    Left(),
    Loaded(digest="abc"),
    Loaded(digest="abc", refusal={"what": "division"}),
    Done(part={"done": 3}),
    HandedOver(),
    Settings(held={"a": [{"worker": "gw1"}]}),
    Gone(reason="no disk"),
)
KINDS = sorted({kind for known in MESSAGES.values() for kind in known.values()}, key=lambda kind: kind.__name__)
TRIPLES = list(product(Role, State, KINDS))


def _by_kind() -> dict[type[Message], Message]:
    return {type(one): one for one in EXAMPLES}


def _name(of: object) -> str:
    return of.__name__ if isinstance(of, type) else str(getattr(of, "value", of))


@pytest.mark.parametrize(("role", "state", "kind"), TRIPLES, ids=_name)
def test_each_message_goes_through_where_the_table_has_it_and_is_refused_with_words_elsewhere(
    role: Role, state: State, kind: type[Message]
) -> None:
    if kind in TRANSITIONS[state][role]:
        assert transition(state, role, kind) is TRANSITIONS[state][role][kind]
        return
    with pytest.raises(OutOfTurnError) as caught:
        transition(state, role, kind)
    assert (caught.value.sender, caught.value.state, caught.value.kind) == (role, state, kind.kind)
    assert f"The {role.value} sent {kind.kind!r} in the state {state.value!r}" in caught.value.what
    assert all(repr(one.kind) in caught.value.what for one in TRANSITIONS[state][role])


@pytest.mark.parametrize(("role", "state", "kind"), TRIPLES, ids=_name)
def test_either_end_lets_through_what_the_table_has_and_nothing_else(
    role: Role, state: State, kind: type[Message]
) -> None:
    message = _by_kind()[kind]
    ends = [Conversation(own, "gw7") for own in Role]
    for end, own in zip(ends, Role, strict=True):
        end.state = state

        def step(end: Conversation = end, own: Role = own) -> None:
            if own is role:
                end.tell(message)
            else:
                end.hear({"kind": message.kind, **written(message)})

        known = kind in TRANSITIONS[state][role]
        # of two messages with one name the other is read, where only that may be sent
        namesake = own is not role and MESSAGES[role].get(message.kind) is not kind
        if known:
            step()
        else:
            with pytest.raises((OutOfTurnError, WorkerError) if namesake else OutOfTurnError):
                step()
            assert end.state is state, "what is refused changes nothing"


def test_every_state_has_a_row_is_reached_and_can_be_left_by_both() -> None:
    assert TRANSITIONS.keys() == set(State)
    reached = {after for rows in TRANSITIONS.values() for row in rows.values() for after in row.values()}
    assert reached == set(State)
    for rows in TRANSITIONS.values():
        assert rows.keys() == set(Role)
        assert Over in rows[Role.LEADER]
        assert Gone in rows[Role.FOLLOWER]


def test_what_a_message_is_called_tells_it_from_the_others_of_its_sender() -> None:
    for role, known in MESSAGES.items():
        kinds = {kind for rows in TRANSITIONS.values() for kind in rows[role]}
        assert set(known.values()) == kinds


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: type(message).__name__)
def test_a_message_survives_its_travel(message: Message) -> None:
    ((sender, state), *_) = [
        (role, state) for state, rows in TRANSITIONS.items() for role in Role if type(message) in rows[role]
    ]
    end = Conversation(Role.LEADER if sender is Role.FOLLOWER else Role.FOLLOWER, "gw7")
    end.state = state

    fields = json.loads(json.dumps({"kind": message.kind, "topic": 1, "seat": 0, **written(message)}))

    assert written(end.hear(fields)) == json.loads(json.dumps(written(message))) or isinstance(message, Block)


def test_the_size_of_a_burst_stays_what_it_was_so_that_all_make_the_same() -> None:
    end = Conversation(Role.FOLLOWER, "gw0")
    end.state = State.JOINED
    block = Block(
        number=3,
        label="block 2",
        turns=[Turn(4, 0.5, timed=False), Turn(5, 2, ("orders",))],
        order=["a", "b"],
        duration_s=1.5,
    )

    heard = end.hear(json.loads(json.dumps({"kind": "block", **written(block)})))

    assert heard == block
    assert isinstance(heard, Block)
    assert heard.trials == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]


def _whole() -> Iterator[tuple[Role, Message, State]]:
    """Yield a conversation with a block of four trials, two of them left out, and with new copies: who says what."""
    leader, follower = Role.LEADER, Role.FOLLOWER
    join, joined = Join(entrants=[]), Joined(pids={})
    yield leader, Calling(), State.AWAITED
    yield follower, Here(process=PROCESS), State.HERE
    yield leader, Compare(digest="abc"), State.COMPARED
    yield follower, Here(process=PROCESS), State.COMPARED  # in answer to `Calling`, on its way meanwhile
    yield leader, join, State.JOINING
    yield follower, joined, State.JOINED
    yield (
        leader,
        Block(number=0, label="warm-up block 1", turns=[Turn(0, 1)], order=["a", "b", "c", "d"], duration_s=None),
        State.ANNOUNCED,
    )
    yield leader, Pass(), State.ANNOUNCED  # before it is loaded
    for left in (2, 1, 0):
        after = State.ANNOUNCED if left else State.JOINED
        yield leader, Load(), State.LOADING
        yield follower, Loaded(digest="abc"), State.LOADED
        if left == 1:
            yield leader, Pass(), after
        else:
            yield leader, Go(call_s=1.0, trial_s=1.0), State.EXECUTING
            yield follower, Done(part={}), after
    yield leader, Leave(), State.LEAVING
    yield follower, Left(), State.LEFT
    yield leader, join, State.JOINING
    yield follower, joined, State.JOINED
    yield leader, Block(number=1, label="warm-up block 2", turns=[Turn(1, 1)], order=[], duration_s=None), State.JOINED
    yield leader, HandOver(), State.HANDING_OVER
    yield follower, HandedOver(), State.JOINED
    yield leader, AskSettings(entrants=[], custom={}), State.TELLING_SETTINGS
    yield follower, Settings(held={}), State.JOINED
    yield leader, Over(), State.OVER


def test_both_ends_of_a_whole_conversation_are_always_in_the_same_state() -> None:
    ends = {Role.LEADER: Conversation(Role.LEADER, "gw1"), Role.FOLLOWER: Conversation(Role.FOLLOWER, "gw0")}
    seen = set()
    for sender, message, after in _whole():
        hearer = Role.LEADER if sender is Role.FOLLOWER else Role.FOLLOWER
        if ends[hearer].state is State.AWAITED and isinstance(message, Calling):
            ends[sender].tell(message)  # it came too late to hear it
            continue
        ends[sender].tell(message)
        ends[hearer].hear({"kind": message.kind, **written(message)})
        assert [ends[role].state for role in Role] == [after, after]
        seen.add(after)

    assert seen == set(State) - {State.AWAITED, State.GONE}


def _after_a_trial(*order: str) -> Conversation:
    """Return the leader's end after the first trial of a block."""
    end = Conversation(Role.LEADER, "gw1")
    end.state = State.JOINED
    end.tell(Block(number=0, label="warm-up block 1", turns=[Turn(0, 1)], order=order, duration_s=None))
    end.tell(Load())
    end.hear({"kind": "loaded", "digest": "abc"})
    end.tell(Go(call_s=1.0, trial_s=1.0))
    end.hear({"kind": "done"})
    return end


def test_a_worker_that_is_done_loads_nothing_before_it_is_told_to() -> None:
    with pytest.raises(OutOfTurnError, match=r"following worker gw1 sent 'loaded' in the state 'announced'"):
        _after_a_trial("a", "b").hear({"kind": "loaded", "digest": "abc"})


def test_after_the_last_trial_of_a_block_nobody_may_load_another() -> None:
    with pytest.raises(OutOfTurnError, match=r"leader sent 'load' in the state 'joined'"):
        _after_a_trial("a").tell(Load())


@pytest.mark.parametrize("fields", [{"kind": "loaded"}, {"kind": "loaded", "digest": 7}])
def test_a_message_of_another_form_is_refused_with_the_worker_and_what_to_do(fields: dict[str, object]) -> None:
    end = Conversation(Role.LEADER, "gw1")
    end.state = State.LOADING

    with pytest.raises(WorkerError, match=r"following worker gw1 sent 'loaded' in another form: .*`?digest") as caught:
        end.hear(fields)
    assert "same schemabench" in caught.value.remedies[0]


def test_a_message_that_nobody_knows_is_refused_by_its_name() -> None:
    with pytest.raises(OutOfTurnError, match=r"leading worker gw0 sent 'dance' in the state 'awaited'"):
        Conversation(Role.FOLLOWER, "gw0").hear({"kind": "dance"})
