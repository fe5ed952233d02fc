"""What is forecast of a size, recorded before it is measured there, against what is measured; within a limit of disk.

Usage: python benchmarks/projection.py usage [--disk 15GB] [--budget 17min] [--to 10000x] [--candidate NAME ...]
           [--folder reports/projection] [OPTION of schemabench growth ...]

Grows a workload's history to the largest size that fits (`schemabench growth --over rows --project-to 10x`). The report
as it was before the last step is kept beside the last one: FOLDER/WORKLOAD.forecast.json and FOLDER/WORKLOAD.json. The
files of the server are counted every second.

Prints as its last line a JSON object: for each candidate and figure of the last step what was forecast with its
interval, what was measured, and whether it lies within; and the most that the server's data took, in bytes. Fails if
they took more than the limit, or if nothing was forecast.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import schemabench
from schemabench import parsing
from schemabench.errors import SchemabenchError
from schemabench.records import Forecast
from schemabench.server import folder, room

_POLL_S = 1.0
_SERVERS = Path("schemabench", "servers")
"""Where the data of servers are, in the folder of `SCHEMABENCH_FOLDER`."""


def grow(asked: argparse.Namespace, more: Sequence[str], report: Path, kept: Path) -> int:
    """Run the command, and keep the report in which the last step is forecast.

    Returns:
        The most bytes that the server's data took.

    Raises:
        CalledProcessError: The command failed.
    """
    names = [one for name in asked.candidate for one in ("--candidate", name)]
    command = [sys.executable, "-m", "schemabench", "growth", asked.workload, "--over", "rows", "--to", asked.to]
    command += ["--project-to", "10x", "--disk", asked.disk, "--budget", asked.budget, "--report", str(report)]
    command += [*names, *more]
    most, seen_ns = 0, 0
    with tempfile.TemporaryDirectory(dir=asked.folder) as place:
        os.chmod(place, 0o755)  # noqa: PTH101, S103 (the server's user has to get through)
        environment = {**os.environ, folder.VARIABLE: place}
        with subprocess.Popen(command, env=environment) as process:  # noqa: S603 (our own command)
            while process.poll() is None:
                most = max(most, room.taken_bytes(Path(place) / _SERVERS))
                written_ns = report.stat().st_mtime_ns if report.exists() else 0
                if written_ns != seen_ns and not kept.exists() and _said(report):
                    shutil.copy2(report, kept)
                seen_ns = written_ns
                time.sleep(_POLL_S)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return most


def _said(report: Path) -> tuple[Forecast, ...]:
    """Return what a report says of the last step; nothing while it is being written."""
    if not report.exists():
        return ()
    try:
        (growth,) = schemabench.load_run(report).run.growths
    except (SchemabenchError, ValueError):
        return ()
    return growth.forecasts


def row(one: Forecast) -> dict[str, object]:
    """Return a figure as it is printed."""
    own = one.figure
    return {
        "candidate": one.candidate,
        "figure": one.measure,
        "at": one.value,
        "recorded": one.at,
        "law": one.law,
        "forecast": [own.low, own.value, own.high] if own else one.refused,
        "measured": one.measured.value if one.measured else None,
        "held": one.held,
    }


def main(arguments: Sequence[str]) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("workload")
    parser.add_argument("--disk", default="15GB")
    parser.add_argument("--budget", default="17min")
    parser.add_argument("--to", default="10000x")
    parser.add_argument("--candidate", action="append", default=[])
    parser.add_argument("--folder", type=Path, default=Path("reports/projection"))
    asked, more = parser.parse_known_args(arguments)
    asked.folder = asked.folder.resolve()
    asked.folder.mkdir(parents=True, exist_ok=True)
    report, kept = (asked.folder / f"{asked.workload}{ending}" for ending in (".json", ".forecast.json"))
    for path in (report, kept):
        path.unlink(missing_ok=True)
    most = grow(asked, more, report, kept)
    said = _said(report)
    for one in said:
        print(json.dumps(row(one)))
    print(json.dumps({"figures": list(map(row, said)), "most_bytes": most}))
    if not any(one.figure for one in said):
        sys.exit("nothing was forecast")
    if most > parsing.size_bytes(asked.disk):
        sys.exit(f"the data took {most:,} bytes, more than {asked.disk}")


if __name__ == "__main__":
    main(sys.argv[1:])
