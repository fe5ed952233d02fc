"""The loader's jobs, call by call: one run for one hour.

Owns which calls a job consists of, and their values. Must not know what the lines of an hour are.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import NamedTuple, TypeVar

from schemabench import Call

Item = TypeVar("Item")

FIRST_HOUR = datetime(2016, 9, 1)  # noqa: DTZ001 (hours of files are UTC and stored without a zone)
"""The background is before it."""


class Line(NamedTuple):
    """A line of an hourly file."""

    domain: str
    page: str
    views: int


def job(first: str, hour: datetime, lines: Sequence[Line], size: int, *, written: bool = True) -> Iterator[Call]:
    """Yield one run of the loader for one hour."""
    yield call(first, hour)
    for chunk in batched(iter(lines), size):
        yield load(hour, chunk, written=written)
    yield call("finish_hour", hour)


def load(hour: datetime, lines: Sequence[Line], *, written: bool = True) -> Call:
    """Return the call that sends a chunk of lines; `written` says whether it changes anything."""
    domains, pages, views = map(list, zip(*lines, strict=True))
    values = {"date_hour": hour, "domains": domains, "pages": pages, "views": views}
    return Call("load_pages", values, key=str(hour), rows=len(lines) if written else 0)


def call(operation: str, hour: datetime) -> Call:
    """Return a call that needs no more than the hour."""
    return Call(operation, {"date_hour": hour}, key=str(hour), rows=0)


def blacklist_calls(entries: Iterable[tuple[str, str]], size: int, key: str | None) -> Iterator[Call]:
    """Yield the calls that bring pages onto the blacklist, in chunks."""
    for chunk in batched(iter(entries), size):
        domains, pages = map(list, zip(*chunk, strict=True))
        yield Call("blacklist_pages", {"domains": domains, "pages": pages}, key=key, rows=0)


def with_more_views(lines: Iterable[Line]) -> list[Line]:
    """Return the lines with more views, as if the file had changed after loading; the loaded rows must not change."""
    return [Line(domain, page, views + 1) for domain, page, views in lines]


def batched(items: Iterator[Item], size: int) -> Iterator[list[Item]]:
    """Yield items in lists of a size, the last one as it comes."""
    while batch := list(islice(items, size)):
        yield batch
