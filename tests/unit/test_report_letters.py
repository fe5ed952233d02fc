"""Letters beside names: two candidates share one exactly where they cannot be told apart."""

from itertools import combinations
from string import ascii_letters

from fixed_run import estimate, standing
from hypothesis import given
from hypothesis import strategies as st

from schemabench.records import Standing
from schemabench.report.letters import letters


@st.composite
def standings(draw: st.DrawFn) -> list[Standing]:
    """Draw candidates of which any two may tie."""
    names = [f"candidate_{number}" for number in range(draw(st.integers(1, 8)))]
    ties = {pair for pair in combinations(names, 2) if draw(st.booleans())}
    return [
        standing(
            name,
            place,
            estimate(1.1),
            tuple(other for other in names if (name, other) in ties or (other, name) in ties),
        )
        for place, name in enumerate(names, start=1)
    ]


@given(standings())
def test_two_candidates_share_a_letter_exactly_where_they_tie(some: list[Standing]) -> None:
    found = letters(some)
    for one, other in combinations(some, 2):
        assert bool(set(found[one.name]) & set(found[other.name])) == (other.name in one.tied_with)


@given(standings())
def test_every_candidate_has_a_letter_and_new_letters_come_in_order_of_rank(some: list[Standing]) -> None:
    found = letters(some)
    assert all(found[one.name] for one in some)
    assert all(found[one.name] == "".join(sorted(found[one.name])) for one in some)
    first_seen = list(dict.fromkeys("".join(found[one.name] for one in some)))
    assert first_seen == list(ascii_letters[: len(first_seen)])


def test_a_candidate_that_is_not_among_them_counts_for_nothing() -> None:
    assert letters([standing("a", 1, estimate(1.1), ("gone",)), standing("b", 2, estimate(1.1))]) == {
        "a": "a",
        "b": "b",
    }


def test_there_are_no_letters_beyond_52_sets() -> None:
    def apart(count: int) -> list[Standing]:
        return [standing(f"candidate_{number}", number + 1, estimate(1.1)) for number in range(count)]

    assert len(letters(apart(52))) == 52
    assert letters(apart(53)) == {}
