"""How a run was made, for who wants to repeat it or doubts it.

Owns which facts stand together: those of one experiment, and those that hold for all. Must not judge them.
"""

from markupsafe import Markup

from schemabench.records import CandidateResult, Experiment, Run
from schemabench.report import facts, footnotes, settings
from schemabench.report.page import wording
from schemabench.report.page.footnotes import marks
from schemabench.report.page.section import Section
from schemabench.report.page.tables import Column, table
from schemabench.report.page.templates import render


def section(experiment: Experiment, run: Run) -> Section | None:
    """Return how one experiment was made: candidates, writers, facts. What holds for all stands once: see `of_run`."""
    own = _own_settings(experiment)
    html = render(
        "made.html.j2",
        candidates=table(
            [Column(heading=heading) for heading in ("candidate", "status", "file", "what it is", *own[0])],
            [(*_candidate(one), *some) for one, some in zip(experiment.candidates, own[1], strict=True)],
            caption="The candidates",
        ),
        writers=table(
            [
                Column(heading="writer"),
                Column(heading="kind"),
                Column(heading="connections", number=True),
                Column(heading="operations in a burst", number=True),
                Column(heading="in production"),
            ],
            [
                (wording.code(one.name), one.kind, one.clients, one.operations, one.pace or "-")
                for one in experiment.writers
            ],
            caption="Who executes a burst",
        ),
        settings=_settings(experiment, run),
        facts=facts.of_experiment(experiment),
        notices=marks([*run.notices, *footnotes.of(experiment)], experiment, run),
    )
    return Section(id="made", title="How it was made", html=html)


def _candidate(result: CandidateResult) -> tuple[object, ...]:
    return wording.code(result.name), result.status, wording.code(result.path), result.summary or "-"


def _own_settings(experiment: Experiment) -> tuple[tuple[str, ...], list[tuple[Markup, ...]]]:
    """Return the heading and the cells of a column of settings; nothing where no candidate has some of its own."""
    texts = [settings.otherwise(experiment, one, wording.name) for one in experiment.candidates]
    if not any(texts):
        return (), [() for _ in texts]
    return ("settings",), [(wording.sentence("; ".join(some) or "-"),) for some in texts]


def _settings(experiment: Experiment, run: Run) -> Markup | str:
    """Return the table of the settings under which the trials ran; nothing where none are known."""
    found = settings.known(experiment, run)
    if not found:
        return ""
    return table(
        [Column(heading=heading) for heading in ("setting", "value", "set by")],
        [(wording.code(one.name), wording.code(one.value), one.source) for one in found],
        caption=settings.title(experiment),
    )


def of_run(run: Run) -> Section:
    """Return what holds for all experiments of a run: what repeats it, machine, server, options."""
    html = render(
        "made_run.html.j2",
        run=run,
        facts=facts.of_run(run),
        options=table(
            [Column(heading=heading) for heading in ("option", "value", "from")],
            [(wording.code(one.name), wording.code(one.value), one.source) for one in run.options],
            caption="Options, and where each value came from",
        ),
    )
    return Section(id="run", title="How this run was made", html=html)
