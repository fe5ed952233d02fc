"""The settings under which trials ran, and what a candidate had otherwise.

Owns which settings a report shows, and how a difference is worded.
"""

from schemabench.records import CandidateResult, Experiment, Run, Setting
from schemabench.report.text import name
from schemabench.report.tree import Section, Table, cells, columns
from schemabench.report.view import View

DEFAULT = "default"
"""The value of a setting that a run file does not hold: it only holds those that differ from PostgreSQL's own."""
_EMPTY = "(empty)"


def known(experiment: Experiment, run: Run) -> tuple[Setting, ...]:
    """Return the settings of the writers' sessions; of a run file of format 1, those of a session beside them."""
    return experiment.settings or (run.server.settings if run.server else ())


def value(setting: str, experiment: Experiment, run: Run, result: CandidateResult | None = None) -> str:
    """Return the value of a setting for all candidates, or for one that may have it otherwise."""
    own = result.settings if result else ()
    return next((one.value for one in (*own, *known(experiment, run)) if one.name == setting), DEFAULT)


def section(view: View) -> Section | None:
    """Return the settings under which trials ran; None where none are known."""
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
    """Return what the settings that are shown are, as the caption of their table."""
    if experiment.settings:
        return "Settings of the baseline's writers, read in their sessions after the last block"
    return "Settings of the server; the writers' sessions may have had others (an older run file)"


def otherwise(experiment: Experiment, result: CandidateResult) -> list[str]:
    """Return what a candidate's sessions had otherwise, each as in `jit off instead of on`."""
    usual = {one.name: one.value or _EMPTY for one in experiment.settings}
    return [
        f"{name(one.name)} {name(one.value or _EMPTY)} instead of {name(usual.get(one.name, DEFAULT))}"
        for one in result.settings
    ]


def sentence(experiment: Experiment) -> str:
    """Return which candidates had other settings, and which; empty where none had."""
    return "; ".join(
        f"{name(result.name)} has {' and '.join(found)}"
        for result in experiment.candidates
        if (found := otherwise(experiment, result))
    )
