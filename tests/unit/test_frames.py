"""A run as DataFrames: the same columns whatever it holds, a row for each observation, the figures of the record."""

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import programs
import pytest
from fixed_run import RUN
from run_file_schema import run_file_schema
from test_report_growth import GROWTH

import schemabench
from schemabench import frames, report
from schemabench.errors import UsageError
from schemabench.frames import RunFrames
from schemabench.records import CandidateResult, Crossover, Estimate, Experiment, MapCell, RatioMap, Run, Spot

if TYPE_CHECKING:
    import pandas as pd

KEPT = sorted((Path(__file__).parents[1] / "truth" / "run_files").glob("*.json"))
EMPTY = replace(RUN, experiments=(), crossovers=(), maps=(), options=(), notices=(), server=None)
CANDIDATES = [(experiment, candidate) for experiment in RUN.experiments for candidate in experiment.candidates]
WITH_ALL = {path.stem: report.read(path) for path in KEPT} | {"fixed": RUN, "empty": EMPTY}
SETTLED = Estimate(value=2.0, low=1.5, high=2.5)


def read(text: str) -> "pd.DataFrame":
    """Return a table in CSV."""
    import pandas as pd  # noqa: PLC0415 (most processes of tests do without)

    return pd.read_csv(StringIO(text))


def rows(frame: "pd.DataFrame", *columns: str) -> list[tuple[object, ...]]:
    """Return rows as tuples, None for what is missing."""
    chosen = frame[list(columns)]
    return list(chosen.astype(object).where(chosen.notna(), None).itertuples(index=False, name=None))


def with_trials(**changes: object) -> Run:
    """Return the run with its first candidate alone, and that with two trials that are changed."""
    experiment = RUN.experiments[0]
    candidate = experiment.candidates[0]
    trials = tuple(replace(candidate.trials[0], block=block, **changes) for block in (0, 1))
    return replace(RUN, experiments=(replace(experiment, candidates=(replace(candidate, trials=trials),)),))


@pytest.mark.parametrize("name", frames.tables())
@pytest.mark.parametrize("run", WITH_ALL.values(), ids=WITH_ALL)
def test_a_table_has_its_columns_and_types_whatever_the_run_holds(run: Run, name: str) -> None:
    columns = frames.tables()[name].columns

    frame = getattr(RunFrames(run), name)

    found = [(column, str(frame[column].dtype)) for column in frame.columns]
    assert found[: len(columns)] == [(one.name, one.dtype) for one in columns]
    more = {counter for _, one in _candidates(run) for trial in one.trials for counter in trial.counters}
    assert {column for column, _ in found[len(columns) :]} == (more if name == "trials" else set())


