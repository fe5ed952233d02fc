"""Writers at the same time, in whatever order chance has it: the rows are the model's, or at least keep the rules."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from random import Random
from typing import Any

import mutants
import psycopg
import pytest

from schemabench import Call, Writer, sqlfile
from schemabench.candidate import Candidate
from schemabench.encoding import Encoder
from schemabench.equivalence.search import draw
from schemabench.errors import CandidateError
from schemabench.experiment import entrant, filling
from schemabench.experiment.burst import Burst, Encoded
from schemabench.experiment.entrant import Entrant
from schemabench.experiment.template import questions
from schemabench.server import Server, several
from schemabench.workload import Found, Row

ROUNDS = 6
CALLS = 80
"""In each round, over all writers."""
MOST_WRITERS = 4
LARGE = 2**53
"""Larger values are left out, so that no total depends on which calls still fit a bigint."""
ALONE = Writer(name="writer", kind="stream", weight=1)
BY_ANYONE = {
    "clickstream": [
        "baseline",
        "batched",
        "batched_counts",
        "cohort_bitmaps",
        "cohort_rows",
        "kind_key",
        "like_counts",
        "weekly",
    ],
    "access_log": ["baseline", "counts_by_trigger", "counts_by_upsert", "counts_in_batches", "host_dictionary"],
}
"""Workloads whose calls need not be in the order of a key, and their candidates."""

Rows = Mapping[str, Sequence[Row]]


class Stage:
    """A candidate with a few writers, and the model that goes along with it."""

    def __init__(self, one: Entrant, found: Found) -> None:
        model = found.workload.model
        assert model is not None
        self.model, self.entrant = model, one
        self.state = model.initial()
        drawn = draw(model.calls(found.workload.cardinalities["typical"]), 500, seed=3)
        self.drawn = [call for call in drawn if not call.operation.startswith("load_") and _small(call.values)]

    def together(self, random: Random, seat: Callable[[Call, int], int], *, first: tuple[str, ...] = ()) -> None:
        """Have two to four writers execute a round of calls; the model executes them one writer after the other.

        Args:
            random: Where the calls and the number of writers come from.
            seat: (a call, its number) -> who executes it; modulo the number of writers.
            first: Operations that are executed before all others, by one writer.
        """
        writers = random.randint(2, MOST_WRITERS)
        queues: list[list[Call]] = [[] for _ in range(writers)]
        calls = random.choices(self.drawn, k=CALLS)
        self.alone([call for call in calls if call.operation in first])
        for number, call in enumerate(call for call in calls if call.operation not in first):
            queues[seat(call, number) % writers].append(call)
        self._drive([[call for call in queue if self._applied(call)] for queue in queues], random)

    def alone(self, calls: Sequence[Call]) -> None:
        """Have one writer execute calls."""
        self._drive([[call for call in calls if self._applied(call)]], Random(0))  # noqa: S311 (nobody is in the way)

    def rows(self, names: Sequence[str]) -> Rows:
        """Return the rows of queries on the server."""
        template = self.entrant.template
        asked = {name: questions(template, name, self.entrant.databases) for name in names}
        with psycopg.connect(template.server.conninfo_for(self.entrant.databases.of("").name)) as connection:
            return {name: connection.execute(one.query.sql.encode()).fetchall() for name, (one,) in asked.items()}

    def expected(self) -> Rows:
        """Return the rows that the model knows of."""
        return {name: list(rows) for name, rows in self.model.state(self.state).items()}

    def _applied(self, call: Call) -> bool:
        if not self.model.possible(self.state, call):
            return False
        self.model.apply(self.state, call)
        return True

    def _drive(self, queues: Sequence[Sequence[Call]], random: Random) -> None:
        encode, operations = (
            Encoder(self.entrant.template.operations),
            [call.operation for queue in queues for call in queue],
        )
        numbers = iter(range(len(operations)))
        encoded = [
            [Encoded(next(numbers), call.operation, encode(call.operation, call.values), ALONE.name) for call in one]
            for one in queues
        ]
        encoded += [[] for _ in range(MOST_WRITERS - len(queues))]
        owners = [ALONE.name] * MOST_WRITERS
        self.entrant.sessions.execute(Burst(owners=owners, queues=encoded, operations=operations, rows=0), random)


def _small(values: Mapping[str, Any]) -> bool:
    numbers = [one for value in values.values() for one in (value if isinstance(value, list) else [value])]
    return all(not isinstance(one, int) or one < LARGE for one in numbers)


@contextmanager
def _stage(server: Server, name: str, candidate: Candidate, isolation: str = "") -> Iterator[Stage]:
    found = mutants.found(name)
    template = filling.build(candidate, found.operations, server, (), isolation)
    try:
        with closing(entrant.enter(template, candidate.name, template.databases, [ALONE] * MOST_WRITERS)) as one:
            yield Stage(one, found)
    finally:
        several.drop(server, template.databases)


def _by_key(call: Call, number: int) -> int:
    """Return the same writer for all calls of a key, as the load loop does; any for those without."""
    return number if call.key is None or call.key == "compaction" else sum(call.key.encode())


def _anyone(_: Call, number: int) -> int:
    return number


REFRESHES = [Call("refresh_cdn_views", {}), Call("refresh_ping_views", {})]


@pytest.mark.parametrize(
    "which", ["baseline", "rollup_by_trigger", "straight_to_daily", "surrogate_keys", "two_tables"]
)
def test_usage_is_as_the_model_has_it_however_its_writers_interleave(server: Server, which: str) -> None:
    random = Random(which)  # noqa: S311 (reproducible)
    with _stage(server, "usage", mutants.shipped("usage")[which]) as stage:
        for _ in range(ROUNDS):
            stage.together(random, _by_key)
            stage.alone(REFRESHES)

            assert stage.rows(list(stage.expected())) == stage.expected()


@pytest.mark.parametrize("which", ["baseline", "flat", "hash_keys", "partitioned", "running_top", "staging"])
def test_page_views_are_as_the_model_has_them_however_their_hours_interleave(server: Server, which: str) -> None:
    random = Random(which)  # noqa: S311 (reproducible)
    with _stage(server, "pageviews", mutants.shipped("pageviews")[which]) as stage:
        for _ in range(ROUNDS):
            stage.together(random, _by_key, first=("blacklist_pages",))

            assert stage.rows(list(stage.expected())) == stage.expected()


@pytest.mark.parametrize(
    ("workload", "which"),
    [(workload, which) for workload, candidates in BY_ANYONE.items() for which in candidates],
)
def test_events_are_as_the_model_has_them_whoever_sends_them(server: Server, workload: str, which: str) -> None:
    random = Random(which)  # noqa: S311 (reproducible)
    with _stage(server, workload, mutants.shipped(workload)[which]) as stage:
        for _ in range(ROUNDS):
            stage.together(random, _anyone)

            assert stage.rows(list(stage.expected())) == stage.expected()


READ_THEN_WRITTEN = """
-- name: like_article
-- accept: 23505
INSERT INTO event (happened_at, user_id, kind, article)
VALUES (:happened_at::timestamp, :user_id::text, 'LIKE_ARTICLE', :article::text);
INSERT INTO daily_likes (day, article, likes) VALUES (:happened_at::timestamp::date, :article::text, 0)
ON CONFLICT (day, article) DO NOTHING;
-- as: seen
SELECT likes FROM daily_likes WHERE day = :happened_at::timestamp::date AND article = :article::text;
SELECT pg_sleep(0.005);
UPDATE daily_likes SET likes = :seen.likes::bigint + 1
WHERE day = :happened_at::timestamp::date AND article = :article::text;
"""


def test_a_count_that_is_read_and_then_written_loses_likes_and_an_invariant_says_so(server: Server) -> None:
    counts = mutants.shipped("clickstream")["like_counts"]
    text = counts.file.source.partition("-- name: like_article")[0] + READ_THEN_WRITTEN
    wrong = replace(counts, file=sqlfile.parse(counts.file.path, text, CandidateError))
    with _stage(server, "clickstream", wrong) as stage:
        like = next(call for call in stage.drawn if call.operation == "like_article")
        stage.alone([like])
        stage.drawn = [
            like._replace(values={**like.values, "user_id": f"u{number}"}, key=str(number)) for number in range(CALLS)
        ]
        stage.together(Random(1), _anyone)  # noqa: S311 (reproducible)

        assert stage.rows(["likes_differ_from_events"])["likes_differ_from_events"]


JOB = Call("refresh_results", {}, key="job")


@pytest.mark.parametrize(
    "which",
    ["buckets_batched", "buckets_by_trigger", "buckets_upserted", "cache_by_job", "copy", "slots_16", "view_refreshed"],
)
def test_votes_are_as_the_model_has_them_whoever_casts_them(server: Server, which: str) -> None:
    random = Random(which)  # noqa: S311 (reproducible)
    with _stage(server, "votes", mutants.shipped("votes")[which]) as stage:
        for _ in range(ROUNDS):
            stage.together(random, _anyone if which not in {"cache_by_job", "view_refreshed"} else _by_key)
            stage.alone([JOB])

            assert stage.rows(list(stage.expected())) == stage.expected()


LOST = """
-- name: cast_vote
-- as: seen
SELECT coalesce(max(votes), 0) AS votes FROM bucket WHERE choice = :choice::text;
SELECT pg_sleep(0.002);
INSERT INTO bucket VALUES (
    :choice::text, date_bin('10 minutes', :voted_at::timestamptz, '2000-01-01 00:00:00+00'), :seen.votes::bigint + 1
)
ON CONFLICT (choice, bucket) DO UPDATE SET votes = excluded.votes;
"""
"""A vote that adds one to what it has read, while others do the same."""


def test_votes_that_read_and_then_write_are_lost(server: Server) -> None:
    buckets = mutants.shipped("votes")["buckets_upserted"]
    before, _, after = buckets.file.source.partition("-- name: cast_vote\n")
    text = f"{before}{LOST}-- name: load_votes\n{after.partition('-- name: load_votes')[2]}"
    losing = replace(buckets, file=sqlfile.parse(buckets.file.path, text, CandidateError))
    with _stage(server, "votes", losing) as stage:
        one = next(call for call in stage.drawn if call.operation == "cast_vote")
        stage.drawn = [one]
        stage.together(Random(1), _anyone)  # noqa: S311 (reproducible)

        assert sum(int(str(row[1])) for row in stage.rows(["state_totals"])["state_totals"]) < CALLS


def _maxima(rows: Rows) -> list[Row]:
    return [(*row[:2], row[3], row[5]) for row in rows["state_media"]]


@pytest.mark.parametrize("which", ["baseline", "two_tables"])
def test_without_an_order_of_events_the_rules_hold_and_all_that_commutes_is_as_the_model_has_it(
    server: Server, which: str
) -> None:
    random = Random(which)  # noqa: S311 (reproducible)
    with _stage(server, "usage", mutants.shipped("usage")[which]) as stage:
        for _ in range(ROUNDS):
            stage.together(random, _anyone)
            stage.alone(REFRESHES)
            expected, found = stage.expected(), stage.rows(list(stage.expected()))

            assert _maxima(found) == _maxima(expected)
            assert {**found, "state_media": ()} == {**expected, "state_media": ()}


def _slow() -> Candidate:
    """Return the baseline with an event that lasts, so that others come in between."""
    baseline = mutants.shipped("usage")["baseline"]
    upsert = mutants.found("usage").operations["upsert_media_count"].text.sql
    text = f"{baseline.file.source}\n-- name: upsert_media_count\nSELECT pg_sleep(0.005);\n{upsert}"
    return replace(baseline, file=sqlfile.parse(baseline.file.path, text, CandidateError))


def test_attempts_that_are_undone_are_repeated_and_nothing_is_lost(server: Server) -> None:
    with _stage(server, "usage", _slow(), "serializable") as stage:
        events = [call for call in stage.drawn if call.operation == "upsert_media_count"]
        row = {"utc_date": events[0].values["utc_date"], "site_id": events[0].values["site_id"]}
        stage.drawn = [call for call in events if call.values == {**call.values, **row}]
        stage.together(Random(1), _anyone)  # noqa: S311 (reproducible)
        expected, found = stage.expected(), stage.rows(list(stage.expected()))

        assert _maxima(found) == _maxima(expected)
        assert stage.entrant.sessions.retried()["upsert_media_count", "serialization failure"] > 0
