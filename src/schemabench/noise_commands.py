"""The verbs of `schemabench noise`: model, fit, populate, verify, run, drop.

Owns the adaptation of their arguments, and what they print. Must not hold logic of its own.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Any

from tabulate import tabulate
from tqdm import tqdm

from schemabench import parsing, placing
from schemabench.errors import UsageError
from schemabench.noise import datamodel, fitting, making, mapping, populating, reading, running, verifying
from schemabench.noise import model as models
from schemabench.noise.datamodel import OWN_IDS
from schemabench.noise.entities import size
from schemabench.noise.model import Model
from schemabench.noise.town import SCHEMA_NAME, entered
from schemabench.options import environment_name, table
from schemabench.output import say
from schemabench.server.dsn import Conninfo, parse_dsn, pinned
from schemabench.units import format_duration, parse_duration_s, plural

_DIFFERS = 1
"""The exit status of `verify` if something differs."""
_MOST_ORGANISATIONS = OWN_IDS - 1
_NOTHING_CHANGED = "run again: the database is as it was"
_POSTGRES = next(environment_name(one) for one in table() if one.name == "postgres")


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `noise` to the commands."""
    about = "make other tenants whose jobs run beside a measurement: a model, in a database, at work"
    verbs = commands.add_parser("noise", help=about, description=f"Noise: {about}.").add_subparsers(
        required=True, metavar="VERB"
    )
    verb = verbs.add_parser("model", help="make a model from a seed and a data model")
    verb.add_argument("--seed", type=_whole, default=making.SEED, metavar="N", help=f"random seed ({making.SEED})")
    verb.add_argument("--orgs", type=_orgs, default=10, metavar="N", help="organisations, the tenants (10)")
    about = "a folder of distributions in TOML files; by default the package's own"
    verb.add_argument("--data-model", type=parsing.path, metavar="DIR", help=about)
    verb.add_argument("--sample", action="store_true", help="the package's small data model, for tests")
    verb.add_argument(
        "-o", "--output", type=parsing.path, required=True, metavar="NOISE.json", help="the file to write"
    )
    verb.set_defaults(run=_model)

    verb = verbs.add_parser("fit", help="derive a data model from a database: its counts and times, never its contents")
    verb.add_argument("--from", dest="source", required=True, metavar="DSN", help="the database")
    about = "a file of SQL with a query for each distribution; by default those of a ghost town"
    verb.add_argument("--queries", type=parsing.path, metavar="FILE.sql", help=about)
    _add_schema(verb)
    verb.add_argument("-o", "--output", type=parsing.path, required=True, metavar="DIR", help="the folder to write")
    verb.set_defaults(run=_fit)

    verb = verbs.add_parser("populate", help="make a model's rows in a database, or complete them")
    _add_place(verb, model=True, mapped=True)
    verb.set_defaults(run=_populate)

    verb = verbs.add_parser("verify", help="compare a database with a model, row by row")
    _add_place(verb, model=True, mapped=True)
    verb.add_argument("--exact", action="store_true", help="tolerate nothing, not even what jobs change")
    verb.set_defaults(run=_verify)

    verb = verbs.add_parser("run", help="run a model's jobs by their schedules, until a signal")
    _add_place(verb, model=True, mapped=False)
    verb.add_argument("--for", dest="for_s", type=_duration, default=inf, metavar="TIME", help="how long, as in 10min")
    verb.add_argument("--speed", type=_factor, default=1.0, metavar="N", help="times as fast as the model says (1)")
    verb.set_defaults(run=_run)

    verb = verbs.add_parser("drop", help="remove what populate made, and only that")
    _add_place(verb, model=False, mapped=True)
    verb.set_defaults(run=_drop)


def _add_place(verb: argparse.ArgumentParser, *, model: bool, mapped: bool) -> None:
    """Add where a verb works, and with what."""
    if model:
        verb.add_argument("model", type=parsing.path, metavar="NOISE.json", help="a file of `noise model`")
    about = f"the database, as a DSN; by default the environment's {_POSTGRES}"
    verb.add_argument("--postgres", metavar="DSN", help=about)
    _add_schema(verb)
    if model and mapped:
        about = "a variable of the model, as in engine_address=http://10.0.0.{engine}:18630 (repeatable)"
        verb.add_argument("--set", type=_variable, action="append", default=[], metavar="NAME=VALUE", help=about)
    if mapped:
        about = (
            "SQL that carries the rows into tables of your own, too, and reads and removes them there; by default that "
            "with which the town was made"
        )
        verb.add_argument("--mapping", type=parsing.path, metavar="FILE.sql", help=about)


