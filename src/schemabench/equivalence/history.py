"""The states that a model has had, for answers that may be old.

Owns which earlier states an answer may show: those that were true within the bound, where only the calls say how much
time passes. Must not execute anything.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from schemabench.workload import Call, Model, Row

Answers: TypeAlias = Sequence[Sequence[Row]]
"""The answers that a call may have, the one of the current state first; none if any will do."""


@dataclass
class History:
    """The states of a model in one sequence of calls."""

    model: Model[Any, Any]
    now_s: float = 0.0
    """Seconds of production since the start of the sequence."""
    _states: list[tuple[float, Any]] = field(default_factory=list)
    """Each earlier state, after the time until which it was true."""

    def apply(self, state: Any, call: Call) -> Answers:  # noqa: ANN401 (a workload's own type)
        """Apply a call to the current state, in place; return the answers that it may have."""
        model = self.model
        if not model.includes:
            answer = model.apply(state, call)
            return () if answer is None else (answer,)
        if call.operation in model.includes:
            recent = [deepcopy(old) for until_s, old in self._states if self.now_s - until_s <= model.fresh_within_s]
            found = [model.apply(one, call) for one in (state, *reversed(recent))]
            return () if found[0] is None else [answer for answer in found if answer is not None]
        self._states.append((self.now_s, deepcopy(state)))
        answer = model.apply(state, call)
        self.now_s += model.passes_s(call)
        return () if answer is None else (answer,)
