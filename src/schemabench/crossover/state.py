"""The state of a search, in a file next to the workload, for resuming it.

Owns the file and the refusal to resume under other conditions. Must not search.
"""

from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from schemabench.cardinality import write_whole
from schemabench.errors import UsageError
from schemabench.records import Probe

FILE = "crossover-state.json"


@dataclass(kw_only=True)
class State:
    """A search in progress.

    Attributes:
        candidate: The candidate; empty before it is known.
        fingerprint: A digest of all conditions of its figures.
        probes: Its probes, by key, in order.
        path: The file; None to keep the state in memory only.
    """

    candidate: str = ""
    fingerprint: str = ""
    path: Path | None = None
    probes: dict[str, Probe] = field(default_factory=dict)

    def keep(self, key: str, probe: Probe) -> None:
        """Add one probe, and write the file.

        Raises:
            UsageError: The file cannot be written.
        """
        self.probes[key] = probe
        if self.path is not None:
            content = _Content(fingerprint=self.fingerprint, candidate=self.candidate, probes=self.probes)
            write_whole(self.path, msgspec.json.encode(content).decode() + "\n")

    def forget(self) -> None:
        """Delete the file: the search is complete."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


@dataclass(frozen=True, kw_only=True)
class _Content:
    fingerprint: str
    candidate: str
    probes: dict[str, Probe]


def resumed(path: Path, fingerprint: str) -> State:
    """Return the state of the interrupted search.

    Raises:
        UsageError: There is none, it cannot be read, or its conditions have changed.
    """
    restart = "start a new search: leave out --resume"
    try:
        content = msgspec.json.decode(path.read_bytes(), type=_Content)
    except FileNotFoundError as cause:
        raise UsageError(f"There is no search to resume: no {path}", remedies=[restart]) from cause
    except (OSError, msgspec.DecodeError) as cause:
        raise UsageError(f"The search in {path} cannot be resumed: {cause}", remedies=[restart]) from cause
    if content.fingerprint != fingerprint:
        raise UsageError(
            f"The search in {path} cannot be resumed: one of its conditions has changed",
            checked=[
                "the workload, its cardinalities and SQL, the candidates, Hypothesis",
                "--seed, --clients, --postgres, --noise and whatever else its trials are made with",
            ],
            remedies=["undo the change", restart],
        )
    return State(fingerprint=fingerprint, path=path, candidate=content.candidate, probes=content.probes)