def _add_schema(verb: argparse.ArgumentParser) -> None:
    about = f"the schema of the ghost town ({SCHEMA_NAME})"
    verb.add_argument("--schema-name", default=SCHEMA_NAME, metavar="NAME", help=about)


def _model(chosen: argparse.Namespace) -> None:
    if chosen.data_model and chosen.sample:
        raise UsageError("--sample and --data-model exclude each other", remedies=["leave one of them out"])
    _check_writable(chosen.output)
    data = datamodel.load(chosen.data_model, sample=chosen.sample)
    with _bar(total=chosen.orgs, unit=" organisations", desc="noise") as bar:
        model = making.make(data, seed=chosen.seed, organisations=chosen.orgs, show=bar.update)
    _write(chosen.output, models.dumped(model))
    say(f"wrote {chosen.output}: {plural(chosen.orgs, 'organisation')}, {plural(size(model), 'row')}")


def _fit(chosen: argparse.Namespace) -> None:
    source = parse_dsn(chosen.source, "--from")
    with entered(source, chosen.schema_name, "Fitting a data model", _NOTHING_CHANGED) as town:
        fitted, seen = fitting.fitted(town, chosen.queries, datamodel.load(None))
    for name in datamodel.TABLES:
        _write(chosen.output / f"{name}.toml", datamodel.dumped(getattr(fitted, name)).encode())
    for name, count in seen.items():
        say(f"{name}: from {plural(count, 'number')}")
    say(f"wrote {chosen.output}; what has no numbers is as in the package's own data model")


def _populate(chosen: argparse.Namespace) -> None:
    model, mapped = _wanted(chosen), _mapping(chosen)
    doing, again = f"Populating the schema {chosen.schema_name!r}", "run again: what is complete stays"
    with (
        entered(_dsn(chosen), chosen.schema_name, doing, again) as town,
        _rows_shown(size(model)) as show,
    ):
        added = populating.populate(town, model, mapped, show)
    there = f"{plural(size(model), 'row')} of {plural(len(model.organisations), 'organisation')}"
    say(f"{plural(added, 'row')} added; {there} in all")


def _verify(chosen: argparse.Namespace) -> int:
    model, mapped = _wanted(chosen), _mapping(chosen)
    doing = f"Verifying the schema {chosen.schema_name!r}"
    with entered(_dsn(chosen), chosen.schema_name, doing, _NOTHING_CHANGED) as town:
        record = town.made()
        model = models.with_variables(model, {**record.variables, **dict(chosen.set)})
        own = mapping.of(record, mapped)
        with _rows_shown(size(model) + size(model, own.having(mapping.READ))) as show:
            findings = [*verifying.verify(town, model, own, exact=chosen.exact, show=show)]
    names = [one.entity.name + (" (mapped)" if one.mapped else "") for one in findings]
    rows = [
        [name, one.rows, one.equal, *(kind.count for kind in one.kinds.values())]
        for name, one in zip(names, findings, strict=True)
    ]
    say(tabulate(rows, headers=["", "rows", "equal", *findings[0].kinds], intfmt=","))
    for name, one in zip(names, findings, strict=True):
        for kind, differences in one.kinds.items():
            if differences.count:
                note = ", as expected once jobs have run" if differences.tolerated else ""
                say(f"\n{name}: {differences.count:,} {kind}{note}")
                for pair in differences.first:
                    say(f"  {one.worded(pair)}")
    holds = all(one.holds for one in findings)
    say("\nThe database holds what the model says" if holds else "\nThe database differs from the model")
    return 0 if holds else _DIFFERS


