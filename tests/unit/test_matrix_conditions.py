"""What runs may differ in, field by field of their records: that each is told, or why it need not be."""

from collections.abc import Mapping
from dataclasses import fields, replace

import pytest
from several_runs import OPERATIONS, experiment, only, run

from schemabench.errors import UsageError
from schemabench.records import CompanionShare, Experiment, Noise, Run, ServerRecord, WriterShare
from schemabench.report import matrix

WRITERS = (
    WriterShare(name="stream", kind="stream", clients=5, operations=1200, pace="fast"),
    WriterShare(name="batch", kind="batch", clients=2, operations=40, pace="every hour"),
    WriterShare(name="dashboard", kind="reader", clients=1, operations=60, pace="a guess"),
)
COMPANION = CompanionShare(
    name="report", operation="sums", clients=1, every_s=5.0, holds=False, isolation="read committed"
)
NOISE = Noise(path="noise.json", digest="d" * 64, organisations=10, rows=100, speed=1.0, connections=2, pace_per_s=2.0)
BASE = experiment(
    ("hash_by_site",),
    ("baseline",),
    operations=1300,
    writers=WRITERS,
    companions=(COMPANION,),
    noise=NOISE,
    upkeep="between-blocks",
    exchange_s=20e-6,
)


def writer(**changes: object) -> Experiment:
    """Return the experiment with another first writer."""
    return replace(BASE, writers=(replace(WRITERS[0], **changes), *WRITERS[1:]))  # type: ignore[arg-type]


def companion(**changes: object) -> Experiment:
    return replace(BASE, companions=(replace(COMPANION, **changes),))  # type: ignore[arg-type]


def noise(**changes: object) -> Experiment:
    return replace(BASE, noise=replace(NOISE, **changes))  # type: ignore[arg-type]


TOLD: Mapping[str, tuple[Experiment, str]] = {
    "Experiment.seed": (replace(BASE, seed=7), "seed"),
    "Experiment.clients": (replace(BASE, clients=16), "clients"),
    "Experiment.writers": (replace(BASE, writers=WRITERS[:2]), "writer dashboard"),
    "Experiment.companions": (replace(BASE, companions=()), "companions"),
    "Experiment.noise": (replace(BASE, noise=None), "noise"),
    "Experiment.operations": (
        replace(
            BASE, operations=8 * 1300, writers=tuple(replace(one, operations=8 * one.operations) for one in WRITERS)
        ),
        "burst",
    ),
    "Experiment.upkeep": (replace(BASE, upkeep="autovacuum"), "upkeep"),
    "Experiment.round_trip_s": (replace(BASE, round_trip_s=0.001), "round trip"),
    "Experiment.exchange_s": (replace(BASE, exchange_s=500e-6), "time of an exchange"),
    "Experiment.race": (replace(BASE, race=3), "race"),
    "Experiment.lead_in": (replace(BASE, lead_in=0.2), "lead-in"),
    "Experiment.budget_s": (replace(BASE, budget_s=5.0), "budget"),
    "Experiment.precision": (replace(BASE, precision=0.05), "precision asked for"),
    "Experiment.isolation": (replace(BASE, isolation="serializable"), "isolation level"),
    "Experiment.operations_sql": (replace(BASE, operations_sql={**OPERATIONS, "upsert": "SELECT 1;\n"}), "upsert"),
    "Experiment.sample_hz": (replace(BASE, sample_hz=10.0), "lock-wait samples"),
    "Experiment.workers": (replace(BASE, workers={"gw0": 0.1, "gw1": 0.1}), "worker processes"),
    "WriterShare.name": (writer(name="other"), "writer other"),
    "WriterShare.kind": (writer(kind="batch"), "writer stream"),
    "WriterShare.clients": (
        replace(BASE, writers=(replace(WRITERS[0], clients=6), WRITERS[1], replace(WRITERS[2], clients=0))),
        "connections of writers",
    ),
    "WriterShare.operations": (writer(operations=1201), "writer stream"),
    "WriterShare.role": (writer(role="app"), "roles of writers"),
    "WriterShare.part": (writer(part="north"), "parts of writers"),
    "CompanionShare.name": (companion(name="other"), "companions"),
    "CompanionShare.operation": (companion(operation="other"), "companions"),
    "CompanionShare.clients": (companion(clients=2), "companions"),
    "CompanionShare.every_s": (companion(every_s=1.0), "companions"),
    "CompanionShare.holds": (companion(holds=True), "companions"),
    "CompanionShare.isolation": (companion(isolation="serializable"), "companions"),
    "Noise.digest": (noise(digest="e" * 64), "noise"),
    "Noise.organisations": (noise(organisations=11), "noise"),
    "Noise.speed": (noise(speed=2.0), "noise"),
    "Noise.connections": (noise(connections=4), "noise"),
    "Noise.pace_per_s": (noise(pace_per_s=4.0), "noise"),
    "Noise.tenants": (noise(tenants=True), "noise"),
}
"""Field -> an experiment that differs from `BASE` in it, and a word of what is told of that."""

