"""The expected answers about a log, in plain Python.

Owns the meaning of each operation: requests and bytes by hour and host, ranges of addresses, broken lines. Must not
know SQL.

A read between two times takes whole hours. A host that is no IPv4 address, and an address in no range, has the country
''. Ties are settled by bytes.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from ipaddress import IPv4Address
from typing import TYPE_CHECKING, Any, TypeAlias

from schemabench import Call, Model

from .cardinality import AccessLog
from .line import common

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

MOST_FREQUENT = 10  # hosts that frequent_hosts shows
HOSTS = ("9.0.0.7", "10.0.0.1", "9.0.1.0", "host.example.net", "256.0.0.1", "010.0.0.1", "ζωή's\\", *"BbaÉ", *"cdefgh")
"""Addresses in two ranges, beyond them, and what only looks like one; more than are shown."""
RANGES = (("9.0.0.0", "9.0.0.255", "DE"), ("10.0.0.0", "10.0.0.1", "US"), ("9.0.1.1", "9.0.2.0", "É'"))
TIMES = (
    datetime(2015, 5, 17, 10, 59, 59, tzinfo=UTC),
    datetime(2015, 5, 17, 11, tzinfo=UTC),
    datetime(2015, 5, 16, 23, 30, tzinfo=timezone(-timedelta(hours=4))),  # the 17th in UTC
    datetime(2015, 5, 18, tzinfo=UTC),
    datetime(1995, 7, 1, 0, 0, 1, tzinfo=timezone(timedelta(hours=5, minutes=30))),  # June in UTC
)
REQUEST = 'GET /a\\"b?q=Église HTTP/1.0'
LARGEST = 2**40  # bytes, with room to sum
BROKEN = ("-", "ζωή's \\ line", "")

Row: TypeAlias = tuple[object, ...]
Values: TypeAlias = Mapping[str, Any]
_OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_ADDRESS = re.compile(rf"({_OCTET}[.]){{3}}{_OCTET}")


@dataclass
class State:
    """What was logged, and what is known of addresses."""

    requests: Counter[tuple[datetime, str]] = field(default_factory=Counter)
    """(hour of UTC, host) -> requests."""
    sent: Counter[tuple[datetime, str]] = field(default_factory=Counter)
    """(hour of UTC, host) -> bytes."""
    ranges: set[tuple[str, str, str]] = field(default_factory=set)
    """First address, last address, country."""
    broken: Counter[str] = field(default_factory=Counter)
    """Broken lines that were kept."""


def possible(state: State, call: Call) -> bool:
    """Return whether the call can come: no range is loaded twice."""
    return call.operation != "load_ranges" or state.ranges.isdisjoint(_ranges(call.values))


def apply(state: State, call: Call) -> Sequence[Row] | None:
    """Execute a call; return its expected answer."""
    values: Mapping[str, Any] = call.values
    match call.operation:
        case "log_request":
            _log(state, values["logged_at"], values["host"], values["bytes"])
        case "load_requests":
            for line in zip(values["logged_ats"], values["hosts"], values["bytes"], strict=True):
                _log(state, *line)
        case "keep_broken":
            state.broken[values["line"]] += 1
        case "load_ranges":
            state.ranges.update(_ranges(values))
        case "requests_by_day":
            return [row[:2] for row in _days(state) if values["first_day"] <= row[0] <= values["last_day"]]
        case "frequent_hosts":
            return _frequent(state, values, MOST_FREQUENT)
        case "host_countries":
            return _by_country(state, _frequent(state, values, values["hosts"]))
    return None


def rows(state: State) -> dict[str, Sequence[Row]]:
    """Return the rows of each query."""
    hosts = [
        (hour.replace(tzinfo=None), host, state.requests[hour, host], state.sent[hour, host])
        for hour, host in sorted(state.requests, key=lambda one: (one[0], one[1].encode()))
    ]
    broken = sorted(state.broken.items(), key=lambda one: one[0].encode())
    countries = Counter(country for _, _, country in state.ranges)
    return {
        "state_days": _days(state),
        "state_hosts": hosts,
        "state_broken": broken,
        "state_countries": sorted(countries.items(), key=lambda one: str(one[0]).encode()),
        "hosts_without_requests": (),
        "lines_unlike_their_fields": (),
        "ranges_that_overlap": (),
    }


def _log(state: State, logged_at: datetime, host: str, sent: int) -> None:
    hour = logged_at.astimezone(UTC).replace(minute=0, second=0)
    state.requests[hour, host] += 1
    state.sent[hour, host] += sent


def _days(state: State) -> list[tuple[date, int, int]]:
    days: defaultdict[date, list[int]] = defaultdict(lambda: [0, 0])
    for (hour, host), requests in state.requests.items():
        days[hour.date()][0] += requests
        days[hour.date()][1] += state.sent[hour, host]
    return [(day, requests, sent) for day, (requests, sent) in sorted(days.items())]


def _frequent(state: State, values: Values, most: int) -> list[tuple[str, int]]:
    hosts: Counter[str] = Counter()
    for (hour, host), requests in state.requests.items():
        if values["since"] <= hour < values["until"]:
            hosts[host] += requests
    return sorted(hosts.items(), key=lambda one: (-one[1], one[0].encode()))[:most]


def _by_country(state: State, frequent: Sequence[tuple[str, int]]) -> list[Row]:
    requests: Counter[str] = Counter()
    hosts: Counter[str] = Counter()
    for host, count in frequent:
        requests[country := _country(state, host)] += count
        hosts[country] += 1
    ranked = sorted(requests.items(), key=lambda one: (-one[1], one[0].encode()))
    return [(country, count, hosts[country]) for country, count in ranked]


def _country(state: State, host: str) -> str:
    if not _ADDRESS.fullmatch(host):
        return ""
    address = IPv4Address(host)
    known = (country for first, last, country in state.ranges if IPv4Address(first) <= address <= IPv4Address(last))
    return next(known, "")


def _ranges(values: Values) -> Iterator[tuple[str, str, str]]:
    return zip(values["firsts"], values["lasts"], values["countries"], strict=True)


def calls(_: AccessLog) -> "SearchStrategy[Call]":
    """Return single calls of few hosts and times, around the ends of hours, days and ranges."""
    from hypothesis import strategies as st  # noqa: PLC0415 (loading it takes half a second; only a check draws)

    hosts = st.one_of(st.sampled_from(HOSTS[:3]), st.sampled_from(HOSTS))  # mostly those with a country
    times, sizes, statuses = st.sampled_from(TIMES), st.sampled_from((0, 1, LARGEST)), st.sampled_from((200, 500))
    lines = st.tuples(times, hosts, statuses, sizes)
    hours = st.sampled_from([time.astimezone(UTC).replace(minute=0, second=0) for time in TIMES])
    days = st.sampled_from((date(2015, 5, 17), date(1995, 6, 30), date(2015, 5, 18)))
    bounds = st.one_of(st.just((TIMES[-1].astimezone(UTC) - timedelta(hours=23), TIMES[3])), st.tuples(hours, hours))
    ranges = st.lists(st.sampled_from(RANGES), unique=True, max_size=len(RANGES))
    kinds = (
        lines.map(_log_request),
        lines.map(_log_request),
        ranges.map(_load_ranges),
        st.lists(lines, max_size=12).map(_load_requests),
        bounds.map(lambda both: _between("frequent_hosts", both)),
        st.builds(lambda both, n: _between("host_countries", both, hosts=n), bounds, st.sampled_from((2, 50, 0))),
        st.tuples(days, days).map(_requests_by_day),
        st.sampled_from(BROKEN).map(lambda text: Call("keep_broken", {"line": text})),
    )
    return st.integers(0, len(kinds) - 1).flatmap(kinds.__getitem__)


def _log_request(line: tuple[datetime, str, int, int]) -> Call:
    logged_at, host, status, sent = line
    text = common(host, logged_at, REQUEST, status, sent)
    return Call("log_request", {"line": text, "host": host, "logged_at": logged_at, "bytes": sent})


def _load_requests(lines: Sequence[tuple[datetime, str, int, int]]) -> Call:
    values = {
        "lines": [common(host, time, REQUEST, status, sent) for time, host, status, sent in lines],
        "hosts": [host for _, host, _, _ in lines],
        "logged_ats": [time for time, _, _, _ in lines],
        "bytes": [sent for _, _, _, sent in lines],
    }
    return Call("load_requests", values, rows=len(lines))


def _load_ranges(ranges: Sequence[tuple[str, str, str]]) -> Call:
    names = ("firsts", "lasts", "countries")
    return Call("load_ranges", {name: [one[n] for one in ranges] for n, name in enumerate(names)}, rows=len(ranges))


def _between(operation: str, bounds: tuple[datetime, datetime], **values: int) -> Call:
    return Call(operation, {"since": bounds[0], "until": bounds[1], **values}, rows=0)


def _requests_by_day(days: tuple[date, date]) -> Call:
    return Call("requests_by_day", {"first_day": days[0], "last_day": days[1]}, rows=0)


MODEL: Model[AccessLog, State] = Model(initial=State, calls=calls, apply=apply, state=rows, possible=possible)
