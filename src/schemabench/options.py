"""One table of settings, from which pytest options, ini names, environment, command line and README are derived.

Owns what can be set, its bounds, and where each value came from: command line, environment, ini file or default, in
this order. Must not know what a setting is for.
"""

import shlex
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from schemabench import parsing
from schemabench.errors import UsageError
from schemabench.redaction import redact
from schemabench.units import parse_duration_s

if TYPE_CHECKING:
    from schemabench.records import OptionValue

PREFIX = "schemabench_"
"""Before each field's name in pytest's namespace and ini file; in capitals before environment variables."""


MOST_CLIENTS = 10_000

Kind = Literal["one", "many", "switch"]


class Spec(str):
    """Where Postgres comes from: perhaps a DSN with a password, which its repr does not show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(redact(str(self)))


def _option(  # noqa: PLR0913 (one keyword for each column of the table)
    about: str,
    *,
    default: str = "",
    parse: Callable[[str], object] = str,
    kind: Kind = "one",
    metavar: str = "NAME",
    flag: str | None = None,
    ini_only: bool = False,
) -> Any:  # noqa: ANN401 (a field of any type)
    metadata = {
        "about": about,
        "parse": parse,
        "kind": kind,
        "metavar": metavar,
        "flag": flag,
        "ini_only": ini_only,
        "text": default,
    }
    value: object
    if kind == "many":
        value = ()
    elif kind == "switch":
        value = False
    else:
        value = parse(default)
    return field(default=value, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Options:
    """All settings of a run."""

    postgres: Spec = _option(  # noqa: RUF009 (a frozen field)
        "the PostgreSQL server: `embedded` (a wheel's, else an installed one, else Docker's), `16` or another version, "
        "`local:17`, `local:/path/to/bin`, `docker:16`, `docker:IMAGE`, or a DSN: `postgresql://host/db`, `service=X`",
        default="embedded",
        parse=Spec,
        metavar="SPEC",
    )
    postgres_setting: tuple[tuple[str, str], ...] = _option(
        "a server setting, in addition to schemabench's own",
        parse=parsing.name_and_value,
        kind="many",
        metavar="NAME=VALUE",
    )
    workload: tuple[str, ...] = _option("a workload to run; by default all", kind="many")
    candidate: tuple[str, ...] = _option("a candidate to rank; by default all. The baseline always runs", kind="many")
    cardinality: tuple[str, ...] = _option(
        "a cardinality to run at, a TOML file with one, or `all`; by default `typical`", kind="many"
    )
    replay: tuple[tuple[str, Path], ...] = _option(
        (
            "replay a workload's calls from a file, plain or gzip: `usage=FILE`; or from a folder of files whose names "
            "tell their times: `pageviews=FOLDER`. Further inputs are named as in `pageviews.blacklist=FILE`"
        ),
        parse=parsing.replay,
        kind="many",
        metavar="NAME=PATH",
    )
    replay_range: tuple[tuple[str, parsing.Span | int], ...] = _option(
        (
            "which files of a replayed folder: dates or hours, both ends included, as in "
            "`pageviews=2016-09-01T22..2016-09-02`, a single one, or `pageviews=last-48`, up to the latest file there. "
            "By default the latest, as many as the workload says"
        ),
        parse=parsing.replay_range,
        kind="many",
        metavar="NAME=RANGE",
    )
    clients: int = _option(
        "connections per trial, divided among the writers",
        default="8",
        parse=parsing.whole(1, MOST_CLIENTS),
        metavar="N",
    )
    budget_s: float = _option(
        (
            "measuring time for each workload at each cardinality, as in `45s` or `2min`. Building, checks, copies, "
            "`--adequacy`, `--soak` and the time spent on far slower candidates come on top"
        ),
        default="60s",
        parse=parse_duration_s,
        metavar="TIME",
        flag="--budget",
    )
    race: bool = _option(
        "stop measuring candidates once `--race-places` others, or all others in the race, are proved faster",
        kind="switch",
    )
    race_places: int = _option(
        "the number of places that matter: a candidate leaves once that many others, the leader among them, or all "
        "others still racing, are proved faster. 1: only the fastest",
        default="3",
        parse=parsing.whole(1, 100),
        metavar="N",
    )
    adequacy_s: float = _option(
        "afterwards, replay the production load in real time for TIME per candidate; the report shows whether it "
        "keeps up, and its response times. Needs `Workload.production_s`; rounded to whole smallest bursts. `off` "
        "skips this",
        default="off",
        parse=parsing.duration_or_off,
        metavar="TIME",
        flag="--adequacy",
    )
    soak_s: float = _option(
        "afterwards, each candidate works for TIME in turns, on a copy of its own and with autovacuum on: the report "
        "shows how throughput and response times drift, and what grows meanwhile. `off` skips this",
        default="off",
        parse=parsing.duration_or_off,
        metavar="TIME",
        flag="--soak",
    )
    soak_closed: bool = _option(
        "soak in a closed loop, as fast as connections allow, even if the workload knows production's pace",
        kind="switch",
    )
    call_timeout_s: float = _option(
        "longest time for one call, retries included; a candidate with a slower call fails. A trial may take twice "
        "as long, or 50 times the baseline's longest trial within the budget, whichever is longer",
        default="30s",
        parse=parse_duration_s,
        metavar="TIME",
        flag="--call-timeout",
    )
    burst: int = _option(
        "calls per burst, to repeat a run with the burst size in its report; rounded to whole multiples of the "
        "writers' weights. `calibrated` chooses a size for trials of 50 to 200 ms",
        default="calibrated",
        parse=parsing.count_or_calibrated,
        metavar="N",
    )
    upkeep: Literal["between-blocks", "autovacuum"] = _option(
        "who runs vacuum and analyze. `between-blocks`: schemabench, outside the measured time, once a table passes "
        "autovacuum's thresholds. `autovacuum`: the server alone, on its own schedule",
        default="between-blocks",
        parse=parsing.one_of("between-blocks", "autovacuum"),
        metavar="WHO",
    )
    round_trip_s: float = _option(
        "time to add to each exchange with the server (a statement and its result), as a network would, so that locks "
        "are held across round trips; as in `1ms`. `off` adds nothing",
        default="off",
        parse=parsing.duration_or_off,
        metavar="TIME",
        flag="--round-trip",
    )
    lead_in: float = _option(
        "share of a burst to execute untimed before each trial, to warm up the cache, as in `20%`; `off` skips this",
        default="off",
        parse=parsing.share_or_off,
        metavar="SHARE",
    )
    without_companions: bool = _option(
        "leave out the workload's companions, which otherwise run beside all trials: compare runs with and without to "
        "see what they change",
        kind="switch",
    )
    noise: Path | None = _option(  # noqa: RUF009 (a frozen field)
        "a model of other tenants, from `schemabench noise model`: they are populated into a database of their own on "
        "the server, and their jobs run during all blocks and `--adequacy`",
        parse=parsing.path_or_none,
        metavar="NOISE.json",
    )
    noise_speed: float = _option(
        "factor by which the jobs of `--noise` run more often than their model says; at most 10,000 job runs per "
        "second may be due",
        default="1",
        parse=parsing.factor,
        metavar="N",
    )
    sample_hz: float = _option(
        "lock-wait samples per second (short trials get more); 0 turns sampling off",
        default="50",
        parse=parsing.frequency,
        metavar="N",
    )
    criteria: tuple[str, ...] = _option(
        "what the Pareto front weighs against each other. Besides `throughput` and `lock_waits`, any cost of each row "
        "or operation, such as `wal_bytes` or `cpu_s`; candidates are ranked by those, too",
        default="throughput,lock_waits",
        parse=parsing.names,
        metavar="NAMES",
    )
    precision: float = _option(
        "stop early, once the confidence interval of every ratio is within this share on either side",
        default="1%",
        parse=parsing.share,
        metavar="SHARE",
    )
    equivalence: Literal["off", "quick", "thorough"] = _option(
        "model check before measuring: search for calls after which a candidate's rows differ from those of the "
        "workload's model. `off`, `quick` (seconds per candidate) or `thorough` (minutes)",
        default="quick",
        parse=parsing.one_of("off", "quick", "thorough"),
        metavar="HOW",
    )
    production: Path | Literal["workload", "off"] = _option(  # noqa: RUF009 (a frozen field)
        "production's sizes and statistics, with whose plans those of the run are compared: a file that `schemabench "
        "production` wrote, `workload` for `production.json` in the workload's folder, if there is one, or `off`",
        default="workload",
        parse=parsing.path_or("workload", "off"),
        metavar="FILE",
    )
    seed: int = _option(
        "random seed; the same seed gives the same bursts",
        default="1",
        parse=parsing.whole(0, 2**63 - 1),
        metavar="N",
    )
    report: tuple[Path, ...] = _option(
        "write a report: `.html` or `.md` to read, `.csv` with the table of all trials, `.json` for the run file",
        parse=parsing.report_path,
        kind="many",
        metavar="PATH",
    )
    keep_databases: bool = _option(
        "keep the candidates' databases on the server after the run (with a DSN only)", kind="switch"
    )
    allow_server_changes: bool = _option(
        "let candidates run programs with `COPY ... PROGRAM`. On a server that schemabench did not start, also let "
        "them create roles, tablespaces and databases, and change server-wide settings",
        kind="switch",
    )
    neutral_ids: bool = _option(
        "omit the candidate from test names, to compare a run of one candidate with a saved run of another",
        kind="switch",
    )
    schemas: Path = _option(  # noqa: RUF009 (a frozen field)
        "the folder of candidates, with a subfolder per workload",
        default="schemas",
        parse=parsing.path,
        metavar="DIR",
        ini_only=True,
    )
    workloads: Path = _option(  # noqa: RUF009 (a frozen field)
        "the folder of workloads", default="workloads", parse=parsing.path, metavar="DIR", ini_only=True
    )


def flag(option: Field[Any]) -> str:
    """Return an option's flag, as in `--keep-databases`."""
    given: str | None = option.metadata["flag"]
    return given or "--" + option.name.replace("_", "-")


