"""The HTML page of one run: a single file, read from disk with no network.

Owns the order in which questions are answered. Each section is a module, and decides what it shows.
"""

from altair.utils.schemapi import debug_mode

from schemabench.records import Experiment, Run
from schemabench.report.page import adequacy, costs, crossovers, differences, made, ranks, shell, why
from schemabench.report.page.answer import answer
from schemabench.report.page.section import Section, anchor
from schemabench.report.page.templates import render

_TITLE = "Ranking of candidate schemas"
_SECTIONS = (ranks.section, adequacy.section, why.section, costs.section, differences.section, made.section)


def html(run: Run) -> str:
    """Return a run as one HTML page: the verdict on every experiment first, then what it rests on."""
    with debug_mode(False):  # noqa: FBT003 (Altair's own switch: it would check each part of a chart against the schema)
        experiments = [
            (experiment, anchor(experiment, run), _sections(experiment, run)) for experiment in run.experiments
        ]
    about, further = made.of_run(run), crossovers.of_run(run)
    body = render(
        "run.html.j2",
        run=run,
        answers=[answer(experiment, run) for experiment in run.experiments],
        experiments=experiments,
        further=further,
        about=about,
    )
    links = [
        *((("verdict", "Verdict"),) if experiments or not further else ()),
        *((name, f"{experiment.workload} {experiment.cardinality}") for experiment, name, _ in experiments),
        *((one.id, one.title) for one in (further, about) if one),
    ]
    return shell.document(_TITLE, links, body)


def _sections(experiment: Experiment, run: Run) -> list[Section]:
    return [found for section in _SECTIONS if (found := section(experiment, run))]
