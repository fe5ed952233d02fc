"""The trials of a run as one sheet, for R, a spreadsheet, or any other reader of comma-separated values.

Owns the additions to the columns of `trials`, since a file has no other table to join. Must not compute anything.
"""

from typing import Any

from schemabench.frames.run import RunFrames
from schemabench.records import Run

_TRIAL = ["workload", "cardinality", "candidate", "block"]
"""The columns that identify a trial."""


def csv(run: Run) -> str:
    """Return a row for each trial, warm-up included, below a line of column names.

    Columns: the run's id and the server's version; those of `RunFrames.trials`; for each operation its calls and its
    rolled-back attempts (`upsert_calls`, `upsert_undone`); for each writer the time of its last response
    (`loader_done_s`). Missing values are empty fields.
    """
    frames = RunFrames(run)
    table = frames.trials
    for kind in ("calls", "undone"):
        table = table.merge(_wide(frames.calls, "operation", kind), on=_TRIAL, how="left")
    table = table.merge(_wide(frames.writer_trials, "writer", "done_s"), on=_TRIAL, how="left")
    table.insert(0, "run_id", run.run_id)
    table.insert(1, "server_version", run.server.version if run.server else None)
    text: str = table.to_csv(index=False, lineterminator="\n")
    return text


def _wide(long: Any, by: str, values: str) -> Any:  # noqa: ANN401 (DataFrames: pandas ships no types)
    """Return a row for each trial, with a column of values for each name in a column."""
    kind = "Int64" if long[values].dtype == "int64" else "float64"  # whole numbers stay whole beside missing ones
    wide = long.set_index([*_TRIAL, by])[values].unstack(by).astype(kind)
    return wide.rename(columns=lambda name: f"{name}_{values}")
