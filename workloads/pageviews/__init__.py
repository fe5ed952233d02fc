"""Page views: hourly files into a warehouse that keeps the 25 most viewed pages of each domain and hour.

Owns the content of such hours, the calls of a loader's job and of its readers, and the replay of real files. Must not
know candidates.

An hour is one job: it checks whether the hour is loaded, sends the lines in chunks, and finishes the hour, which ranks
the pages and makes the hour visible at once. All calls of an hour share a key, as one process loads it; several hours
load at the same time, as in a catch-up. After each set of hours, one of them is run again, which must change nothing,
or reloaded by force, which replaces it. Hours are never removed, so the fact table grows, but only by 25 entries per
domain and hour; the amount of data read and looked up stays the same.

Weights: the smallest burst of the loader is one set of hours. Production loads one hour of some five million lines an
hour, or several when it catches up; a burst is such a catch-up, with each hour sampled down. The sampling preserves the
properties that decide the cost of a line (ties, the skew over domains, the share of known pages, the length of names)
except one: 29 % of an hour's lines are kept instead of under 1 %; otherwise no domain would have more than 25. The rate
of reads in production is not known: readers have a quarter of the connections and run about as long as the loader.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import chain, count, islice
from random import Random
from typing import NamedTuple, TypeVar
from urllib.parse import unquote_to_bytes

from schemabench import BadLineError, Call, FileSeries, OtherInput, Replay, Workload, Writer

from .cardinality import AXES, TYPICAL, WORST, Pageviews, strategy
from .model import MODEL

Item = TypeVar("Item")


_FIRST_HOUR = datetime(2016, 9, 1)  # noqa: DTZ001 (hours of files are UTC and stored without a zone)
_HOURS_PER_BLOCK = 168  # a week: more than a burst takes, and few enough that years pass slowly
_BLOCKS_PER_ERA = 2_000  # 38 years: a burst longer than a week continues in hours in which no block begins
_VIEWS_STEPS = 4_096  # quantiles of the views of a line: the most viewed one has about 50, as in the sample
_LINES_PER_READ = 14  # lines that the loader writes in the time of a read, measured on the baseline
_LOADER_PACE = "a file of up to five million lines an hour; several hours at once when it catches up"
_READER_PACE = "not known: top pages of a domain, top domains of an hour, the report's checks"
_READS = ("top_pages",) * 17 + ("top_domains",) * 2 + ("check_hour",)  # assumed
_MOST_NAME_BYTES = 1_000  # a title has at most 255 and a prefix; an index entry of Postgres at most 2,704
_MOST_VIEWS_DIGITS = 15  # what a bigint holds, with room to sum
_FIELDS = 4
_RERUN_EVERY = 4  # cycles through a replayed file
_LATEST_HOURS = 24  # of a replayed folder: the day before its last file

_LANGUAGES = ("en", "ja", "de", "ru", "es", "fr", "it", "zh", "pt", "pl", "ar", "nl", "am", "als", "af", "commons")
# In several scripts and cases, so that the byte order differs from that of any language.
_WORDS = ("Main_Page", "Special:Log/s", "Прыдывален", "ዊኪፔዲያ:ስለ", "Lêer:Wapen_'t.svg", "a\\b{c,d}", "zero", "Église")


class Line(NamedTuple):
    """A line of an hourly file."""

    domain: str
    page: str
    views: int


class _Domain(NamedTuple):
    """A domain in the generator."""

    name: str
    lines: int
    """Lines in every hour."""
    language: int
    pages: tuple[str, ...]
    """Known pages, the most popular first; shared with the mobile site."""
    first: int
    """The start of the background's hours in `pages` for this domain, and their step."""
    step: int


