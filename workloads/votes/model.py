"""The expected rows of votes, in plain Python.

Owns the meaning of each operation: how many votes each choice has in each ten minutes, regardless of tables. Must not
know SQL.

Every vote is cast once, whoever casts it: nothing is known of kiosks that repeat themselves. Answers may be a minute
old: the model has all states of that minute, and time passes with each run of the job.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeAlias

from schemabench import Call, Model

from .cardinality import FRESH_WITHIN_S, Votes

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

REFRESH = Call("refresh_results", {}, key="job", rows=0)
JOB_EVERY_S = 40.0  # a job that is late, twice as long as in `typical`; what came before the last run but one must show

BUCKET = timedelta(minutes=10)
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
CHOICES = ("choice_01", "choice_02", "ζώνη 'μία' \\ 🎬")  # sorted alike by bytes and by any language
KIOSKS = ("kiosk_000", "kiosk_001", "kiosk_017", "Ω's")
MOMENTS = (
    datetime(2026, 6, 20, 12, tzinfo=UTC),
    datetime(2026, 6, 20, 12, 9, 59, 999_999, tzinfo=UTC),  # the same ten minutes
    datetime(2026, 6, 20, 12, 10, tzinfo=UTC),  # the next
    datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC),
    datetime(1999, 12, 31, 23, 50, tzinfo=UTC),  # before the epoch of buckets
)

Row: TypeAlias = tuple[object, ...]
Values: TypeAlias = Mapping[str, Any]


@dataclass
class State:
    """The votes that were cast."""

    buckets: Counter[tuple[str, datetime]] = field(default_factory=Counter)
    """(choice, start of the ten minutes) -> votes."""


def bucket(moment: datetime) -> datetime:
    """Return the start of the ten minutes that hold a moment."""
    return EPOCH + (moment - EPOCH) // BUCKET * BUCKET


def apply(state: State, call: Call) -> Sequence[Row] | None:
    """Execute a call; return its expected answer."""
    if call.operation in _READS:
        return _READS[call.operation](state)
    if call.operation in _WRITES:
        _WRITES[call.operation](state, call.values)
    return None


def rows(state: State) -> dict[str, Sequence[Row]]:
    """Return the rows of each query."""
    return {"state_totals": _totals(state), "state_buckets": _distribution(state), "more_served_than_cast": ()}


def _cast(state: State, values: Values) -> None:
    state.buckets[values["choice"], bucket(values["voted_at"])] += 1


def _load(state: State, values: Values) -> None:
    for choice, moment in zip(values["choices"], values["voted_ats"], strict=True):
        state.buckets[choice, bucket(moment)] += 1


def _totals(state: State) -> list[Row]:
    totals: Counter[str] = Counter()
    for (choice, _), number in state.buckets.items():
        totals[choice] += number
    return [(choice, totals[choice]) for choice in sorted(totals, key=str.encode)]


def _distribution(state: State) -> list[Row]:
    return [(*key, state.buckets[key]) for key in sorted(state.buckets, key=lambda key: (key[0].encode(), key[1]))]


_READS: Mapping[str, Callable[[State], list[Row]]] = {"read_totals": _totals, "read_distribution": _distribution}
_WRITES: Mapping[str, Callable[[State, Values], None]] = {"cast_vote": _cast, "load_votes": _load}


def calls(_votes: Votes) -> "SearchStrategy[Call]":
    """Return single calls on few keys, the same for any cardinality: the expected rows do not depend on sizes."""
    from hypothesis import strategies as st  # noqa: PLC0415 (loading it takes half a second; only a check draws)

    votes = st.tuples(st.sampled_from(KIOSKS), st.sampled_from(CHOICES), st.sampled_from(MOMENTS))
    cast = votes.map(lambda vote: Call("cast_vote", dict(zip(("kiosk", "choice", "voted_at"), vote, strict=True))))
    load = st.lists(votes, max_size=4).map(_loaded)
    reads = st.sampled_from(sorted(_READS)).map(lambda name: Call(name, {}, rows=0))
    # By number, since one_of would merge the duplicates here.
    kinds = (cast, cast, cast, load, st.just(REFRESH), st.just(REFRESH), reads, reads)
    return st.integers(0, len(kinds) - 1).flatmap(kinds.__getitem__)


def _loaded(votes: Sequence[tuple[str, str, datetime]]) -> Call:
    columns = {name: [vote[place] for vote in votes] for place, name in enumerate(("kiosks", "choices", "voted_ats"))}
    return Call("load_votes", columns, rows=len(votes))


MODEL: Model[Votes, State] = Model(
    initial=State,
    calls=calls,
    apply=apply,
    state=rows,
    fresh_within_s=FRESH_WITHIN_S,
    includes={"read_totals": "votes", "read_distribution": "votes"},
    counted=("cast_vote", "load_votes"),
    passes_s=lambda call: JOB_EVERY_S if call.operation == REFRESH.operation else 0.0,
)
