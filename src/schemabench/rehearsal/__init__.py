"""The rehearsal of a migration: a candidate that extends another one, applied to a loaded copy of it, under its load.

A package of its own beside the experiments, whose parts it uses: it ranks nothing.
"""

from collections.abc import Callable
from contextlib import ExitStack

from schemabench.candidate import Candidate
from schemabench.experiment import Plan
from schemabench.progress import Progress
from schemabench.rehearsal.asked import Asked
from schemabench.rehearsal.document import document
from schemabench.rehearsal.files import check_path, write
from schemabench.rehearsal.record import Rehearsal
from schemabench.rehearsal.rehearsing import Rehearsing, check, production_s
from schemabench.server import Server


def rehearse(  # noqa: PLR0913, PLR0917 (what it is about, and who hears of it)
    plan: Plan,
    candidate: Candidate,
    asked: Asked,
    server: Server,
    progress: Progress,
    keep: Callable[[Rehearsal], object] = lambda _: None,
) -> Rehearsal:
    """Apply a candidate to a loaded copy of what it extends, under the workload's writers; return what was found.

    Args:
        plan: The workload at a cardinality.
        candidate: The migration.
        asked: The settings.
        server: Where; nothing is left on it.
        progress: Shows the current stage.
        keep: Receives what was found as soon as it is known: an error or an interrupt after the measurement loses only
            the comparison with a fresh installation. The last that it receives counts.

    Raises:
        SchemabenchError: As `Rehearsing.rehearse`.
    """
    with ExitStack() as stack:
        return Rehearsing(
            plan=plan, candidate=candidate, asked=asked, server=server, progress=progress, stack=stack, keep=keep
        ).rehearse()


__all__ = ["Asked", "Rehearsal", "check", "check_path", "document", "production_s", "rehearse", "write"]
