"""Votes at an event: kiosks vote for a few choices, and ask for totals and for the distribution over ten minutes.

Owns the writers' calls. Must not know tables: the SQL is in `operations.sql`, and in the candidates that override it.

A burst of size 1 is a *slice*: `slice_s` seconds of production, with

- kiosks: all votes of that time, one call each, and after them one run of the scheduled job. The job is one of the
  writer's calls so that it comes after so many votes, however fast these are: with a connection of its own it would run
  when a trial begins, and answers would be as old as the trial, whatever the schema;
- readers: what kiosks ask, totals and the distribution in turn.

Two things differ from production. `typical` runs the job every 20 s rather than each minute: a job that runs each
minute leaves answers older than a minute, by its own run, and no burst holds more. And in `worst` it runs each second,
since no burst can hold a minute of a spike. How votes are shared out is not known: each choice gets about half of what
is left.

A history comes at a quiet pace: a spike begins with the first block.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, cycle
from random import Random

from schemabench import Call, Replay, Workload, Writer
from schemabench.values import Geometric

from .cardinality import AXES, TYPICAL, WORST, Votes, strategy
from .model import MODEL, REFRESH
from .replay import COLUMNS, Vote, parse

FIRST_VOTE = datetime(2026, 6, 20, 12, tzinfo=UTC)  # the history ends, and blocks begin, so long after it as it lasts
SLICES_PER_BLOCK = 2  # about what calibration arrives at
EVENT = timedelta(hours=12)  # blocks beyond its end begin again with its first
VOTES_PER_LOAD = 1_000  # histories of two digits and some zeros are whole loads: longer ones continue shorter ones
HALVES = Geometric(0.5)  # each choice gets half of what is left


def writers(votes: Votes) -> tuple[Writer, ...]:
    """Return the two writers; the kiosks' weight counts the job, too."""
    return (
        Writer(
            name="kiosks",
            kind="stream",
            weight=votes.votes + 1,
            clients=5,
            pace=f"{votes.votes_per_s:,} votes a second, and a job every {votes.slice_s:g} s",
        ),
        Writer(
            name="readers",
            kind="reader",
            weight=votes.reads,
            clients=3,
            pace=f"{votes.reads / votes.slice_s:,.3g} questions a second",
        ),
    )


def burst(votes: Votes, writer: str, block: int, random: Random) -> Iterator[Call]:
    """Return a writer's endless calls in a block, as many slices as needed."""
    return _reader() if writer == "readers" else _kiosks(votes, block, random)


def background(votes: Votes, random: Random) -> Iterator[Call]:
    """Yield the votes before the first block, and a run of the job."""
    moments = _moments(FIRST_VOTE, votes.history_votes_per_s)
    for start in range(0, votes.history_votes, VOTES_PER_LOAD):
        own = [_vote(votes, next(moments), random) for _ in range(min(VOTES_PER_LOAD, votes.history_votes - start))]
        columns = zip(*own, strict=True)
        values = {name: list(column) for name, column in zip(("kiosks", "choices", "voted_ats"), columns, strict=True)}
        yield Call("load_votes", values, rows=len(own))
    yield REFRESH


def _kiosks(votes: Votes, block: int, random: Random) -> Iterator[Call]:
    elapsed = timedelta(seconds=block * SLICES_PER_BLOCK * votes.slice_s) % EVENT
    history = timedelta(seconds=votes.history_votes / votes.history_votes_per_s)
    moments = _moments(FIRST_VOTE + history + elapsed, votes.votes_per_s)
    while True:
        for _ in range(votes.votes):
            yield cast_vote(*_vote(votes, next(moments), random))
        yield REFRESH


def cast_vote(kiosk: str, choice: str, voted_at: datetime) -> Call:
    """Return one vote. Votes commute, so they have no key."""
    return Call("cast_vote", {"kiosk": kiosk, "choice": choice, "voted_at": voted_at})


def _reader() -> Iterator[Call]:
    return cycle((Call("read_totals", {}, rows=0), Call("read_distribution", {}, rows=0)))


def _vote(votes: Votes, voted_at: datetime, random: Random) -> tuple[str, str, datetime]:
    choice = 1 + HALVES.draw(votes.choices, random)
    return f"kiosk_{random.randrange(votes.kiosks):03d}", f"choice_{choice:02d}", voted_at


def _moments(first: datetime, votes_per_s: int) -> Iterator[datetime]:
    """Yield when votes are cast: evenly, since within ten minutes it does not matter when."""
    return (first + timedelta(seconds=number / votes_per_s) for number in count())


def replayed(votes: Votes, lines: Iterator[Vote], _others: Mapping[str, Sequence[str]], _cycle: int) -> Iterator[Call]:
    """Yield the vote of each line, and the job after as many as a slice has. Later cycles vote again."""
    for number, line in enumerate(lines, start=1):
        yield cast_vote(*line)
        if number % votes.votes == 0:
            yield REFRESH


WORKLOAD = Workload[Votes](
    name="votes",
    summary="votes at an event: kiosks vote, and ask for totals and ten-minute buckets, a minute old at most",
    cardinalities={"typical": TYPICAL, "worst": WORST},
    strategy=strategy,
    axes=AXES,
    writers=writers,
    burst=burst,
    production_s=lambda votes: votes.slice_s,
    background=background,
    grows="history_votes",
    state=("state_totals", "state_buckets"),
    invariants=("more_served_than_cast",),
    model=MODEL,
    replay=Replay(writer="kiosks", columns=COLUMNS, parse=parse, calls=replayed),
)