def argument(option: Field[Any]) -> dict[str, Any]:
    """Return what a parser of a command line must know of an option, as keywords of `add_argument`."""
    how: dict[Kind, dict[str, Any]] = {
        "one": {"metavar": option.metadata["metavar"]},
        "many": {"metavar": option.metadata["metavar"], "action": "append"},
        "switch": {"action": "store_const", "const": "true"},
    }
    about = option.metadata["about"].replace("%", "%%")
    return {"dest": ini_name(option), "default": None, "help": about, **how[option.metadata["kind"]]}


def metavar(option: Field[Any]) -> str:
    """Return what stands for an option's value, after a blank; nothing for a switch."""
    return "" if option.metadata["kind"] == "switch" else f" {option.metadata['metavar']}"


def ini_name(option: Field[Any]) -> str:
    """Return an option's name in pytest's ini file, as in `schemabench_budget`."""
    return PREFIX + flag(option).removeprefix("--").replace("-", "_")


def environment_name(option: Field[Any]) -> str:
    """Return an option's environment variable, as in `SCHEMABENCH_BUDGET`."""
    return ini_name(option).upper()


def table() -> tuple[Field[Any], ...]:
    """Return the options in order; each field's metadata holds what is known of it."""
    return fields(Options)


def resolve(
    command_line: Namespace,
    environment: Mapping[str, str],
    ini: Callable[[str], str],
    about: Mapping[str, str] = MappingProxyType({}),
) -> "tuple[Options, tuple[OptionValue, ...]]":
    """Return the settings, and for each where its value came from.

    Args:
        command_line: One attribute for each `ini_name`: None where the flag was not given, else its text, a list of
            texts, or True.
        environment: The environment variables.
        ini: From an `ini_name` to the text in the ini file, empty where there is none.
        about: Field -> what the option is to this command, where that differs.

    Raises:
        UsageError: A value is not acceptable; the message names the value, where it came from and what is accepted.
    """
    from schemabench.records import OptionValue  # noqa: PLC0415 (sessions that evaluate nothing do without records)

    values: dict[str, Any] = {}
    origins: list[OptionValue] = []
    for option in table():
        for source, given in _sources(option, command_line, environment, ini):
            if given is not None:
                try:
                    texts = _texts(option, given)
                    values[option.name] = _parsed(option, texts)
                except ValueError as cause:
                    meaning = about.get(option.name, option.metadata["about"])
                    raise UsageError(
                        redact(f"{flag(option)}: {cause}"),
                        checked=[f"set by: {source}"],
                        remedies=[f"{flag(option)}{metavar(option)}: {meaning}"],
                    ) from cause
                origins.append(
                    OptionValue(
                        name=flag(option), value=_shown(option, [redact(text) for text in texts]), source=source
                    )
                )
                break
    return Options(**values), tuple(origins)


