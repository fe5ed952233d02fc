"""What is said of the cache, of checkpoints and vacuums, and of others on the server, from made-up trials."""

from collections.abc import Callable, Mapping

import pytest
from made_up import WARMUP_BLOCKS

from schemabench.experiment import surroundings
from schemabench.experiment.measured import Measured
from schemabench.monitor.cache import Cache
from schemabench.records import Trial

BLOCKS = 10
MIB = 1 << 20
CACHE = Cache(size_bytes=128 * MIB, relations_bytes={"baseline": 40 * MIB, "a": 60 * MIB})
Counted = Callable[[str, int], Mapping[str, float]]
"""(entrant, block) -> the counters of its trial."""


def _measured(counted: Counted) -> Measured:
    measured = Measured()
    for name in ("baseline", "a"):
        for block in range(WARMUP_BLOCKS + BLOCKS):
            trial = Trial(
                block=block,
                position=0,
                warmup=block < WARMUP_BLOCKS,
                started_s=0.0,
                duration_s=0.2,
                operations=100,
                rows=100,
                retries=0,
                busy_share=0.3,
                writers_s={},
                counters=counted(name, block),
            )
            measured.trials[name].append(trial)
    return measured


def _notices(
    counted: Counted, cache: Cache | None = CACHE, missing: Mapping[str, str] | None = None, *, owned: bool = False
) -> dict[str, str]:
    return {one.code: one.text for one in surroundings.notices(_measured(counted), cache, missing or {}, owned=owned)}


def _accesses(read: float) -> Counted:
    """Return counters of trials in which the candidate `a` reads a share of its blocks, and the baseline none."""
    return lambda name, _: {"blocks_hit": 1000 * (1 - read * (name == "a")), "blocks_read": 1000 * read * (name == "a")}


@pytest.mark.parametrize(
    "counter",
    ["checkpoints", "checkpoint_blocks", "checkpoint_s", "autovacuums", "vacuum_accesses", "vacuums_under_way"],
)
def test_what_the_server_did_of_its_own_accord_is_noted_by_candidate(counter: str) -> None:
    hit = {("a", WARMUP_BLOCKS), ("a", WARMUP_BLOCKS + 1), ("baseline", 0), ("baseline", WARMUP_BLOCKS)}
    found = _notices(lambda name, block: {counter: 0.5 * ((name, block) in hit)})

    ((code, text),) = found.items()
    assert code == ("checkpoints" if counter.startswith("checkpoint") else "autovacuums")
    assert "under way" in text
    assert f" in 3 of {2 * BLOCKS} trials (baseline 1, a 2)" in text
    own = "3 of these trials it finished" if counter == "autovacuums" else "none of these trials did it finish"
    assert code == "checkpoints" or text.endswith(f"; in {own} in the candidate's own database")


def test_a_trial_that_several_counters_tell_of_counts_once() -> None:
    found = _notices(lambda *_: {"checkpoints": 1.0, "checkpoint_blocks": 5.0})

    assert f"in {2 * BLOCKS} of {2 * BLOCKS} trials" in found["checkpoints"]


def test_a_version_that_sees_less_of_vacuums_says_so() -> None:
    reason = "PostgreSQL 15 does not provide it; 16 is the first version that does"
    found = _notices(lambda *_: {"vacuums_under_way": 1.0}, missing={"vacuum_accesses": reason})

    assert found["autovacuums"].endswith(f"that began and ended within a trial are not seen: {reason}")


@pytest.mark.parametrize(("read", "noted"), [(0.0, False), (0.04, False), (0.06, True)])
def test_a_cold_cache_is_noted_where_reads_are_many(read: float, noted: bool) -> None:  # noqa: FBT001 (the expected value)
    found = _notices(_accesses(read))

    assert ("cold-cache" in found) is noted
    assert (
        not noted or "6.0 % of block accesses of a were reads, and 3.0 % of those of the median" in found["cold-cache"]
    )
    assert "shared_buffers=" not in found.get("cold-cache", "")


def test_candidates_that_exceed_the_cache_together_are_noted_with_the_cache_that_they_need() -> None:
    cache = Cache(
        size_bytes=64 * MIB, relations_bytes=CACHE.relations_bytes, cached_bytes={"baseline": 10 * MIB, "a": 54 * MIB}
    )
    text = _notices(_accesses(0.0), cache)["cold-cache"]

    assert "Tables and indexes of the 2 databases take 100 MiB (25 % to 90 % of each was in the cache" in text
    assert "shared_buffers is 64.0 MiB" in text
    assert text.endswith("--lead-in, --postgres-setting shared_buffers=128MB, or fewer candidates by --candidate")


def test_a_cache_whose_reads_are_not_counted_is_noted_where_candidates_exceed_it() -> None:
    text = _notices(lambda *_: {}, Cache(size_bytes=1, relations_bytes=CACHE.relations_bytes))["cold-cache"]

    assert text.startswith("Trials may have started with a cold cache: how many blocks were read is not counted")
    assert "Tables and indexes of the 2 databases take 100 MiB" in text
    assert not _notices(lambda *_: {}, CACHE)
    assert not _notices(_accesses(0.9), None)


@pytest.mark.parametrize(("rows", "noted"), [(0.0, False), (4.0, False), (5.0, True)])
def test_rows_of_others_are_noted_beyond_what_the_server_writes_itself(rows: float, noted: bool) -> None:  # noqa: FBT001 (the expected value)
    trials = 2 * (WARMUP_BLOCKS + BLOCKS)
    found = _notices(lambda *_: {"strangers_rows": rows})

    assert ("strangers" in found) is noted
    words = f"wrote {trials * rows:,.0f} rows during trials; the trials wrote {trials * 100:,}"
    assert not noted or words in found["strangers"]


def test_nobody_else_writes_on_a_server_of_our_own() -> None:
    assert not _notices(lambda *_: {"strangers_rows": 1000.0}, owned=True)