_SEEN = "it is what came out, not how it was made"
_SIZES = "other values have another digest, and runs of other digests at one cardinality are refused beforehand"
_TESTED = "it is told in words of its own: "
UNTOLD: Mapping[str, str] = {
    "Experiment.workload": "a matrix holds one workload",
    "Experiment.summary": "it is for people",
    "Experiment.cardinality": "what is measured beside each other is at one cardinality, or labels name it",
    "Experiment.values": _SIZES,
    "Experiment.digest": _SIZES,
    "Experiment.origin": "values from anywhere have one digest if they are equal; what else a file says is of writers",
    "Experiment.hypothesis": "it chose the values, which are in the digest",
    "Experiment.replay": _SIZES,
    "Experiment.without_companions": "those that are left, and so ran, are compared",
    "Experiment.queries": "it says of which operations the SQL need not be alike, and that is compared",
    "Experiment.rows": "it follows from the operations and their calls",
    "Experiment.blocks": _SEEN,
    "Experiment.blocks_needed": "it follows from the number of candidates",
    "Experiment.shortened_from": "the size that bursts had in the end is compared",
    "Experiment.warmup_blocks": _SEEN,
    "Experiment.steady": _SEEN,
    "Experiment.copies": _SEEN,
    "Experiment.copies_share": _SEEN,
    "Experiment.copying_s": _SEEN,
    "Experiment.effective_blocks": _SEEN,
    "Experiment.drift_rows": "it is the unit of a figure that matrices do not hold",
    "Experiment.exchange_p99_s": "the median is compared",
    "Experiment.settings": _TESTED + "test_other_settings_beside_another_version_are_a_notice_each",
    "Experiment.busy_share": _SEEN,
    "Experiment.cache_bytes": "it is the setting shared_buffers, which is compared",
    "Experiment.steal_share": _SEEN,
    "Experiment.elapsed_s": _SEEN,
    "Experiment.spent_s": _SEEN,
    "Experiment.took_s": _SEEN,
    "Experiment.stopped": _SEEN,
    "Experiment.grown": _SEEN,
    "Experiment.candidates": _TESTED + "test_other_candidates_are_a_notice_since_ranks_count_them, and those of SQL",
    "Experiment.criteria": _TESTED + "test_fronts_over_other_criteria_are_not_marked_and_a_notice_says_so",
    "Experiment.soak": "it comes after everything that a matrix holds, on copies of its own",
    "Experiment.smallest_difference": _SEEN,
    "Experiment.notices": "each run's stand in its column",
    "WriterShare.pace": "it is the load in production, which bursts do not have",
    "Noise.path": "the digest says what is in the file",
    "Noise.rows": "it follows from the digest",
    "Noise.lasted_s": _SEEN,
    "Noise.runs": _SEEN,
    "Noise.shares": _SEEN,
    "Noise.missing": _SEEN,
    "Run.format": "files of older formats are upgraded as they are read",
    "Run.run_id": "no two runs are alike in it",
    "Run.started": "no two runs are alike in it",
    "Run.version": _TESTED + "test_other_version_of_schemabench_is_a_notice",
    "Run.command": "what it asks for is in the options",
    "Run.machine": _TESTED + "test_other_machine_is_a_notice_that_names_what_differs",
    "Run.options": "what changes the measurement is in a field of the experiment, where it counts as it came out",
    "Run.server": "its fields are below",
    "Run.experiments": "their fields are above",
    "Run.crossovers": "a search is no experiment that a matrix holds",
    "Run.maps": "likewise",
    "Run.growths": "likewise",
    "Run.notices": "each run's stand in its column",
    "ServerRecord.origin": _TESTED + "test_one_version_from_two_places_is_a_notice",
    "ServerRecord.version": "labels name it",
    "ServerRecord.version_num": "it is the version",
    "ServerRecord.settings": _TESTED + "test_settings_of_an_older_run_file_are_compared_with_those_of_sessions",
}
"""Field -> why no case above is needed."""


