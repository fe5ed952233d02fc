"""What a run holds: a value, of which every addition makes a new one."""

from dataclasses import replace

from fixed_run import USAGE

from schemabench.bench import Findings
from schemabench.errors import BrokenOffError, ServerError, WorkerError
from schemabench.records import RatioMap

KEY = ("usage", "typical")
FURTHER = replace(USAGE, cardinality="worst-found")


def _map(elapsed_s: float, candidate: str = "indexed") -> RatioMap:
    return RatioMap(
        workload="usage",
        candidate=candidate,
        cardinality="typical",
        first="rows",
        second="looks",
        cells=(),
        cell_s=1.0,
        budget_s=60.0,
        elapsed_s=elapsed_s,
    )


def test_an_addition_leaves_what_there_was_as_it_is() -> None:
    nothing = Findings()
    one = nothing.with_ended(KEY, USAGE)
    both = one.with_further(FURTHER)

    assert nothing == Findings()
    assert one.experiments == (USAGE,)
    assert both.experiments == (USAGE, FURTHER)


def test_experiments_that_tests_asked_for_come_before_those_of_searches() -> None:
    assert Findings().with_further(FURTHER).with_ended(KEY, USAGE).experiments == (USAGE, FURTHER)


def test_experiments_at_one_cardinality_have_names_of_their_own() -> None:
    found = Findings().with_further(USAGE, USAGE).with_ended(KEY, USAGE).experiments

    assert [one.cardinality for one in found] == ["typical", "typical (2)", "typical (3)"]
    assert found[0] == USAGE


def test_an_experiment_that_failed_is_no_experiment_but_a_notice() -> None:
    found = Findings().with_ended(KEY, USAGE).with_ended(("usage", "large"), ServerError("no room"))

    assert found.experiments == (USAGE,)
    assert [(one.code, one.text) for one in found.notices] == [
        ("experiment-failed", "usage large has no result: no room")
    ]


def test_an_interrupted_experiment_without_a_block_that_counts_is_a_notice_in_its_own_words() -> None:
    early = BrokenOffError("usage large was interrupted before its first block. Nothing was measured")
    found = Findings().with_ended(KEY, USAGE).with_ended(("usage", "large"), early)

    assert found.experiments == (USAGE,)
    assert [(one.code, one.text) for one in found.notices] == [("experiment-failed", early.headline)]


def test_what_an_error_cut_short_is_an_experiment_and_no_notice_says_that_there_is_none() -> None:
    lost = WorkerError("The worker gw1 was lost")
    lost.known = USAGE
    found = Findings().with_ended(KEY, lost)

    assert found.experiments == (USAGE,)
    assert found.notices == ()


def test_a_map_that_has_grown_takes_its_own_place_and_no_other() -> None:
    other, before, after = _map(1.0), _map(2.0), _map(3.0)
    found = Findings().with_map(other, instead_of=None).with_map(before, instead_of=None)

    assert found.maps == (other, before)
    assert found.with_map(after, instead_of=before).maps == (other, after)
