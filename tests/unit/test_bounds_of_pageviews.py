"""The bounds of a loaded hour of page views: no hour that is loaded right is beyond them, whatever the sizes."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemabench import Call
from schemabench.workload import check_bounds, load

FOUND = load(Path(__file__).parents[2] / "workloads", "pageviews")
MODEL: Any = FOUND.workload.model
SETS = 3
"""Sets of hours of the loader, with those that are reloaded."""


def calls(sizes: object, seed: int) -> Iterator[Call]:
    """Return the background and a few sets of hours."""
    random = Random(seed)  # noqa: S311 (nothing is kept secret with it)
    weight = next(writer.weight for writer in FOUND.workload.writers(sizes) if writer.name == "loader")
    jobs = FOUND.workload.burst(sizes, "loader", 0, random)
    background = (call for call in FOUND.workload.background(sizes, random) if isinstance(call, Call))
    return chain(background, islice(jobs, SETS * weight))


def loaded(sizes: object, seed: int) -> Any:  # noqa: ANN401 (the model's own type)
    """Return the model's state after these calls."""
    state = MODEL.initial()
    for call in calls(sizes, seed):
        assert MODEL.possible(state, call)
        MODEL.apply(state, call)
    return state


def beyond(hour: Mapping[str, list[tuple[str, int]]], bounds: Mapping[str, Any]) -> str:
    """Return which bound a loaded hour is beyond, as the invariants have it; empty if it is within all."""
    views = {domain: sum(count for _, count in pages) for domain, pages in hour.items()}
    own = bounds["largest_domain"]
    if len(hour) < bounds["fewest_domains"]:
        return f"{len(hour)} domains"
    if (top := max((pages[0][1] for pages in hour.values()), default=0)) < bounds["top_views"]:
        return f"{top} views of the top page"
    if len(hour.get(own, ())) < bounds["largest_entries"]:
        return f"{len(hour.get(own, ()))} entries of {own}"
    most = max((count for domain, count in views.items() if domain != own), default=0)
    if bounds["most_times"] is not None and most > views.get(own, 0) * bounds["most_times"]:
        return f"{views.get(own, 0)} views of {own}, {most} of another domain"
    return ""


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(sizes=FOUND.workload.strategy(), seed=st.integers(0, 2**32))  # type: ignore[misc]
def test_no_hour_that_is_loaded_right_is_beyond_a_bound_whatever_the_sizes(sizes: Any, seed: int) -> None:  # noqa: ANN401 (the workload's own type)
    bounds = FOUND.workload.bounds(sizes)
    state = loaded(sizes, seed)

    assert len(state.loaded) > SETS
    assert {beyond(hour, bounds) for hour in state.loaded.values()} == {""}


@pytest.mark.parametrize("name", ["typical", "worst"])
def test_bounds_of_the_pinned_sizes_are_not_idle(name: str) -> None:
    sizes = FOUND.workload.cardinalities[name]
    bounds = FOUND.workload.bounds(sizes)

    check_bounds(FOUND, name, sizes)
    assert bounds["fewest_domains"] == sizes.domains
    assert bounds["largest_domain"] == "en"
    assert bounds["largest_entries"] == 25
    assert bounds["top_views"] > 1  # type: ignore[operator]
    assert bounds["most_times"] < 20  # type: ignore[operator]


@pytest.mark.parametrize("domains", [1, 2, 24])
@pytest.mark.parametrize("lines_per_hour", [1, 30, 500])
@pytest.mark.parametrize("blacklisted", [0, 5_000])
def test_sizes_of_anyone_have_bounds(domains: int, lines_per_hour: int, blacklisted: int) -> None:
    sizes = replace(
        FOUND.workload.cardinalities["typical"],
        domains=domains,
        lines_per_hour=lines_per_hour,
        lines_per_call=lines_per_hour,
        known_pages=8 * lines_per_hour,
        blacklisted=blacklisted,
    )
    bounds = FOUND.workload.bounds(sizes)
    state = loaded(sizes, 1)

    assert {beyond(hour, bounds) for hour in state.loaded.values()} == {""}
