"""The command `schemabench rehearse`: a migration under the workload's load, on a copy of what it is applied to.

Owns the adaptation of its arguments, and its exit status. Must not measure anything: see `rehearsal`.
"""

import argparse
import secrets
import textwrap
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from schemabench import options, output, parsing, progress, report, signals
from schemabench.bench import Asked, Bench, in_words
from schemabench.errors import SchemabenchError, UsageError
from schemabench.server import Needs, Server, serve
from schemabench.terminal import Screen
from schemabench.units import parse_duration_s
from schemabench.writing import complain_of_old

if TYPE_CHECKING:
    from schemabench.experiment import Plan
    from schemabench.rehearsal import Rehearsal

_ERROR = 3
_MOST_RETRIES = 100
_EPILOG = """\
exit status:
  0  all statements were executed, and the result is the candidate
  1  a statement failed or was ended by --for, the result is not the candidate,
     it is not known who made what differs in its catalogs, or its rows could
     not be or were not compared, or only invariants compared them and tables
     have other numbers of rows
  3  an error: the arguments, a file, the server
  130  interrupted, by Ctrl-C; nothing is left behind
The status is about the result alone. Late and refused calls do not change it.
Nor do companions that fail, nor other numbers of rows where `state` is the
candidate's. A file of -o OUT.json has the figures.
After an error or an interrupt, what was measured by then is reported if the
migration had ended, with the quiet after it.
"""
_UNHEEDED = {"noise", "noise_speed"}
"""Options of a run that are reset, wherever they are set: jobs of other tenants do not run beside a rehearsal."""
_COLUMNS = 78
"""Of its description, which argparse does not fill because of the lines above."""


