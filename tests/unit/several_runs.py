"""Runs that differ in what a test is about and in nothing else, and a fixed set of them: the source of golden files."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from fixed_run import (
    BASELINE,
    PAGEVIEWS,
    RUN,
    SETTINGS,
    SQL_ERROR,
    USAGE,
    costs,
    estimate,
    lock_standing,
    ranked,
    standing,
    unranked,
    writers,
)

from schemabench.records import (
    LOCK_WAITS,
    THROUGHPUT,
    CandidateResult,
    Estimate,
    Experiment,
    Latency,
    Notice,
    Run,
    Standing,
)
from schemabench.report import matrix
from schemabench.report.matrix import Comparison
from schemabench.report.matrix.model import Matrix

OPERATIONS = {"upsert": "INSERT INTO storage VALUES (:site) ON CONFLICT DO NOTHING;\n", "state": "TABLE storage;\n"}
SPEEDS = {"baseline": 1.0, "hash_by_site": 1.31, "two_tables": 1.28, "index": 0.8}
CONTROL = standing("baseline (control)", 1, Estimate(value=1.0, low=0.97, high=1.03), ("baseline",))
LOCK_SHARES = (0.031, 0.127, 0.184, 0.312)
"""By rank, from the first."""
LOCK_CONTROL = lock_standing("baseline (control)", 0.184, 1, ("baseline",))
DIFFERING_LOCK_CONTROL = lock_standing("baseline (control)", 0.3, 1, ())
DIFFERING_CONTROL = standing("baseline (control)", 1, Estimate(value=1.09, low=1.04, high=1.15))


def latency(operation: str) -> Latency:
    return Latency(operation=operation, count=9, p50_ns=1e6, p95_ns=None, p99_ns=None, max_ns=2e6, retries=0)


def candidate(place: Standing, sql: str = "") -> CandidateResult:
    """Return a candidate that stands where it is told, by lock waits, too."""
    return replace(
        ranked(place, f"the schema {place.name}"),
        sql=sql or f"CREATE TABLE {place.name} ();\n",
        latencies=(latency("upsert"),),
        standings={
            "throughput": place,
            "lock_waits": lock_standing(place.name, LOCK_SHARES[place.rank - 1], place.rank, place.tied_with),
        },
        on_front=place.rank == 1,
        writers=tuple(replace(one, differs=False) for one in writers(place)),
    )


def ranks_and_ties(*ranks: tuple[str, ...]) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """Yield name, rank and ties of everyone from the names at each rank, the best first; all of a rank tie."""
    for place, names in enumerate(ranks):
        for name in names:
            yield name, 1 + sum(map(len, ranks[:place])), tuple(other for other in names if other != name)


def places(*ranks: tuple[str, ...]) -> list[Standing]:
    """Return standings from the names at each rank."""
    return [
        standing(name, rank, BASELINE if name == "baseline" else estimate(SPEEDS.get(name, 1.1)), ties)
        for name, rank, ties in ranks_and_ties(*ranks)
    ]


def waiting(experiment: Experiment, *ranks: tuple[str, ...], front: tuple[str, ...] = ()) -> Experiment:
    """Return an experiment with these ranks by lock waits, and these candidates on the Pareto front."""
    places = {
        name: lock_standing(name, LOCK_SHARES[rank - 1], rank, ties) for name, rank, ties in ranks_and_ties(*ranks)
    }
    candidates = tuple(
        replace(result, standings=_with_locks(result, places.get(result.name)), on_front=result.name in front)
        for result in experiment.candidates
    )
    return replace(experiment, candidates=candidates)


def _with_locks(result: CandidateResult, place: Standing | None) -> Mapping[str, Standing]:
    others = {name: one for name, one in result.standings.items() if name != "lock_waits"}
    return others if place is None else {**others, "lock_waits": place}


def counted(experiment: Experiment, name: str, like: str) -> Experiment:
    """Return an experiment in which a candidate costs what another one does in the fixed run."""
    found = {"baseline": tuple(costs("baseline")), name: tuple(costs(like))}
    return replace(
        experiment, candidates=tuple(replace(one, costs=found.get(one.name, ())) for one in experiment.candidates)
    )


def unsampled(experiment: Experiment, sample_hz: float = 0.0) -> Experiment:
    """Return an experiment of which lock waits are not known."""
    criteria = tuple(replace(one, on_front=False) for one in experiment.criteria if one.name != "lock_waits")
    return replace(waiting(experiment), criteria=criteria, sample_hz=sample_hz)


def experiment(
    *ranks: tuple[str, ...],
    control: Standing = CONTROL,
    lock_control: Standing = LOCK_CONTROL,
    decides: bool = True,
    locks_decide: bool = True,
    **changes: object,
) -> Experiment:
    """Return an experiment of the usage workload in which these candidates have these ranks, by lock waits, too."""
    fields: Mapping[str, object] = {
        "candidates": tuple(map(candidate, places(*ranks))),
        "criteria": (
            replace(THROUGHPUT, control=control, decides=decides),
            replace(LOCK_WAITS, control=lock_control, decides=decides and locks_decide),
        ),
        "notices": (),
        "replay": {},
        "operations_sql": OPERATIONS,
        "queries": ("state",),
    }
    return replace(USAGE, **{**fields, **changes})  # type: ignore[arg-type]


def run(
    version: str,
    *experiments: Experiment,
    settings: Mapping[str, str] | None = None,
    origin: str = "",
    **changes: object,
) -> Run:
    """Return a run on a server of this version, with an id of its own for each version."""
    assert RUN.server is not None
    kept = tuple(replace(one, value=(settings or {}).get(one.name, one.value)) for one in SETTINGS)
    experiments = tuple(replace(one, settings=kept) for one in experiments)
    server = replace(
        RUN.server,
        version=version,
        version_num=int(version.partition(".")[0]) * 10_000,
        origin=origin or f"a wheel of {version}",
        settings=(),
    )
    fields = {"run_id": f"run-{version}", "server": server, "experiments": experiments, "notices": ()}
    return replace(RUN, **{**fields, **changes})  # type: ignore[arg-type]


def led_by(*leaders: str, version: str = "15.1", **changes: object) -> Run:
    """Return a run whose leaders are these, of three candidates that differ."""
    rest = tuple((name,) for name in ("hash_by_site", "two_tables", "baseline") if name not in leaders)
    return run(version, experiment(leaders, *rest), **changes)


def compared(*runs: Run) -> Comparison:
    """Return the comparison of runs whose files are `a.json`, `b.json` and so on."""
    return matrix.compare([(f"{letter}.json", one) for letter, one in zip("abcdefgh", runs, strict=False)])


def only(*runs: Run) -> Matrix:
    """Return the only matrix of a comparison."""
    (found,) = compared(*runs).matrices
    return found


_MEMORY = Notice(code="data-in-memory", text="The server's data lie in memory: writing WAL costs less than on a disk.")

FOUR = (
    run(
        "18.6",
        waiting(
            experiment(("two_tables",), ("hash_by_site",), ("baseline",), control=DIFFERING_CONTROL, budget_s=30.0),
            ("two_tables",),
            ("hash_by_site", "baseline"),
            front=("two_tables",),
        ),
        settings={"jit": "on"},
    ),
    run(
        "15.18",
        waiting(
            experiment(("hash_by_site",), ("two_tables", "baseline")),
            ("hash_by_site",),
            ("two_tables",),
            ("baseline",),
            front=("hash_by_site",),
        ),
        PAGEVIEWS,
        notices=(_MEMORY,),
    ),
    run(
        "16.14",
        waiting(
            counted(experiment(("hash_by_site", "two_tables"), ("baseline",), ("index",)), "two_tables", "fillfactor"),
            ("hash_by_site", "two_tables"),
            ("baseline",),
            ("index",),
            front=("hash_by_site", "two_tables"),
        ),
        notices=(_MEMORY,),
    ),
    run(
        "17.10",
        unsampled(
            counted(
                experiment(
                    candidates=(
                        candidate(standing("two_tables", 1, estimate(1.28))),
                        candidate(standing("hash_by_site", 2, estimate(1.2)), "CREATE TABLE other ();\n"),
                        candidate(standing("baseline", 3, BASELINE)),
                        unranked("index", "failed", SQL_ERROR),
                    ),
                ),
                "two_tables",
                "fillfactor",
            )
        ),
    ),
)
"""The lead goes over from one candidate to another, by way of a tie; the last run is doubtful. So does the least
waiting for locks, which one run did not sample, and which the doubt about throughput does not touch."""
