"""Notices as footnotes of the page: marks that lead to them, and the list that they lead to.

Owns the links between the two. Must not number notices: `report.footnotes` does, alike in every format.
"""

from collections.abc import Iterable

from markupsafe import Markup

from schemabench.records import Experiment, Notice, Run
from schemabench.report import footnotes
from schemabench.report.page.section import anchor
from schemabench.report.page.templates import render


def marks(notices: Iterable[Notice], experiment: Experiment, run: Run) -> Markup:
    """Return the marks of some notices, each a link to its note; nothing for none."""
    known = footnotes.numbers(run)
    numbers = sorted({known[notice] for notice in notices})
    return render("marks.html.j2", numbers=numbers, anchor=anchor(experiment, run))


def notes(experiment: Experiment, run: Run) -> Markup:
    """Return the notes of the run and of one experiment as a list; nothing where there are none."""
    return _listed([*run.notices, *footnotes.of(experiment)], anchor(experiment, run), run)


def notes_alone(name: str, run: Run) -> Markup:
    """Return the notes of a run that has no experiment to stand under, for a section of that name."""
    return _listed([] if run.experiments else run.notices, name, run)


def _listed(notices: Iterable[Notice], name: str, run: Run) -> Markup:
    known = footnotes.numbers(run)
    found = sorted((known[notice], notice.text) for notice in dict.fromkeys(notices))
    return render("notes.html.j2", notes=found, anchor=name)
