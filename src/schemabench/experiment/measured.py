"""What the trials of an experiment left behind.

Owns which trials count: those from which on trials are steady, but for the first on each copy of a database. Must not
judge.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from schemabench import records, statistics
from schemabench.errors import CandidateError
from schemabench.experiment import planning
from schemabench.experiment.burst import Encoded
from schemabench.experiment.retiring import FIRST_BLOCK, Retired
from schemabench.load.session import Retried
from schemabench.monitor.attribution import Tally

Times = tuple[int, NDArray[np.int64]]
"""A block, and service times in nanoseconds of one operation in it."""


@dataclass(kw_only=True)
class Measured:
    """What the trials of an experiment left behind."""

    workers: Sequence[str] = ()
    """Those who execute each burst together, in the order of `Trial.busy_shares`; none where one process does."""
    trials: dict[str, list[records.Trial]] = field(default_factory=lambda: defaultdict(list))
    """Entrant -> its trials in order."""
    after_checkpoint: dict[str, list[records.Trial]] = field(default_factory=lambda: defaultdict(list))
    """Entrant -> further trials that count for one thing alone, see `checkpoints`."""
    times: dict[tuple[str, str], list[Times]] = field(default_factory=lambda: defaultdict(list))
    """(entrant, operation) -> service times."""
    undone: dict[str, dict[int, Retried]] = field(default_factory=lambda: defaultdict(dict))
    """Entrant -> block -> attempts that were undone."""
    tallies: dict[str, dict[int, Tally]] = field(default_factory=lambda: defaultdict(dict))
    """Entrant -> block -> what was sampled of its trial."""
    examples: dict[str, Encoded] = field(default_factory=dict)
    """Executed operation -> a call of it: of the burst that would have come next where that has one, since a row that
    was inserted cannot always be inserted again."""
    begun: planning.Begun = field(default_factory=planning.Begun)
    failed: dict[str, CandidateError] = field(default_factory=dict)
    """Candidates that failed on the way and left the experiment."""
    retired: dict[str, Retired] = field(default_factory=dict)
    """Candidates that left the blocks, since a few trials proved them to be much slower than the baseline."""
    shortened: int = 0
    """The size of bursts before they were shortened, so that more blocks fit the budget; 0 where they were not."""
    executed: int = 0
    """Blocks, counted or not."""
    bursts: int = 0
    """Bursts that were made for them: the next is this number."""
    warmup: int = 0
    """Blocks before counting began."""
    steady: bool = True
    """Whether trials are steady from there on."""
    copies: int = 1
    """Of the databases, one after the other."""
    not_copied: str = ""
    """Why databases were copied no more; empty where they could be."""
    elapsed_s: float = 0.0
    """In blocks."""
    taken_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Entrant -> how long its trials took, with what belongs to them."""
    copying_s: float = 0.0
    stopped: str = "budget"
    """As in `records.Experiment`."""
    cycles: int = 0
    """How many times the replayed file was begun; 0 where nothing is replayed."""
    steal_share: float | None = None
    """The share of processor time that the host gave to others; None where that is not known."""

    def is_left(self, name: str) -> bool:
        """Return whether an entrant executes whatever comes next."""
        return name not in self.failed and name not in self.retired

    @property
    def spent_s(self) -> float:
        """Of the budget: it is for those that are left, who shall not have less of it for others that were slow."""
        return self.elapsed_s - sum(taken_s for name, taken_s in self.taken_s.items() if not self.is_left(name))

    @contextmanager
    def taking(self, name: str) -> Iterator[None]:
        """Add how long an entrant takes for something, however that ends."""
        begun_s = perf_counter()
        try:
            yield
        finally:
            self.taken_s[name] += perf_counter() - begun_s

    @property
    def blocks(self) -> int:
        """Counted blocks."""
        return max((len(self.counted(name)) for name in self.trials), default=0)

    def add(self, times: Mapping[tuple[str, str], Sequence[Times]]) -> None:
        """Add service times, of this process or of another worker."""
        for key, some in times.items():
            self.times[key].extend(some)

    def counted(self, name: str) -> list[records.Trial]:
        """Return an entrant's trials that count."""
        return [trial for trial in self.trials[name] if not trial.warmup]

    def rates(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Return bursts per second, of shape (counted blocks, entrants)."""
        columns = [[1 / trial.duration_s for trial in self.counted(name)] for name in names]
        return np.array(columns, dtype=np.float64).T

    def copies_of_blocks(self, name: str) -> list[int]:
        """Return the copy on which each counted block was executed, asked of one of the entrants in all of them."""
        return [trial.copy for trial in self.counted(name)]

    def written(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Return the logical rows that were written before each counted trial, in the shape of `rates`."""
        columns = []
        for name in names:
            before = np.cumsum([0, *(trial.rows + trial.lead_in_rows for trial in self.trials[name])])
            columns.append([before[place] for place, trial in enumerate(self.trials[name]) if not trial.warmup])
        return np.array(columns, dtype=np.float64).T

    def samples_ns(self, name: str) -> Iterator[tuple[str, NDArray[np.int64]]]:
        """Yield each operation of an entrant with its service times in counted trials, by name."""
        blocks = {trial.block for trial in self.counted(name)}
        for (entrant, operation), some in sorted(self.times.items()):
            counted = [times_ns for block, times_ns in some if block in blocks]
            if entrant == name and counted:
                yield operation, np.concatenate(counted, axis=-1)

    def retries(self, name: str) -> Retried:
        """Return the attempts of an entrant that were undone in counted trials."""
        total: Counter[tuple[str, str]] = Counter()
        for trial in self.counted(name):
            total.update(self.undone[name].get(trial.block, {}))
        return dict(total)

    def calls(self, name: str) -> Mapping[str, int]:
        """Return how often an entrant's counted trials called each operation."""
        total: Counter[str] = Counter()
        for trial in self.counted(name):
            total.update(trial.calls)
        return total

    def pauses(self, name: str) -> NDArray[np.float64]:
        """Return how long an entrant paused before retries in each counted trial, in observations.

        That is, what looks would have found meanwhile. All trials are looked at as often a second, but short ones by
        chance not once: hence by the looks of all together.
        """
        trials = self.counted(name)
        looks_per_s = sum(trial.looks for trial in trials) / sum(trial.duration_s for trial in trials)
        return np.array([trial.paused_s for trial in trials]) * looks_per_s

    def tally(self, name: str) -> Tally:
        """Return what was sampled of an entrant's counted trials."""
        total = Tally()
        for trial in self.counted(name):
            if tally := self.tallies[name].get(trial.block):
                total.merge(tally)
        return total

    def retire(self, name: str, difference: str) -> None:
        """Have count what a candidate did that executes no more blocks; `difference` as in `Retired`."""
        self.trials[name] = [replace(one, warmup=one.block < FIRST_BLOCK) for one in self.trials[name]]
        self.retired[name] = Retired(trials=len(self.counted(name)), difference=difference)

    def beside(self, name: str) -> "Measured":
        """Return the trials of all, of which those count that a candidate took part in before it retired."""
        blocks = {trial.block for trial in self.counted(name)}
        return self._with(lambda trial: trial.block in blocks)

    def since(self, block: int) -> "Measured":
        """Return the trials of all, of which those from a block on count."""
        return self._with(lambda trial: trial.block >= block)

    def _with(self, counts: Callable[[records.Trial], bool]) -> "Measured":
        trials: dict[str, list[records.Trial]] = defaultdict(list)
        for name, some in self.trials.items():
            trials[name] = [replace(one, warmup=not counts(one)) for one in some]
        return replace(self, trials=trials, after_checkpoint=defaultdict(list))

    def break_off(self) -> None:
        """Keep the blocks that are done, of a run that was interrupted; the last counts where all were to warm up."""
        self.stopped = "interrupted"
        done = {name: [one for one in some if one.block < self.executed] for name, some in self.trials.items()}
        some_count = any(not one.warmup for trials in done.values() for one in trials)
        last = self.executed - 1
        for name, trials in done.items():
            self.trials[name] = [replace(one, warmup=one.warmup and (some_count or one.block < last)) for one in trials]

    def settle(self, names: Sequence[str]) -> None:
        """Count from where trials are steady, by those of all entrants that are left."""
        rates = self.rates(names)
        shown = [trial.block for trial in self.counted(names[0])]
        copies = self.copies_of_blocks(names[0])
        first, self.steady = statistics.steady_from(rates, names, least=0, most=len(rates) // 2, copies=copies)
        self.warmup = shown[first] if first else min(self.warmup, self.executed - 1)
        for name, trials in self.trials.items():
            if name in self.retired:
                continue
            self.trials[name] = [replace(one, warmup=one.warmup or one.block < self.warmup) for one in trials]
