"""A run in a few lines of HTML, for a page of somebody else's: the summary of pytest-html.

Owns what is left of a run there: verdict, ranks, notices. Must not need a style sheet or a script.
"""

from collections.abc import Mapping

from markupsafe import Markup

from schemabench.records import Experiment, Run
from schemabench.report import figures, footnotes, verdict
from schemabench.report.page import wording
from schemabench.report.page.templates import render


def brief(run: Run) -> Markup:
    """Return a run's verdicts with ranks and notices; nothing where no experiment was run."""
    if not run.experiments:
        return Markup()
    return render("brief.html.j2", run=run, experiments=[_experiment(run, one) for one in run.experiments])


def _experiment(run: Run, experiment: Experiment) -> Mapping[str, object]:
    ranked = verdict.ranked(experiment)
    standings = [standing for _, standing in ranked]
    places = figures.decimals(experiment)
    return {
        "record": experiment,
        "verdict": wording.sentence(verdict.sentence(experiment, wording.name)),
        "ranks": [
            (
                verdict.place(experiment, standing, standings),
                standing.name,
                figures.stood(standing, places) if standing.name != verdict.BASELINE else figures.BASELINE_RATIO,
                figures.share_with_interval(result.lock_standing.share) if result.lock_standing else figures.DASH,
            )
            for result, standing in ranked
        ],
        "control": wording.sentence(verdict.control(experiment)),
        "notices": [notice.text for notice in (*run.notices, *footnotes.of(experiment))],
        "unranked": [(one.name, one.status) for one in verdict.unranked(experiment)],
    }
