"""Why it is not known whether a migration is the reason for a difference: in which words, and that they stand once."""

from types import SimpleNamespace
from typing import Any

import pytest

from schemabench.errors import CandidateError
from schemabench.rehearsal.comparing import Comparing

LEAVE = "leave companions out: --without-companions"


def _comparing(*operations: str, own: tuple[str, ...] = ()) -> Comparing:
    """Return a comparison of a workload with companions that execute operations, of which some are the candidate's."""
    companions = tuple(SimpleNamespace(name=f"by_{operation}", operation=operation) for operation in operations)
    plan: Any = SimpleNamespace(companions=companions)
    candidate: Any = SimpleNamespace(file=SimpleNamespace(operations=dict.fromkeys(own, "SELECT 1")))
    unused: Any = None
    return Comparing(plan=plan, candidate=candidate, server=unused, entered=unused, stage=unused)


@pytest.mark.parametrize("remedies", [[], ["allow longer calls: --call-timeout 2min", LEAVE]])
def test_why_there_is_no_second_fresh_installation_says_once_to_leave_companions_out(remedies: list[str]) -> None:
    failure = CandidateError("The companion 'by_hold' did not complete 'hold'", remedies=remedies)

    said = _comparing("hold")._lacking(failure)

    assert "and beside companions, could not: The companion 'by_hold' did not complete" in said
    assert said.count("--without-companions") == 1


def test_without_companions_there_are_none_to_leave_out() -> None:
    assert "companions" not in _comparing()._lacking(CandidateError("no such column"))


def test_a_companion_for_which_the_candidate_has_an_operation_of_its_own_is_named() -> None:
    assert not _comparing("hold", "look")._overridden()
    assert not _comparing(own=("hold",))._overridden()
    one = _comparing("hold", "look", own=("hold", "change"))._overridden()
    assert "the candidate has an operation of its own for the companion by_hold, which" in one
    assert one.count(LEAVE) == 1
    assert (
        "for the companions by_hold, by_look, which" in _comparing("hold", "look", own=("hold", "look"))._overridden()
    )
