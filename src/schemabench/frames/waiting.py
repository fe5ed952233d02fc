"""Waits of writers, and execution plans.

Owns the tables that explain results. Must not judge.
"""

from collections import Counter
from collections.abc import Iterator

from schemabench.frames.table import (
    ANY,
    CANDIDATE,
    FLAG,
    MAYBE_FLAG,
    MAYBE_WHOLE,
    REAL,
    TEXT,
    WHOLE,
    Column,
    Row,
    Table,
    each_candidate,
    fields,
)
from schemabench.records import PAUSE, Run

_SHARE = Column("share", REAL, "share of the writers' time, 0 to 1")
_CLASS = (
    Column(
        "wait_class",
        TEXT,
        "`running`, `Lock`, `LWLock`, `IO`, `Client`, `other`, or `pause` (before a retry; not in older run files)",
    ),
    _SHARE,
    Column(
        "samples",
        MAYBE_WHOLE,
        "samples of writers' sessions in this class, in counted trials; missing for pauses, which are timed",
    ),
)
_EVENT = (
    Column("wait_class", TEXT, "as above"),
    Column("event", TEXT, "the server's name for it, as in `transactionid` or `WALSync`; empty for `running`"),
    _SHARE,
)
_LOCK = (
    Column("kind", TEXT, "as in `tuple`, `transactionid` or `relation`"),
    Column("mode", TEXT, "the requested mode, as in `ShareLock`"),
    Column("relation", TEXT, "the table or index, for a partition its parent; empty: the lock belongs to none"),
    Column("partitions", WHOLE, "number of its partitions with waits; 0 if it has none"),
    _SHARE,
    Column("longest_s", REAL, "the longest sampled wait"),
)
_PAIR = (
    Column("waiting", TEXT, "the operation that waits"),
    Column(
        "blocking", TEXT, "the operation that holds the lock or is ahead in its queue; in brackets: another session"
    ),
    _SHARE,
)
_STATEMENT = (
    Column("operation", TEXT, "the operation's name"),
    Column("position", WHOLE, "position of the statement in it, from 0"),
)
_PLAN = (
    Column("nodes", TEXT, "the types of its nodes and their relations"),
    Column("summary", TEXT, "the same with rows and blocks, or why there is no plan"),
    Column("same", MAYBE_FLAG, "whether the nodes are the baseline's; missing: it is the baseline, or one has no plan"),
    Column("plan", ANY, "the complete output of EXPLAIN: lists and dictionaries; None if there is no plan"),
)
_GROWN = (
    Column("nodes", TEXT, "the types of its nodes and their relations"),
    Column("same", FLAG, "whether that is the plan that was measured"),
    Column("plan", ANY, "the complete output of EXPLAIN, without execution: lists and dictionaries"),
)
_INNER = (
    Column("function", TEXT, "the function with the position in it, as in `charge line 4`"),
    Column("statement", TEXT, "the statement's text, as the server reports it"),
    Column("times", WHOLE, "number of executions with this plan"),
    Column("plan", ANY, "the output of auto_explain: lists and dictionaries"),
)


def _contention(run: Run) -> Iterator[Row]:
    for names, _, candidate in each_candidate(run):
        if candidate.contention is None:
            continue
        samples: Counter[str] = Counter()
        for trial in candidate.trials:
            samples.update({} if trial.warmup else trial.waits)
        for wait_class, share in candidate.contention.classes.items():
            seen = None if wait_class == PAUSE else samples[wait_class]
            yield {**names, "wait_class": wait_class, "share": share, "samples": seen}


def _wait_events(run: Run) -> Iterator[Row]:
    for names, _, candidate in each_candidate(run):
        for event in candidate.contention.events if candidate.contention else ():
            yield {**names, "wait_class": event.wait_class, "event": event.name, "share": event.share}


def _locks(run: Run) -> Iterator[Row]:
    for names, _, candidate in each_candidate(run):
        for lock in candidate.contention.locks if candidate.contention else ():
            yield {**names, **fields(lock, _LOCK)}


def _lock_pairs(run: Run) -> Iterator[Row]:
    for names, _, candidate in each_candidate(run):
        for pair in candidate.contention.pairs if candidate.contention else ():
            yield {**names, **fields(pair, _PAIR)}


def _plans(run: Run) -> Iterator[Row]:
    for names, _, candidate in each_candidate(run):
        for plan in candidate.plans:
            yield {**names, **fields(plan, (*_STATEMENT, *_PLAN))}


def _grown_plans(run: Run) -> Iterator[Row]:
    for names, _, candidate in each_candidate(run):
        for plan in candidate.grown_plans:
            yield {**names, **fields(plan, (*_STATEMENT, *_GROWN))}


def _inner_plans(run: Run) -> Iterator[Row]:
    for names, _, candidate in each_candidate(run):
        for plan in candidate.plans:
            for inner in plan.inside:
                yield {**names, **fields(plan, _STATEMENT), **fields(inner, _INNER)}


CONTENTION = Table(
    "A row for each candidate and wait class of its writers' sessions; none without samples.",
    (*CANDIDATE, *_CLASS),
    _contention,
)
WAIT_EVENTS = Table(
    "A row for each candidate and event that its writers waited for.", (*CANDIDATE, *_EVENT), _wait_events
)
LOCKS = Table("A row for each candidate and kind of lock that its writers waited for.", (*CANDIDATE, *_LOCK), _locks)
LOCK_PAIRS = Table(
    "A row for each candidate and pair of operations of which one waits for the other; a session that waits for "
    "several counts once for each.",
    (*CANDIDATE, *_PAIR),
    _lock_pairs,
)
PLANS = Table(
    "A row for each candidate, operation and statement, with its plan on the final state.",
    (*CANDIDATE, *_STATEMENT, *_PLAN),
    _plans,
)
GROWN_PLANS = Table(
    "A row for each candidate, operation and statement that was planned at production's size; none without "
    "production's statistics, and in older run files.",
    (*CANDIDATE, *_STATEMENT, *_GROWN),
    _grown_plans,
)
INNER_PLANS = Table(
    "A row for each statement inside functions and triggers that a statement in `plans` calls; none in older run "
    "files.",
    (*CANDIDATE, *_STATEMENT, *_INNER),
    _inner_plans,
)
