"""The answer to the first question: which candidate is best, how sure that is, and who was left out.

Owns what stands in it. Must not word a verdict: `report.verdict` does, alike in every format.
"""

from markupsafe import Markup

from schemabench.records import Experiment, Run
from schemabench.report import adequacy, reasons, verdict
from schemabench.report.page.footnotes import marks, notes
from schemabench.report.page.section import anchor
from schemabench.report.page.templates import render
from schemabench.report.page.wording import code, name, sentence


def answer(experiment: Experiment, run: Run) -> Markup:
    """Return the verdict on one experiment, what limits it, and the notes to it."""
    leaders = [result for result, standing in verdict.ranked(experiment) if standing.rank == 1]
    caveats = [*run.notices, *experiment.notices, *(notice for leader in leaders for notice in leader.notices)]
    return render(
        "answer.html.j2",
        anchor=anchor(experiment, run),
        record=experiment,
        verdict=sentence(verdict.sentence(experiment, name)),
        marks=marks(caveats, experiment, run),
        reasons=[sentence(line) for line in reasons.lines(experiment, name, str)],
        control=verdict.control(experiment),
        equivalence=verdict.equivalence(experiment),
        headroom=sentence(verdict.headroom(experiment, name)),
        drift=sentence(verdict.drift(experiment, name)),
        adequacy=sentence(adequacy.sentence(experiment, name)),
        setting=verdict.setting(experiment),
        left_out=[
            {
                "names": [code(result.name) + marks(result.notices, experiment, run) for result in some],
                "status": some[0].status,
                "reason": some[0].reason,
            }
            for some in verdict.left_out(experiment)
        ],
        notes=notes(experiment, run),
    )