def parse(line: str) -> Line | None:
    """Parse a line of an hourly file; return None for a blank one.

    Page names are percent-encoded or plain, and are stored decoded, so that each page has one name.

    Raises:
        BadLineError: It is not `domain page views bytes`, or Postgres could not hold its names.
    """
    if not line.strip():
        return None
    fields = line.rstrip("\r\n").split(" ")  # only at spaces: names contain other white space
    if len(fields) != _FIELDS:
        raise BadLineError(f"{len(fields)} fields, not the {_FIELDS} of `domain page views bytes`")
    domain, page, views, _ = fields
    if not (views.isascii() and views.isdigit()) or len(views) > _MOST_VIEWS_DIGITS:
        raise BadLineError(f"the views are not a whole number of at most {_MOST_VIEWS_DIGITS} digits: {views[:40]!r}")
    return Line(_checked("domain", domain), _checked("page", _decoded(page)), int(views))


def parse_blacklisted(line: str) -> tuple[str, str] | None:
    """Parse a line of a blacklist into domain and page; return None for a blank one.

    Raises:
        BadLineError: It is not `domain page`, or Postgres could not hold its names.
    """
    if not line.strip():
        return None
    domain, separator, page = line.rstrip("\r\n").partition(" ")
    if not separator or " " in page:
        raise BadLineError("not the two fields of `domain page`")
    return _checked("domain", domain), _checked("page", _decoded(page))


def _decoded(name: str) -> str:
    """Return a name without percent-encoding; unchanged if the result would not be text."""
    if "%" not in name:
        return name
    try:
        decoded = unquote_to_bytes(name).decode()
    except UnicodeError:
        return name
    return name if "\0" in decoded else decoded


def _checked(what: str, name: str) -> str:
    if not name:
        raise BadLineError(f"the {what} is empty")
    if "\0" in name:
        raise BadLineError(f"the {what} holds a NUL, which Postgres cannot store")
    try:
        size_bytes = len(name.encode())
    except UnicodeEncodeError:
        raise BadLineError(f"the {what} is not UTF-8") from None
    if size_bytes > _MOST_NAME_BYTES:
        raise BadLineError(f"the {what} has {size_bytes} bytes, more than {_MOST_NAME_BYTES}")
    return name


def _replay(
    cardinality: Pageviews, lines: Iterator[Line], others: Mapping[str, Sequence[tuple[str, str]]], cycle: int
) -> Iterator[Call]:
    """Load the file as the next hour; every few cycles send its last chunk again, with more views.

    The blacklist is sent with every hour, under the hour's key, since every job of the loader rereads it: it is in the
    database before any line of that hour, whichever connection loads it.
    """
    hour, size = _FIRST_HOUR + timedelta(hours=cycle), cardinality.lines_per_call
    chunk: list[Line] = []
    yield _call("find_hour", hour)
    yield from _blacklist_calls(others.get("blacklist", ()), size, str(hour))
    for chunk in _batched(lines, size):
        yield _load(hour, _each_page_once(chunk))
    yield _call("finish_hour", hour)
    if chunk and cycle % _RERUN_EVERY == 0:
        yield from _job("find_hour", hour, _with_more_views(_each_page_once(chunk)), size, written=False)


def _replay_hour(
    cardinality: Pageviews,
    lines: Iterator[Line],
    others: Mapping[str, Sequence[tuple[str, str]]],
    cycle: int,
    hour: datetime,
) -> Iterator[Call]:
    """Load a file as the hour of its name; in later cycles it is loaded, and its job runs again or reloads by force.

    Every job brings the blacklist, as in `_replay`. An hour of the background is replaced by force.
    """
    again = cycle > 0
    forced = _is_forced(cardinality, hour, cycle) if again else _is_of_background(cardinality, hour)
    size = cardinality.lines_per_call
    yield _call("withdraw_hour" if forced else "find_hour", hour)
    yield from _blacklist_calls(others.get("blacklist", ()), size, str(hour))
    for chunk in _batched(lines, size):
        once = _each_page_once(chunk)
        yield _load(hour, once) if forced or not again else _load(hour, _with_more_views(once), written=False)
    yield _call("finish_hour", hour)


def _is_forced(cardinality: Pageviews, hour: datetime, cycle: int) -> bool:
    """Return whether a repeated job reloads its hour by force: the same in each process, and for each candidate."""
    return Random(f"{hour}/{cycle}").random() < cardinality.reload_share  # noqa: S311 (reproducible on purpose)


