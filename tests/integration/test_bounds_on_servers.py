"""Bounds of the cardinality in invariants: whoever loads too little is found out, and whoever loads right is not."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import mutants
from hypothesis import HealthCheck, given, settings

from schemabench.candidate import Candidate
from schemabench.experiment import Plan, measure
from schemabench.progress import Silence
from schemabench.records import Experiment
from schemabench.server import Server

BROKEN = {
    "small_domains_dropped": "hours_of_too_few_domains",
    "views_forgotten": "hours_of_too_few_views",
    "large_domains_cut": "hours_led_by_another_domain",
}
"""Mutant -> the invariant that it breaks."""
HOURS = 4
"""Of the background: all candidates are soon built."""


def planned(sizes: object, candidates: Sequence[Candidate]) -> Plan:
    """Return a plan for one burst that compares no states and no model, so that nothing but invariants can fail."""
    found = mutants.found("pageviews")
    workload = replace(found.workload, cardinalities={"typical": sizes}, state=())
    return Plan(
        found=replace(found, workload=workload),
        cardinality="typical",
        candidates=tuple(candidates),
        clients=4,
        budget_s=0.0,
        precision=0.01,
        seed=1,
        burst=1,
    )


def small(sizes: Any) -> Any:  # noqa: ANN401 (the workload's own type)
    """Return sizes with so short a history."""
    return replace(sizes, known_pages=HOURS * sizes.lines_per_hour)


def reasons(experiment: Experiment) -> dict[str, str]:
    """Return why candidates are not ranked."""
    return {one.name: one.reason for one in experiment.candidates if one.status != "ranked"}


def test_who_loads_too_few_domains_views_or_entries_breaks_an_invariant(server: Server) -> None:
    typical = small(mutants.found("pageviews").workload.cardinalities["typical"])
    wrong = [mutants.mutant("pageviews", name) for name in BROKEN]
    experiment = measure(planned(typical, [mutants.shipped("pageviews")["baseline"], *wrong]), server, Silence())

    assert {name: reason.splitlines()[0] for name, reason in reasons(experiment).items()} == {
        name: f"the invariant {invariant!r} does not hold:" for name, invariant in BROKEN.items()
    }


@settings(max_examples=2, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(sizes=mutants.found("pageviews").workload.strategy())  # type: ignore[misc]
def test_who_loads_right_breaks_none_whatever_the_sizes(server: Server, sizes: object) -> None:
    shipped = mutants.shipped("pageviews")
    some = [shipped[name] for name in ("baseline", "flat", "running_top", "staging")]

    assert reasons(measure(planned(small(sizes), some), server, Silence())) == {}
