"""The inputs of a run and its searches: sizes, settings, options, notices, probes, maps.

Owns the tables of everything around an experiment. Must not judge.
"""

from collections.abc import Iterator

from schemabench.frames.table import (
    ANY,
    CANDIDATE,
    EXPERIMENT,
    FLAG,
    REAL,
    TEXT,
    WHOLE,
    Column,
    Row,
    Table,
    each_candidate,
    estimated,
    fields,
    of_experiment,
    spread,
)
from schemabench.records import PROCESSOR, READS, WAL, Run

_SIZE = (
    Column("field", TEXT, "the size's name"),
    Column("value", ANY, "as in the workload: a number or a text"),
)
_SETTING = (
    Column("setting", TEXT, "the server's name for it"),
    Column("value", TEXT, "with its unit"),
    Column("source", TEXT, "its source"),
)
_NOISE = (
    Column("kind", TEXT, "the kind of job: `ingest`, `replicate`, `report` or `expire`"),
    Column("due", WHOLE, "runs that were due, from before the first block until after the last"),
    Column("begun", WHOLE, "those that began"),
    Column("done", WHOLE, "those that were completed"),
    Column("late", WHOLE, "those that began more than a second after they were due, or had not begun by then"),
    Column("failed", WHOLE, "those that failed"),
    Column("longest_wait_s", REAL, "the longest time from due to begun"),
    Column("pace_per_s", REAL, "runs of all kinds that are due per second; likewise below"),
    Column("lasted_s", REAL, "how long the jobs ran"),
    Column("wal_share", REAL, "the noise's share of the server's WAL, 0 to 1; missing: unknown; likewise below"),
    Column("reads_share", REAL, "its share of blocks read"),
    Column("processor_share", REAL, "its share of the server's processor time"),
)
_OPTION = (
    Column("option", TEXT, "its name"),
    Column("value", TEXT, "as given"),
    Column("source", TEXT, "`command line`, `environment`, `ini file` or `default`"),
)
_NOTICE = (
    Column("code", TEXT, "a short stable name, as in `client-saturated`"),
    Column("text", TEXT, "the footnote"),
)
_SEARCHED = (
    Column("workload", TEXT, "the workload's name"),
    Column("candidate", TEXT, "the candidate's name"),
)
_PROBE = (
    Column("values", ANY, "the cardinality: a dictionary of its sizes"),
    Column("cost", REAL, "the candidate's cost over the baseline's, which guides the search; missing: none"),
    Column("ratio", REAL, "throughput over the baseline's in short trials; missing: none"),
    Column("elapsed_s", REAL, "time taken, loading included"),
    Column("reason", TEXT, "why there is no figure; empty if there is one"),
)
_SPOT = (
    Column("cardinality", TEXT, "its name, as in `worst-found`; an experiment of that name is in the other tables"),
    Column("start", FLAG, "whether the search began there; otherwise it was found"),
    *estimated("ratio", "throughput over the baseline's"),
    Column("side", TEXT, "`better`, `worse` or `tied`"),
    Column("at_least", FLAG, "whether `ratio_low` is a lower bound"),
)
_CELL = (
    Column("cardinality", TEXT, "the cardinality that provides all other sizes"),
    Column("first_field", TEXT, "the size along the first axis"),
    Column("second_field", TEXT, "the size along the second axis"),
    Column("first", REAL, "its value on the first axis"),
    Column("second", REAL, "its value on the second axis"),
    *estimated("ratio", "throughput over the baseline's; missing: not measured"),
    Column("side", TEXT, "`better`, `worse` or `tied`; missing likewise"),
    Column("at_least", FLAG, "whether `ratio_low` is a lower bound"),
    Column("reason", TEXT, "why it was not measured; empty if it was"),
)


def _sizes(run: Run) -> Iterator[Row]:
    for experiment in run.experiments:
        for field, value in experiment.values.items():
            yield {**of_experiment(experiment), "field": field, "value": value}


def _settings(run: Run) -> Iterator[Row]:
    for setting in run.server.settings if run.server else ():
        yield {"setting": setting.name, **fields(setting, _SETTING)}
    for experiment in run.experiments:
        for setting in experiment.settings:
            yield {**of_experiment(experiment), "setting": setting.name, **fields(setting, _SETTING)}
    for names, _, candidate in each_candidate(run):
        for setting in candidate.settings:
            yield {**names, "setting": setting.name, **fields(setting, _SETTING)}


def _noise(run: Run) -> Iterator[Row]:
    for experiment in run.experiments:
        one = experiment.noise
        if one is None:
            continue
        for runs in one.runs:
            yield {
                **of_experiment(experiment),
                **fields(runs, _NOISE),
                **fields(one, _NOISE),
                **{f"{name}_share": one.shares.get(name) for name in (WAL, READS, PROCESSOR)},
            }


def _options(run: Run) -> Iterator[Row]:
    for option in run.options:
        yield {"option": option.name, **fields(option, _OPTION)}


def _notices(run: Run) -> Iterator[Row]:
    for notice in run.notices:
        yield fields(notice, _NOTICE)
    for experiment in run.experiments:
        for notice in experiment.notices:
            yield {**of_experiment(experiment), **fields(notice, _NOTICE)}
    for names, _, candidate in each_candidate(run):
        for notice in candidate.notices:
            yield {**names, **fields(notice, _NOTICE)}


def _probes(run: Run) -> Iterator[Row]:
    for search in run.crossovers:
        for probe in search.probes:
            yield {**fields(search, _SEARCHED), **fields(probe, _PROBE)}


def _spots(run: Run) -> Iterator[Row]:
    for search in run.crossovers:
        for spot in (search.start, *search.found):
            yield {
                **fields(search, _SEARCHED),
                **fields(spot, _SPOT),
                "start": spot is search.start,
                **spread("ratio", spot.ratio),
            }


def _map_cells(run: Run) -> Iterator[Row]:
    for one in run.maps:
        for cell in one.cells:
            yield {
                **fields(one, _SEARCHED),
                "cardinality": one.cardinality,
                "first_field": one.first,
                "second_field": one.second,
                **fields(cell, _CELL),
                **spread("ratio", cell.ratio),
            }


SIZES = Table("A row for each experiment and field of its cardinality.", (*EXPERIMENT, *_SIZE), _sizes)
SETTINGS = Table(
    "A row for each setting in the baseline's writers' sessions (`candidate` is missing), and for each different value "
    "in a candidate's. If `workload` is missing, too, it is a setting of the server, in run files of format 1.",
    (*CANDIDATE, *_SETTING),
    _settings,
)
NOISE = Table(
    "A row for each experiment with noise and each kind of its jobs; none in older run files.",
    (*EXPERIMENT, *_NOISE),
    _noise,
)
OPTIONS = Table("A row for each option of the run.", _OPTION, _options)
NOTICES = Table(
    "A row for each footnote: of a candidate; of an experiment if `candidate` is missing; of the run if `workload` is "
    "missing, too.",
    (*CANDIDATE, *_NOTICE),
    _notices,
)
PROBES = Table("A row for each cardinality that a search probed in short trials.", (*_SEARCHED, *_PROBE), _probes)
SPOTS = Table("A row for each cardinality that a search measured and kept.", (*_SEARCHED, *_SPOT), _spots)
MAP_CELLS = Table("A row for each cell of a map over two sizes.", (*_SEARCHED, *_CELL), _map_cells)
