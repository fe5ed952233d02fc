"""The command `schemabench check`: whether candidates of a run are worse than allowed, as an exit status.

Owns the adaptation of its arguments, and what it prints. Must not judge: see `report.check`.
"""

import argparse
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from schemabench import output, parsing, report
from schemabench.candidate import BASELINE
from schemabench.errors import SchemabenchError, UsageError
from schemabench.records import THROUGHPUT
from schemabench.writing import complain_of_old

_EPILOG = """\
exit status:
  0  no candidate is worse than allowed
  1  a candidate is worse than allowed, beyond chance; or it failed, was
     disqualified, or left the blocks early
  2  the run cannot tell
  3  an error: the arguments, the file, or a run without a result
Of several verdicts, 1 comes before 3, 3 before 2, and 2 before 0.
"""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `check` to the commands."""
    about = "judge a run: exit with 1 where a candidate is worse than allowed, with 2 where nobody can tell"
    parser = commands.add_parser(
        "check", help=about, epilog=_EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    about = "a run file from --report or --benchmark-json; a check is about one run"
    parser.add_argument("run_files", nargs="+", type=parsing.path, metavar="RUN.json", help=about)
    parser.add_argument(
        "--max-regression",
        type=parsing.argument(parsing.regression),
        action="append",
        required=True,
        metavar="SHARE",
        help="how much worse a candidate may be, as in 5%%; for a share such as lock waits, in points; for one "
        "criterion as in wal_bytes=20%% (repeatable)",
    )
    about = f"the candidate that others are compared with ({BASELINE})"
    parser.add_argument("--against", default=BASELINE, metavar="NAME", help=about)
    about = "the candidates to judge, with commas between; by default all others"
    parser.add_argument("--candidates", type=_listed, default=(), metavar="NAMES", help=about)
    about = f"what to judge by, with commas between, of what the run was ranked by ({THROUGHPUT.name})"
    parser.add_argument(
        "--criteria", type=parsing.argument(parsing.names), default=(THROUGHPUT.name,), metavar="NAMES", help=about
    )
    about = "also write the verdicts to a file, .md or .html (repeatable)"
    parser.add_argument("-o", "--output", action="append", default=[], type=parsing.path, metavar="OUT.md", help=about)
    parser.set_defaults(run=_check, failed=report.STATUSES["no result"])


def _listed(text: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(filter(None, map(str.strip, text.split(",")))))
    if not found:  # as of a variable without a value
        raise argparse.ArgumentTypeError(f"{text!r} names no candidate")
    return found


def _check(chosen: argparse.Namespace) -> int:
    """Print the verdicts; return the exit status, which is no verdict after an error of any kind."""
    try:
        return _tell(_judged(chosen), chosen.output)
    except SchemabenchError:
        raise
    except Exception:  # noqa: BLE001 (the status of Python for it, 1, would be a verdict)
        traceback.print_exc()
        return report.STATUSES["no result"]


def _tell(found: report.Check, paths: Sequence[Path]) -> int:
    """Write the verdicts, and print them; return the exit status."""
    document = report.checked(found)
    for path in paths:
        report.write_document(document, path)
    with suppress(BrokenPipeError):  # the status says it, too, where the reader has closed the pipe
        output.say(report.headed(document))
    return found.status


def _judged(chosen: argparse.Namespace) -> report.Check:
    """Return the verdicts; after an error of any kind, say which files of verdicts are of an earlier run."""
    try:
        return _judge(chosen)
    except BaseException:
        complain_of_old(chosen.output)
        raise


def _judge(chosen: argparse.Namespace) -> report.Check:
    """Return the verdicts."""
    _check_once([criterion for criterion, _ in chosen.max_regression])
    asked = report.Asked(
        regressions=dict(chosen.max_regression),
        against=chosen.against,
        candidates=chosen.candidates,
        criteria=chosen.criteria,
    )
    paths = report.find(chosen.run_files)
    if len(paths) > 1:
        raise UsageError(
            f"A check is about one run, not {len(paths)}: runs of different times are not paired, and the machine and "
            "the day move every figure in them",
            remedies=[
                "measure both schemas in one run, the old one as baseline.sql and the new one as a candidate",
                f"see the ranks of several runs side by side: schemabench report {' '.join(map(str, paths))}",
            ],
        )
    _check_bounds(asked)
    return report.check(report.read(paths[0]), asked)


def _check_once(bounded: Sequence[str]) -> None:
    """Refuse two bounds for the same, of which only one could hold."""
    twice = next((one for place, one in enumerate(bounded) if one in bounded[:place]), None)
    if twice is not None:
        raise UsageError(
            f"--max-regression says twice what is allowed by {repr(twice) if twice else 'all criteria'}",
            remedies=["keep one of the two", "name the criterion of each, as in wal_bytes=20%"],
        )


def _check_bounds(asked: report.Asked) -> None:
    """Refuse a bound for nothing, and a criterion without a bound."""
    if needless := sorted(asked.regressions.keys() - {"", *asked.criteria}):
        raise UsageError(
            f"--max-regression names {needless[0]!r}, which is not judged",
            remedies=[f"judge by it, too: --criteria {','.join([*asked.criteria, *needless])}"],
        )
    if "" not in asked.regressions and (without := [one for one in asked.criteria if one not in asked.regressions]):
        raise UsageError(
            f"--max-regression says nothing of {without[0]!r}", remedies=["allow so much by all others: 5%"]
        )
