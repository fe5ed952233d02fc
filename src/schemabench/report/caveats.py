"""Which notices limit which finding of an experiment.

Owns the choice, by the codes of notices. Must not word anything. A finding that says itself what a notice says, as that
on the control does where it differs, needs no mark. What limits all figures alike is marked at the verdict only.
"""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from schemabench.report import footnotes
from schemabench.report.view import View

_OF_THROUGHPUT = ("client-saturated", "not-steady", "not-copied", "stolen-time")
LIMITS: Mapping[str, tuple[str, ...]] = {
    "headroom": (*_OF_THROUGHPUT, "one-writer", "client-limited"),
    "adequacy": ("schedule-lag", "stolen-time"),
    "soak": ("soak-*",),
    "interference": ("stolen-time",),
    "drift": ("not-steady", "stolen-time"),
    "sizes": ("replayed",),
    "control": (*_OF_THROUGHPUT, "control-settings"),
    "control, locks": ("few-blocks", "blocks-unobserved", "control-settings"),
    "settings": ("mixed-settings", "setting-overruled", "control-settings"),
    "plans at production's size": ("production-not-compared",),
}
"""Finding -> codes of notices; an asterisk stands for any end of a code."""


def marks(view: View) -> dict[str, tuple[int, ...]]:
    """Return the numbers of the notices that limit each finding, those on candidates included."""
    every = [*view.run.notices, *footnotes.of(view.experiment)]
    return {
        finding: view.marks(one for one in every if any(fnmatchcase(one.code, code) for code in codes))
        for finding, codes in LIMITS.items()
    }
