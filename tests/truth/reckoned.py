"""What the raw trials of a run file say, reckoned anew by brute force.

Owns definitions of its own, from the manual and the papers. Must not import the package, nor read a figure of a run
file that is not a trial's, but for who ties with whom: whether a difference is beyond chance is tested elsewhere.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

WAITING, PAUSING = "Lock", "pause"
COUNTERS = {
    "wal_bytes": "wal_bytes",
    "full_page_images": "wal_fpi",
    "blocks_hit": "blocks_hit",
    "blocks_read": "blocks_read",
    "blocks_dirtied": "blocks_dirtied",
    "blocks_extended": "blocks_extended",
    "rows_dead": "rows_dead",
    "temp_bytes": "temp_bytes",
    "multixacts": "multixacts",
    "cpu_s": "cpu_s",
    "vacuum_s": "upkeep_elapsed_s",
    "vacuum_wal_bytes": "upkeep_wal_bytes",
}
"""Measure -> the counter that is divided by rows; the others are told apart below."""
Trials = Sequence[Mapping[str, Any]]


def counted(candidate: Mapping[str, Any]) -> Trials:
    """Return the trials after those to warm up, by block."""
    return sorted((one for one in candidate["trials"] if not one["warmup"]), key=lambda one: int(one["block"]))


def centre(values: Sequence[float]) -> float:
    """Return the median of the means of all pairs, each value with itself too (Hodges & Lehmann 1963)."""
    pairs = itertools.combinations_with_replacement(values, 2)
    return float(np.median([(first + second) / 2 for first, second in pairs]))


def rate(candidate: Mapping[str, Any], what: str | None = None) -> float:
    """Return bursts per second, or rows or operations, centred on logs."""
    trials = counted(candidate)
    return math.exp(centre([math.log((one[what] if what else 1) / one["duration_s"]) for one in trials]))


def ratio(candidate: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """Return one candidate's throughput over another's, paired by block."""
    pairs = zip(counted(candidate), counted(other), strict=True)
    return math.exp(centre([math.log(two["duration_s"] / one["duration_s"]) for one, two in pairs]))


def lock_shares(candidates: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the share of all looks that found a writer waiting for a lock, or would have found one that paused.

    Of a run file that does not know its looks: of looks alone, the mean of blocks in which all were seen.
    """
    if all(one.get("looks") for some in candidates for one in counted(some)[:1]):
        return {one["name"]: sum(wait_classes(one)[kind] for kind in (WAITING, PAUSING)) for one in candidates}
    shares = {}
    for one in candidates:
        looks = [trial["waits"] for trial in counted(one)]
        shares[one["name"]] = np.array(
            [seen[WAITING] / sum(seen.values()) if sum(seen.values()) else math.nan for seen in looks]
        )
    whole = ~np.isnan(np.array(list(shares.values()))).any(axis=0)
    return {name: float(some[whole].mean()) for name, some in shares.items()}


def wait_classes(candidate: Mapping[str, Any]) -> dict[str, float]:
    """Return each class of waits as a share of the writers' time: of looks, and of those that pauses stand for."""
    trials = counted(candidate)
    looks = sum(trial.get("looks", 0) for trial in trials)
    pauses = sum(trial.get("paused_s", 0.0) for trial in trials) * looks / sum(trial["duration_s"] for trial in trials)
    seen = {kind: sum(trial["waits"][kind] for trial in trials) for kind in trials[0]["waits"]}
    if looks:
        seen[PAUSING] = pauses
    return {kind: some / sum(seen.values()) for kind, some in seen.items()}


def standing(candidate: Mapping[str, Any], criterion: str) -> Mapping[str, Any] | None:
    """Return where a run file has a candidate by a criterion, in whatever format it is."""
    older = {"throughput": "standing", "lock_waits": "lock_standing"}[criterion]
    found: Mapping[str, Any] | None = candidate.get("standings", {}).get(criterion) or candidate.get(older)
    return found


def places(candidates: Sequence[Mapping[str, Any]], criterion: str) -> dict[str, int]:
    """Return ranks: one more than the number of those that are better and do not tie."""
    shares = lock_shares(candidates) if criterion == "lock_waits" else {}
    ranks = {}
    for one in candidates:
        place = standing(one, criterion)
        assert place is not None
        ties = {one["name"], *place["tied_with"]}
        rivals = [other for other in candidates if other["name"] not in ties]
        if shares:
            better = [other for other in rivals if shares[other["name"]] < shares[one["name"]]]
        else:
            better = [other for other in rivals if ratio(other, one) > 1]
        ranks[one["name"]] = 1 + len(better)
    return ranks


def costs(candidate: Mapping[str, Any]) -> dict[str, float]:
    """Return what a row, an operation, an update or the run cost, over all counted trials."""
    trials = counted(candidate)

    def total(counter: str) -> float:
        return float(sum(trial["counters"][counter] for trial in trials))

    rows, operations = (sum(trial[what] for trial in trials) for what in ("rows", "operations"))
    known = set.intersection(*(set(trial["counters"]) for trial in trials))
    found = {name: total(counter) / rows for name, counter in COUNTERS.items() if counter in known}
    found["seq_scans"] = total("seq_scans") / operations
    found["retries"] = sum(trial["retries"] for trial in trials) / operations
    found["deadlocks"] = total("deadlocks")
    if updated := total("rows_updated"):
        found["hot_share"] = total("rows_hot_updated") / updated
    return found
