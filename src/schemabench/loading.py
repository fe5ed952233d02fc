"""Run files for analysis: in a notebook, in a script, at a prompt.

Owns only the conversion of a path to frames. Must not draw reports.
"""

import os
from pathlib import Path

from schemabench import report
from schemabench.frames import RunFrames


def load_run(path: str | os.PathLike[str]) -> RunFrames:
    """Return the run in a run file as tidy DataFrames: trials, contention, costs and more.

    The DataFrames are attributes of the result, and `help(schemabench.RunFrames)` lists them: `trials` has a row for
    each trial, `latencies` for each candidate and operation, `contention` for each candidate and wait class, `costs`
    for each candidate and measure, `candidates` for each candidate with its rank and ratio. Columns are in snake_case
    with the unit in the name (`duration_s`, `p99_ns`, `wal_bytes`), shares run from 0 to 1; `help(RunFrames.costs)` and
    docs/data.md say what each means. Data that older versions did not record are missing, or have no rows.

    Args:
        path: The path of a file that `pytest --report run.json` or `--benchmark-json` wrote, of any version of
            schemabench up to this one; it may be compressed with gzip.

    Raises:
        schemabench.errors.UsageError: There is no such file, or it cannot be read, is not JSON, is truncated, or holds
            no run of schemabench or one of a newer format; the message names the path and the remedies.

    Examples:
        >>> run = load_run("reports/example/pageviews_at_typical.json.gz")
        >>> run.candidates["candidate"].iloc[0]
        'flat'
    """
    return RunFrames(report.read(Path(path)))