def matrix_says(one: Run, other: Run) -> str:
    """Return what a matrix says of a difference: in its title, its notices, or as it refuses the runs."""
    try:
        found = only(one, other)
    except UsageError as refused:
        return str(refused)
    return "\n".join([*found.differ, *(notice.text for notice in found.notices)])


@pytest.mark.parametrize("field", TOLD)
def test_difference_in_how_runs_were_made_is_told_in_a_matrix_and_beside_saved_runs(field: str) -> None:
    changed, word = TOLD[field]
    one, other = run("15.1", BASE, run_id="one"), run("15.1", changed, run_id="other")

    assert word in matrix_says(one, other)
    (told,) = matrix.other_conditions(other, "one.json", one)
    assert word in told.partition("one.json: ")[2]


def test_nothing_is_told_of_runs_that_were_made_alike() -> None:
    one, other = run("15.1", BASE, run_id="one"), run("15.1", BASE, run_id="other")

    assert only(one, other).notices == ()
    assert matrix.other_conditions(other, "one.json", one) == []


def test_every_field_of_a_run_is_compared_or_has_a_reason_not_to_be() -> None:
    records = (Experiment, WriterShare, CompanionShare, Noise, Run, ServerRecord)
    known = {f"{record.__name__}.{field.name}" for record in records for field in fields(record)}

    assert not TOLD.keys() & UNTOLD.keys()
    assert known == TOLD.keys() | UNTOLD.keys(), "add a trait (report/matrix/conditions.py), or the reason for none"


def test_size_of_bursts_and_time_of_an_exchange_may_vary_as_runs_measure_them_for_themselves() -> None:
    near = replace(BASE, operations=3 * 1300, exchange_s=45e-6)
    assert matrix.other_conditions(run("15.1", near), "one.json", run("15.1", BASE)) == []
    unknown = replace(BASE, exchange_s=None)
    assert matrix.other_conditions(run("15.1", unknown), "one.json", run("15.1", BASE)) == []


def test_time_of_an_exchange_is_told_with_the_worker_that_measured_it() -> None:
    far = replace(BASE, exchange_s=500e-6, workers={"gw0": 0.2, "gw1": 0.3})
    told = matrix.other_conditions(run("15.1", far), "one.json", run("15.1", BASE))

    assert any("500 us from gw0" in one for one in map(str, told)), told


def test_more_connections_of_writers_are_told_as_more_clients_alone() -> None:
    doubled = tuple(replace(one, clients=2 * one.clients) for one in WRITERS)
    one, other = run("15.1", BASE, run_id="one"), run("15.1", replace(BASE, clients=16, writers=doubled), run_id="two")

    assert only(one, other).differ == ("clients",)
    assert only(one, other).notices == ()


def test_more_clients_of_which_a_writer_has_fewer_are_told_with_the_connections() -> None:
    fewer = tuple(replace(one, clients=clients) for one, clients in zip(WRITERS, (4, 6, 6), strict=True))
    one, other = run("15.1", BASE, run_id="one"), run("15.1", replace(BASE, clients=16, writers=fewer), run_id="two")

    (told,) = only(one, other).notices
    assert told.text.startswith(
        "Runs differ in connections of writers: batch 2 / dashboard 1 / stream 5 with 8 clients, "
        "batch 6 / dashboard 6 / stream 4 with 16 clients; "
    )


def test_run_file_that_does_not_name_the_upkeep_is_of_autovacuum() -> None:
    older = replace(BASE, upkeep="")
    assert (
        matrix.other_conditions(run("15.1", older), "one.json", run("15.1", replace(BASE, upkeep="autovacuum"))) == []
    )


def test_one_version_of_the_server_from_elsewhere_is_told_beside_saved_runs() -> None:
    one, other = run("15.1", BASE), run("15.1", BASE, origin="a container")
    (told,) = matrix.other_conditions(other, "one.json", one)
    assert told.endswith("origin of the server (a wheel of 15.1 there, a container here)")
