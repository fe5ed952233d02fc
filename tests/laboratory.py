"""From a few lines of SQL and a generator to an experiment on a real server, and the figures that are looked at.

Owns what calibrations and tests of truth share. Must not know any effect.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Literal, TypeAlias

import pytest

from schemabench import Call, Companion, Workload, Writer, candidate, sqlfile
from schemabench.errors import WorkloadError
from schemabench.experiment import Plan, measure
from schemabench.experiment.team import Alone, Team
from schemabench.progress import Silence
from schemabench.records import CandidateResult, Cost, Experiment
from schemabench.server import Server
from schemabench.workload import Found

Isolation: TypeAlias = Literal["read committed", "repeatable read", "serializable"]

SAMPLE_HZ = 200.0
"""Looks per second: trials are as short as 50 ms, and each should be looked at some times."""
PRECISION = 0.001
"""Too narrow to be reached: the budget ends every experiment."""


@dataclass(frozen=True)
class Sizes:
    """The one cardinality: whatever has a size has it in the SQL."""


@dataclass(frozen=True, kw_only=True)
class Laboratory:
    """A place for experiments."""

    server: Server
    folders: pytest.TempPathFactory
    """Where SQL files go."""

    def rank(  # noqa: PLR0913 (what makes a workload, each by its name)
        self,
        *,
        operations: str,
        candidates: Mapping[str, str],
        writers: Sequence[Writer],
        burst: Callable[[str, Random], Iterator[Call]],
        budget_s: float,
        companions: Sequence[Companion] = (),
        without_companions: bool = False,
        state: tuple[str, ...] = (),
        seed: int = 1,
        sample_hz: float = SAMPLE_HZ,
        criteria: tuple[str, ...] = ("throughput", "lock_waits"),
        production_s: float | None = None,
        round_trip_s: float = 0.0,
        adequacy_s: float = 0.0,
        calls: int = 0,
        precision: float = PRECISION,
        upkeep: Literal["between-blocks", "autovacuum"] = "between-blocks",
        soak_s: float = 0.0,
        isolation: Isolation = "read committed",
        team: Callable[[Plan], Team] = Alone,
    ) -> Experiment:
        """Return what an experiment found, whose candidates are all ranked, unless they do not apply to the server.

        Args:
            operations: The text of `operations.sql`.
            candidates: Name -> the text of its file, the baseline's among them.
            writers: With their connections: each gets as many as it names.
            burst: (writer, random) -> the writer's calls in a block, without end.
            budget_s: How long to measure for.
            companions: What runs beside all trials, unless it is left out.
            without_companions: Whether it is.
            state: Queries on whose rows all candidates must agree.
            seed: Where all chance comes from.
            sample_hz: Lock-wait samples per second.
            criteria: What the Pareto front is over.
            production_s: The seconds of production that the smallest burst stands for; None where that is not known.
            round_trip_s: Added to every exchange.
            adequacy_s: How long to keep production's pace.
            calls: In each burst; 0 to find out.
            precision: The relative half width of intervals at which to stop sooner.
            upkeep: Who vacuums and analyzes.
            soak_s: How long each works in a soak, with autovacuum alone.
            isolation: Of all transactions.
            team: What makes of the plan those who execute its bursts.
        """
        workload = _workload(writers, burst, companions, state, isolation, production_s)
        plan = Plan(
            found=found(folder := self.folders.mktemp("experiment"), workload, operations),
            cardinality="typical",
            candidates=installable(folder / "schemas", candidates),
            clients=sum(writer.clients for writer in writers),
            budget_s=budget_s,
            precision=precision,
            seed=seed,
            sample_hz=sample_hz,
            criteria=criteria,
            round_trip_s=round_trip_s,
            adequacy_s=adequacy_s,
            without_companions=without_companions,
            burst=calls,
            upkeep=upkeep,
            soak_s=soak_s,
        )
        return _ranked(measure(plan, self.server, Silence(), team(plan)))


def _workload(  # noqa: PLR0913, PLR0917 (as `rank`)
    writers: Sequence[Writer],
    burst: Callable[[str, Random], Iterator[Call]],
    companions: Sequence[Companion],
    state: tuple[str, ...],
    isolation: Isolation,
    production_s: float | None,
) -> Workload[Sizes]:
    return Workload(
        name="laboratory",
        summary="an effect that is known",
        cardinalities={"typical": Sizes()},
        writers=lambda _: writers,
        companions=lambda _: companions,
        burst=lambda _sizes, writer, _block, random: burst(writer, random),
        state=state,
        isolation=isolation,
        production_s=None if production_s is None else lambda _: production_s,
    )


def _ranked(experiment: Experiment) -> Experiment:
    """Return an experiment whose candidates are all ranked, unless they do not apply to the server."""
    unranked = {one.name: one.reason for one in experiment.candidates if one.status not in {"ranked", "skipped"}}
    assert not unranked, unranked
    return experiment


def result(experiment: Experiment, name: str) -> CandidateResult:
    """Return what is known of one candidate."""
    (found,) = [one for one in experiment.candidates if one.name == name]
    return found


def cost(experiment: Experiment, name: str, measure_name: str) -> Cost:
    """Return what one candidate's writes cost by one measure."""
    (found,) = [one for one in result(experiment, name).costs if one.name == measure_name]
    return found


def amount(experiment: Experiment, name: str, measure_name: str) -> float:
    """Return the figure of a cost that the server offers."""
    value = cost(experiment, name, measure_name).value
    assert value is not None, f"{measure_name} of {name} is not known"
    return value


def found(folder: Path, workload: Workload[Any], operations: str) -> Found:
    """Return a workload as if it had been found in a folder, with the text of its `operations.sql`."""
    path = folder / "operations.sql"
    path.write_text(operations, encoding="utf-8")
    read = sqlfile.read(path, WorkloadError).operations
    return Found(workload=workload, path=folder / "__init__.py", operations=read)


def installable(folder: Path, texts: Mapping[str, str]) -> tuple[candidate.Candidate, ...]:
    """Return candidates, the baseline first, whose files go to a new folder: name -> the text of its file."""
    folder.mkdir(parents=True)
    for name, text in texts.items():
        (folder / f"{name}.sql").write_text(text, encoding="utf-8")
    return tuple(candidate.find(folder).values())
