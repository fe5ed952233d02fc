"""The generator and the replay of the workload `votes`: no server, no clock."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from schemabench import BadLineError, Call, workload

ROOT = Path(__file__).parents[2]
FOUND = workload.load(ROOT / "workloads", "votes")
VOTES = FOUND.workload
TYPICAL = VOTES.cardinalities["typical"]
LINE = "2013,1,1,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z"

each_cardinality = pytest.mark.parametrize("name", tuple(VOTES.cardinalities))


def _random(seed: int = 1) -> Random:
    return Random(seed)  # noqa: S311 (a seeded generator is the point)


def _calls(votes: Any, writer: str, block: int = 0, seed: int = 1, slices: int = 1) -> list[Call]:  # noqa: ANN401
    weight = next(each.weight for each in VOTES.writers(votes) if each.name == writer)
    return list(islice(VOTES.burst(votes, writer, block, _random(seed)), weight * slices))


@each_cardinality
def test_same_seed_gives_the_same_burst_and_another_seed_another(name: str) -> None:
    votes = VOTES.cardinalities[name]
    assert _calls(votes, "kiosks", seed=5) == _calls(votes, "kiosks", seed=5) != _calls(votes, "kiosks", seed=6)


@each_cardinality
def test_all_calls_fit_the_operations(name: str) -> None:
    votes = VOTES.cardinalities[name]
    workload.check_calls(FOUND, VOTES.background(votes, _random()), "background")
    for writer in VOTES.writers(votes):
        workload.check_calls(FOUND, _calls(votes, writer.name, block=1_000, slices=3), writer.name)


@each_cardinality
def test_a_slice_has_the_votes_of_its_seconds_and_ends_with_the_job(name: str) -> None:
    votes = VOTES.cardinalities[name]
    calls = _calls(votes, "kiosks", slices=3)
    jobs = [place for place, call in enumerate(calls) if call.operation == "refresh_results"]
    assert jobs == [(votes.votes + 1) * number - 1 for number in (1, 2, 3)]
    assert votes.votes == votes.votes_per_s * votes.slice_s
    assert {calls[place].key for place in jobs} == {"job"}


def test_a_spike_stays_at_a_thousand_votes_a_second() -> None:
    calls = _calls(VOTES.cardinalities["worst"], "kiosks")
    moments = [datetime.fromisoformat(str(call.values["voted_at"])) for call in calls if call.values]
    assert len(moments) / ((moments[-1] - moments[0]).total_seconds() + 0.001) == pytest.approx(1_000)


def test_the_history_has_as_many_votes_as_it_should() -> None:
    calls = list(VOTES.background(TYPICAL, _random()))
    assert sum(call.rows for call in calls) == TYPICAL.history_votes
    assert calls[-1].operation == "refresh_results"


@each_cardinality
def test_the_history_comes_at_a_quiet_pace_and_ends_where_the_first_block_begins(name: str) -> None:
    votes = VOTES.cardinalities[name]
    calls = [call for call in VOTES.background(votes, _random()) if call.operation == "load_votes"]
    moments = [moment for call in calls for moment in call.values["voted_ats"]]  # type: ignore[attr-defined]
    first = datetime.fromisoformat(str(_calls(votes, "kiosks")[0].values["voted_at"]))
    assert first - moments[0] == timedelta(seconds=votes.history_votes / 20)
    assert {after - before for before, after in pairwise(moments)} == {timedelta(seconds=1 / 20)}
    buckets = {(moment.hour, moment.minute // 10) for moment in moments}
    assert len(buckets) == {"typical": 2, "worst": 5}[name]


def test_a_history_is_no_faster_than_the_votes_after_it() -> None:
    slow = replace(TYPICAL, votes_per_s=5)
    assert (slow.history_votes_per_s, TYPICAL.history_votes_per_s) == (5, 20)


def test_each_choice_gets_about_half_of_what_is_left() -> None:
    counts = Counter(call.values["choice"] for call in _calls(TYPICAL, "kiosks", slices=20) if call.values)
    first, second, third = (counts[f"choice_{number:02d}"] for number in (1, 2, 3))
    assert first == pytest.approx(2 * second, rel=0.1)
    assert second == pytest.approx(third, rel=0.1)


def test_a_departure_is_a_vote_for_its_carrier() -> None:
    assert VOTES.replay is not None
    vote = VOTES.replay.parse(LINE)
    assert vote == ("EWR", "UA", datetime(2013, 1, 1, 10, tzinfo=UTC))
    (call,) = VOTES.replay.calls(TYPICAL, iter([vote]), {}, 0)
    assert call.values == {"kiosk": "EWR", "choice": "UA", "voted_at": vote.voted_at}


def test_a_replay_has_a_job_after_each_slice_of_votes() -> None:
    assert VOTES.replay is not None
    vote = VOTES.replay.parse(LINE)
    calls = list(VOTES.replay.calls(TYPICAL, iter([vote] * TYPICAL.votes * 2), {}, 0))
    assert [place for place, call in enumerate(calls) if call.operation == "refresh_results"] == [400, 801]


@pytest.mark.parametrize("line", ["", "\ufeffyear,month,day" + ",x" * 16, "a,b", LINE.replace("10:00:00Z", "10")])
def test_only_departures_are_votes(line: str) -> None:
    assert VOTES.replay is not None
    if not line:
        assert VOTES.replay.parse(line) is None
        return
    with pytest.raises(BadLineError):
        VOTES.replay.parse(line)
