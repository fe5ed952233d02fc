"""Which entrants have sessions: all of them throughout, or each only while it works.

Owns the moments at which sessions are opened and closed, in all processes. Must not decide whether there is room: the
server's `admission` does. If the sessions of one entrant are closed, so are those of all others, so that none has an
advantage.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemabench.errors import CandidateError
from schemabench.experiment import conditions
from schemabench.experiment.burst import Turn
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.forecasting import Openings
from schemabench.experiment.neighbours import Neighbours
from schemabench.experiment.observer import Observer
from schemabench.experiment.plan import Plan
from schemabench.experiment.team import Team
from schemabench.load import LostConnectionError
from schemabench.monitor.conditions import Held
from schemabench.monitor.sampler import Sampler
from schemabench.noise.running import connections
from schemabench.records import Notice
from schemabench.server import Needs, Server, lost
from schemabench.units import plural

LEAD_IN = 0.25
"""The share of a burst that new sessions execute before each trial: see decision 51."""
_LOOKED_AT = 1
"""The settings of sessions that are open by turns are read after their trials in the second block, which never counts,
and where bursts have their size."""
_SCRATCH = 1
"""The copy on which the burst is calibrated has sessions of its own meanwhile."""


class _Announced(NamedTuple):
    """What `Team.announce` takes."""

    block: int
    label: str
    turns: Sequence[Turn]
    duration_s: float | None


def needs(plan: Plan) -> Needs:
    """Return the connections that an experiment needs."""
    apart = any(candidate.databases == "part" for candidate in plan.candidates)
    return Needs(
        clients=plan.clients,
        companions=sum(companion.clients for companion in plan.companions),
        databases=_entrants(plan) + _SCRATCH,
        parts=max(1, len(plan.parts.names)) if apart else 1,
        neighbours=connections(plan.noise.model, plan.noise.speed) if plan.noise else 0,
    )


def needed(plan: Plan, server: Server) -> bool:
    """Return whether a server has too few connections for all entrants of an experiment at once."""
    return not needs(plan).fit(server.connections)


def forecast(plan: Plan, server: Server, opening_s: float, turn_s: float) -> str:
    """Return how many blocks the budget has room for, in words; empty if they can tell candidates apart.

    Args:
        plan: An experiment that has a budget of its own, and whose sessions are open by turns.
        server: Where.
        opening_s: What closing and opening the sessions of one entrant takes.
        turn_s: A whole turn, with a lead-in and the shortest trial.

    Raises:
        UsageError: The fewest blocks take far more than the budget.
    """
    version = server.record.version_num
    openings = Openings(
        entrants=sum(not candidate.refuses(version) for candidate in plan.candidates) + 1,
        clients=plan.clients,
        opening_s=opening_s,
        turn_s=turn_s,
        lacking=needs(plan).fewest - server.connections,
    )
    openings.check(plan.budget_s)
    return openings.forecast(plan.budget_s)


def fitted(plan: Plan, server: Server) -> Plan:
    """Return a plan in which new sessions execute a lead-in, if sessions are open by turns."""
    return replace(plan, lead_in=max(plan.lead_in, LEAD_IN)) if needed(plan, server) else plan


def _entrants(plan: Plan) -> int:
    """Return the number of entrants, the control among them."""
    return len(plan.candidates) + 1


def notices(plan: Plan, server: Server) -> tuple[Notice, ...]:
    """Return a notice if sessions were opened by turns."""
    if not needed(plan, server):
        return ()
    text = (
        f"The server has too few connections for {plural(_entrants(plan), 'entrant')} with "
        f"{plural(plan.clients, 'session')} each: the {plural(plan.clients, 'session')} of one entrant at a time were "
        "open, and all others closed. Before each trial of a block, outside the timed part, sessions prepared and "
        "planned their statements as before, and executed a lead-in. Their plans are those of new connections"
    )
    return (Notice(code="sessions-by-turns", text=text),)


def begin(  # noqa: PLR0913, PLR0917 (who works, and who observes)
    plan: Plan, server: Server, entrants: Sequence[Entrant], team: Team, neighbours: Neighbours, stack: ExitStack
) -> "Shifts":
    """Have all processes connect to the entrants, unless by turns, and observe them for as long as the stack lasts.

    Raises:
        ServerError: The server cannot be reached or refused.
        WorkerError: A worker was lost or stopped.
    """
    by_turns = needed(plan, server)
    others = {} if by_turns else team.join(entrants)
    sampler = None
    if plan.sample_hz:
        try:
            sampler = stack.enter_context(closing(Sampler(server.conninfo, plan.sample_hz)))
        except LostConnectionError as failure:
            raise lost(server, failure) from failure
    observers = {
        one: stack.enter_context(closing(Observer(server, one, others.get(one.name, {}), sampler, neighbours)))
        for one in entrants
    }
    custom = {name: value for name, value in server.asked.items() if "." in name}
    return Shifts(team=team, observers=observers, by_turns=by_turns, custom=custom)


@dataclass(kw_only=True)
class Shifts:
    """Opens and closes the sessions of entrants, where they are open by turns; otherwise does nothing.

    Attributes:
        team: All processes.
        observers: The entrants, each with its observer.
        by_turns: Whether each entrant has sessions only while it works.
        custom: The user's settings whose names have a prefix, for `conditions.held`.
        unfinished: Entrants whose last burst was cut short. They execute no other: its calls may take what calls that
            were not executed should have given, or need their rows.
    """

    team: Team
    observers: Mapping[Entrant, Observer]
    by_turns: bool
    custom: Mapping[str, str] = field(default_factory=dict)
    unfinished: set[str] = field(default_factory=set)
    _announced: _Announced | None = None
    _held: dict[str, Sequence[Held]] = field(default_factory=dict)
    """The settings of sessions that have executed bursts, where these are closed."""

    def announce(
        self,
        block: int,
        label: str,
        turns: Sequence[Turn],
        order: Sequence[Entrant],
        duration_s: float | None = None,
    ) -> None:
        """Announce a block, as `Team.announce`: at once, or to those who are `executing`."""
        if self.by_turns:
            self._announced = _Announced(block, label, turns, duration_s)
        else:
            self.team.announce(block, label, turns, order, duration_s)

    @contextmanager
    def executing(self, entrant: Entrant) -> Iterator[None]:
        """Have an entrant's sessions open in all processes, which make the announced bursts.

        Raises:
            CandidateError: The server refused an operation.
            ServerError: The server cannot be reached or refused.
            WorkerError: A worker was lost or stopped.
        """
        with self.present(entrant):
            if self._announced is not None:
                block, label, turns, duration_s = self._announced
                self.team.announce(block, label, turns, [entrant], duration_s)
            yield
            if self._announced is not None and self._announced.block == _LOOKED_AT:
                self._held |= self._settings([entrant], [entrant.name])

    @contextmanager
    def present(self, entrant: Entrant) -> Iterator[None]:
        """Have an entrant's sessions open in all processes, between bursts.

        Raises:
            CandidateError, ServerError, WorkerError: As `executing` does.
        """
        if not self.by_turns:
            yield
            return
        with self.opened(entrant):
            others = self.team.join([entrant], by_turns=True)
            self.observers[entrant].attend(others.get(entrant.name, {}))
            try:
                yield
            except CandidateError:
                self.team.leave()
                raise
            self.team.leave()

    @contextmanager
    def opened(self, entrant: Entrant, *, few: bool = False) -> Iterator[None]:
        """Have an entrant's sessions open in this process.

        Args:
            entrant: Whose.
            few: Whether to open only a few sessions, which together have planned every operation.

        Raises:
            CandidateError, ServerError: As `executing` does.
        """
        if not self.by_turns:
            yield
            return
        entrant.wake(few=few)
        try:
            yield
        finally:
            entrant.rest()

    def samples(self) -> Mapping[tuple[str, str], Sequence[tuple[int, NDArray[np.int64]]]]:
        """Return the other processes' service times, as `Team.samples` does."""
        if not self.by_turns:
            return self.team.samples()
        with self.present(next(iter(self.observers))):
            return self.team.samples()

    def settings(self, present: Sequence[Entrant], shared: Sequence[str]) -> Mapping[str, Sequence[Held]]:
        """Return the settings of every writer's session, on all workers, before sessions are used for anything else.

        Args:
            present: The entrants that finished their trials.
            shared: The names of those with sessions of other workers.

        Raises:
            WorkerError: A worker was lost or stopped.
            ServerError: The server failed.
        """
        return self._held if self.by_turns else self._settings(present, shared)

    def _settings(self, some: Sequence[Entrant], shared: Sequence[str]) -> dict[str, Sequence[Held]]:
        own = self.team.names[0] if self.team.names else ""
        others = self.team.conditions(shared, self.custom)
        return {one.name: [*conditions.held(one, self.custom, own), *others.get(one.name, ())] for one in some}
