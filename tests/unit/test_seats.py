"""Seats: every connection belongs to exactly one worker, and writers have processes of their own where that can be."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from schemabench import Writer
from schemabench.experiment.seats import seated


def _writer(name: str, kind: str = "stream") -> Writer:
    return Writer(name=name, kind=kind, weight=1)  # type: ignore[arg-type]  # one of the kinds, as drawn


LAYOUTS = st.lists(st.tuples(st.sampled_from(["stream", "batch", "reader"]), st.integers(1, 9)), min_size=1, max_size=5)


@given(layout=LAYOUTS, workers=st.integers(1, 8))
def test_every_connection_belongs_to_one_worker_and_every_worker_has_one(
    layout: list[tuple[str, int]], workers: int
) -> None:
    writers = [(_writer(f"writer {number}", kind), clients) for number, (kind, clients) in enumerate(layout)]
    connections = sum(clients for _, clients in writers)

    owners = seated(writers, min(workers, connections))

    assert len(owners) == connections
    assert set(owners) == set(range(min(workers, connections)))


def test_as_many_workers_as_writers_give_each_writer_a_process_of_its_own() -> None:
    owners = seated([(_writer("a"), 4), (_writer("b"), 2), (_writer("c"), 1)], 3)

    assert owners == (0, 0, 0, 0, 1, 1, 2)


def test_a_single_worker_has_all_connections() -> None:
    assert seated([(_writer("a"), 2), (_writer("r", "reader"), 3)], 1) == (0,) * 5


def test_the_largest_writers_are_parted_where_there_are_more_workers() -> None:
    owners = seated([(_writer("a"), 6), (_writer("b"), 2)], 3)

    assert sorted(Counter(owners).values()) == [2, 3, 3]
    assert len(set(owners[:6])) == 2
    assert len(set(owners[6:])) == 1


def test_readers_fill_up_what_is_least_at_work() -> None:
    owners = seated([(_writer("a"), 4), (_writer("b"), 1), (_writer("r", "reader"), 3)], 2)

    assert owners == (0, 0, 0, 0, 1, 1, 1, 1)