def _run(chosen: argparse.Namespace) -> None:
    model, dsn = reading.read(chosen.model), _dsn(chosen)
    running.check(model, chosen.speed, "--speed")
    with (
        entered(dsn, chosen.schema_name, running.DOING, running.AGAIN) as town,
        town.held(shared=True),
    ):
        populating.check_complete(town, model)
        place = pinned(dsn, town.connection)
        ghosts = running.Ghosts(conninfo=place, schema=chosen.schema_name, model=model, speed=chosen.speed)
        connections = plural(running.connections(model, chosen.speed), "connection")
        say(f"{running.pace(model, chosen.speed):.3g} runs/s on {connections}")
        try:
            with _shown(chosen.for_s) as show:
                ghosts.work(chosen.for_s, show)
        finally:
            say(_counted(ghosts))


def _bar(**options: Any) -> "tqdm[Any]":  # noqa: ANN401 (as tqdm has them)
    """Return a progress bar, which is shown on a terminal only."""
    return tqdm(leave=False, disable=sys.stderr is None or not sys.stderr.isatty(), **options)


@contextmanager
def _rows_shown(total: int) -> Iterator[Callable[[str, int], None]]:
    """Yield what shows, on a terminal, that so many more rows of a table are done."""
    with _bar(total=total, unit=" rows", unit_scale=True, desc="noise") as bar:

        def show(entity: str, rows: int) -> None:
            bar.set_description_str(entity, refresh=False)
            bar.update(rows)

        yield show


@contextmanager
def _shown(for_s: float) -> Iterator[Callable[[running.Ghosts], bool]]:
    """Yield what shows the counts on a terminal."""
    limit = "" if for_s == inf else f" of {format_duration(for_s)}"
    with _bar(bar_format="{desc}") as bar:

        def show(ghosts: running.Ghosts) -> bool:
            counts = ghosts.counts().values()
            told = ", ".join(f"{sum(getattr(one, name) for one in counts):,} {name}" for name in _COUNTED)
            bar.set_description_str(f"{format_duration(ghosts.elapsed_s)}{limit}: {told}")
            return True

        yield show


_COUNTED = ("due", "begun", "done", "late", "failed")


def _counted(ghosts: running.Ghosts) -> str:
    """Return the counts as a table, and what the server said of failed runs."""
    rows = [
        [kind, *(getattr(one, name) for name in _COUNTED), format_duration(one.longest_wait_s)]
        for kind, one in ghosts.counts().items()
    ]
    said = [f"failed: {text}{f' (SQLSTATE {code})' if code else ''}" for code, text in ghosts.messages.items()]
    return "\n".join([tabulate(rows, headers=["runs", *_COUNTED, "longest wait"], intfmt=","), *said])


def _drop(chosen: argparse.Namespace) -> None:
    mapped = _mapping(chosen)
    doing, again = f"Removing the schema {chosen.schema_name!r}", "run again: it removes all of the town, or nothing"
    with entered(_dsn(chosen), chosen.schema_name, doing, again) as town:
        removed = populating.remove(town, mapped)
    say("removed the ghost town" if removed else "there is no ghost town: nothing was removed")


def _wanted(chosen: argparse.Namespace) -> Model:
    return models.with_variables(reading.read(chosen.model), dict(chosen.set))


def _mapping(chosen: argparse.Namespace) -> mapping.Mappings | None:
    return mapping.read(chosen.mapping) if chosen.mapping else None


def _dsn(chosen: argparse.Namespace) -> Conninfo:
    given = chosen.postgres or os.environ.get(_POSTGRES, "")
    if not given:
        raise UsageError(
            "No database is named", remedies=["--postgres postgresql://user@host/database", f"set {_POSTGRES}"]
        )
    return parse_dsn(given)


def _check_writable(path: Path) -> None:
    with _worded(path):
        placing.check(path)


def _write(path: Path, content: bytes) -> None:
    with _worded(path):
        placing.replace(path, content)


@contextmanager
def _worded(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as cause:
        raise UsageError(f"Cannot write {path}: {cause.strerror}", remedies=["name another path: -o"]) from cause


_whole = parsing.argument(parsing.whole(0, models.MOST_SEED))
_orgs = parsing.argument(parsing.whole(1, _MOST_ORGANISATIONS))
_variable = parsing.argument(parsing.name_and_value)
_duration = parsing.argument(parse_duration_s)
_factor = parsing.argument(parsing.factor)
