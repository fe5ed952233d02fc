"""Where a search looks, and what it concludes: no server, no clock."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import strategies as st

from schemabench import log_scale
from schemabench.crossover import finding
from schemabench.crossover.search import FIRST_ROUND, Search, key
from schemabench.crossover.state import State, resumed
from schemabench.errors import CandidateError, UsageError, WorkloadError
from schemabench.records import Probe

FACTORS = log_scale(1, 1_000_000, 60)


@dataclass(frozen=True)
class Sizes:
    """A cardinality."""

    rows: int
    reads: int


SIZES = st.builds(Sizes, st.sampled_from(FACTORS), st.sampled_from(FACTORS))


def _probe(cost: float | None, ratio: float | None = None, reason: str = "") -> Probe:
    return Probe(values={"cost": cost, "ratio": ratio}, cost=cost, ratio=ratio, elapsed_s=1.0, reason=reason)


def _search(look: Callable[[Sizes], Probe], most: int = 10 * FIRST_ROUND, *, both: bool = False) -> Search:
    known: dict[str, Probe] = {}
    return Search(strategy=SIZES, look=look, over=lambda: len(known) >= most, both=both, known=known)


def _hill(sizes: Sizes) -> Probe:
    """Return what is worst at many rows and few reads, and gets better evenly from there."""
    probe = _probe(sizes.rows / sizes.reads)
    return replace(probe, values={"rows": sizes.rows, "reads": sizes.reads})


def _height(probe: Probe) -> float:
    return math.log10(probe.values["rows"] / probe.values["reads"])


def test_search_climbs_higher_than_chance() -> None:
    highest: dict[str, float] = {"climbing": 0.0, "drawing": 0.0}
    for seed in range(0, 100, 10):
        for name, look in (("climbing", _hill), ("drawing", lambda sizes: replace(_hill(sizes), cost=None))):
            search = _search(look, most=2 * FIRST_ROUND)
            search.run(seed)
            highest[name] += max(_height(probe) for probe in search.known.values())

    assert highest["climbing"] > 1.05 * highest["drawing"]


def test_search_for_both_ends_reaches_both() -> None:
    search = _search(_hill, both=True)

    search.run(seed=1)

    costs = [probe.cost or 0.0 for probe in search.known.values()]
    assert max(costs) > 1e5
    assert min(costs) < 1e-5


def test_search_looks_nowhere_once_the_time_is_over() -> None:
    search = _search(_hill, most=5)

    search.run(seed=1)

    assert len(search.known) == 5


def test_search_of_few_cardinalities_ends_when_it_has_seen_all() -> None:
    search = _search(_hill)
    search.strategy = st.builds(Sizes, rows=st.sampled_from((1, 2)), reads=st.just(1))

    search.run(seed=1)

    assert len(search.known) == 2


def test_interrupted_search_goes_on_as_if_it_had_not_been() -> None:
    whole, first = _search(_hill, most=40), _search(_hill, most=15)
    whole.run(seed=9)
    first.run(seed=9)
    seen: list[Sizes] = []

    def look(sizes: Sizes) -> Probe:
        seen.append(sizes)
        return _hill(sizes)

    rest = replace(first, look=look, over=lambda: len(first.known) >= 40)
    rest.run(seed=9)

    assert list(rest.known) == list(whole.known)
    assert [key(sizes) for sizes in seen] == list(whole.known)[15:]


@pytest.mark.parametrize("before", [FIRST_ROUND - 1, FIRST_ROUND, FIRST_ROUND + 5, 3 * FIRST_ROUND])
def test_a_search_that_is_resumed_after_any_round_goes_on(before: int) -> None:
    first = _search(_hill, most=before)
    first.run(seed=1)

    rest = _search(_hill, most=before + 10)
    rest.known = first.known
    rest.over = lambda: len(rest.known) >= before + 10
    rest.run(seed=1)

    assert len(rest.known) == before + 10


def test_what_a_look_raises_ends_the_search_at_once() -> None:
    looks: list[Sizes] = []

    def look(sizes: Sizes) -> Probe:
        looks.append(sizes)
        raise CandidateError("no such table")

    with pytest.raises(CandidateError, match="no such table"):
        _search(look).run(seed=1)
    assert len(looks) == 1


def test_a_strategy_that_fails_while_drawing_ends_the_search_in_words_with_its_probes() -> None:
    def few(sizes: Sizes) -> Sizes:
        if sizes.rows > 10_000:
            raise ValueError("too many rows")
        return sizes

    search = _search(_hill)
    search.strategy = SIZES.map(few)
    with pytest.raises(WorkloadError, match="The strategy failed: ValueError: too many rows"):
        search.run(seed=1)
    assert search.known


def test_shortlist_has_the_slowest_in_trials_and_the_dearest_by_count() -> None:
    probes = [_probe(1.0, 0.9), _probe(9.0, 1.1), _probe(1.1, 0.4), _probe(0.5, 3.0), _probe(99.0, None, "it failed")]

    listed = finding.shortlist(probes, both=False)

    assert [(name, probe.cost, probe.ratio) for name, probe in listed] == [
        (finding.WORST, 1.1, 0.4),
        (finding.WORST, 9.0, 1.1),
    ]


def test_shortlist_takes_each_probe_once_and_both_ends_in_turn() -> None:
    probes = [_probe(2.0, 0.5), _probe(0.5, 2.0)]

    listed = finding.shortlist(probes, both=True)

    assert [(name, probe.ratio) for name, probe in listed] == [(finding.WORST, 0.5), (finding.BEST, 2.0)]


def test_shortlist_of_failures_is_empty() -> None:
    assert finding.shortlist([_probe(None, None, "it failed")], both=True) == []


def test_state_is_resumed_as_it_was_kept(tmp_path: Path) -> None:
    state = State(candidate="indexed", fingerprint="abc", path=tmp_path / "state.json")
    state.keep("one", _probe(1.5, 0.5))
    state.keep("two", _probe(None, None, "it failed"))

    assert resumed(tmp_path / "state.json", "abc") == state


def test_finished_search_leaves_no_state(tmp_path: Path) -> None:
    state = State(candidate="indexed", fingerprint="abc", path=tmp_path / "state.json")
    state.keep("one", _probe(1.5, 0.5))

    state.forget()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "There is no search to resume"),
        ("{", "cannot be resumed: Input data was truncated"),
        ('{"fingerprint": "xyz", "candidate": "", "probes": {}}', "one of its conditions has changed"),
    ],
)
def test_state_that_does_not_fit_is_refused(tmp_path: Path, text: str | None, reason: str) -> None:
    path = tmp_path / "state.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")

    with pytest.raises(UsageError, match=reason) as caught:
        resumed(path, "abc")

    assert "start a new search: leave out --resume" in caught.value.remedies
