"""What the trials of an experiment left behind.

Owns which trials count: all from the point where trials are steady, except for the first on each copy of a database.
Must not judge.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from schemabench import records, statistics
from schemabench.candidate import BASELINE
from schemabench.errors import CandidateError
from schemabench.experiment import planning
from schemabench.experiment.burst import Encoded
from schemabench.experiment.companions import Executions
from schemabench.experiment.retiring import FIRST_BLOCK, Retired, WrongRows
from schemabench.experiment.staleness import Freshness
from schemabench.load.session import Undone
from schemabench.monitor.attribution import Tally
from schemabench.statistics import Beaten

Times = tuple[int, NDArray[np.int64]]
"""A block, and the service times of one operation in it, in nanoseconds."""


@dataclass(kw_only=True)
class Measured:
    """What the trials of an experiment left behind."""

    freshness: Freshness | None = None
    """The ages of answers; None where nothing executes bursts."""
    workers: Sequence[str] = ()
    """The workers that execute each burst together, in the order of `Trial.busy_shares`; empty for a single process."""
    trials: dict[str, list[records.Trial]] = field(default_factory=lambda: defaultdict(list))
    """Entrant -> its trials in order."""
    after_checkpoint: dict[str, list[records.Trial]] = field(default_factory=lambda: defaultdict(list))
    """Entrant -> further trials with a single purpose, see `checkpoints`."""
    times: dict[tuple[str, str], list[Times]] = field(default_factory=lambda: defaultdict(list))
    """(entrant, operation) -> service times."""
    undone: dict[str, dict[int, Undone]] = field(default_factory=lambda: defaultdict(dict))
    """Entrant -> block -> attempts that were rolled back and repeated."""
    accepted: dict[str, dict[int, Undone]] = field(default_factory=lambda: defaultdict(dict))
    """Entrant -> block -> calls that were rolled back and left at that."""
    tallies: dict[str, dict[int, Tally]] = field(default_factory=lambda: defaultdict(dict))
    """Entrant -> block -> the samples of its trial."""
    companions: dict[str, dict[int, Mapping[str, Executions]]] = field(default_factory=lambda: defaultdict(dict))
    """Entrant -> block -> what each companion executed in its trial."""
    examples: dict[str, Encoded] = field(default_factory=dict)
    """Executed operation -> a call of it, from the next burst if that has one, because an inserted row cannot always be
    inserted again."""
    begun: planning.Begun = field(default_factory=planning.Begun)
    failed: dict[str, CandidateError] = field(default_factory=dict)
    """Candidates that failed and left the experiment."""
    retired: dict[str, Retired] = field(default_factory=dict)
    """Candidates that left the blocks because their trials proved them to be too slow."""
    shortened: int = 0
    """The size of bursts before they were shortened to fit more blocks into the budget; 0 if they were not."""
    executed: int = 0
    """Executed blocks, counted or not."""
    bursts: int = 0
    """Bursts made for them: the number of the next burst."""
    warmup: int = 0
    """Blocks before the first that counts."""
    steady: bool = True
    """Whether trials are steady from there on."""
    copies: int = 1
    """Copies of the databases, one after the other."""
    not_copied: str = ""
    """Why databases were not copied any more; empty if they could be."""
    elapsed_s: float = 0.0
    """Seconds spent in blocks."""
    taken_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Entrant -> the time that its trials took, with the work around them."""
    copying_s: float = 0.0
    grown_by: dict[str, float] = field(default_factory=dict)
    """Entrant -> the share by which its databases have grown since blocks count; empty where that is not limited."""
    stopped: str = "budget"
    """As in `records.Experiment`."""
    cycles: int = 0
    """How many times the replayed file was started; 0 if no file is replayed."""
    steal_share: float | None = None
    """The share of processor time that the host gave to other guests; None if unknown."""

    @property
    def grown(self) -> float | None:
        """The share by which databases have grown, at most over those who still take part; None if not limited."""
        return max((share for name, share in self.grown_by.items() if self.is_left(name)), default=None)

    def is_left(self, name: str) -> bool:
        """Return whether an entrant still takes part."""
        return name not in self.failed and name not in self.retired

    @property
    def spent_s(self) -> float:
        """Seconds of the budget used; the time of candidates that failed or are far slower is not counted."""
        return self.elapsed_s - sum(taken_s for name, taken_s in self.taken_s.items() if not self._counts(name))

    def _counts(self, name: str) -> bool:
        """Return whether an entrant's time is part of the budget: who left a race has had its share."""
        return self.is_left(name) or (name in self.retired and self.retired[name].beaten is not None)

    @contextmanager
    def taking(self, name: str) -> Iterator[None]:
        """Add the time that an entrant takes for something, even if that fails."""
        begun_s = perf_counter()
        try:
            yield
        finally:
            self.taken_s[name] += perf_counter() - begun_s

    @property
    def blocks(self) -> int:
        """The number of counted blocks: the baseline takes part in each of them."""
        return len(self.counted(BASELINE))

    def add(self, times: Mapping[tuple[str, str], Sequence[Times]]) -> None:
        """Add service times, of this process or of another worker."""
        for key, some in times.items():
            self.times[key].extend(some)

    def counted(self, name: str) -> list[records.Trial]:
        """Return an entrant's trials that count."""
        return [trial for trial in self.trials[name] if not trial.warmup]

    @property
    def drift_rows(self) -> int:
        """The number of rows to report drifts for: a power of ten, at most as many as the baseline's trials wrote."""
        written = sum(trial.rows for trial in self.trials[BASELINE])
        return int(f"1{'0' * (len(str(max(1, written))) - 1)}")

    def rates(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Return bursts per second, of shape (counted blocks, entrants)."""
        columns = [[1 / trial.duration_s for trial in self.counted(name)] for name in names]
        return np.array(columns, dtype=np.float64).T

    def copies_of_blocks(self, name: str) -> list[int]:
        """Return the copy on which each counted block was executed, by an entrant that took part in all of them."""
        return [trial.copy for trial in self.counted(name)]

    def written(self, names: Sequence[str]) -> NDArray[np.float64]:
        """Return the logical rows written before each counted trial, in the shape of `rates`."""
        columns = []
        for name in names:
            before = np.cumsum([0, *(trial.rows + trial.lead_in_rows for trial in self.trials[name])])
            columns.append([before[place] for place, trial in enumerate(self.trials[name]) if not trial.warmup])
        return np.array(columns, dtype=np.float64).T

    def samples_ns(self, name: str) -> Iterator[tuple[str, NDArray[np.int64]]]:
        """Yield each operation of an entrant, by name, with its service times in counted trials."""
        blocks = {trial.block for trial in self.counted(name)}
        for (entrant, operation), some in sorted(self.times.items()):
            counted = [times_ns for block, times_ns in some if block in blocks]
            if entrant == name and counted:
                yield operation, np.concatenate(counted, axis=-1)

    @property
    def lacks_times(self) -> bool:
        """Whether the service time of a call in a counted trial is missing, as another worker did not hand it over."""
        present = [name for name in self.trials if name not in self.failed]
        calls = sum(sum(self.calls(name).values()) for name in present)
        return calls != sum(len(times_ns) for name in present for _, times_ns in self.samples_ns(name))

    def quantile_ns(self, name: str, level: float) -> records.Estimate | None:
        """Return a quantile of the service times of all calls of an entrant in counted trials; None with too few."""
        by_block: dict[int, list[NDArray[np.int64]]] = defaultdict(lambda: [np.array([], dtype=np.int64)])
        for (entrant, _), some in self.times.items():
            if entrant == name:
                for block, times_ns in some:
                    by_block[block].append(times_ns)
        counted = [np.concatenate(by_block[trial.block]) for trial in self.counted(name)]
        return statistics.quantile(counted, level, copies=self.copies_of_blocks(name))

    def retries(self, name: str) -> Undone:
        """Return the attempts of an entrant that were rolled back and repeated in counted trials."""
        return self._summed(name, self.undone[name])

    def acceptances(self, name: str) -> Undone:
        """Return the calls of an entrant that were rolled back and left at that in counted trials."""
        return self._summed(name, self.accepted[name])

    def _summed(self, name: str, by_block: Mapping[int, Undone]) -> Undone:
        total: Counter[tuple[str, str]] = Counter()
        for trial in self.counted(name):
            total.update(by_block.get(trial.block, {}))
        return dict(total)

    def calls(self, name: str) -> Mapping[str, int]:
        """Return the number of calls of each operation in an entrant's counted trials."""
        total: Counter[str] = Counter()
        for trial in self.counted(name):
            total.update(trial.calls)
        return total

    def pauses(self, name: str) -> NDArray[np.float64]:
        """Return an entrant's pauses before retries in each counted trial, as a number of observations.

        That is the number of observations that samples would have had in that time. All trials have the same sampling
        rate, but a short one may have no sample by chance: hence the rate over all trials together.
        """
        trials = self.counted(name)
        looks_per_s = sum(trial.looks for trial in trials) / sum(trial.duration_s for trial in trials)
        return np.array([trial.paused_s for trial in trials]) * looks_per_s

    def tally(self, name: str) -> Tally:
        """Return the samples of an entrant's counted trials."""
        total = Tally()
        for trial in self.counted(name):
            if tally := self.tallies[name].get(trial.block):
                total.merge(tally)
        return total

    def staleness(self, name: str) -> tuple[records.Staleness, ...]:
        """Return how old an entrant's answers were, in counted trials and at production's pace."""
        return self.freshness.of(name, {trial.block for trial in self.counted(name)}) if self.freshness else ()

    def retire(self, name: str, wrong: WrongRows | None, beaten: Beaten | None = None) -> None:
        """Count the trials of a candidate that leaves the blocks: those of a race stay as they were when it was judged.

        Args:
            name: The candidate.
            wrong: As in `Retired`.
            beaten: On what it leaves a race; None if it is far slower than the baseline.
        """
        if beaten is None:
            self.trials[name] = [replace(one, warmup=one.block < FIRST_BLOCK) for one in self.trials[name]]
        self.retired[name] = Retired(trials=len(self.counted(name)), wrong=wrong, beaten=beaten, left_s=self.elapsed_s)

    def beside(self, name: str) -> "Measured":
        """Return all trials; those of blocks in which a candidate took part before it retired count."""
        blocks = {trial.block for trial in self.counted(name)}
        return self._with(lambda trial: trial.block in blocks)

    def since(self, block: int) -> "Measured":
        """Return all trials; those from a block on count."""
        return self._with(lambda trial: trial.block >= block)

    def _with(self, counts: Callable[[records.Trial], bool]) -> "Measured":
        trials: dict[str, list[records.Trial]] = defaultdict(list)
        for name, some in self.trials.items():
            trials[name] = [replace(one, warmup=not counts(one)) for one in some]
        return replace(self, trials=trials, after_checkpoint=defaultdict(list))

    def break_off(self) -> None:
        """Keep the finished blocks of an interrupted run; all trials of a candidate that has left."""
        self.stopped = "interrupted"
        for name in self.trials.keys() - self.retired.keys():
            self.trials[name] = [one for one in self.trials[name] if one.block < self.executed]

    def settle(self, names: Sequence[str]) -> None:
        """Count from the point where the trials of all remaining entrants are steady, if any count."""
        if not self.blocks:
            return
        rates = self.rates(names)
        shown = [trial.block for trial in self.counted(names[0])]
        copies = self.copies_of_blocks(names[0])
        first, self.steady = statistics.steady_from(rates, names, least=0, most=len(rates) // 2, copies=copies)
        self.warmup = shown[first] if first else min(self.warmup, self.executed - 1)
        for name, trials in self.trials.items():
            if name in self.retired:
                continue
            self.trials[name] = [replace(one, warmup=one.warmup or one.block < self.warmup) for one in trials]
