"""Lines of a web server's log: requests by day, the most frequent hosts between two times, and their countries.

Owns the content of lines, the calls of who logs and who reads, and the replay of real files. Must not know candidates.

A burst of size 1 is `lines` lines and `reads` reads. Lines add up, so they have no key: any connection may send any.
A line has no id, so one that is sent twice counts twice, as in the file. Times of reads are full hours, so that a
candidate may count by the hour instead of keeping lines. Days are those of UTC.

Hosts follow Zipf's law. Some are names, of which no country is known: production asks a resolver for their addresses,
outside of the database. The table of address ranges is made from the run's seed. It has the shape of published ones
(ranges without overlap, of any length, with gaps), but its countries mean nothing.

A broken line is dropped before the database, or kept as it came: `kept_broken_share` says how many are kept. A replay
counts and shows broken lines, and drops them; naming the file a second time, as `access_log.broken`, keeps them.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import IPv4Address
from itertools import cycle
from random import Random

from schemabench import Call, OtherInput, Replay, Workload, Writer
from schemabench.values import Power, Zipf

from .cardinality import AXES, TYPICAL, WORST, AccessLog, strategy
from .line import COLUMNS, Line, common, parse, parse_broken
from .model import MODEL

FIRST_DAY = datetime(2015, 5, 17, tzinfo=UTC)  # blocks begin here, with history before it
BLOCKS_PER_DAY = 48  # a block is half an hour: a long experiment meets several days, and most blocks a day of others
BLOCK_S = 86_400 // BLOCKS_PER_DAY
LINES_PER_LOAD = 10_000  # lines or ranges in one call that loads history

LOWEST, HIGHEST = int(IPv4Address("1.0.0.0")), int(IPv4Address("223.255.255.255"))  # where unicast addresses are
GAP_SHARE = 0.1  # of the ranges, without a country
_SCRAMBLE = 0x9E3779B1  # odd, so that ranks are mapped one to one below 2 ** 32
_COUNTRIES = ("US", "CN", "JP", "DE", "GB", "KR", "BR", "FR", "CA", "IT", "AU", "NL", "RU", "TW", "IN", "ES")
_REQUESTS = ("GET / HTTP/1.1", "GET /favicon.ico HTTP/1.1", 'GET /a\\"b?q=Église HTTP/1.0', "POST /search HTTP/1.1")
_BROKEN = ("-", 'host - - [17/May/2015] "GET', "\\x16\\x03\\x01 - 400", "ζωή's line")
_STATUSES = (200,) * 17 + (304, 404, 500)


def _writers(sizes: AccessLog) -> tuple[Writer, ...]:
    return (
        Writer(
            name="logger",
            kind="stream",
            weight=sizes.lines,
            clients=3,
            pace=f"{sizes.lines_per_s:g} lines a second (assumed)",
        ),
        Writer(name="reader", kind="reader", weight=sizes.reads, pace="not known; one dashboard"),
    )


def _burst(sizes: AccessLog, writer: str, block: int, random: Random) -> Iterator[Call]:
    return _logged(sizes, block, random) if writer == "logger" else _reads(sizes, block, random)


def _logged(sizes: AccessLog, block: int, random: Random) -> Iterator[Call]:
    """Yield the lines of half an hour, with broken ones among them, in the order of their times but for a second."""
    start = FIRST_DAY + timedelta(seconds=block * BLOCK_S)
    number = 0
    while True:
        if random.random() < sizes.kept_broken_share:
            yield keep_broken(random.choice(_BROKEN))
        else:
            second = number // max(1, round(sizes.lines_per_s)) % BLOCK_S
            yield log_request(_line(sizes, start + timedelta(seconds=second), random))
        number += 1


def _reads(sizes: AccessLog, block: int, random: Random) -> Iterator[Call]:
    """Yield reads of the days up to the block's, most of them of hosts."""
    now = FIRST_DAY + timedelta(hours=block * 24 // BLOCKS_PER_DAY)
    for operation in cycle(("frequent_hosts", "host_countries", "requests_by_day")):
        until = now - timedelta(hours=random.randrange(max(1, sizes.history_days * 24 - sizes.read_hours)))
        since = until - timedelta(hours=sizes.read_hours)
        if operation == "requests_by_day":
            first = FIRST_DAY.date() - timedelta(days=sizes.history_days)
            yield Call(operation, {"first_day": first, "last_day": now.date()}, rows=0)
        elif operation == "frequent_hosts":
            yield Call(operation, {"since": since, "until": until}, rows=0)
        else:
            yield Call(operation, {"since": since, "until": until, "hosts": sizes.looked_up_hosts}, rows=0)


def _background(sizes: AccessLog, random: Random) -> Iterator[Call]:
    """Yield the calls that load the ranges and the days before the first block, in the order of time."""
    ranges = list(_ranges(sizes, random))
    for start in range(0, len(ranges), LINES_PER_LOAD):
        firsts, lasts, countries = map(list, zip(*ranges[start : start + LINES_PER_LOAD], strict=True))
        yield Call("load_ranges", {"firsts": firsts, "lasts": lasts, "countries": countries}, rows=len(firsts))
    span_s = sizes.history_days * 86_400
    seconds = sorted(random.randrange(span_s) for _ in range(sizes.history_lines))
    lines = [_line(sizes, FIRST_DAY - timedelta(seconds=span_s - second), random) for second in seconds]
    for start in range(0, len(lines), LINES_PER_LOAD):
        yield load_requests(lines[start : start + LINES_PER_LOAD])


def _ranges(sizes: AccessLog, random: Random) -> Iterator[tuple[str, str, str]]:
    """Yield (first address, last address, country): no two overlap, and some addresses are in none."""
    starts = sorted(random.sample(range(LOWEST, HIGHEST), sizes.ranges))
    for first, following in zip(starts, [*starts[1:], HIGHEST + 1], strict=True):
        last = following - 1
        if random.random() < GAP_SHARE:
            last = first + (last - first) // 2
        country = _COUNTRIES[Power(2).draw(len(_COUNTRIES), random)]
        yield str(IPv4Address(first)), str(IPv4Address(last)), country


def _line(sizes: AccessLog, logged_at: datetime, random: Random) -> Line:
    host = _hosts(sizes)[Zipf(sizes.host_exponent).draw(sizes.hosts, random)]
    request, status, sent = random.choice(_REQUESTS), random.choice(_STATUSES), random.randrange(100_000)
    return Line(common(host, logged_at, request, status, sent), host, logged_at, sent)


@lru_cache(maxsize=8)
def _hosts(sizes: AccessLog) -> tuple[str, ...]:
    """Return the hosts, the most frequent first; addresses are spread over all ranges, names over all ranks."""
    return tuple(
        f"host{rank}.example.net"
        if int((rank + 1) * sizes.named_share) > int(rank * sizes.named_share)
        else str(IPv4Address(LOWEST + (rank + 1) * _SCRAMBLE % 2**32 % (HIGHEST - LOWEST)))
        for rank in range(sizes.hosts)
    )


def log_request(line: Line) -> Call:
    """Return the call for a line; candidates use its text, its fields, or both."""
    values = {
        "line": line.text,
        "host": line.host,
        "logged_at": line.logged_at,
        "bytes": line.sent,
    }
    return Call("log_request", values)


def load_requests(lines: Sequence[Line]) -> Call:
    """Return the call that loads many lines at once."""
    values = {
        "lines": [line.text for line in lines],
        "hosts": [line.host for line in lines],
        "logged_ats": [line.logged_at for line in lines],
        "bytes": [line.sent for line in lines],
    }
    return Call("load_requests", values, rows=len(lines))


def keep_broken(text: str) -> Call:
    """Return the call that keeps a broken line."""
    return Call("keep_broken", {"line": text})


def _replay(_: AccessLog, lines: Iterator[Line], others: Mapping[str, Sequence[str]], _cycle: int) -> Iterator[Call]:
    """Yield the broken lines that are to be kept, then all others. Later cycles log the same requests once more."""
    yield from map(keep_broken, filter(None, others.get("broken", ())))
    yield from map(log_request, lines)


WORKLOAD = Workload[AccessLog](
    name="access_log",
    summary="a web server's log: requests by day, the most frequent hosts between two times, and their countries",
    cardinalities={"typical": TYPICAL, "worst": WORST},
    strategy=strategy,
    axes=AXES,
    writers=_writers,
    burst=_burst,
    production_s=lambda sizes: sizes.lines / sizes.lines_per_s,
    background=_background,
    state=("state_days", "state_hosts", "state_broken", "state_countries"),
    invariants=("hosts_without_requests", "lines_unlike_their_fields", "ranges_that_overlap"),
    model=MODEL,
    replay=Replay(
        writer="logger",
        columns=COLUMNS,
        parse=parse,
        calls=_replay,
        others={"broken": OtherInput(columns="the same file again, to keep its broken lines", parse=parse_broken)},
    ),
)
