"""Whether entrants hold the correct rows after all trials, and the consequences if not.

Owns disqualification by final rows, and its wording. An invariant is absolute: a candidate that violates it is always
disqualified. A state is relative: it distinguishes candidates only if the control agrees with the baseline. Must not
compare rows: `equivalence.states` does.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

import psycopg

from schemabench import equivalence
from schemabench.candidate import BASELINE
from schemabench.equivalence import Asked, Passing
from schemabench.errors import CandidateError
from schemabench.experiment import databases, failures
from schemabench.experiment.entrant import CONTROL, Entrant
from schemabench.experiment.measured import Measured
from schemabench.experiment.plan import Plan
from schemabench.experiment.retiring import WrongRows
from schemabench.experiment.team import Team, beating
from schemabench.experiment.template import questions
from schemabench.records import Notice

NO_BASELINE = "the baseline itself is disqualified, so there is nothing to compare with"
"""Why no other candidate is ranked in that case."""

Differing = Callable[[Entrant], Iterator[str]]
"""Yields descriptions of what is wrong with an entrant's rows."""


def judge(
    plan: Plan, team: Team, entrants: Sequence[Entrant], measured: Measured, unfinished: Collection[str]
) -> tuple[dict[str, str], tuple[Notice, ...]]:
    """Return why each entrant is disqualified, and the limits of the comparison of states.

    Args:
        plan: Has the names of invariants and states.
        team: Sees, as rows pass, that this process is at work.
        entrants: All entrants: the baseline first, then the control.
        measured: Has the failed candidates. A candidate whose query is refused fails now, and leaves the experiment.
            Retired candidates were compared when they left, and do not have the rows of the others any more.
        unfinished: Entrants whose last burst was cut short, so that they do not have the rows of the others.

    Raises:
        CandidateError: The server refused a query of the baseline.
        ServerError: The server failed.
    """
    earlier = earlier_wrong(measured)
    broken = {name: wrong.reason for name, wrong in earlier.items() if wrong.is_absolute}
    broken |= _found(entrants, measured, lambda one: (reason for _, reason in violations(plan, one)))
    for name, place in ((BASELINE, ""), (CONTROL, " in its copy, the control")):
        if name in broken:  # no other candidate's rows can be compared with these
            return {**broken, BASELINE: f"the baseline breaks its own invariant{place}: {broken[name]}"}, ()
    found = {name: wrong.reason for name, wrong in earlier.items()} | broken
    alike = [one for one in entrants if one.name not in {*measured.failed, *broken, *unfinished, *measured.retired}]
    notices = (*_not_compared(plan, unfinished), *_not_known(measured))
    if not plan.found.workload.state or not {BASELINE, CONTROL} <= {one.name for one in alike}:
        return found, notices
    digests: dict[str, str] = {}
    passing: Passing = partial(beating, team)
    differing = _found(alike, measured, lambda one: differences(plan, alike[0], one, digests, passing=passing))
    if CONTROL in differing:
        text = (
            f"States cannot be compared, because the control's differs from the baseline's: {differing[CONTROL]}. No "
            "candidate was disqualified for its rows. Give calls that do not commute the same key"
            + (", and let companions change no rows that `state` returns" if plan.companions else "")
        )
        return broken, (*notices, Notice(code="state-not-comparable", text=text))
    return found | differing, notices


def earlier_wrong(measured: Measured) -> dict[str, WrongRows]:
    """Return what is wrong with the rows of each candidate that left, as far as that proves anything."""
    wrong = {name: one.wrong for name, one in measured.retired.items()}
    return {name: one for name, one in wrong.items() if one is not None and not one.control_differs}


