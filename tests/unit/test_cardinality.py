"""Which cardinalities a run takes, and when two are the same."""

from dataclasses import dataclass, replace
from datetime import date

import pytest

from schemabench.cardinality import digest, select, values
from schemabench.errors import UsageError


@dataclass(frozen=True)
class Sizes:
    """A cardinality."""

    sites: int
    first: date = date(2026, 2, 16)


KNOWN = {"typical": Sizes(68), "worst": Sizes(5000)}


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        ([], ("typical",)),
        (["worst"], ("worst",)),
        (["worst", "typical", "worst"], ("worst", "typical")),
        (["all"], ("typical", "worst")),
        (["worst", "all"], ("typical", "worst")),
    ],
)
def test_the_cardinalities_that_are_wanted_are_chosen(wanted: list[str], chosen: tuple[str, ...]) -> None:
    assert select("usage", KNOWN, wanted) == chosen


def test_an_unknown_one_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"'usage' has no cardinality 'wrost'; did you mean 'worst'\?") as caught:
        select("usage", KNOWN, ["wrost"])

    assert caught.value.checked == ("cardinalities: typical, worst",)


def test_values_are_the_fields() -> None:
    assert values(Sizes(3)) == {"sites": 3, "first": date(2026, 2, 16)}


def test_a_digest_tells_apart_all_that_shapes_bursts() -> None:
    one = Sizes(68)
    digests = [
        digest("usage", "typical", one, {}),
        digest("other", "typical", one, {}),
        digest("usage", "worst", one, {}),
        digest("usage", "typical", replace(one, sites=69), {}),
        digest("usage", "typical", one, {"usage": "a.csv"}),
        digest("usage", "typical", one, {"usage": "b.csv"}),
    ]

    assert len(set(digests)) == len(digests)
    assert {len(one) for one in digests} == {12}


def test_a_digest_is_the_same_every_time() -> None:
    assert digest("usage", "typical", Sizes(68), {"b": "1", "a": "2"}) == digest(
        "usage", "typical", Sizes(68), {"a": "2", "b": "1"}
    )