def _is_of_background(cardinality: Pageviews, hour: datetime) -> bool:
    return _FIRST_HOUR - timedelta(hours=_background_hours(cardinality)) <= hour < _FIRST_HOUR


def _each_page_once(lines: Iterable[Line]) -> list[Line]:
    """Keep the greater count of a page that occurs twice, as operations do across chunks."""
    views: dict[tuple[str, str], int] = {}
    for domain, page, count_ in lines:
        views[domain, page] = max(count_, views.get((domain, page), 0))
    return [Line(domain, page, count_) for (domain, page), count_ in views.items()]


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
        jobs = (_job("find_hour", hour, lines, size) for hour, lines in loaded.items())
        yield from chain.from_iterable(zip(*jobs, strict=True))
        again = random.choice(hours)
        if random.random() < cardinality.reload_share:
            lines = _lines(cardinality, f"{block}.{turn}", random)
            yield from _job("withdraw_hour", again, lines, size)
        else:
            yield from _job("find_hour", again, _with_more_views(loaded[again]), size, written=False)


def _reads(cardinality: Pageviews, block: int, random: Random) -> Iterator[Call]:
    """Read the hours before the first one, and the first hours of the previous block."""
    domains = _domains(cardinality)
    names, lines = [domain.name for domain in domains], [domain.lines for domain in domains]
    older = [_hour(0, -1 - n) for n in range(_background_hours(cardinality))]
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
    domains = _domains(cardinality)
    ranks = range(0, min(len(domain.pages) for domain in domains), 3)
    entries = ((domain.name, domain.pages[rank]) for rank in ranks for domain in domains)
    yield from _blacklist_calls(islice(entries, cardinality.blacklisted), cardinality.lines_per_call, None)
    views = _views(cardinality.views_exponent)
    for n in range(_background_hours(cardinality)):
        lines = [
            Line(domain.name, page, random.choice(views))
            for domain in domains
            for page in domain.pages[domain.first + n * domain.step :][: domain.lines]
        ]
        yield from _job("find_hour", _hour(0, -1 - n), lines, cardinality.lines_per_hour)


def _lines(cardinality: Pageviews, new: str, random: Random) -> list[Line]:
    """Return an hour's file, sorted like real files; unknown pages carry `new` in their names."""
    lines: list[Line] = []
    views, skew = _views(cardinality.views_exponent), cardinality.page_skew
    for domain in _domains(cardinality):
        fresh_count = min(domain.lines, int(domain.lines * cardinality.new_page_share + random.random()))
        ranks: set[int] = set()
        while len(ranks) < domain.lines - fresh_count:
            ranks.add(int(len(domain.pages) * random.random() ** skew))
        pages = [domain.pages[rank] for rank in sorted(ranks)]
        # Hours of one set and sites of one language share new pages, as with news.
        pool = range(fresh_count * cardinality.hours_in_flight)
        for number in random.sample(pool, fresh_count):
            word = _WORDS[number % len(_WORDS)]
            pages.insert(random.randrange(len(pages) + 1), f"{word}_{domain.language}_{new}.{number}")
        counts = sorted(random.choices(views, k=domain.lines), reverse=True)
        lines += sorted(map(Line, [domain.name] * domain.lines, pages, counts))
    return lines


