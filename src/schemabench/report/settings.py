"""The settings of the trials, and a candidate's differences from them.

Owns the choice of the settings in a report, and the wording of a difference.
"""

from schemabench.records import CandidateResult, Experiment, Run, Setting
from schemabench.report.text import name
from schemabench.report.tree import Section, Table, cells, columns
from schemabench.report.view import View

DEFAULT = "default"
"""The value of a setting that is missing in a run file: it holds only those that differ from PostgreSQL's defaults."""
_EMPTY = "(empty)"


def known(experiment: Experiment, run: Run) -> tuple[Setting, ...]:
    """Return the settings of the writers' sessions; for a run file of format 1, those of another session."""
    return experiment.settings or (run.server.settings if run.server else ())


def value(setting: str, experiment: Experiment, run: Run, result: CandidateResult | None = None) -> str:
    """Return the value of a setting for all candidates, or for one that may have a different value."""
    own = result.settings if result else ()
    return next((one.value for one in (*own, *known(experiment, run)) if one.name == setting), DEFAULT)


def section(view: View) -> Section | None:
    """Return the section on the settings of the trials; None if none are known."""
    found = known(view.experiment, view.run)
    if not found:
        return None
    table = Table(
        caption=_title(view.experiment),
        columns=columns("setting", "value", "set by"),
        rows=tuple(cells(name(one.name), name(one.value), one.source) for one in found),
    )
    return Section(id="settings", title="Settings", nodes=(table,))


def _title(experiment: Experiment) -> str:
    """Return the caption for the table of settings."""
    if experiment.settings:
        return "Settings of the baseline's writers, read in their sessions after the last block"
    return "Settings of the server; the writers' sessions may have had others (an older run file)"


def otherwise(experiment: Experiment, result: CandidateResult) -> list[str]:
    """Return the different settings of a candidate's sessions, each as in `jit off instead of on`."""
    usual = {one.name: one.value or _EMPTY for one in experiment.settings}
    return [
        f"{name(one.name)} {name(one.value or _EMPTY)} instead of {name(usual.get(one.name, DEFAULT))}"
        for one in result.settings
    ]


def sentence(experiment: Experiment) -> str:
    """Return the candidates with different settings, and their values; empty if there are none."""
    return "; ".join(
        f"{name(result.name)} has {' and '.join(found)}"
        for result in experiment.candidates
        if (found := otherwise(experiment, result))
    )
