"""The settings under which trials ran, and what a candidate had otherwise.

Owns which settings a report shows, and how a difference is worded. Must not know how a format draws them.
"""

from collections.abc import Callable

from schemabench.records import CandidateResult, Experiment, Run, Setting

DEFAULT = "default"
"""The value of a setting that a run file does not hold: it only holds those that differ from PostgreSQL's own."""
_EMPTY = "(empty)"


def known(experiment: Experiment, run: Run) -> tuple[Setting, ...]:
    """Return the settings of the writers' sessions; of a run file of format 1, those of a session beside them."""
    return experiment.settings or (run.server.settings if run.server else ())


def value(name: str, experiment: Experiment, run: Run, result: CandidateResult | None = None) -> str:
    """Return the value of a setting for all candidates, or for one that may have it otherwise."""
    own = result.settings if result else ()
    return next((one.value for one in (*own, *known(experiment, run)) if one.name == name), DEFAULT)


def title(experiment: Experiment) -> str:
    """Return what the settings that are shown are, as the caption of their table."""
    if experiment.settings:
        return "Settings of the baseline's writers, read in their sessions after the last block"
    return "Settings of the server, read beside the writers' sessions, which may have had others (an older run file)"


def otherwise(experiment: Experiment, result: CandidateResult, quoted: Callable[[str], str]) -> list[str]:
    """Return what a candidate's sessions had otherwise, each as in `jit off instead of on`.

    Args:
        experiment: Of the candidate.
        result: The candidate's.
        quoted: What makes names and values fit a format.
    """
    usual = {one.name: one.value or _EMPTY for one in experiment.settings}
    return [
        f"{quoted(one.name)} {quoted(one.value or _EMPTY)} instead of {quoted(usual.get(one.name, DEFAULT))}"
        for one in result.settings
    ]


def sentence(experiment: Experiment, quoted: Callable[[str], str]) -> str:
    """Return which candidates had other settings, and which; empty where none had."""
    return "; ".join(
        f"{quoted(result.name)} has {' and '.join(found)}"
        for result in experiment.candidates
        if (found := otherwise(experiment, result, quoted))
    )
