"""The trials of a run as one table, to be analysed elsewhere.

Owns its columns. Must not compute anything but rates: what a run says about its trials stands in the other reports.
"""

from typing import TYPE_CHECKING

import msgspec

from schemabench.records import Run

if TYPE_CHECKING:
    import pandas as pd

_UNDONE = "undone."
"""What the columns of undone attempts at one operation begin with."""


def frame(run: Run) -> "pd.DataFrame":
    """Return a row for each trial, warm-up among them, in the order of experiments and candidates, then of blocks.

    Columns: the run's id and the server's version; workload, cardinality, digest; candidate, status; the fields of
    `Trial`, with a column for each wait class (`waits.Lock`) and counter (`counters.wal_bytes`), empty where it was not
    offered; `operations_per_s` and `rows_per_s`; `retries_per_call`, of all operations and of each that was repeated
    (`retries_per_call.upsert`).
    """
    import pandas as pd  # noqa: PLC0415 (loading it takes a second)

    rows = [
        {
            "run_id": run.run_id,
            "server_version": run.server.version if run.server else None,
            "workload": experiment.workload,
            "cardinality": experiment.cardinality,
            "digest": experiment.digest,
            "candidate": candidate.name,
            "status": candidate.status,
            **msgspec.to_builtins(trial),
        }
        for experiment in run.experiments
        for candidate in experiment.candidates
        for trial in candidate.trials
    ]
    table = pd.json_normalize(rows)
    if rows:
        table["operations_per_s"] = table["operations"] / table["duration_s"]
        table["rows_per_s"] = table["rows"] / table["duration_s"]
        table["retries_per_call"] = table["retries"] / table["operations"]
        for undone in [column for column in table.columns if column.startswith(_UNDONE)]:
            operation = undone.removeprefix(_UNDONE)
            table[f"retries_per_call.{operation}"] = table[undone].fillna(0) / table[f"calls.{operation}"]
    return table


def csv(run: Run) -> str:
    """Return the same as comma-separated values under a line of names."""
    text: str = frame(run).to_csv(index=False, lineterminator="\n")
    return text
