"""The expected rows of the clickstream, in plain Python.

Owns the meaning of each operation: sets of events, in which one that is sent again is there already. Must not know SQL.

An install comes once for each user, since the application says that it is the first; sent again, it is the same event.
No total can exceed a bigint, so no number is drawn.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from schemabench import Call, Model

from .cardinality import Clickstream
from .events import INSTALL, LIKE, LOG_IN, Event, first_install, like_article, load_events, log_in

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

TOP_ARTICLES = 10  # that top_articles shows
WEEK = timedelta(days=7)
USERS = ("u1", "u2", "U1", "ζωή 'μία' \\ {,}")
# In the order of bytes, which is not that of any language.
ARTICLES = ("B", "a", "É'\\", *(f"p{number:02}" for number in range(TOP_ARTICLES)))
MONDAY = date(2015, 9, 7)
EARLIEST = datetime.combine(MONDAY, time())
# Both ends of a day and of weeks that follow each other, a turn of the year, and a week that no partition is made for.
TIMES = (
    EARLIEST,
    datetime.combine(MONDAY + timedelta(days=6), time.max),
    datetime.combine(MONDAY + WEEK, time()),
    datetime.combine(MONDAY + WEEK + timedelta(days=6), time.max),
    datetime.combine(MONDAY + 2 * WEEK, time()),
    datetime(2015, 12, 31, 23, 59, 59),  # noqa: DTZ001 (stored without a zone; likewise below)
    datetime(2018, 2, 28, 12),  # noqa: DTZ001
)

Row: TypeAlias = tuple[object, ...]
Values: TypeAlias = Mapping[str, Any]


@dataclass
class State:
    """All events that came, each once."""

    installs: dict[str, datetime] = field(default_factory=dict)
    """User -> when it installed."""
    log_ins: set[tuple[str, datetime]] = field(default_factory=set)
    """(user, time)."""
    likes: set[tuple[str, str, datetime]] = field(default_factory=set)
    """(user, article, time)."""

    def cohort(self, week: date) -> tuple[int, int]:
        """Return how many users installed in a week, and how many of them logged in in the next."""
        users = [user for user, installed_at in self.installs.items() if _week(installed_at) == week]
        active = {user for user, at in self.log_ins if _week(at) == week + WEEK}
        return len(users), len(active.intersection(users))


def possible(state: State, call: Call) -> bool:
    """Return whether the application could send a call: no user installs twice."""
    installs = dict(state.installs)
    for event in _events(call):
        if event.kind == INSTALL and installs.setdefault(event.user_id, event.happened_at) != event.happened_at:
            return False
    return True


def apply(state: State, call: Call) -> Sequence[Row] | None:
    """Execute a call; return its expected answer."""
    if call.operation in _READS:
        return _READS[call.operation](state, call.values)
    for event in _events(call):
        if event.kind == INSTALL:
            state.installs[event.user_id] = event.happened_at
        elif event.kind == LOG_IN:
            state.log_ins.add((event.user_id, event.happened_at))
        else:
            assert event.article is not None, "a like is of an article"
            state.likes.add((event.user_id, event.article, event.happened_at))
    return None


def rows(state: State) -> dict[str, Sequence[Row]]:
    """Return the rows of each query."""
    likes = Counter((at.date(), article) for _, article, at in state.likes)
    weeks = sorted({_week(at) for at in state.installs.values()})
    active = Counter(week for _, week in {(user, _week(at)) for user, at in state.log_ins})
    holds = ("likes_differ_from_events", "events_doubled", "installed_twice", "active_weeks_doubled")
    return {
        "likes_by_day": [(*key, likes[key]) for key in sorted(likes, key=lambda key: (key[0], key[1].encode()))],
        "cohorts": [(week, *state.cohort(week)) for week in weeks],
        "active_users": sorted(active.items()),
        **dict.fromkeys(holds, ()),
    }


def _top_articles(state: State, values: Values) -> list[Row]:
    first, last = values["first_day"], values["last_day"]
    likes = Counter(article for _, article, at in state.likes if first <= at.date() <= last)
    return list(sorted(likes.items(), key=lambda one: (-one[1], one[0].encode()))[:TOP_ARTICLES])


def _retention(state: State, values: Values) -> list[Row]:
    weeks = sorted({_week(at) for at in state.installs.values()})
    cohorts = [(week, *state.cohort(week)) for week in weeks if values["first_week"] <= week <= values["last_week"]]
    return [(week, installed, returned, _percent(returned, installed)) for week, installed, returned in cohorts]


_READS: Mapping[str, Callable[[State, Values], list[Row]]] = {"top_articles": _top_articles, "retention": _retention}


def _events(call: Call) -> list[Event]:
    """Return the events of a call; none of a read."""
    values: Values = call.values
    if call.operation == "load_events":
        lists = (values[name] for name in ("kinds", "user_ids", "times", "articles"))
        return [Event(*one) for one in zip(*lists, strict=True)]
    kind = {"first_install": INSTALL, "log_in": LOG_IN, "like_article": LIKE}.get(call.operation)
    return [Event(kind, values["user_id"], values["happened_at"], values.get("article"))] if kind else []


def _week(at: datetime) -> date:
    """Return the Monday of a time's week."""
    return at.date() - timedelta(days=at.weekday())


def _percent(part: int, whole: int) -> Decimal:
    return (Decimal(100 * part) / whole).quantize(Decimal("0.1"), ROUND_HALF_UP)


def calls(_sizes: Clickstream) -> "SearchStrategy[Call]":
    """Return single calls of few users, articles and moments, the same for any cardinality."""
    from hypothesis import strategies as st  # noqa: PLC0415 (loading it takes half a second; only a check draws)

    users = st.one_of(st.just(USERS[0]), st.sampled_from(USERS))  # mostly the first, so that its events follow
    articles = st.one_of(st.sampled_from(ARTICLES[:3]), st.sampled_from(ARTICLES))
    times = st.one_of(st.sampled_from(TIMES[:3]), st.sampled_from(TIMES))
    installs = st.builds(first_install, users, times)
    log_ins = st.builds(log_in, users, times)
    likes = st.builds(like_article, users, articles, times)
    events = st.one_of(
        st.builds(Event, st.just(INSTALL), users, times, st.none()),
        st.builds(Event, st.just(LOG_IN), users, times, st.none()),
        st.builds(Event, st.just(LIKE), users, times, articles),
    )
    loads = st.lists(events, max_size=4).map(load_events)
    weeks = st.sampled_from((MONDAY, MONDAY + WEEK, date(2015, 12, 28)))
    days = st.sampled_from((MONDAY, MONDAY + timedelta(days=6), MONDAY + WEEK))
    tops = st.builds(_top_articles_call, days, st.sampled_from((0, 1, 6)))
    cohorts = st.builds(_retention_call, weeks, st.sampled_from((0, 1)))
    # By number, since one_of would merge the duplicates here.
    kinds = (installs, log_ins, likes, likes, log_ins, likes, loads, tops, cohorts)
    return st.integers(0, len(kinds) - 1).flatmap(kinds.__getitem__)


def _top_articles_call(first: date, more_days: int) -> Call:
    return Call("top_articles", {"first_day": first, "last_day": first + timedelta(days=more_days)}, rows=0)


def _retention_call(first: date, more_weeks: int) -> Call:
    return Call("retention", {"first_week": first, "last_week": first + more_weeks * WEEK}, rows=0)


MODEL: Model[Clickstream, State] = Model(initial=State, calls=calls, apply=apply, state=rows, possible=possible)
