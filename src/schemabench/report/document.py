"""The report of a run: its sections and their order.

Owns the document as a whole. A section is one function of a view, and appears in all formats. Must not draw anything.
"""

import re
from collections.abc import Callable, Iterator

from schemabench.candidate import BASELINE
from schemabench.records import CandidateResult, Experiment, Notice, Run
from schemabench.report import (
    adequacy,
    caveats,
    companions,
    contention,
    costs,
    crossovers,
    differences,
    facts,
    figures,
    footnotes,
    growth,
    interference,
    noise,
    over_time,
    plans,
    race,
    ranks,
    reasons,
    retries,
    service_times,
    settings,
    soak,
    staleness,
    text,
    verdict,
    view,
    writers,
)
from schemabench.report.text import name
from schemabench.report.tree import Bullets, Document, Node, Notes, Paragraph, Part, Section, Terms, Verbatim
from schemabench.report.view import View

_TITLE, _GROWTH_TITLE = "Ranking of candidate schemas", "Growth of candidate schemas"
_NO_LINK = re.compile(r"[^a-z0-9]+")
_SECTIONS: tuple[Callable[[View], Section | None], ...] = (
    ranks.section,
    race.section,
    writers.section,
    interference.section,
    companions.section,
    noise.section,
    adequacy.section,
    soak.section,
    staleness.section,
    contention.section,
    costs.section,
    retries.section,
    service_times.section,
    over_time.section,
    differences.section,
    plans.section,
    facts.section,
    settings.section,
)


def document(run: Run) -> Document:
    """Return the report of a run."""
    server = f"PostgreSQL {run.server.version} ({run.server.origin})" if run.server else "No server was used"
    run = growth.by_size(run)
    numbers = footnotes.numbers(run)
    return Document(
        title=_GROWTH_TITLE if run.growths else _TITLE,
        origin=f"{server}; started {run.started}.",
        notes=Notes(items=footnotes.numbered(run.notices, numbers)),
        parts=(
            *growth.parts(run),
            *(_part(View(experiment, run), number) for number, experiment in enumerate(run.experiments, start=1)),
        ),
        sections=(*crossovers.sections(run), facts.of_run(run)),
        empty="No experiment was run.",
    )


def _part(known: View, number: int) -> Part:
    experiment, run = known.experiment, known.run
    own = [notice for notice in footnotes.of(experiment) if notice not in run.notices]
    cardinality = growth.title(run, experiment)
    return Part(
        id=f"{number}-{_NO_LINK.sub('-', f'{experiment.workload}-{experiment.cardinality}'.lower()).strip('-')}",
        title=f"{name(experiment.workload)} at {name(cardinality)}",
        link=f"{experiment.workload} {cardinality}",
        summary=experiment.summary,
        setting=_setting(known),
        verdict=(
            Paragraph(
                text=verdict.sentence(experiment),
                notes=known.marks([*run.notices, *experiment.notices, *_of_compared(known)]),
                emphasis="strong",
            ),
        ),
        answer=tuple(_answer(experiment)),
        findings=tuple(_findings(known)),
        notes=Notes(items=footnotes.numbered(own, known.numbers)),
        sections=tuple(found for section in _SECTIONS if (found := section(known))),
        brief=growth.of(run, experiment) is None,
        names=view.names(run, experiment.workload),
    )


def _setting(known: View) -> str:
    server = f"PostgreSQL {known.run.server.version}; " if known.run.server else ""
    return server + verdict.setting(known.experiment)


def _of_compared(known: View) -> Iterator[Notice]:
    """Yield the notices on the leaders, and on the baseline, to which their ratios are."""
    for result, standing in known.ranked:
        if standing.rank == 1 or result.name == BASELINE:
            yield from result.notices


def _answer(experiment: Experiment) -> Iterator[Node]:
    """Yield the differences from the baseline, and the use of the slowest candidate's time."""
    if lines := reasons.lines(experiment):
        yield Bullets(lead="What differs from the baseline:", items=tuple(lines))
    if why := contention.why(experiment):
        yield Paragraph(text=f"{text.capital(why)}.")


def _findings(known: View) -> Iterator[Node]:
    """Yield further findings, in a few lines, and the candidates that were not ranked."""
    experiment = known.experiment
    found = Terms(
        items=(
            ("headroom", adequacy.headroom(experiment)),
            ("adequacy", adequacy.sentence(experiment)),
            ("soak", soak.sentence(experiment)),
            ("interference", interference.sentence(experiment)),
            ("staleness", staleness.sentence(experiment)),
            ("drift", verdict.drift(experiment)),
            ("sizes", costs.sizes(experiment)),
            ("retries", retries.none(known)),
            ("control", verdict.control(experiment)),
            ("control, locks", contention.control(experiment)),
            ("equivalence", verdict.equivalence(experiment)),
            ("load loops", facts.loops(experiment)),
            ("settings", settings.sentence(experiment)),
            ("plans at production's size", plans.at_production(experiment)),
        ),
        notes=caveats.marks(known),
    )
    if found.items:
        yield found
    for results in verdict.left_out(experiment):
        yield _left_out(known, results)


def _left_out(known: View, results: list[CandidateResult]) -> Verbatim:
    """Return why candidates with the same status and reason were not ranked."""
    who = figures.listed([name(result.name) for result in results], len(results))
    about = f": {results[0].summary}" if len(results) == 1 and results[0].summary else ""
    return Verbatim(
        label=f"Not ranked: {who}, {results[0].status}{about}",
        notes=known.marks(notice for result in results for notice in result.notices),
        text=results[0].reason,
        is_failure=True,
    )
