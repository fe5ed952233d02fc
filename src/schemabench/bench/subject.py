"""A loaded workload with the selected candidates and cardinalities, and the experiments planned with it.

Owns the steps from options and folders to a `Plan`. Must not run anything.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from schemabench import candidate as candidates
from schemabench import cardinality as cardinalities
from schemabench import workload as workloads
from schemabench.bench.asked import Asked
from schemabench.candidate import BASELINE, Candidate
from schemabench.errors import UsageError

if TYPE_CHECKING:
    from schemabench.experiment import Plan
    from schemabench.production import Production


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A loaded workload with the selected candidates and cardinalities."""

    found: workloads.Found
    candidates: Mapping[str, Candidate]
    """By name, the baseline first: the selected ones, and the baseline."""
    selected: tuple[str, ...]
    """The candidates for which tests are made."""
    cardinalities: tuple[str, ...]
    """The cardinalities to run at."""

    def only_cardinality(self, doing: str, flag: str = "--cardinality") -> str:
        """Return the cardinality to run at.

        Args:
            doing: What needs exactly one, as in `A search starts`.
            flag: The option that selects it.

        Raises:
            UsageError: Several are selected, or none.
        """
        if len(self.cardinalities) != 1:
            raise UsageError(
                f"{doing} at one cardinality, not {len(self.cardinalities)}",
                checked=[f"selected: {', '.join(self.cardinalities) or 'none'}"],
                remedies=[f"name one: {flag} NAME"],
            )
        return self.cardinalities[0]


def find(asked: Asked, name: str) -> Subject:
    """Return a workload with its candidates and cardinalities, as selected.

    Raises:
        UsageError: A name is unknown.
        CandidateError: A candidate's file is wrong.
        WorkloadError: The workload is wrong.
    """
    options = asked.options
    found = workloads.with_frozen(workloads.load(asked.workloads, name))
    found, named = workloads.with_files(found, options.cardinality)
    known = candidates.find(asked.schemas(name))
    wanted = [one for one in options.candidate if one in known] or _unknown(asked, known)
    selected = tuple(one.name for one in candidates.select(known, wanted))
    if options.neutral_ids and len(selected) != 1:
        raise UsageError(
            f"--neutral-ids needs one candidate, not {len(selected)}: {', '.join(selected)}",
            remedies=["add --candidate NAME"],
        )
    return Subject(
        found=found,
        candidates={one.name: one for one in candidates.select(known, {BASELINE, *selected})},
        selected=selected,
        cardinalities=()
        if options.cardinality and not named  # all of them are files of other workloads
        else cardinalities.select(name, found.workload.cardinalities, named),
    )


def plan(asked: Asked, subject: Subject, cardinality: str, names: Collection[str]) -> "Plan":
    """Return the plan of an experiment with the named candidates and the baseline.

    Raises:
        UsageError: An input or the number of clients does not fit.
        WorkloadError: A call is not acceptable, or cannot be sent to a server.
    """
    # scipy takes seconds to load: neither an ordinary session nor a mistyped option should wait for it
    from schemabench.experiment import (  # noqa: PLC0415
        Noise,
        Plan,
        check_burst,
        check_criteria,
        check_inputs,
        check_soak,
        inputs,
        with_tenants,
    )

    options = asked.options
    noise = (
        Noise(path=options.noise, model=asked.noise, speed=options.noise_speed)
        if options.noise and asked.noise
        else None
    )
    planned = Plan(
        found=with_tenants(subject.found, noise),
        noise=noise,
        cardinality=cardinality,
        candidates=tuple(one for one in subject.candidates.values() if one.name in {BASELINE, *names}),
        clients=options.clients,
        budget_s=0.0 if asked.smoke else options.budget_s,
        precision=options.precision,
        adequacy_s=0.0 if asked.smoke else options.adequacy_s,
        soak_s=0.0 if asked.smoke else options.soak_s,
        soak_closed=options.soak_closed,
        upkeep=options.upkeep,
        race=options.race_places if options.race else 0,
        lead_in=options.lead_in,
        round_trip_s=options.round_trip_s,
        without_companions=options.without_companions,
        call_timeout_s=options.call_timeout_s,
        burst=options.burst,
        sample_hz=options.sample_hz,
        criteria=options.criteria,
        equivalence=options.equivalence,
        seed=options.seed,
        inputs=inputs(subject.found, options.replay, options.replay_range),
        production=None if asked.smoke else _production(options.production, subject.found),
        keep_databases=options.keep_databases,
        allow_server_changes=options.allow_server_changes,
    )
    # errors of these need no server
    check_criteria(planned.criteria)
    check_soak(planned)
    workloads.check_bounds(planned.found, cardinality, planned.values)
    check_inputs(planned.found, planned.inputs)
    check_burst(planned.feed(), planned.writers)
    return planned


def _production(asked: Path | Literal["workload", "off"], found: workloads.Found) -> "Production | None":
    """Return production's sizes and statistics, from a file or the workload's folder; None if there are none."""
    from schemabench import production  # noqa: PLC0415 (as in `plan`)

    beside = found.path.parent / production.FILE
    if asked == "off" or (asked == "workload" and not beside.exists()):
        return None
    return production.read(beside if asked == "workload" else asked)


def _unknown(asked: Asked, known: Mapping[str, Candidate]) -> Sequence[str]:
    """Return the requested candidates that no selected workload has."""
    if not asked.options.candidate:
        return ()
    folders = [asked.schemas(name) for name in asked.selected()]
    everywhere = {name for folder in folders if folder.is_dir() for name in candidates.find(folder)}
    strangers = [name for name in asked.options.candidate if name not in everywhere]
    return strangers or [next(iter(known))]
