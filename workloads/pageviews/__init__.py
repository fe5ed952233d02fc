"""Page views: hourly files into a warehouse that keeps the 25 most viewed pages of each domain and hour.

Owns the content of such hours, and what its loader and its readers call. Must not know candidates.

An hour is one job: it checks whether the hour is loaded, sends the lines in chunks, and finishes the hour, which ranks
the pages and makes the hour visible at once. All calls of an hour share a key, as one process loads it; several hours
load at the same time, as in a catch-up. After each set of hours, one of them is run again, which must change nothing,
or reloaded by force, which replaces it. Hours are never removed, so the fact table grows, but only by 25 entries per
domain and hour; the amount of data read and looked up stays the same. The blacklist is loaded once, before all hours:
a job brings it in a replay only, since beside an hour of a few hundred lines it would be most of the work.

Weights: the smallest burst of the loader is one set of hours. Production loads one hour of some five million lines an
hour, or several when it catches up; a burst is such a catch-up, with each hour sampled down. The sampling preserves the
properties that decide the cost of a line (ties, the skew over domains, the share of known pages, the length of names)
except one: 29 % of an hour's lines are kept instead of under 1 %; otherwise no domain would have more than 25. The rate
of reads in production is not known: readers have a quarter of the connections and run about as long as the loader.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain, count
from random import Random

from schemabench import Call, Workload, Writer
from schemabench.values import Power

from .bounds import BOUNDED, bounds
from .cardinality import AXES, TYPICAL, WORST, Pageviews, strategy
from .domains import WORDS, all_domains, background_hours, blacklist, line_views
from .jobs import FIRST_HOUR, Line, blacklist_calls, job, with_more_views
from .model import MODEL
from .replay import REPLAY

_HOURS_PER_BLOCK = 168  # a week: more than a burst takes, and few enough that years pass slowly
_BLOCKS_PER_ERA = 2_000  # 38 years: a burst longer than a week continues in hours in which no block begins
_LINES_PER_READ = 14  # lines that the loader writes in the time of a read, measured on the baseline
_LOADER_PACE = "a file of up to five million lines an hour; several hours at once when it catches up"
_READER_PACE = "not known: top pages of a domain, top domains of an hour, the report's checks"
_READS = ("top_pages",) * 17 + ("top_domains",) * 2 + ("check_hour",)  # assumed


def _writers(cardinality: Pageviews) -> tuple[Writer, ...]:
    jobs, lines = cardinality.hours_in_flight + 1, cardinality.lines_per_hour
    calls = jobs * (-(-lines // cardinality.lines_per_call) + 2)
    return (
        Writer(name="loader", kind="batch", weight=calls, clients=3, pace=_LOADER_PACE),
        Writer(name="reader", kind="reader", weight=jobs * lines // _LINES_PER_READ, pace=_READER_PACE),
    )


def _burst(cardinality: Pageviews, writer: str, block: int, random: Random) -> Iterator[Call]:
    return _reads(cardinality, block, random) if writer == "reader" else _jobs(cardinality, block, random)


def _jobs(cardinality: Pageviews, block: int, random: Random) -> Iterator[Call]:
    """Yield sets of hours: the hours of a set load at the same time, then one of them again."""
    size = cardinality.lines_per_call
    for turn in count():
        hours = [_hour(block, turn * cardinality.hours_in_flight + n) for n in range(cardinality.hours_in_flight)]
        loaded = {hour: _lines(cardinality, f"{block}.{turn}", random) for hour in hours}
        jobs = (job("find_hour", hour, lines, size) for hour, lines in loaded.items())
        yield from chain.from_iterable(zip(*jobs, strict=True))
        again = random.choice(hours)
        if random.random() < cardinality.reload_share:
            lines = _lines(cardinality, f"{block}.{turn}", random)
            yield from job("withdraw_hour", again, lines, size)
        else:
            yield from job("find_hour", again, with_more_views(loaded[again]), size, written=False)


def _reads(cardinality: Pageviews, block: int, random: Random) -> Iterator[Call]:
    """Read the hours before the first one, and the first hours of the previous block."""
    domains = all_domains(cardinality)
    names, lines = [domain.name for domain in domains], [domain.lines for domain in domains]
    older = [_hour(0, -1 - n) for n in range(background_hours(cardinality))]
    latest = [_hour(block - 1, n) for n in range(cardinality.hours_in_flight)] if block else older
    while True:
        hour = random.choice(random.choice((older, latest)))
        operation = random.choice(_READS)
        values: dict[str, object] = {"date_hour": hour}
        if operation == "top_pages":
            values["domain"] = random.choices(names, lines)[0]
        yield Call(operation, values, rows=0)


def _background(cardinality: Pageviews, random: Random) -> Iterator[Call]:
    """Load the blacklist, then hours that each page is in one of, so that all pages are known."""
    yield from blacklist_calls(blacklist(cardinality), cardinality.lines_per_call, None)
    views = line_views(cardinality.views_exponent)
    for n in range(background_hours(cardinality)):
        lines = [
            Line(domain.name, page, random.choice(views))
            for domain in all_domains(cardinality)
            for page in domain.pages[domain.first + n * domain.step :][: domain.lines]
        ]
        yield from job("find_hour", _hour(0, -1 - n), lines, cardinality.lines_per_hour)


def _lines(cardinality: Pageviews, new: str, random: Random) -> list[Line]:
    """Return an hour's file, sorted like real files; unknown pages carry `new` in their names."""
    lines: list[Line] = []
    views, skew = line_views(cardinality.views_exponent), Power(cardinality.page_skew)
    for domain in all_domains(cardinality):
        fresh_count = min(domain.lines, int(domain.lines * cardinality.new_page_share + random.random()))
        ranks: set[int] = set()
        while len(ranks) < domain.lines - fresh_count:
            ranks.add(skew.draw(len(domain.pages), random))
        pages = [domain.pages[rank] for rank in sorted(ranks)]
        # Hours of one set and sites of one language share new pages, as with news.
        pool = range(fresh_count * cardinality.hours_in_flight)
        for number in random.sample(pool, fresh_count):
            word = WORDS[number % len(WORDS)]
            pages.insert(random.randrange(len(pages) + 1), f"{word}_{domain.language}_{new}.{number}")
        counts = sorted(random.choices(views, k=domain.lines), reverse=True)
        lines += sorted(map(Line, [domain.name] * domain.lines, pages, counts))
    return lines


def _hour(block: int, number: int) -> datetime:
    era, within = divmod(number, _HOURS_PER_BLOCK) if number >= 0 else (0, number)
    return FIRST_HOUR + timedelta(hours=(era * _BLOCKS_PER_ERA + block) * _HOURS_PER_BLOCK + within)


WORKLOAD = Workload[Pageviews](
    name="pageviews",
    summary="hourly page views of many domains, of which the 25 most viewed of each are kept",
    cardinalities={"typical": TYPICAL, "worst": WORST},
    strategy=strategy,
    axes=AXES,
    writers=_writers,
    burst=_burst,
    background=_background,
    grows="known_pages",
    state=("loaded_hours", "ranked_pages"),
    invariants=(
        "domains_of_too_many_entries",
        "entries_doubled",
        "ranks_with_gaps",
        "entries_out_of_order",
        "blacklisted_entries",
        "entries_of_hours_not_loaded",
        *BOUNDED,
    ),
    bounds=bounds,
    model=MODEL,
    replay=REPLAY,
)
