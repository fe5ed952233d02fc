"""A run as Markdown, to be pasted into a pull request.

Owns which figures the templates may show. Must not word a verdict, nor hold the page's text: that is in `templates/`.
"""

from collections.abc import Mapping, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined

from schemabench.records import (
    TIME_CLASSES,
    CandidateResult,
    Crossover,
    Experiment,
    LockStanding,
    Notice,
    RatioMap,
    Run,
    Standing,
)
from schemabench.report import (
    adequacy,
    contention,
    costs,
    crossovers,
    escape,
    facts,
    figures,
    footnotes,
    plans,
    reasons,
    settings,
    verdict,
    writers,
)
from schemabench.report.escape import Markdown, code
from schemabench.report.facts import Fact
from schemabench.report.footnotes import Numbers

_TEMPLATE = "run.md.j2"
_RANK_HEADINGS = (
    "rank",
    "candidate",
    "what it is",
    "ratio [95 % interval]",
    "rows/s [95 % interval]",
    "operations/s [95 % interval]",
)
_ABOUT_HEADINGS = ("candidate", "file", "what it is", "what its author expects")
_LOCK_HEADINGS = ("lock waits [95 % interval]", "rank by lock waits", "front")


def markdown(run: Run) -> str:
    """Return a run as GitHub Flavored Markdown."""
    known = footnotes.numbers(run)
    return (
        templates()
        .get_template(_TEMPLATE)
        .render(
            run=run,
            notes=_notes(run.notices, known),
            experiments=[_experiment(run, experiment, known) for experiment in run.experiments],
            searches=[_search(one) for one in run.crossovers],
            maps=[_map(one) for one in run.maps],
            facts=_facts(facts.of_run(run)),
            options=[(code(one.name), code(one.value), one.source) for one in run.options],
        )
    )


