"""Clickstream of a news application: installs, log-ins and likes, and the two questions that are asked of them.

Owns the content of events, the calls of the application and of its readers. Must not know tables: the SQL is in
`operations.sql`, and in the candidates that override it.

Known from production are the three kinds of events, and what is wanted: the most liked articles of a period, and the
share of those who installed in a week that came back, which is to say logged in, in the week after. All else is
assumed, and named as such in `cardinality`. Four assumptions matter most:

- An event is sent again if no answer came: it must count once. The same user, kind, moment and article are one event.
- Events come from telephones, some of them late, and in no order: a log-in may be there before its install. So no call
  has a key, all of them commute, and any connection may send any event.
- Weeks begin on Monday, days at midnight, in UTC; a period is of whole days.
- What is wanted is what must be kept: likes of a day, and weeks of a user. A candidate that keeps no log-ins beyond
  that says so in its summary.

Time passes faster than in production: 480 blocks are a week, so that a long experiment meets a new week.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count, cycle
from random import Random

from schemabench import Call, Replay, Workload, Writer
from schemabench.values import Power

from .cardinality import AXES, TYPICAL, WORST, Clickstream, strategy
from .events import INSTALL, LIKE, LOG_IN, Event, first_install, like_article, load_events, log_in
from .model import MODEL
from .replay import COLUMNS, parse, replayed

NOW = datetime(2015, 10, 26)  # noqa: DTZ001 (Monday of the first block; times are UTC and stored without a zone)
WEEK = timedelta(days=7)
BLOCK = WEEK / 480
APART = timedelta(milliseconds=250)  # two events that follow each other: 5,000 fit into a block
LATEST = timedelta(days=3)  # of events that come late

INSTALL_SHARE, LOG_IN_SHARE = 0.05, 0.35  # of events; the others are likes (assumed)
RETURNING_SHARE = 0.3  # of users that log in, in each week after their install (assumed)
MOST_LOG_INS = 3  # of such a user in such a week (assumed)
EVENTS_PER_LOAD = 10_000  # in one call that loads history
NEW_PER_BLOCK = 10_000  # numbers of users set apart for a block: far more than a burst has installs
COHORTS = 4  # weeks that a read of retention spans (assumed)
# Assumed: the front page shows the most liked articles of today and of seven days; retention is a dashboard's.
READS = ("today", "seven days", "today", "retention", "today", "seven days")


def writers(sizes: Clickstream) -> tuple[Writer, ...]:
    """Return the application, and those who ask."""
    return (
        Writer(
            name="app",
            kind="stream",
            weight=sizes.events,
            clients=3,
            pace=f"not known; assumed: {sizes.events_per_s:,} events/s at its busiest",
        ),
        Writer(name="reader", kind="reader", weight=sizes.reads, pace="not known; a front page and a dashboard"),
    )


def burst(sizes: Clickstream, writer: str, block: int, random: Random) -> Iterator[Call]:
    """Return a writer's endless calls in a block."""
    return _reads(block) if writer == "reader" else _events(sizes, block, random)


def background(sizes: Clickstream, random: Random) -> Iterator[Call]:
    """Yield the calls that load history, in the order of time, as it came."""
    events = sorted(_history(sizes, random), key=lambda event: event.happened_at)
    for start in range(0, len(events), EVENTS_PER_LOAD):
        yield load_events(events[start : start + EVENTS_PER_LOAD])


def _events(sizes: Clickstream, block: int, random: Random) -> Iterator[Call]:
    """Yield events in the order of time, apart from late ones, some of them twice."""
    installed = count(sizes.users + block * NEW_PER_BLOCK)
    for number in count():
        happened_at = _start(block) + number * APART + random.random() * APART
        if random.random() < sizes.late_share:
            happened_at -= random.random() * LATEST
        kind = random.random()
        if kind < INSTALL_SHARE:
            call = first_install(_user(next(installed)), happened_at)
        elif kind < INSTALL_SHARE + LOG_IN_SHARE:
            call = log_in(_user(random.randrange(sizes.users)), happened_at)
        else:
            call = like_article(_user(random.randrange(sizes.users)), _article(sizes, random), happened_at)
        yield call
        if random.random() < sizes.resent_share:
            yield call._replace(rows=0)


def _reads(block: int) -> Iterator[Call]:
    today = _start(block).date()
    this_week = today - timedelta(days=today.weekday())
    # The newest cohort is that of two weeks ago: its next week is over.
    last = this_week - 2 * WEEK
    for read in cycle(READS):
        if read == "retention":
            weeks = {"first_week": last - (COHORTS - 1) * WEEK, "last_week": last}
            yield Call("retention", weeks, rows=0)
        else:
            first = today if read == "today" else today - timedelta(days=6)
            yield Call("top_articles", {"first_day": first, "last_day": today}, rows=0)


def _history(sizes: Clickstream, random: Random) -> Iterator[Event]:
    begin, span = NOW - sizes.weeks * WEEK, sizes.weeks * WEEK
    for number in range(sizes.users):
        installed_at = begin + number / sizes.users * span
        yield Event(INSTALL, _user(number), installed_at)
        next_week = begin + ((installed_at - begin) // WEEK + 1) * WEEK
        while next_week < NOW:
            if random.random() < RETURNING_SHARE:
                for _ in range(random.randint(1, MOST_LOG_INS)):
                    yield Event(LOG_IN, _user(number), next_week + random.random() * WEEK)
            next_week += WEEK
    for _ in range(sizes.likes):
        liked_at = begin + random.random() * span
        yield Event(LIKE, _user(random.randrange(sizes.users)), liked_at, _article(sizes, random))


def _start(block: int) -> datetime:
    return NOW + block * BLOCK


def _user(number: int) -> str:
    """Return an id that says nothing of the time of the install: ids of telephones do not."""
    return f"u{number * 0x9E3779B1 % 2**32:08x}"  # one to one below 2 ** 32, as the factor is odd


def _article(sizes: Clickstream, random: Random) -> str:
    rank = Power(sizes.article_skew).draw(sizes.articles, random)
    return f"/news/{rank * 0x9E3779B1 % 2**24:06x}/story-{rank}"


WORKLOAD = Workload[Clickstream](
    name="clickstream",
    summary="installs, log-ins and likes of a news application: the most liked articles, and next-week retention",
    cardinalities={"typical": TYPICAL, "worst": WORST},
    strategy=strategy,
    axes=AXES,
    writers=writers,
    burst=burst,
    production_s=lambda sizes: sizes.events / sizes.events_per_s,
    background=background,
    state=("likes_by_day", "cohorts", "active_users"),
    invariants=("likes_differ_from_events", "events_doubled", "installed_twice", "active_weeks_doubled"),
    model=MODEL,
    replay=Replay(writer="app", columns=COLUMNS, parse=parse, calls=replayed),
)
