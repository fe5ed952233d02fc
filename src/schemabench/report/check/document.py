"""The report of a check: the verdicts on each experiment, and what stands behind them.

Owns what stands in it, and in which order. Must not judge, nor draw anything.
"""

import math
from collections.abc import Iterable, Iterator, Sequence

from schemabench.records import CandidateResult, Criterion, Notice
from schemabench.report import brackets, criteria, figures, footnotes, verdict
from schemabench.report.check import duration
from schemabench.report.check.model import VERDICTS, Asked, Check, Judged, Judgement, Verdict
from schemabench.report.text import name, plain
from schemabench.report.tree import (
    Cell,
    Column,
    Document,
    Node,
    Notes,
    Paragraph,
    Part,
    Section,
    Table,
    Terms,
    Verbatim,
)
from schemabench.report.view import View

_TITLES: dict[Verdict, str] = {
    "worse": "Worse than allowed",
    "no result": "No result",
    "cannot tell": "Cannot tell",
    "not worse": "Not worse than allowed",
    "skipped": "Skipped",
}
_CAPTION = "Compared with {against}, paired by block"
_JOINTLY = "; 95 % intervals hold jointly for all candidates by one criterion"


def document(check: Check) -> Document:
    """Return the report of a check."""
    run, against = check.run, plain(name(check.asked.against))
    server = f"PostgreSQL {run.server.version} ({run.server.origin}); " if run.server else ""
    return Document(
        title=f"Check against {against}: {_TITLES[check.verdict].lower()}",
        origin=f"{server}started {run.started}.",
        notes=Notes(items=footnotes.numbered(run.notices, footnotes.numbers(run))),
        parts=tuple(_part(check, one, number) for number, one in enumerate(check.experiments, start=1)),
    )


def _part(check: Check, judged: Judged, number: int) -> Part:
    view, experiment = judged.view, judged.view.experiment
    numbered = footnotes.numbered(_notices(check, judged), view.numbers)
    return Part(
        id=f"check-{number}",
        title=f"{name(experiment.workload)} at {name(experiment.cardinality)}",
        link=f"{experiment.workload} {experiment.cardinality}",
        setting=verdict.setting(experiment),
        verdict=(
            Paragraph(
                text=_sentence(judged.judgements),
                notes=view.marks([*view.run.notices, *experiment.notices]),
                emphasis="strong",
            ),
        ),
        notes=Notes(items=numbered),
        sections=(
            Section(id="verdicts", title="Verdicts", nodes=(_table(check, judged), *_reasons(judged)), brief=True),
        ),
    )


def _sentence(judgements: Sequence[Judgement]) -> str:
    """Return who is worse, of whom nobody can tell, and so on."""
    found: dict[Verdict, dict[str, list[str]]] = {kind: {} for kind in VERDICTS}
    for one in judgements:
        found[one.verdict].setdefault(one.result.name, []).append(_by(one))
    told = {
        kind: figures.listed([_with(name(who), ", ".join(by)) for who, by in some.items()], len(some))
        for kind, some in found.items()
    }
    return " ".join(f"{_TITLES[kind]}: {some}." for kind, some in told.items() if some)


def _with(who: str, by: str) -> str:
    return f"{who} ({by})" if by else who


def _by(one: Judgement) -> str:
    """Return what a verdict rests on, as in `throughput` or `failed`; empty where the verdict says it all."""
    if one.criterion or one.by:
        return one.criterion.title if one.criterion else one.by
    if one.result.retired:
        return "left early"
    return one.result.status if one.result.status not in {"ranked", "skipped"} else ""


def _table(check: Check, judged: Judged) -> Table:
    view = judged.view
    known = {one.criterion.name: one.criterion for one in judged.judgements if one.criterion}
    within = brackets.either(brackets.of_comparisons(one, view.experiment) for one in known.values())
    return Table(
        caption=_CAPTION.format(against=name(check.asked.against)) + (_JOINTLY if brackets.INTERVAL in within else ""),
        columns=(
            Column(heading="candidate", is_name=True),
            Column(heading="criterion"),
            Column(heading=f"found [{within}]", short="found", align="right"),
            Column(heading="verdict"),
        ),
        rows=tuple(
            (
                view.named(one.result),
                Cell(text=criteria.as_compared(one.criterion) if one.criterion else one.by or figures.DASH),
                _found(view, one),
                Cell(text=one.verdict, strong=one.verdict == "worse"),
            )
            for one in judged.judgements
        ),
        legend=tuple(_legend(known.values(), check.asked)),
        notes=view.marks(notice for one in _other(check, judged) for notice in one.notices),
    )


def _legend(known: Iterable[Criterion], asked: Asked) -> Iterator[tuple[str, str]]:
    """Yield what is allowed, criterion by criterion."""
    if allowed := [f"{one.title} {criteria.allowed(one, asked.regression(one.name))}" for one in known]:
        yield "allowed", "; ".join(allowed)


def _found(view: View, one: Judgement) -> Cell:
    if one.criterion is None or one.found is None:
        return Cell(text=figures.DASH)
    if math.isinf(one.found.high):
        return Cell(text=figures.ratio_at_least(one.found, view.places), sort=one.found.value)
    if one.found.low == 0 and one.criterion.compared == "ratio":
        return Cell(text=f"at most {figures.multiple(one.found.high, view.places)}", sort=one.found.value)
    text, interval = criteria.compared(one.criterion, one.found, one.of, view.places)
    return Cell(text=text, interval=interval, sort=one.found.value)


def _reasons(judged: Judged) -> Iterator[Node]:
    """Yield why candidates without figures have none, and what would tell where nobody can."""
    open_ = [one for one in judged.judgements if one.reason and (one.criterion or one.by)]
    if open_:
        yield Terms(items=tuple((f"{name(one.result.name)}, {_by(one)}", one.reason) for one in open_))
    if any(one.is_forecast for one in open_):
        yield Paragraph(text=f"{duration.ASSUMPTION}.", emphasis="small")
    for one in judged.judgements:
        if one.reason and one not in open_:
            yield Verbatim(
                label=f"{_TITLES[one.verdict]}: {', '.join(filter(None, (name(one.result.name), _by(one))))}",
                text=one.reason,
                is_failure=one.verdict == "worse",
            )


def _other(check: Check, judged: Judged) -> list[CandidateResult]:
    """Return the candidate that others are compared with; none where the experiment does not hold it."""
    return [one for one in judged.view.experiment.candidates if one.name == check.asked.against]


def _notices(check: Check, judged: Judged) -> list[Notice]:
    """Return the notices on the experiment, on what candidates are compared with, and on those that are judged."""
    run = judged.view.run
    results = [*_other(check, judged), *(one.result for one in judged.judgements)]
    every = [
        *judged.view.experiment.notices,
        *(notice for result in results for notice in result.notices),
    ]
    return [notice for notice in dict.fromkeys(every) if notice not in run.notices]