def _sources(
    option: Field[Any], command_line: Namespace, environment: Mapping[str, str], ini: Callable[[str], str]
) -> Iterator[tuple[Literal["command line", "environment", "ini file", "default"], str | list[str] | None]]:
    """Yield where a value may come from, the strongest first, with its text, its texts, or None."""
    name = ini_name(option)
    given = getattr(command_line, name, None)
    if given is not None:
        yield "command line", [str(text) for text in given] if isinstance(given, list) else [str(given)]
    yield "environment", environment.get(environment_name(option))
    yield "ini file", ini(name) or None
    yield "default", [] if option.metadata["kind"] == "many" else [str(option.metadata["text"])]


def _texts(option: Field[Any], given: str | list[str]) -> list[str]:
    """Return the texts of an option: of several in one text, each is a word, in quotes where it has blanks."""
    if isinstance(given, list) or option.metadata["kind"] != "many":
        return given if isinstance(given, list) else [given]
    try:
        return shlex.split(given)
    except ValueError:
        raise ValueError(f"{given} ends within quotation marks or after a backslash") from None


def _shown(option: Field[Any], texts: list[str]) -> str:
    """Return texts as one, in the way in which `_texts` would take it apart again."""
    return shlex.join(texts) if option.metadata["kind"] == "many" else texts[0]


def _parsed(option: Field[Any], texts: list[str]) -> object:
    kind, parse = option.metadata["kind"], option.metadata["parse"]
    if kind == "many":
        return tuple(parse(text) for text in texts)
    if kind == "switch":
        known = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False, "": False}
        if texts[0].lower() not in known:
            raise ValueError(f"{texts[0]!r} is neither true nor false")
        return known[texts[0].lower()]
    return parse(texts[0])