def templates() -> Environment:
    """Return the templates: what they print is escaped, unless a filter below made it Markdown."""
    templates = Environment(  # noqa: S701 (HTML's escapes are not enough: `finalize` applies Markdown's)
        loader=PackageLoader("schemabench.report"),
        finalize=escape.prose,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters |= {"code": code, "fence": escape.fence, "table": escape.table}
    return templates


def _experiment(run: Run, experiment: Experiment, known: Numbers) -> Mapping[str, object]:
    """Return what the template shows of an experiment."""
    ranked = verdict.ranked(experiment)
    results = [result for result, _ in ranked]
    return {
        "record": experiment,
        "verdict": Markdown(verdict.sentence(experiment, code)),
        "marks": _marks([*run.notices, *experiment.notices], known),
        "left_out": Markdown(figures.listed(code(result.name) for result in verdict.unranked(experiment))),
        "reasons": [Markdown(line) for line in reasons.lines(experiment, code, escape.prose)],
        "why": _capital(contention.why(experiment, code)),
        "ranks": _ranks(experiment, known),
        "writers_title": writers.TITLE,
        "writers_legend": writers.LEGEND,
        "writers_headings": ["candidate", *map(code, writers.names(experiment))],
        "writers_ratios": [
            [Markdown(code(result.name) + _marks(result.notices, known)), *map(Markdown, cells)]
            for result, cells in writers.rows(experiment)
        ],
        "control": Markdown(verdict.control(experiment)),
        "equivalence": Markdown(verdict.equivalence(experiment)),
        "pauses": Markdown(contention.pauses(experiment, code)),
        "lock_control": Markdown(contention.control(experiment)),
        "ties": Markdown(verdict.ties_across_ranks(experiment, code)),
        "headroom": Markdown(verdict.headroom(experiment, code)),
        "drift": Markdown(verdict.drift(experiment, code)),
        "adequacy": Markdown(adequacy.sentence(experiment, code)),
        "unranked": [_unranked(some, known) for some in verdict.left_out(experiment)],
        "notes": _notes(footnotes.of(experiment), known),
        "contention": _contention(results),
        "costs": costs.tables(results),
        "retries": _retries(results),
        "goodput": _goodput(results),
        "plans": plans.tables(results),
        "latencies": _latencies(results),
        "fared": _fared(results),
        "pacings": _pacings(results),
        "responses": _responses(results),
        "otherwise": Markdown(settings.sentence(experiment, code)),
        "about": _about(experiment),
        "writers": [
            (code(one.name), one.kind, one.clients, f"{one.operations:,}", one.pace) for one in experiment.writers
        ],
        "facts": _facts(facts.of_experiment(experiment)),
        "settings_title": settings.title(experiment),
        "settings": [(code(one.name), code(one.value), one.source) for one in settings.known(experiment, run)],
    }


def _about(experiment: Experiment) -> Mapping[str, object]:
    """Return headings and rows of what candidates are; settings are a column where one has some of its own."""
    own = [Markdown("; ".join(settings.otherwise(experiment, one, code))) for one in experiment.candidates]
    rows = [(code(one.name), code(one.path), one.summary, one.expects) for one in experiment.candidates]
    if not any(own):
        return {"headings": _ABOUT_HEADINGS, "rows": rows}
    return {
        "headings": (*_ABOUT_HEADINGS, "settings"),
        "rows": [(*row, some) for row, some in zip(rows, own, strict=True)],
    }


def _search(crossover: Crossover) -> Mapping[str, object]:
    """Return what the template shows of a search for where the answer changes."""
    return {
        "record": crossover,
        "sentence": Markdown(crossovers.sentence(crossover, code)),
        "looked": crossovers.looked(crossover),
        "spots": [(Markdown(where), figure, fields) for where, figure, fields in crossovers.spots(crossover, code)],
        "legend": crossovers.LEGEND,
    }


def _map(drawn: RatioMap) -> Mapping[str, object]:
    """Return what the template shows of a map."""
    headings, rows = crossovers.grid(drawn)
    return {
        "record": drawn,
        "about": Markdown(crossovers.about(drawn, code)),
        "unmeasured": crossovers.unmeasured(drawn),
        "headings": headings,
        "rows": rows,
        "alignment": "l" + "r" * (len(headings) - 1),
        "legend": crossovers.LEGEND,
    }


def _capital(sentence: str) -> Markdown:
    return Markdown(sentence[:1].upper() + sentence[1:])


def _ranks(experiment: Experiment, known: Numbers) -> Mapping[str, object]:
    """Return headings and rows of the rank table: with lock waits, where they were sampled."""
    ranked = verdict.ranked(experiment)
    locks = [result.lock_standing for result, _ in ranked if result.lock_standing]
    return {
        "headings": [*_RANK_HEADINGS, *(_LOCK_HEADINGS if locks else ())],
        "rows": [
            [*_rank(experiment, result, standing, known), *(_lock_waits(experiment, result, locks) if locks else [])]
            for result, standing in ranked
        ],
        "locks": bool(locks),
    }


def _rank(experiment: Experiment, result: CandidateResult, standing: Standing, known: Numbers) -> list[object]:
    """Return the cells of one row of the rank table up to lock waits."""
    places = figures.decimals(experiment)
    standings = [other for _, other in verdict.ranked(experiment)]
    is_baseline = standing.name == verdict.BASELINE
    return [
        verdict.place(experiment, standing, standings),
        Markdown(code(result.name) + _marks(result.notices, known)),
        result.summary,
        figures.BASELINE_RATIO if is_baseline else Markdown(figures.stood(standing, places)),
        Markdown(figures.rate_with_interval(result.rows_per_s)),
        Markdown(figures.rate_with_interval(result.operations_per_s)),
    ]


def _lock_waits(experiment: Experiment, result: CandidateResult, standings: Sequence[LockStanding]) -> list[object]:
    """Return the cells of one row of the rank table from lock waits on."""
    own = result.lock_standing
    front = "yes" if result.on_front else ""
    if own is None:
        return [figures.DASH, figures.DASH, front]
    return [Markdown(figures.share_with_interval(own.share)), verdict.place(experiment, own, standings), front]


def _unranked(results: Sequence[CandidateResult], known: Numbers) -> Mapping[str, object]:
    """Return what is shown of candidates that share a status and a reason."""
    names = [code(result.name) + _marks(result.notices, known) for result in results]
    return {
        "names": Markdown(figures.listed(names, len(names))),
        "status": results[0].status,
        "summary": results[0].summary if len(results) == 1 else "",
        "reason": results[0].reason,
    }


def _contention(results: Sequence[CandidateResult]) -> Mapping[str, object]:
    """Return the tables of lock waits and others; empty where nothing was sampled."""
    return {
        "kinds": list(TIME_CLASSES),
        "classes": contention.classes(results),
        "locks": contention.locks(results),
        "pairs": contention.pairs(results),
        "samples": contention.samples(results),
        "most": contention.MOST_ROWS,
    }


def _retries(results: Sequence[CandidateResult]) -> list[tuple[object, ...]]:
    """Return rows of candidate, operation, reason and undone attempts: how many, and for each call."""
    return [
        (code(result.name), code(one.operation), one.reason, f"{one.count:,}", figures.per_call(one.count, one.calls))
        for result in results
        for one in result.retries
    ]


def _goodput(results: Sequence[CandidateResult]) -> list[tuple[object, ...]]:
    """Return rows of candidate, operations and attempts per second; empty where attempts were not counted."""
    return [
        (
            code(result.name),
            Markdown(figures.rate_with_interval(result.operations_per_s)),
            Markdown(figures.rate_with_interval(result.attempts_per_s)),
        )
        for result in results
        if result.attempts_per_s
    ]


def _latencies(results: Sequence[CandidateResult]) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of one table for each operation, candidates in order of rank."""
    found: dict[str, list[tuple[object, ...]]] = {}
    for result in results:
        for one in result.latencies:
            times = [figures.time(value) for value in (one.p50_ns, one.p95_ns, one.p99_ns, one.max_ns)]
            row = (code(result.name), *times, f"{one.count:,}", f"{one.retries:,}")
            found.setdefault(one.operation, []).append(row)
    return found


def _fared(results: Sequence[CandidateResult]) -> list[tuple[object, ...]]:
    """Return a row for each candidate that was asked for production's pace."""
    return [
        (
            code(name),
            adequacy.answer(one.keeps_up),
            adequacy.waiting(one),
            adequacy.over(one),
            code(adequacy.slowest(one).operation),
            adequacy.within(one),
            figures.time(one.lag_p99_ns),
        )
        for name, one in adequacy.fared(results)
    ]


def _pacings(results: Sequence[CandidateResult]) -> list[tuple[object, ...]]:
    """Return a row for each writer under each of these candidates."""
    return [
        (
            code(name),
            code(one.name),
            one.clients,
            figures.share_with_interval(one.utilisation),
            figures.share_with_interval(one.busiest) if one.busiest else figures.DASH,
            adequacy.seconds(one.backlog_s),
            adequacy.drained(one),
            adequacy.answer(one.keeps_up),
        )
        for name, one in adequacy.by_writer(adequacy.fared(results))
    ]


def _responses(results: Sequence[CandidateResult]) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of one table for each operation at production's pace, candidates in order of rank."""
    return {
        operation: [
            (
                code(name),
                *(figures.time(time_ns) for time_ns in (one.p50_ns, one.p95_ns, one.p99_ns, one.max_ns)),
                figures.time(service.p99_ns),
                f"{one.count:,}",
            )
            for name, one, service in found
        ]
        for operation, found in adequacy.by_operation(adequacy.fared(results)).items()
    }


def _facts(known: Sequence[Fact]) -> list[tuple[str, object]]:
    return [(fact.name, code(fact.value) if fact.literal else fact.value) for fact in known]


def _marks(notices: Sequence[Notice], known: Numbers) -> Markdown:
    marks = footnotes.marks(notices, known)
    return Markdown(f" <sup>{marks}</sup>" if marks else "")


def _notes(notices: Sequence[Notice], known: Numbers) -> list[tuple[int, str]]:
    return sorted((known[notice], notice.text) for notice in notices)
