"""A run as Markdown, to be pasted into a pull request.

Owns which figures the templates may show. Must not word a verdict, nor hold the page's text: that is in `templates/`.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from schemabench.records import CandidateResult, Experiment, Notice, Run, Standing
from schemabench.report import escape, figures, footnotes, verdict
from schemabench.report.escape import Markdown, code
from schemabench.report.footnotes import Numbers
from schemabench.units import format_duration

_TEMPLATE = "run.md.j2"


def markdown(run: Run) -> str:
    """Return a run as GitHub Flavored Markdown."""
    known = footnotes.numbers(run)
    return (
        _templates()
        .get_template(_TEMPLATE)
        .render(
            run=run,
            notes=_notes(run.notices, known),
            experiments=[_experiment(run, experiment, known) for experiment in run.experiments],
            facts=[("schemabench", run.version), ("run", code(run.run_id)), *run.machine.items()],
            options=[(code(one.name), code(one.value), one.source) for one in run.options],
            settings=[
                (code(one.name), code(one.value), one.source) for one in (run.server.settings if run.server else ())
            ],
        )
    )


def _templates() -> Environment:
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
    ranked, unranked = verdict.ranked(experiment), verdict.unranked(experiment)
    return {
        "record": experiment,
        "verdict": Markdown(verdict.sentence(experiment, code)),
        "marks": _marks([*run.notices, *experiment.notices], known),
        "left_out": Markdown(figures.listed(code(result.name) for result in unranked)),
        "ranks": [_rank(experiment, result, standing, known) for result, standing in ranked],
        "control": Markdown(verdict.control(experiment)),
        "ties": Markdown(verdict.ties_across_ranks(experiment, code)),
        "adequacy": Markdown(verdict.adequacy(experiment, code)),
        "unranked": [(result, _marks(result.notices, known)) for result in unranked],
        "notes": _notes(footnotes.of(experiment), known),
        "latencies": _latencies([result for result, _ in ranked]),
        "about": [(code(one.name), code(one.path), one.summary, one.expects) for one in experiment.candidates],
        "writers": [
            (code(one.name), one.kind, one.clients, f"{one.operations:,}", one.pace) for one in experiment.writers
        ],
        "facts": _facts(experiment),
    }


def _rank(experiment: Experiment, result: CandidateResult, standing: Standing, known: Numbers) -> tuple[object, ...]:
    """Return one row of the rank table."""
    places = figures.decimals(experiment)
    standings = [other for _, other in verdict.ranked(experiment)]
    is_baseline = standing.name == verdict.BASELINE
    return (
        f"{standing.rank}{'=' if verdict.shared(standing, standings) else ''}",
        Markdown(code(result.name) + _marks(result.notices, known)),
        result.summary,
        figures.BASELINE_RATIO if is_baseline else Markdown(figures.ratio_with_interval(standing.ratio, places)),
        Markdown(figures.rate_with_interval(result.rows_per_s)),
        Markdown(figures.rate_with_interval(result.operations_per_s)),
    )


def _latencies(results: Sequence[CandidateResult]) -> dict[str, list[tuple[object, ...]]]:
    """Return the rows of one table for each operation, candidates in order of rank."""
    found: dict[str, list[tuple[object, ...]]] = {}
    for result in results:
        for one in result.latencies:
            times = [figures.time(value) for value in (one.p50_ns, one.p95_ns, one.p99_ns, one.max_ns)]
            row = (code(result.name), *times, f"{one.count:,}", f"{one.retries:,}")
            found.setdefault(one.operation, []).append(row)
    return found


def _facts(experiment: Experiment) -> list[tuple[object, object]]:
    """Return how an experiment was made, as rows of name and value."""
    return [
        ("blocks", f"{experiment.blocks:,} counted, after {experiment.warmup_blocks:,} to warm up"),
        ("stopped by", f"{experiment.stopped}, after {format_duration(experiment.elapsed_s)}"),
        ("budget", format_duration(experiment.budget_s)),
        ("precision", f"{figures.percent(experiment.precision)} on either side of every ratio"),
        ("seed", experiment.seed),
        ("clients", figures.plural(experiment.clients, "connection")),
        ("burst", f"{figures.plural(experiment.operations, 'operation')}, {experiment.rows:,} rows on average"),
        *((f"input {name}", code(path)) for name, path in experiment.replay.items()),
        *((f"cardinality: {name}", code(_plain(value))) for name, value in experiment.values.items()),
        ("digest of the cardinality", code(experiment.digest)),
    ]


def _plain(value: Any) -> str:  # noqa: ANN401 (a cardinality's field may be anything that JSON can hold)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _marks(notices: Sequence[Notice], known: Numbers) -> Markdown:
    marks = footnotes.marks(notices, known)
    return Markdown(f" <sup>{marks}</sup>" if marks else "")


def _notes(notices: Sequence[Notice], known: Numbers) -> list[tuple[int, str]]:
    return [(known[notice], notice.text) for notice in notices]
