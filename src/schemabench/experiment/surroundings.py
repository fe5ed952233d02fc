"""The shared environment of the trials: one cache, one WAL and one autovacuum for all candidates, and other sessions.

Owns the notices on these. Must not weigh them against differences between candidates.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

import numpy as np
import psycopg

from schemabench.experiment.entrant import Entrant
from schemabench.experiment.measured import Measured
from schemabench.monitor import cache
from schemabench.monitor.cache import Cache
from schemabench.records import CHECKPOINTED, VACUUMED, Notice, Trial
from schemabench.server import Database, Server, lost, opened, several
from schemabench.units import format_bytes, format_percent, plural

COLD_SHARE = 0.05
"""If the cache misses more than this share of block accesses, reads are part of the measurement: a block read from the
system costs several times one found in the cache."""
NOISE_ROWS = 100
"""Rows written in other databases that are ignored: as many as an analyze of a few catalogs writes."""
NOISE_SHARE = 0.001
"""The same, as a share of the rows that the trials wrote."""
_ROOM = 1.25
"""The size of a sufficient cache, relative to all candidates: catalogs and growing tables need room, too."""
_MEBIBYTE = 1 << 20


def prepare(server: Server, stack: ExitStack) -> Database | None:
    """Create a database that reports the cache's contents; None if the server or the role cannot.

    For use before the first block: creating it takes room in the cache.

    Args:
        server: Where.
        stack: Drops it at the end.

    Raises:
        ServerError: The server failed.
    """
    with _words(server):
        with opened(server.conninfo) as connection:
            if not cache.may_tell(connection):
                return None
        database = server.create("cache")
        stack.callback(several.give_up, server, [database])
        with opened(server.conninfo_for(database.name)) as connection:
            return database if cache.make(connection) else None


def look(server: Server, present: Sequence[Entrant], telling: Database | None) -> Cache:
    """Return which part of the entrants' data is in the cache.

    Args:
        server: Where.
        present: The entrants that finished their trials.
        telling: From `prepare`.

    Raises:
        ServerError: The server failed.
    """
    with _words(server):
        cached: Mapping[str, int] = {}
        if telling:  # first: other queries take room in the cache
            with opened(server.conninfo_for(telling.name)) as connection:
                cached = cache.cached_bytes(connection)
        relations_bytes: dict[str, int] = {}
        for one in present:
            relations_bytes[one.name] = 0
            for database in one.databases:
                with opened(server.conninfo_for(database.name)) as connection:
                    relations_bytes[one.name] += cache.relations_bytes(connection)
        with opened(server.conninfo) as connection:
            size_bytes = cache.size_bytes(connection)
    return Cache(
        size_bytes=size_bytes,
        relations_bytes=relations_bytes,
        cached_bytes={one.name: sum(cached.get(its.name, 0) for its in one.databases) for one in present}
        if telling
        else {},
    )


def resident_share(trials: Sequence[Trial]) -> float | None:
    """Return the share of block accesses answered by the cache; None if they are not counted, or there are none."""
    if not all({"blocks_hit", "blocks_read"} <= trial.counters.keys() for trial in trials):
        return None
    hit, read = (sum(trial.counters[name] for trial in trials) for name in ("blocks_hit", "blocks_read"))
    return hit / (hit + read) if hit + read else None


def notices(measured: Measured, found: Cache | None, missing: Mapping[str, str], *, owned: bool) -> tuple[Notice, ...]:
    """Return the notices on the figures of all candidates.

    Args:
        measured: Their trials.
        found: Their data in the cache after the last trial; None if it was not measured.
        missing: Counter -> why the server does not provide it.
        owned: Whether only this run uses the server: rows in its other databases are then schemabench's own
            housekeeping.
    """
    strangers = () if owned else _strangers(measured)
    return (*_cold(measured, found), *_disturbed(measured, missing), *strangers)


def _cold(measured: Measured, found: Cache | None) -> Iterator[Notice]:
    """Yield a notice if candidates evict each other from the cache, so that each trial starts with a cold cache."""
    shares = {name: share for name in measured.trials if (share := resident_share(measured.counted(name))) is not None}
    if found is None:
        return
    together, candidates = sum(found.relations_bytes.values()), len(found.relations_bytes)
    larger = f"--postgres-setting shared_buffers={_enough(together)}MB, " if together > found.size_bytes else ""
    sizes = (
        f"Tables and indexes of the {plural(candidates, 'database')} take {format_bytes(together)}{_resident(found)}; "
        f"shared_buffers is {format_bytes(found.size_bytes)}. To start warm: --lead-in, {larger}or fewer candidates by "
        "--candidate"
    )
    if not shares:
        if larger:
            text = f"Trials may have started with a cold cache: how many blocks were read is not counted. {sizes}"
            yield Notice(code="cold-cache", text=text)
        return
    coldest = min(shares, key=lambda name: shares[name])
    read = 1 - shares[coldest]
    if read <= COLD_SHARE and together <= found.size_bytes:
        return
    median = 1 - float(np.median([*shares.values()]))
    text = (
        f"Trials started with a cold cache: {format_percent(read)} of block accesses of {coldest} were reads, and "
        f"{format_percent(median)} of those of the median candidate. {sizes}"
    )
    yield Notice(code="cold-cache", text=text)


def _resident(found: Cache) -> str:
    """Return each database's share in the cache after the last block, if known."""
    shares = [share for name in found.relations_bytes if (share := found.share(name)) is not None]
    if not shares:
        return ""
    least, most = format_percent(min(shares)), format_percent(max(shares))
    return f" ({least} to {most} of each was in the cache after the last block)"