def add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    asked: Callable[[argparse.Namespace], Asked],
    width: Callable[[], int],
) -> argparse.ArgumentParser:
    """Add `rehearse` to the commands; return its parser.

    Args:
        commands: The commands.
        asked: Returns what its arguments ask for.
        width: Returns the columns of the terminal.
    """
    about = "apply a candidate to a loaded copy of what it extends, under the workload's load, and say what it held up"
    parser = commands.add_parser(
        "rehearse",
        help=about,
        description=textwrap.fill(f"Rehearse: {about}.", _COLUMNS),
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    known = {one.name: one for one in options.table()}
    about = "the cardinality, which sets the number of rows: a name, or a TOML file with one; by default `typical`"
    cardinality = known["cardinality"]
    parser.add_argument("--at", options.flag(cardinality), **{**options.argument(cardinality), "help": about})
    about = "the candidate to apply, which extends another one"
    parser.add_argument("--candidate", **{**options.argument(known["candidate"]), "help": about})
    duration = parsing.argument(parse_duration_s)
    about = "whose writers make the calls, and whose rows are loaded"
    parser.add_argument("workload", metavar="WORKLOAD", help=about)
    about = "how long the writers have the database to themselves, before the migration and after it (10s)"
    parser.add_argument("--quiet", type=duration, default=10.0, metavar="TIME", help=about)
    about = "how long the migration may take (60s)"
    parser.add_argument("--for", dest="longest_s", type=duration, default=60.0, metavar="TIME", help=about)
    about = "count calls whose response takes longer (100ms)"
    parser.add_argument("--late", type=duration, default=0.1, metavar="TIME", help=about)
    about = "calls a second of all writers together; by default as in production"
    parser.add_argument("--pace", type=parsing.argument(parsing.factor), metavar="N", help=about)
    about = "lock_timeout in the migration's session; by default the server's"
    parser.add_argument("--lock-timeout", type=duration, metavar="TIME", help=about)
    about = "how many times to retry a statement, or its whole transaction, after a lock timeout (0)"
    parser.add_argument(
        "--retries", type=parsing.argument(parsing.whole(0, _MOST_RETRIES)), default=0, metavar="N", help=about
    )
    about = "longest time for one call of the comparison, or of a companion, retries included (30s)"
    limit = known["call_timeout_s"]
    parser.add_argument(options.flag(limit), **{**options.argument(limit), "help": about})
    about = "also write the report to a file, .md, .html or .json (repeatable)"
    parser.add_argument("-o", "--output", action="append", default=[], type=parsing.path, metavar="OUT.md", help=about)
    parser.set_defaults(failed=_ERROR, unheeded=_UNHEEDED)
    parser.set_defaults(run=lambda chosen: _rehearse(chosen, asked(chosen), width()))
    return parser


def _rehearse(chosen: argparse.Namespace, asked: Asked, width: int) -> int:
    """Print the report; return the exit status, which is no verdict after an error of any kind."""
    from schemabench import rehearsal  # noqa: PLC0415 (scipy takes seconds to load)

    known: list[Rehearsal] = []
    try:
        for path in chosen.output:
            rehearsal.check_path(path)
        with signals.heeded() as conclude:  # also in `_found`: there is one end for both
            try:
                found = _found(chosen, asked, width, known.append)
            except BaseException:  # what was measured is reported all the same
                conclude()
                if known:
                    _complain(_report(known[-1], chosen.output, width))
                else:
                    complain_of_old(chosen.output)
                raise
            conclude()
            failures = _report(found, chosen.output, width)
            _complain(failures)
    except SchemabenchError:
        raise
    except Exception:  # noqa: BLE001 (the status of Python for it, 1, would be a verdict)
        traceback.print_exc()
        return _ERROR
    return _ERROR if failures else 0 if found.is_candidate else 1


def _report(found: "Rehearsal", paths: Sequence[Path], width: int) -> list[SchemabenchError]:
    """Write the report to each file, and print it; return why it could not be."""
    from schemabench import rehearsal  # noqa: PLC0415 (as above)

    failures = []
    for path in paths:
        try:
            rehearsal.write(found, path)
        except SchemabenchError as failure:
            failures.append(failure)
    try:
        output.say(report.shown(rehearsal.document(found), width))
    except BrokenPipeError:  # the status says it, too, where the reader has closed the pipe
        pass
    except SchemabenchError as failure:
        failures.append(failure)
    return failures


def _complain(failures: Sequence[SchemabenchError]) -> None:
    for failure in failures:
        output.complain(f"ERROR: {failure}")


def _found(chosen: argparse.Namespace, asked: Asked, width: int, keep: "Callable[[Rehearsal], object]") -> "Rehearsal":
    """Return what the rehearsal finds; `keep` receives it as soon as it is known."""
    from schemabench import rehearsal  # noqa: PLC0415 (as above)

    wanted = rehearsal.Asked(
        quiet_s=chosen.quiet,
        longest_s=chosen.longest_s,
        late_s=chosen.late,
        calls_per_s=chosen.pace,
        lock_timeout_s=chosen.lock_timeout,
        retries=chosen.retries,
    )
    bench = Bench(replace(asked, smoke=True), progress.on(Screen(width)))
    subject = bench.subject(chosen.workload)
    if len(given := asked.options.candidate) != 1:
        raise UsageError(
            f"A rehearsal is of one candidate, not of {' and '.join(given) or 'all'}",
            checked=[] if given else [f"candidates: {', '.join(subject.candidates)}"],
            remedies=["name one: --candidate NAME"],
        )
    (name,), cardinality = asked.options.candidate, subject.only_cardinality("A rehearsal is", "--at")
    candidate = subject.candidates[name]
    rehearsal.check(candidate)
    bench.want(chosen.workload, cardinality, name)
    plan = bench.plan(chosen.workload, cardinality)
    rehearsal.production_s(plan, wanted)
    with signals.heeded() as conclude, in_words(), ExitStack() as ending:
        ending.callback(bench.progress.close)
        server = ending.enter_context(_served(asked, plan))
        ending.callback(conclude)
        return rehearsal.rehearse(plan, candidate, wanted, server, bench.progress, keep)


def _served(asked: Asked, plan: "Plan") -> AbstractContextManager[Server]:
    """Return the server that is asked for, with room for a rehearsal.

    The writers have connections to one database at a time: to what is migrated, and then to the fresh installation. The
    bench would ask for room for a ranking of several candidates at once.
    """
    options = asked.options
    return serve(
        options.postgres,
        Needs(clients=options.clients, companions=sum(companion.clients for companion in plan.companions)),
        settings=dict(options.postgres_setting),
        run_id=secrets.token_hex(4),
        keep_databases=options.keep_databases,
    )