@lru_cache(maxsize=8)
def _domains(cardinality: Pageviews) -> tuple[_Domain, ...]:
    """Return the domains by name, each with its share of the lines and its pages."""
    shares = [(n + 1) ** -cardinality.domain_exponent for n in range(cardinality.domains)]
    ends = [round(cardinality.lines_per_hour * sum(shares[: n + 1]) / sum(shares)) for n in range(cardinality.domains)]
    lines = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    hours = _background_hours(cardinality)
    domains = []
    for language in range(-(-cardinality.domains // 2)):
        pair = lines[2 * language : 2 * language + 2]
        pages = tuple(_page(language, rank) for rank in range(hours * sum(pair)))
        code = _LANGUAGES[language] if language < len(_LANGUAGES) else f"l{language}"
        for mobile, own in enumerate(pair):
            first = pair[0] if mobile else 0
            domains.append(_Domain(code + ".m" * mobile, own, language, pages, first, sum(pair)))
    return tuple(sorted(domains))


def _page(language: int, rank: int) -> str:
    """Return a name that is independent of the page's popularity: hours are sorted by name, not by views."""
    scrambled = rank * 0x9E3779B1 % 2**24  # one to one below 2 ** 24, as the factor is odd
    return f"{_WORDS[scrambled % len(_WORDS)]}_{language}_{scrambled:06x}"


@lru_cache(maxsize=8)
def _views(exponent: float) -> tuple[int, ...]:
    """Return the views of lines, each as likely as any other."""
    return tuple(int(((n + 0.5) / _VIEWS_STEPS) ** (-1 / exponent)) for n in range(_VIEWS_STEPS))


def _background_hours(cardinality: Pageviews) -> int:
    return -(-cardinality.known_pages // cardinality.lines_per_hour)


def _hour(block: int, number: int) -> datetime:
    era, within = divmod(number, _HOURS_PER_BLOCK) if number >= 0 else (0, number)
    return _FIRST_HOUR + timedelta(hours=(era * _BLOCKS_PER_ERA + block) * _HOURS_PER_BLOCK + within)


def _job(first: str, hour: datetime, lines: Sequence[Line], size: int, *, written: bool = True) -> Iterator[Call]:
    """One run of the loader for one hour."""
    yield _call(first, hour)
    for chunk in _batched(iter(lines), size):
        yield _load(hour, chunk, written=written)
    yield _call("finish_hour", hour)


def _load(hour: datetime, lines: Sequence[Line], *, written: bool = True) -> Call:
    domains, pages, views = map(list, zip(*lines, strict=True))
    values = {"date_hour": hour, "domains": domains, "pages": pages, "views": views}
    return Call("load_pages", values, key=str(hour), rows=len(lines) if written else 0)


def _call(operation: str, hour: datetime) -> Call:
    return Call(operation, {"date_hour": hour}, key=str(hour), rows=0)


def _blacklist_calls(entries: Iterable[tuple[str, str]], size: int, key: str | None) -> Iterator[Call]:
    for chunk in _batched(iter(entries), size):
        domains, pages = map(list, zip(*chunk, strict=True))
        yield Call("blacklist_pages", {"domains": domains, "pages": pages}, key=key, rows=0)


def _with_more_views(lines: Iterable[Line]) -> list[Line]:
    """Return the lines with more views, as if the file had changed after loading; the loaded rows must not change."""
    return [Line(domain, page, views + 1) for domain, page, views in lines]


def _batched(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    while batch := list(islice(items, size)):
        yield batch


WORKLOAD = Workload[Pageviews](
    name="pageviews",
    summary="hourly page views of many domains, of which the 25 most viewed of each are kept",
    cardinalities={"typical": TYPICAL, "worst": WORST},
    strategy=strategy,
    axes=AXES,
    writers=_writers,
    burst=_burst,
    background=_background,
    state=("loaded_hours", "ranked_pages"),
    invariants=(
        "domains_of_too_many_entries",
        "entries_doubled",
        "ranks_with_gaps",
        "entries_out_of_order",
        "blacklisted_entries",
        "entries_of_hours_not_loaded",
    ),
    model=MODEL,
    replay=Replay(
        writer="loader",
        columns=(
            "`domain page views bytes`; page names are decoded, bytes are not used; a file of a folder is the hour of "
            "its name, each pass through a single file is the next hour"
        ),
        parse=parse,
        calls=_replay,
        others={
            "blacklist": OtherInput(
                columns="pages to leave out: `domain page` lines, percent-encoded or as they are",
                parse=parse_blacklisted,
            )
        },
        series=FileSeries(
            named="pageviews-%Y%m%d-%H0000", every=timedelta(hours=1), latest=_LATEST_HOURS, calls=_replay_hour
        ),
    ),
)
