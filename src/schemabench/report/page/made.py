"""How a run was made, for who wants to repeat it or doubts it.

Owns which facts stand together: those of one experiment, and those that hold for all. Must not judge them.
"""

from schemabench.records import CandidateResult, Experiment, Run
from schemabench.report import facts, footnotes
from schemabench.report.page import wording
from schemabench.report.page.footnotes import marks
from schemabench.report.page.section import Section
from schemabench.report.page.tables import Column, table
from schemabench.report.page.templates import render


def section(experiment: Experiment, run: Run) -> Section | None:
    """Return how one experiment was made: candidates, writers, facts. What holds for all stands once: see `of_run`."""
    html = render(
        "made.html.j2",
        candidates=table(
            [Column(heading=heading) for heading in ("candidate", "status", "file", "what it is")],
            [_candidate(one) for one in experiment.candidates],
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
        facts=facts.of_experiment(experiment),
        notices=marks([*run.notices, *footnotes.of(experiment)], experiment, run),
    )
    return Section(id="made", title="How it was made", html=html)


def _candidate(result: CandidateResult) -> tuple[object, ...]:
    return wording.code(result.name), result.status, wording.code(result.path), result.summary or "-"


def of_run(run: Run) -> Section:
    """Return what holds for all experiments of a run: what repeats it, machine, server, options, settings."""
    server = run.server
    html = render(
        "made_run.html.j2",
        run=run,
        facts=facts.of_run(run),
        options=table(
            [Column(heading=heading) for heading in ("option", "value", "from")],
            [(wording.code(one.name), wording.code(one.value), one.source) for one in run.options],
            caption="Options, and where each value came from",
        ),
        settings=table(
            [Column(heading=heading) for heading in ("setting", "value", "set by")],
            [(wording.code(one.name), wording.code(one.value), one.source) for one in server.settings],
            caption="Server settings that differ from PostgreSQL's own defaults",
        )
        if server and server.settings
        else "",
    )
    return Section(id="run", title="How this run was made", html=html)
