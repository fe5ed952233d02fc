"""What becomes of calls that take what a refused call should have given: nobody can execute them again."""

from collections.abc import Sequence

from schemabench.experiment.burst import Burst, Encoded
from schemabench.load import Drive
from schemabench.rehearsal.writers import Driven

PLACED = Encoded(0, "place", {}, "shop", gives={"id": "order 1"})
LINE = Encoded(1, "line", {"order_id": None}, "shop", takes={"order_id": "order 1"})
LATER = Encoded(2, "line", {"order_id": None}, "shop", takes={"order_id": "order of the background"})


def driven(latencies_ns: Sequence[int], refused: Sequence[int] = ()) -> Driven:
    """Return what writers did whose calls took so long; 0 for those that were not executed."""
    burst = Burst(owners=["shop"], queues=[[PLACED, LINE, LATER]], operations=["place", "line", "line"], rows=3)
    drive = Drive(started_ns=0, duration_ns=9, latencies_ns=latencies_ns, finished_ns=[9], busy_ns=1)
    return Driven(
        drive=drive,
        burst=burst,
        due_ns=[0, 0, 0],
        refused=dict.fromkeys(refused, "not null (23502)"),
        requests=[[0, 1, 2]],
        ready_ns=[0, 0, 0],
        after={},
    )


def test_a_call_that_took_what_a_refused_one_should_have_given_is_an_orphan() -> None:
    assert driven([1, 1, 1], refused=[0]).orphans() == [LINE]


def test_a_call_that_took_what_was_given_or_was_not_executed_itself_is_none() -> None:
    assert driven([1, 1, 1]).orphans() == []
    assert driven([1, 1, 1], refused=[0, 1]).orphans() == []
    assert driven([0, 0, 1]).orphans() == []