def wrong_rows(plan: Plan, team: Team, baseline: Entrant, control: Entrant, one: Entrant) -> WrongRows | None:
    """Return what is wrong with the rows of an entrant that executed the same bursts as the baseline, if anything.

    Args:
        plan: Has the names of invariants and states.
        team: Sees, as rows pass, that this process is at work.
        baseline: Whose rows are right.
        control: Whose rows are right, too: if they differ from the baseline's, no difference proves anything.
        one: The entrant.

    Raises:
        CandidateError: The server refused a query.
        ServerError: The server failed.
    """
    for _, reason in violations(plan, one):
        return WrongRows(reason=reason, is_absolute=True)
    passing: Passing = partial(beating, team)
    for reason in differences(plan, baseline, one, {}, passing=passing):
        control_differs = any(differences(plan, baseline, control, {}, passing=passing))
        return WrongRows(reason=reason, control_differs=control_differs)
    return None


def _found(entrants: Sequence[Entrant], measured: Measured, differing: Differing) -> dict[str, str]:
    """Return the first error of each entrant, for those with any."""
    found: dict[str, str] = {}
    for one in entrants:
        failure = measured.failed.get(one.name)
        try:
            if reason := next(differing(one), None):
                found[one.name] = f"{reason}\nIt also failed: {failure}" if failure else reason
        except CandidateError as refusal:
            if one.template.candidate.name == BASELINE:
                raise
            measured.failed.setdefault(one.name, refusal)
    return found


def violations(plan: Plan, one: Entrant) -> Iterator[tuple[str, str]]:
    """Yield the invariants that an entrant violates: name and how."""
    for name in plan.invariants:
        with _asking(one, name, plan.bounds) as asked:
            reason = equivalence.violation(name, asked)
        if reason:
            yield name, reason


def differences(  # noqa: PLR0913, PLR0917 (who is compared, and how)
    plan: Plan,
    baseline: Entrant,
    one: Entrant,
    digests: dict[str, str],
    whose: str = equivalence.BASELINES,
    passing: Passing = iter,
) -> Iterator[str]:
    """Yield the states in which an entrant differs from the baseline.

    Rows are compared one by one only if digests differ. `digests` receives the baseline's, by the state's name. Rows go
    through `passing`.
    """
    for name in plan.found.workload.state:
        with _asking(one, name) as actual:
            found = equivalence.digest(actual)
            if name not in digests:
                with _asking(baseline, name) as expected:
                    digests[name] = equivalence.digest(expected)
            if found == digests[name]:
                continue
            with _asking(baseline, name) as expected:
                reason = equivalence.difference(name, expected, actual, whose, passing)
        if reason:
            yield reason


def _not_compared(plan: Plan, unfinished: Collection[str]) -> tuple[Notice, ...]:
    """Return the notice on states that were not compared, and why."""
    if not plan.found.workload.state or not unfinished:
        return ()
    whose = "of all candidates" if {BASELINE, CONTROL} & set(unfinished) else f"of {', '.join(sorted(unfinished))}"
    text = (
        f"The replay of the production load was cut short under {', '.join(sorted(unfinished))}: the states {whose} "
        "were not compared with the baseline's"
    )
    return (Notice(code="states-not-compared", text=text),)


def _not_known(measured: Measured) -> Iterator[Notice]:
    """Yield the notices on candidates that left when the control's rows differed from the baseline's, too."""
    for name, one in measured.retired.items():
        if one.wrong is not None and one.wrong.control_differs:
            text = (
                f"When {name} left, its rows differed from the baseline's, but so did the control's. It was not "
                f"disqualified: {one.wrong.reason}"
            )
            yield Notice(code="state-not-comparable", text=text)


@contextmanager
def _asking(one: Entrant, name: str, bounds: Mapping[str, str | None] | None = None) -> Iterator[list[Asked]]:
    """Connect to an entrant's databases to run a named query; yield each connection with its SQL.

    Raises:
        CandidateError: The server refused the query.
        ServerError: The server failed.
    """
    template = one.template
    own = questions(template, name, one.databases, bounds)
    try:
        with ExitStack() as stack:
            yield [
                (stack.enter_context(databases.connect(template.server, database)), query.sql)
                for _, database, query in own
            ]
    except psycopg.Error as cause:
        raise failures.refused(template, cause, own[0].query, name) from cause
