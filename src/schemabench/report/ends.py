"""Why an experiment ended, in words.

Owns the difference between an interrupt by the user and the loss of a worker, which both cut an experiment short. Must
not judge what follows from that.
"""

from schemabench.records import WORKER_LOST, Experiment

_UNTIL = {
    "precision": "until it was precise enough",
    "budget": "until its budget was spent",
    "decided": "until only the baseline was left in the race",
    "grown": "until databases had grown as far as they may",
}


def until(experiment: Experiment) -> str:
    """Return until when an experiment went on, in a clause."""
    return _UNTIL.get(experiment.stopped) or f"until it {early(experiment)}"


def cause(experiment: Experiment) -> str:
    """Return what an experiment was stopped by."""
    return "the loss of a worker" if _is_without_worker(experiment) else experiment.stopped


def early(experiment: Experiment) -> str:
    """Return what befell an experiment that was cut short, as in `was interrupted`; empty if it was not."""
    if not experiment.is_interrupted:
        return ""
    return "lost a worker" if _is_without_worker(experiment) else "was interrupted"


def _is_without_worker(experiment: Experiment) -> bool:
    return any(notice.code == WORKER_LOST for notice in experiment.notices)
