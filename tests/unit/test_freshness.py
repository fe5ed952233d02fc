"""Ages from what was committed and what answers include, and the answers that a model check accepts: no server."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import laboratory
import pytest

from schemabench import Call, Model, Workload, Writer
from schemabench.equivalence.history import History
from schemabench.errors import WorkloadError
from schemabench.experiment.burst import Burst, make
from schemabench.experiment.plan import Plan
from schemabench.experiment.staleness import Freshness
from schemabench.experiment.team import Alone, Executed
from schemabench.workload.checking import check

OPERATIONS = "-- name: add\nINSERT INTO thing VALUES (1);\n\n-- name: ask\nSELECT count(*) AS things FROM thing;\n"
WITHIN_S, PER_S = 60.0, 2.0


@dataclass
class _Things:
    """A count."""

    count: int = 0


def _apply(state: _Things, call: Call) -> list[tuple[object, ...]] | None:
    if call.operation == "ask":
        return [(state.count,)]
    state.count += call.operation == "add"
    return None


def _model(**others: Any) -> Model[object, _Things]:  # noqa: ANN401 (any field)
    given = {"fresh_within_s": WITHIN_S, "includes": {"ask": "things"}, "counted": ("add",), **others}
    return Model(
        initial=_Things,
        calls=lambda _: pytest.fail("nothing is drawn here"),
        apply=_apply,
        state=lambda _: {},
        passes_s=lambda call: 40.0 if call.operation == "serve" else 0.0,
        **given,
    )


def _plan(folder: Path, **others: Any) -> Plan:  # noqa: ANN401 (any field of the workload)
    given: dict[str, Any] = {"model": _model(), "production_s": lambda _: 4 / PER_S, **others}
    workload = Workload(
        name="things",
        summary="things that are counted",
        cardinalities={"typical": laboratory.Sizes()},
        writers=lambda _: (
            Writer(name="writer", kind="stream", weight=4),
            Writer(name="reader", kind="reader", weight=1),
        ),
        burst=lambda _sizes, writer, _block, _random: iter(
            [Call("ask", {}, rows=0) if writer == "reader" else Call("add", {})] * 100
        ),
        background=lambda *_: iter([Call("add", {}, rows=10)]),
        **given,
    )
    found = laboratory.found(folder, workload, OPERATIONS)
    return Plan(found=found, cardinality="typical", candidates=(), clients=2, budget_s=0, precision=0.1, seed=1)


def _freshness(folder: Path, **others: Any) -> tuple[Freshness, Burst]:  # noqa: ANN401 (as above)
    plan = _plan(folder, **others)
    feed = plan.feed()
    return Freshness(plan, feed, Alone(plan)), make(feed, plan.writers, 0, 1)


def _executed(*noted: tuple[int, int, int, int]) -> Executed:
    return Executed(duration_s=1, writers_s={}, busy_shares=(), retried={}, lag_ns=0, noted=noted)


ADDED = [(number, 10 * number, 10 * number + 5, -1) for number in range(4)]
"""Four additions, done at 5, 15, 25 and 35 ns."""


@pytest.mark.parametrize(
    ("begun_ns", "included", "missing"),
    [
        (0, 10, 0),  # nothing was committed in this burst yet
        (4, 9, 1),  # one of the background
        (5, 10, 1),  # the first addition was done just now
        (34, 11, 2),
        (100, 14, 0),
        (100, 0, 14),
        (20, 14, 0),  # the answer has more than was known to be committed
    ],
)
def test_an_age_is_what_was_committed_before_the_read_and_is_missing_at_the_rate_of_production(
    tmp_path: Path, begun_ns: int, included: int, missing: int
) -> None:
    freshness, burst = _freshness(tmp_path)
    ages = freshness.observe("one", burst, _executed(*ADDED, (4, begun_ns, begun_ns + 1, included)))
    assert ages["ask"][0].tolist() == [missing / PER_S]


def test_only_what_was_committed_before_the_burst_is_certain(tmp_path: Path) -> None:
    freshness, burst = _freshness(tmp_path)
    ages = freshness.observe("one", burst, _executed(*ADDED, (4, 100, 101, 7)))
    assert ages["ask"].T.tolist() == [[7 / PER_S, 3 / PER_S]]


@pytest.mark.parametrize("one_clock", [True, False])
def test_ages_at_productions_pace_decide_only_where_writes_and_reads_have_one_clock(
    tmp_path: Path, *, one_clock: bool
) -> None:
    freshness, burst = _freshness(tmp_path)
    for keep in (partial(freshness.keep, block=3), partial(freshness.keep_paced, one_clock=one_clock)):
        keep("one", ages=freshness.observe("one", burst, _executed(*ADDED, (4, 100, 101, 10))))

    assert {one.phase for one in freshness.of("one", {3})} == {"trials", *(["adequacy"] if one_clock else [])}
    assert freshness.by_several_clocks is not one_clock


def test_what_earlier_bursts_added_is_known_for_each_entrant_apart(tmp_path: Path) -> None:
    freshness, burst = _freshness(tmp_path)
    freshness.observe("one", burst, _executed(*ADDED))
    for name, missing in (("one", 4), ("two", 0)):
        assert freshness.observe(name, burst, _executed((4, 0, 1, 10)))["ask"][0].tolist() == [missing / PER_S]


def test_a_call_that_was_undone_is_not_missed(tmp_path: Path) -> None:
    freshness, burst = _freshness(tmp_path)
    ages = freshness.observe("one", burst, _executed(*ADDED[1:], (4, 100, 101, 13)))
    assert ages["ask"][0].tolist() == [0]


def test_ages_of_blocks_that_do_not_count_are_left_out_and_percentiles_need_answers(tmp_path: Path) -> None:
    freshness, burst = _freshness(tmp_path)
    for block in range(3):
        ages = freshness.observe("one", burst, _executed((4, 0, 1, 10 - block)))
        freshness.keep("one", block, ages)
    (found,) = freshness.of("one", {0, 1})
    assert (found.phase, found.count, found.p99_s, found.oldest_s) == ("trials", 2, None, 1 / PER_S)


def test_without_a_known_pace_no_age_is_measured(tmp_path: Path) -> None:
    freshness, burst = _freshness(tmp_path, production_s=None)
    assert freshness.observe("one", burst, _executed(*ADDED, (4, 0, 1, 0))) == {}
    assert freshness.of("one", {0}) == ()


@pytest.mark.parametrize(
    ("model", "missing"),
    [
        (_model(fresh_within_s=0), "Model.fresh_within_s"),
        (_model(includes={}), "Model.includes"),
        (_model(counted=()), "Model.counted"),
        (_model(counted=("ad",)), "'ad'.*'add'"),
    ],
)
def test_a_bound_with_a_part_missing_is_refused(tmp_path: Path, model: Model[object, _Things], missing: str) -> None:
    with pytest.raises(WorkloadError, match=missing):
        check(_plan(tmp_path, model=model).found)


def _answers(*operations: str) -> list[int]:
    history, state = History(_model()), _Things()
    answers: list[int] = []
    for operation in operations:
        answers = [int(str(rows[0][0])) for rows in history.apply(state, Call(operation, {}))]
    return sorted(set(answers))


def test_an_answer_may_show_any_state_of_the_last_minute() -> None:
    assert _answers("add", "add", "ask") == [0, 1, 2]
    assert _answers("add", "serve", "add", "ask") == [0, 1, 2]
    assert _answers("add", "serve", "serve", "ask") == [1]
    assert _answers("add", "serve", "serve", "add", "ask") == [1, 2]


def test_without_old_answers_only_the_current_one_will_do() -> None:
    history, state = History(_model(includes={}, counted=(), fresh_within_s=0)), _Things()
    history.apply(state, Call("add", {}))
    assert history.apply(state, Call("ask", {})) == ([(1,)],)
