"""The table of all trials: a row for each, with the figures of the run file."""

from dataclasses import replace
from io import StringIO

import pandas as pd
from fixed_run import RUN

from schemabench.report import trials

TRIALS = [
    (experiment.workload, candidate.name, trial)
    for experiment in RUN.experiments
    for candidate in experiment.candidates
    for trial in candidate.trials
]


def test_there_is_a_row_for_each_trial_in_order() -> None:
    table = trials.frame(RUN)

    expected = [(workload, candidate, trial.block, trial.duration_s) for workload, candidate, trial in TRIALS]
    assert list(table[["workload", "candidate", "block", "duration_s"]].itertuples(index=False, name=None)) == expected


def test_rates_are_what_a_trial_did_in_its_time() -> None:
    first, (_, _, trial) = trials.frame(RUN).iloc[0], TRIALS[0]

    assert first["operations_per_s"] == trial.operations / trial.duration_s
    assert first["rows_per_s"] == trial.rows / trial.duration_s


def test_retries_are_told_for_each_call_of_all_operations_and_of_each() -> None:
    experiment = RUN.experiments[0]
    candidate = experiment.candidates[0]
    calls = {"upsert": 50, "refresh": 10}
    undone, calm = (
        replace(candidate.trials[0], operations=60, retries=sum(some.values()), calls=calls, undone=some)
        for some in ({"upsert": 20, "refresh": 1}, {})
    )
    run = replace(RUN, experiments=(replace(experiment, candidates=(replace(candidate, trials=(undone, calm)),)),))

    table = trials.frame(run)

    assert list(table["retries_per_call"]) == [21 / 60, 0]
    assert list(table["retries_per_call.upsert"]) == [0.4, 0]
    assert list(table["retries_per_call.refresh"]) == [0.1, 0]


def test_counters_have_columns_and_one_that_was_not_offered_is_empty() -> None:
    experiment = RUN.experiments[0]
    candidate = experiment.candidates[0]
    counted, bare = (replace(candidate.trials[0], counters=counters) for counters in ({"wal_bytes": 7.0}, {}))
    run = replace(RUN, experiments=(replace(experiment, candidates=(replace(candidate, trials=(counted, bare)),)),))

    column = trials.frame(run)["counters.wal_bytes"]

    assert column[0] == 7
    assert pd.isna(column[1])


def test_the_table_survives_a_file() -> None:
    again = pd.read_csv(StringIO(trials.csv(RUN)))

    assert list(again["duration_s"]) == [trial.duration_s for _, _, trial in TRIALS]


def test_a_run_without_experiments_has_no_rows() -> None:
    assert trials.frame(replace(RUN, experiments=())).empty