def _enough(together: int) -> int:
    """Return the size of a cache with room for all databases, a power of two in MiB."""
    return 1 << max(0, math.ceil(math.log2(_ROOM * together / _MEBIBYTE)))


def _disturbed(measured: Measured, missing: Mapping[str, str]) -> Iterator[Notice]:
    """Yield notices on checkpoints and vacuums during counted trials, in any database."""
    total = sum(len(measured.counted(name)) for name in measured.trials)
    if checkpointed := _hit(measured, CHECKPOINTED):
        text = f"Server-wide checkpoints were under way in {_shown(checkpointed, total)}"
        yield Notice(code="checkpoints", text=text)
    if vacuumed := _hit(measured, VACUUMED):
        own = sum(_hit(measured, VACUUMED[:1]).values())
        text = (
            f"Autovacuum or autoanalyze was under way somewhere on the server in {_shown(vacuumed, total)}; in "
            f"{f'{own:,} of these trials it' if own else 'none of these trials did it'} "
            f"{'finished' if own else 'finish'} in the candidate's own database"
        )
        if "vacuum_accesses" in missing:
            text += (
                ". Those of other databases that began and ended within a trial are not seen: "
                + (missing["vacuum_accesses"])
            )
        yield Notice(code="autovacuums", text=text)


def _hit(measured: Measured, counters: Sequence[str]) -> dict[str, int]:
    """Return the number of counted trials of each entrant in which any of some counters moved, without zeros."""
    hits = {
        name: sum(any(trial.counters.get(one, 0) > 0 for one in counters) for trial in measured.counted(name))
        for name in measured.trials
    }
    return {name: count for name, count in hits.items() if count}


def _shown(hits: Mapping[str, int], total: int) -> str:
    each = ", ".join(f"{name} {count}" for name, count in hits.items())
    return f"{sum(hits.values())} of {plural(total, 'trial')} ({each})"


def _strangers(measured: Measured) -> Iterator[Notice]:
    """Yield a notice if other sessions wrote on the server during trials; their counts arrive late, but do arrive."""
    trials = [trial for name in measured.trials for trial in measured.trials[name]]
    theirs = sum(trial.counters.get("strangers_rows", 0) for trial in trials)
    ours = sum(trial.rows for trial in trials)
    if theirs > max(NOISE_ROWS, NOISE_SHARE * ours):
        text = (
            f"Databases outside this run wrote {plural(round(theirs), 'row')} during trials; the trials wrote "
            f"{ours:,}. WAL, full-page images and checkpoints are server-wide and include both. Use a server "
            "without other load, such as --postgres embedded"
        )
        yield Notice(code="strangers", text=text)


@contextmanager
def _words(server: Server) -> Iterator[None]:
    """Raise a failed connection to the server as a ServerError."""
    try:
        yield
    except psycopg.Error as cause:
        raise lost(server, cause) from cause