def test_columns_are_named_in_snake_case_and_once_and_each_is_explained() -> None:
    for name, table in frames.tables().items():
        columns = [one.name for one in table.columns]
        assert len(columns) == len(set(columns)), name
        assert [column for column in columns if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", column)] == []
        assert all(f"{one.name} ({one.dtype}): {one.meaning}" in str(table.__doc__) for one in table.columns)
        assert name in str(RunFrames.__doc__)


def test_stolen_time_is_said_to_be_of_the_machine_of_the_one_worker_that_measures_it() -> None:
    (meaning,) = [one.meaning for one in frames.tables()["experiments"].columns if one.name == "steal_share"]
    field = run_file_schema()["$defs"]["Experiment"]["properties"]["steal_share"]["description"]

    for text in (meaning, field):
        assert "the first worker's" in text
        assert "this machine" not in text, "a reader may be at another one"


def test_there_is_a_row_for_each_trial_in_order_with_the_rates_of_its_time() -> None:
    expected = [
        (experiment.workload, one.name, trial.block, trial.duration_s, trial.rows / trial.duration_s)
        for experiment, one in CANDIDATES
        for trial in one.trials
    ]

    assert rows(RunFrames(RUN).trials, "workload", "candidate", "block", "duration_s", "rows_per_s") == expected


def test_samples_and_counters_are_columns_and_what_was_not_offered_is_missing() -> None:
    run = with_trials(waits={"running": 3, "Lock": 2}, counters={"wal_bytes": 7.0})
    experiment = run.experiments[0]
    candidate = experiment.candidates[0]
    bare = replace(candidate.trials[1], waits={}, counters={})
    candidate = replace(candidate, trials=(candidate.trials[0], bare))
    run = replace(run, experiments=(replace(experiment, candidates=(candidate,)),))

    trials = RunFrames(run).trials

    assert rows(trials, "running_samples", "lock_samples", "io_samples", "wal_bytes") == [
        (3, 2, None, 7.0),
        (None, None, None, None),
    ]


def test_calls_and_undone_attempts_are_told_by_operation_and_time_by_writer() -> None:
    run = with_trials(calls={"upsert": 50, "refresh": 10}, undone={"upsert": 20}, writers_s={"loader": 0.5})

    found = RunFrames(run)

    expected = [(block, *one) for block in (0, 1) for one in (("upsert", 50, 20), ("refresh", 10, 0))]
    assert rows(found.calls, "block", "operation", "calls", "undone") == expected
    assert rows(found.writer_trials, "block", "writer", "done_s") == [(0, "loader", 0.5), (1, "loader", 0.5)]


def test_candidates_have_rank_ratio_and_interval_and_who_was_not_ranked_has_none() -> None:
    def standing(one: CandidateResult) -> tuple[object, ...]:
        if one.standing is None:
            return one.name, one.status, None, None, None, None
        ratio = one.standing.to_baseline
        return one.name, one.status, one.standing.rank, ratio.value, ratio.low, ratio.high

    found = rows(RunFrames(RUN).candidates, "candidate", "status", "rank", "ratio", "ratio_low", "ratio_high")

    assert found == [standing(one) for _, one in CANDIDATES]
    assert {status for _, status, *_ in found} == {"ranked", "disqualified", "invalid", "failed", "skipped"}


def test_costs_are_those_of_the_record() -> None:
    expected = [
        (one.name, cost.name, cost.value, *_spread(cost.ratio), cost.differs)
        for _, one in CANDIDATES
        for cost in one.costs
    ]

    found = RunFrames(RUN).costs

    assert expected
    assert rows(found, "candidate", "cost", "amount", "ratio", "ratio_low", "ratio_high", "differs") == expected


def test_contention_is_told_by_class_by_lock_and_by_pair() -> None:
    found = RunFrames(RUN)
    seen = [(one.name, one.contention) for _, one in CANDIDATES if one.contention]

    assert rows(found.contention, "candidate", "wait_class", "share") == [
        (name, wait_class, share) for name, one in seen for wait_class, share in one.classes.items()
    ]
    assert rows(found.locks, "candidate", "kind", "mode", "relation", "share", "longest_s") == [
        (name, lock.kind, lock.mode, lock.relation, lock.share, lock.longest_s)
        for name, one in seen
        for lock in one.locks
    ]
    assert rows(found.lock_pairs, "candidate", "waiting", "blocking", "share") == [
        (name, pair.waiting, pair.blocking, pair.share) for name, one in seen for pair in one.pairs
    ]
    assert not found.wait_events.empty


def test_samples_of_a_class_are_those_of_counted_trials() -> None:
    run = with_trials(waits={"Lock": 2}, warmup=False)
    candidate = run.experiments[0].candidates[0]
    first, second = candidate.trials
    candidate = replace(candidate, trials=(first, second, replace(first, block=2, warmup=True)))
    run = replace(run, experiments=(replace(run.experiments[0], candidates=(candidate,)),))

    found = RunFrames(run).contention.set_index("wait_class").samples

    assert found["Lock"] == 4
    assert found["IO"] == 0


def test_latencies_are_told_from_when_a_call_was_sent_and_from_when_it_was_due() -> None:
    expected = []
    for _, one in CANDIDATES:
        kinds = [("trials", "sent", one.latencies)]
        if one.adequacy:
            kinds += [("adequacy", "sent", one.adequacy.services), ("adequacy", "due", one.adequacy.responses)]
        expected += [(one.name, *kind, each.operation, each.p99_ns) for *kind, some in kinds for each in some]

    found = rows(RunFrames(RUN).latencies, "candidate", "phase", "timed_from", "operation", "p99_ns")

    assert found == expected
    assert {(phase, timed_from) for _, phase, timed_from, *_ in found} >= {("trials", "sent"), ("adequacy", "due")}


def test_a_writer_has_a_row_under_every_candidate() -> None:
    found = RunFrames(RUN).writers

    assert len(found) == sum(len(experiment.writers) * len(experiment.candidates) for experiment in RUN.experiments)
    expected = [(one.name, each.writer, each.ratio.value) for _, one in CANDIDATES for each in one.writers]
    assert sorted(rows(found.dropna(subset=["ratio"]), "candidate", "writer", "ratio")) == sorted(expected)


def test_settings_say_whose_they_are_and_those_of_the_first_format_are_the_servers() -> None:
    then = next(run for run in WITH_ALL.values() if run.format == 1 and run.server and run.server.settings)
    whose = rows(RunFrames(RUN).settings, "workload", "candidate", "setting", "value")

    assert RUN.server
    assert whose == [
        *((None, None, one.name, one.value) for one in RUN.server.settings),
        *((each.workload, None, one.name, one.value) for each in RUN.experiments for one in each.settings),
        *((each.workload, own.name, one.name, one.value) for each, own in CANDIDATES for one in own.settings),
    ]
    assert RunFrames(then).settings.workload.isna().all()


def test_notices_are_of_the_run_of_an_experiment_or_of_a_candidate() -> None:
    expected = [(None, None, one.text) for one in RUN.notices]
    expected += [(each.workload, None, one.text) for each in RUN.experiments for one in each.notices]
    expected += [(each.workload, one.name, notice.text) for each, one in CANDIDATES for notice in one.notices]

    assert rows(RunFrames(RUN).notices, "workload", "candidate", "text") == expected


def test_no_column_calls_a_range_over_too_few_blocks_an_interval() -> None:
    meanings = [one.meaning for table in frames.tables().values() for one in table.columns]
    ends = [one for one in meanings if "95 %" in one]

    assert ends
    assert all("with too few blocks, of their range" in one for one in ends)


def test_searches_and_maps_have_tables() -> None:
    spots = [
        Spot(cardinality=name, values={"sites": 3}, digest="d", ratio=SETTLED, side="better")
        for name in ("typical", "worst-found")
    ]
    search = Crossover(
        workload="usage",
        candidate="flat",
        start=spots[0],
        found=(spots[1],),
        flips=False,
        remeasured=1,
        probes=(),
        seed=1,
        hypothesis="6",
        budget_s=1.0,
        elapsed_s=1.0,
    )
    cells = (
        MapCell(first=1, second=2, ratio=SETTLED, side="better"),
        MapCell(first=1, second=4, ratio=None, side=None, reason="no time"),
    )
    drawn = RatioMap(
        workload="usage", candidate="flat", cardinality="typical", first="sites", second="days", cells=cells, cell_s=1.0
    )

    found = RunFrames(replace(RUN, crossovers=(search,), maps=(drawn,)))

    assert rows(found.spots, "cardinality", "start", "ratio", "ratio_low") == [
        ("typical", True, 2.0, 1.5),
        ("worst-found", False, 2.0, 1.5),
    ]
    assert rows(found.map_cells, "first_field", "first", "second", "ratio", "side", "reason") == [
        ("sites", 1.0, 2.0, 2.0, "better", ""),
        ("sites", 1.0, 4.0, None, None, "no time"),
    ]


def test_growth_curves_have_tables() -> None:
    found = RunFrames(replace(RUN, growths=(GROWTH,)))

    assert rows(found.growth, "over", "value", "candidate", "calls_per_s", "rows", "own_rows", "reason") == [
        ("rows", 1_000.0, "baseline", 9_000.0, 1_000, 1_000, ""),
        ("rows", 1_000.0, "hash_by_site", 8_000.0, 1_000, 1_000, ""),
        ("rows", 10_000.0, "baseline", 1_000.0, 10_000, 9_000, ""),
        ("rows", 10_000.0, "hash_by_site", 7_900.0, 10_000, 9_000, ""),
        ("rows", 10_000.0, "slow", None, None, None, "failed: it took too long"),
    ]
    assert rows(found.projections, "measure", "law", "value", "figure", "figure_low") == [
        ("calls_per_s", "linear", 30_000.0, 330.0, 330 * 0.95),
        ("calls_per_s", "linear", 100_000.0, 100.0, 100 * 0.8),
    ]
    assert rows(found.forecasts, "candidate", "measure", "figure", "measured", "measured_low", "refused") == [
        ("baseline", "calls_per_s", 1_010.0, 1_000.0, 1_000 * 0.95, ""),
        ("hash_by_site", "calls_per_s", 6_000.0, 7_900.0, 7_900 * 0.95, ""),
        ("hash_by_site", "p99_ns", None, None, None, "a projection needs 4 steps"),
    ]


@pytest.mark.parametrize("path", KEPT, ids=[path.stem for path in KEPT])
def test_a_run_file_of_any_age_is_loaded_compressed_or_not(path: Path, tmp_path: Path) -> None:
    compressed = tmp_path / "run.json.gz"
    compressed.write_bytes(gzip.compress(path.read_bytes()))

    for one in (schemabench.load_run(path), schemabench.load_run(str(compressed))):
        trials = [trial for _, candidate in _candidates(one.run) for trial in candidate.trials]
        assert list(one.trials.duration_s) == [trial.duration_s for trial in trials]
        assert len(one.map_cells) == sum(len(drawn.cells) for drawn in one.run.maps)


def test_every_prefix_of_a_run_file_is_told_to_end_early(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    run = {"format": 2, "steady": True, "none": None, "texts": ['a\\"é', -1.5e3], "e": {}}
    whole = json.dumps({"schemabench": run})

    for length in range(1, len(whole)):
        path.write_text(whole[:length], encoding="utf-8")
        with pytest.raises(UsageError, match=r"run\.json is not JSON: it ends early\nat .*run\.json:1:"):
            schemabench.load_run(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "There is no run file"),
        (b"# Ranking", "is not JSON: Expecting value"),
        (b'{"a": 1} {}', "is not JSON: Extra data"),
        (b'{"machine_info": {}}', "holds no run of schemabench"),
        (gzip.compress(b'{"schemabench": {}}' * 99)[:-9], "the gzip file is corrupt or truncated"),
        (b"\x1f\x8b\x08\x00", "the gzip file is corrupt or truncated"),
        (gzip.compress(b'{"schemabench": {"format": 2'), "it ends early"),
    ],
    ids=["missing", "text", "two", "another", "cut", "header", "cut inside"],
)
def test_what_is_no_run_file_is_an_error_that_names_the_path(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "my.json"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(UsageError) as caught:
        schemabench.load_run(path)

    assert words in caught.value.what
    assert str(path) in caught.value.what
    assert caught.value.remedies


def test_pandas_is_loaded_when_a_table_is_asked_for_and_not_before() -> None:
    program = (
        "import sys, schemabench; run = schemabench.load_run(sys.argv[1]); assert 'pandas' not in sys.modules; "
        "run.trials; assert 'pandas' in sys.modules"
    )

    result = programs.run([sys.executable, "-c", program, KEPT[0]], stderr=subprocess.PIPE, text=True)

    assert result.returncode == 0, result.stderr


def test_the_sheet_of_trials_has_columns_for_each_operation_and_writer() -> None:
    run = with_trials(calls={"upsert": 50, "refresh": 10}, undone={"upsert": 20}, writers_s={"loader": 0.5})

    text = frames.csv(run)
    again = read(text)

    assert rows(again, "run_id", "block", "upsert_calls", "upsert_undone", "refresh_undone", "loader_done_s") == [
        (RUN.run_id, block, 50, 20, 0, 0.5) for block in (0, 1)
    ]
    assert "50.0" not in text


@pytest.mark.parametrize("run", WITH_ALL.values(), ids=WITH_ALL)
def test_the_sheet_of_trials_survives_a_file(run: Run) -> None:
    again = read(frames.csv(run))

    written = [trial.duration_s for _, one in _candidates(run) for trial in one.trials]
    assert list(again["duration_s"]) == pytest.approx(written, rel=1e-12)  # before pandas 3 the last digit is not read


def test_a_run_says_which_it_is() -> None:
    first, *_ = RUN.experiments

    assert f"{first.workload} at {first.cardinality}" in repr(RunFrames(RUN))


def _spread(estimate: Estimate | None) -> tuple[float | None, ...]:
    return (estimate.value, estimate.low, estimate.high) if estimate else (None, None, None)


def _candidates(run: Run) -> Iterable[tuple[Experiment, CandidateResult]]:
    return ((experiment, one) for experiment in run.experiments for one in experiment.candidates)


def test_pairs_of_candidates_are_there_in_both_directions() -> None:
    pairs = schemabench.load_run(KEPT[0].with_name("every_pair.json")).pairs
    of = pairs[pairs.criterion == "throughput"].set_index(["candidate", "other"])

    assert set(of.index) == {
        ("baseline", "brin"),
        ("baseline", "time_first"),
        ("brin", "time_first"),
        ("time_first", "brin"),
    }
    there, back = of.loc[("brin", "time_first")], of.loc[("time_first", "brin")]
    assert there.to_other == pytest.approx(1 / back.to_other)
    assert there.to_other_low == pytest.approx(1 / back.to_other_high)
