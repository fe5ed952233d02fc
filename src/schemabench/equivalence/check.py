"""The model check: a candidate and the workload's model execute the same calls, and must have the same rows after each.

Owns the comparison and its effort. Must not decide what happens to a candidate that fails.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from schemabench.candidate import Candidate
from schemabench.encoding import Encoder
from schemabench.equivalence.counterexample import Disagreement, described
from schemabench.equivalence.history import Answers, History
from schemabench.equivalence.scratch import RefusedError, Scratch
from schemabench.equivalence.search import Effort, draw, search
from schemabench.errors import WorkloadError
from schemabench.records import EquivalenceCheck
from schemabench.server import Server
from schemabench.workload import Call, Found, Model, Row, check_calls

EFFORTS: Mapping[str, Effort] = {
    "quick": Effort(drawn=1_000, sequences=50, length=25, search_s=2.5, shrink_s=2.5),
    "thorough": Effort(drawn=4_000, sequences=2_000, length=50, search_s=120.0, shrink_s=30.0),
}
"""Name -> effort. `quick` finds each of tests/mutants in at most 28 sequences, over several seeds. With the time to
create a database, it leaves a busy machine some of the five seconds that it may take."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """The result of a check."""

    record: EquivalenceCheck
    disagreement: Disagreement | None
    """The shortest one found; None if the candidate agrees with the model."""
    reason: str
    """The disagreement for people, with SQL that reproduces it; empty without one."""


class Oracle:
    """A workload's model, and the calls with which all candidates are compared with it.

    Raises:
        WorkloadError: The model's strategy fails, or draws calls that cannot be made.
    """

    def __init__(self, found: Found, cardinality: Any, effort: Effort, seed: int) -> None:  # noqa: ANN401 (a workload's own type)
        model = found.workload.model
        assert model is not None, "only a workload with a model has an oracle"
        self._found = found
        self._model = model
        self._effort = effort
        self._seed = seed
        self._drawn = draw(model.calls(cardinality), effort.drawn, seed)
        self._parts = found.parts(cardinality)
        check_calls(found, self._drawn, "model", self._parts.every)
        encode = Encoder(found.operations)
        for call in self._drawn:
            encode(call.operation, call.values)

    def check(self, candidate: Candidate, server: Server) -> Checked:
        """Search for calls after which a candidate's rows differ from the model's, in a database created for the check.

        Raises:
            CandidateError: The candidate's SQL is wrong for any call.
            WorkloadError: The model fails.
            ServerError: The server failed.
        """
        started_s = monotonic()
        with closing(Scratch(candidate, self._found.operations, self._parts, server)) as scratch:
            scratch.install()
            comparison = _Comparison(self._model, scratch)
            outcome = search(self._drawn, comparison.disagreement, self._effort, self._seed)
            found = outcome.disagreement
            reason = described(_held(found, scratch), candidate, scratch.operations, self._parts) if found else ""
        record = EquivalenceCheck(
            agrees=found is None,
            sequences=outcome.sequences,
            calls=comparison.calls,
            complete=outcome.complete,
            elapsed_s=monotonic() - started_s,
        )
        return Checked(record=record, disagreement=found, reason=reason)


class _Comparison:
    """The model and the candidate, step by step.

    Attributes:
        calls: The number of calls after which rows were compared: one of each request.
    """

    def __init__(self, model: Model[Any, Any], scratch: Scratch) -> None:
        self._model = model
        self._scratch = scratch
        self.calls = 0

    def disagreement(self, drawn: Sequence[Call]) -> Disagreement | None:
        """Execute calls, starting without rows, until model and candidate disagree; None if they do not.

        Successive calls of an operation that gathers calls are one request; the rows are compared after each request.

        Raises:
            CandidateError, WorkloadError, ServerError: As `Oracle.check` does.
        """
        self._scratch.clear()
        state = self._model.initial()
        history = History(self._model)
        executed: list[tuple[Call, ...]] = []
        pending: list[Call] = []
        answers: Answers = ()
        for call in (*drawn, None):
            if pending and (call is None or not self._joins(call, pending)):
                executed.append(tuple(pending))
                pending = []
                if found := self._compared(executed, state, answers):
                    return found
            if call is not None and self._asked(self._model.possible, state, call):
                answers = self._asked(history.apply, state, call)
                pending.append(call)
        return None

    def _joins(self, call: Call, pending: Sequence[Call]) -> bool:
        """Return whether a call joins the request that others are waiting in."""
        alike = (call.operation, call.part) == (pending[0].operation, pending[0].part)
        return alike and len(pending) < self._scratch.batch(call.operation)

    def _compared(
        self,
        executed: Sequence[tuple[Call, ...]],
        state: Any,  # noqa: ANN401 (a workload's own type)
        answers: Answers,
    ) -> Disagreement | None:
        """Execute the last request, and compare what the candidate has then with the model's rows.

        Args:
            executed: The requests, the last of them not yet executed.
            state: The model's, after all of them.
            answers: The possible answers of the last call; not compared where its request has others, too.
        """
        request = executed[-1]
        self.calls += 1
        try:
            rows = self._scratch.execute(request)
        except RefusedError as refusal:
            return _disagreement(executed, "", None, str(refusal))
        if answers and len(request) == 1 and all(rows != list(answer) for answer in answers):
            return _disagreement(executed, "", answers[0], rows)
        states = self._asked(lambda now, _: self._model.state(now), state, request[-1])
        try:
            each = self._scratch.query(states)
        except RefusedError as refusal:
            return _disagreement(executed, refusal.operation, None, str(refusal))
        for (name, expected), rows in zip(states.items(), each, strict=True):
            if not self._same(rows, expected):
                return _disagreement(executed, name, expected, rows)
        return None

    def _same(self, rows: Sequence[Row], expected: Sequence[Row]) -> bool:
        """Return whether rows are the expected ones: in any order if they are of several parts."""
        if not self._scratch.parts.names:
            return rows == list(expected)
        left = list(expected)
        for row in rows:
            if row not in left:
                return False
            left.remove(row)
        return not left

    def _asked(self, part: Callable[[Any, Call], Any], state: Any, call: Call) -> Any:  # noqa: ANN401 (a workload's own type)
        """Return what a function of the model says."""
        try:
            return part(state, call)
        except Exception as cause:
            raise WorkloadError(
                f"The workload's model failed: {type(cause).__name__}: {cause}",
                checked=[f"it executed {call.operation!r} with {dict(call.values)!r}"],
            ) from cause


def _held(found: Disagreement, scratch: Scratch) -> Disagreement:
    """Return a disagreement with the values of its calls as they were sent."""
    return replace(found, requests=tuple(tuple(map(scratch.held, request)) for request in found.requests))


def _disagreement(
    executed: Sequence[tuple[Call, ...]], query: str, expected: Sequence[Row] | None, found: Sequence[Row] | str
) -> Disagreement:
    return Disagreement(
        requests=tuple(executed),
        query=query,
        expected=None if expected is None else tuple(expected),
        found=found if isinstance(found, str) else tuple(found),
    )
