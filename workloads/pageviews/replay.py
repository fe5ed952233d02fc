"""Hourly files of Wikimedia, and blacklists, as the calls of the loader's jobs.

Owns the formats of lines, and which hour a file is. Must not read a file.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from urllib.parse import unquote_to_bytes

from schemabench import BadLineError, Call, FileSeries, OtherInput, Replay

from .cardinality import Pageviews
from .domains import background_hours
from .jobs import FIRST_HOUR, Line, batched, blacklist_calls, call, job, load, with_more_views

_MOST_NAME_BYTES = 1_000  # a title has at most 255 and a prefix; an index entry of Postgres at most 2,704
_MOST_VIEWS_DIGITS = 15  # what a bigint holds, with room to sum
_FIELDS = 4
_RERUN_EVERY = 4  # cycles through a replayed file
_LATEST_HOURS = 24  # of a replayed folder: the day before its last file


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


def replay(
    cardinality: Pageviews, lines: Iterator[Line], others: Mapping[str, Sequence[tuple[str, str]]], cycle: int
) -> Iterator[Call]:
    """Load the file as the next hour; every few cycles send its last chunk again, with more views.

    The blacklist is sent with every hour, under the hour's key, since every job of the loader rereads it: it is in the
    database before any line of that hour, whichever connection loads it.
    """
    hour, size = FIRST_HOUR + timedelta(hours=cycle), cardinality.lines_per_call
    chunk: list[Line] = []
    yield call("find_hour", hour)
    yield from blacklist_calls(others.get("blacklist", ()), size, str(hour))
    for chunk in batched(lines, size):
        yield load(hour, _each_page_once(chunk))
    yield call("finish_hour", hour)
    if chunk and cycle % _RERUN_EVERY == 0:
        yield from job("find_hour", hour, with_more_views(_each_page_once(chunk)), size, written=False)


def replay_hour(
    cardinality: Pageviews,
    lines: Iterator[Line],
    others: Mapping[str, Sequence[tuple[str, str]]],
    cycle: int,
    hour: datetime,
) -> Iterator[Call]:
    """Load a file as the hour of its name; in later cycles it is loaded, and its job runs again or reloads by force.

    Every job brings the blacklist, as in `replay`. An hour of the background is replaced by force.
    """
    again = cycle > 0
    forced = _is_forced(cardinality, hour, cycle) if again else _is_of_background(cardinality, hour)
    size = cardinality.lines_per_call
    yield call("withdraw_hour" if forced else "find_hour", hour)
    yield from blacklist_calls(others.get("blacklist", ()), size, str(hour))
    for chunk in batched(lines, size):
        once = _each_page_once(chunk)
        yield load(hour, once) if forced or not again else load(hour, with_more_views(once), written=False)
    yield call("finish_hour", hour)


def _is_forced(cardinality: Pageviews, hour: datetime, cycle: int) -> bool:
    """Return whether a repeated job reloads its hour by force: the same in each process, and for each candidate."""
    return Random(f"{hour}/{cycle}").random() < cardinality.reload_share  # noqa: S311 (reproducible on purpose)


def _is_of_background(cardinality: Pageviews, hour: datetime) -> bool:
    return FIRST_HOUR - timedelta(hours=background_hours(cardinality)) <= hour < FIRST_HOUR


def _each_page_once(lines: Iterable[Line]) -> list[Line]:
    """Keep the greater count of a page that occurs twice, as operations do across chunks."""
    views: dict[tuple[str, str], int] = {}
    for domain, page, count_ in lines:
        views[domain, page] = max(count_, views.get((domain, page), 0))
    return [Line(domain, page, count_) for (domain, page), count_ in views.items()]


REPLAY = Replay[Pageviews](
    writer="loader",
    columns=(
        "`domain page views bytes`; page names are decoded, bytes are not used; a file of a folder is the hour of "
        "its name, each pass through a single file is the next hour"
    ),
    parse=parse,
    calls=replay,
    others={
        "blacklist": OtherInput(
            columns="pages to leave out: `domain page` lines, percent-encoded or as they are",
            parse=parse_blacklisted,
        )
    },
    series=FileSeries(
        named="pageviews-%Y%m%d-%H0000", every=timedelta(hours=1), latest=_LATEST_HOURS, calls=replay_hour
    ),
)
