"""`schemabench rehearse`: what docs/rehearsal.md tells people to type, and how it ends, whether on its own or not."""

import json
import re
import shlex
import signal
import time
from functools import partial
from pathlib import Path

import pytest
from programs import Program
from shared_server import ROOM, UNREACHABLE, Shared
from shop import PATIENCE_S, Shop, assert_clear, said, wait_for

PAGE = (Path(__file__).parents[2] / "docs" / "rehearsal.md").read_text(encoding="utf-8")
(MIGRATION,) = re.findall(r"<!-- rated\.sql -->\n```sql\n(.*?)```", PAGE, re.DOTALL)
(BLOCK,) = re.findall(r"<!-- commands -->\n```sh\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [shlex.split(line, comments=True) for line in BLOCK.splitlines()]
SHORT = ("--quiet", "300ms")
"""After the page's own, which is minutes of quiet together."""
AWAITED = "SELECT pg_sleep(60) WHERE EXISTS (SELECT FROM orders WHERE amount_cents > 0);\n"
"""Sleeps where there are rows, and so not where it is checked that the candidate can be installed."""


RUNS = [
    pytest.param(words, id=" ".join(words[3:]), marks=[] if "-o" in words else pytest.mark.thorough)
    for words in COMMANDS
]


@pytest.mark.parametrize("words", RUNS)
def test_what_the_page_tells_to_type_works(shop: Shop, words: list[str]) -> None:
    shop.write("schemas/orders/rated.sql", MIGRATION)

    result = shop.schemabench(*words[1:], *SHORT)

    assert result.ret == 0
    assert max(map(len, result.outlines)) <= 80
    assert f"The result is {words[words.index('--candidate') + 1]}." in said(result)
    assert "Its rows are those of a fresh installation" in said(result)
    if "-o" in words:
        found = json.loads(shop.read("rated.json"))
        assert [one["outcome"] for one in found["statements"]] == ["done"] * 4
        assert (found["lock_timeout"], found["writers_lock_timeout"]) == ("2s", "0")
        assert "CREATE INDEX CONCURRENTLY" in shop.read("rated.md")


@pytest.mark.thorough
def test_what_other_commands_refuse_is_refused_with_this_ones_status(shop: Shop) -> None:
    paced = ("rehearse", "orders", "--pace", "100", "--candidate")
    unknown = shop.schemabench(*paced, "without_indx")
    format_ = shop.schemabench(*paced, "without_index", "-o", "x.pdf")
    retries = shop.schemabench(*paced, "without_index", "--retries", "-1")

    assert [one.ret for one in (unknown, format_, retries)] == [3] * 3
    assert_clear(unknown, "There is no candidate 'without_indx'", "did you mean 'without_index'?")
    assert_clear(format_, "No report format for .pdf")
    assert_clear(retries, "--retries")


def test_bad_input_is_told_in_words_before_a_server_is_asked(shop: Shop) -> None:
    told = partial(shop.schemabench, SCHEMABENCH_POSTGRES=UNREACHABLE)
    no_pace = told("rehearse", "orders", "--candidate", "without_index")
    nothing = told("rehearse", "orders", "--candidate", "baseline", "--pace", "100")
    nobody = told("rehearse", "orders", "--pace", "100")
    one_of = ("rehearse", "orders", "--pace", "9", "--candidate", "without_index")
    both = told(*one_of, "--candidate", "baseline")
    several = told(*one_of, "--at", "all")
    nowhere = told("rehearse", "nope", *one_of[2:])

    assert [one.ret for one in (no_pace, nothing, nobody, both, several, nowhere)] == [3] * 6
    assert_clear(no_pace, "'orders' does not say how fast production is", "--pace 200", "`production_s`")
    assert_clear(nothing, "'baseline' extends no other candidate", "-- extends: NAME")
    assert_clear(nobody, "A rehearsal is of one candidate", "--candidate NAME")
    assert_clear(both, "A rehearsal is of one candidate, not of without_index and baseline", "--candidate NAME")
    assert_clear(nowhere, "There is no workload 'nope'", "name one of these")
    assert "--workload" not in said(nowhere)
    assert_clear(several, "A rehearsal is at one cardinality, not 2", "--at NAME")


def test_times_and_paces_that_cannot_be_are_refused_before_a_server_is_asked(shop: Shop) -> None:
    told = partial(shop.schemabench, "rehearse", "orders", SCHEMABENCH_POSTGRES=UNREACHABLE)
    paced = ("--candidate", "without_index", "--pace")
    short = told(*paced, "100", "--lock-timeout", "0.4ms")
    long = told(*paced, "100", "--lock-timeout", "1000h")
    fast = told(*paced, "1e9")

    assert [one.ret for one in (short, long, fast)] == [3] * 3
    assert_clear(short, "--lock-timeout 400 us is not possible", "0 is to wait for ever", "--lock-timeout 2s")
    assert_clear(long, "--lock-timeout 1000 h is not possible", "to 2,147,483,647")
    assert_clear(fast, "--pace 1000000000 is too fast", "--pace 23294")


@pytest.mark.thorough
def test_a_statement_that_fails_under_load_is_a_verdict(shop: Shop) -> None:
    shop.write(
        "schemas/orders/small.sql",
        "-- candidate: small\n-- extends: baseline\n"
        "CREATE INDEX amounts ON orders (amount_cents);\n"
        "ALTER TABLE orders ADD CONSTRAINT small CHECK (amount_cents < 0);\n",
    )

    result = shop.schemabench("rehearse", "orders", "--candidate", "small", "--pace", "100", *SHORT)

    assert result.ret == 1
    assert "Statement 2 of 2 failed" in said(result)
    assert "(23514)" in said(result)
    assert "Done by then, and still there: 1." in said(result)
    assert "constraint orders.small is missing" in said(result)


def _in_the_middle(shop: Shop, shared: Shared) -> Program:
    """Start a rehearsal, and return while its migration sleeps."""
    shop.write("schemas/orders/long.sql", f"-- candidate: long\n-- extends: baseline\n{AWAITED}")
    run = shop.start_schemabench("rehearse", "orders", "--candidate", "long", "--pace", "100", *SHORT)
    wait_for(run, shared.sleeps)
    return run


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.thorough)])
def test_an_interrupted_rehearsal_leaves_nothing(shop: Shop, shared: Shared, number: signal.Signals) -> None:
    run = _in_the_middle(shop, shared)
    run.send_signal(number)

    result = shop.finish(run)

    assert result.ret == 130
    assert "Traceback" not in said(result)
    assert shared.databases() == set()


AT_THE_FIRST_ROW = """\
-- candidate: slow
-- extends: baseline
CREATE FUNCTION at_first() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NOT EXISTS (SELECT FROM orders) THEN {} END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER at_first BEFORE INSERT ON orders FOR EACH STATEMENT EXECUTE FUNCTION at_first();
"""
"""Does something where the fresh installation is loaded, and nowhere else: what it is applied to has rows."""
KEPT = ("rehearse", "orders", "--candidate", "slow", "--pace", "100", "-o", "kept.json", *SHORT)


def test_a_rehearsal_that_is_interrupted_in_the_comparison_reports_what_was_measured(
    shop: Shop, shared: Shared
) -> None:
    shop.write("schemas/orders/slow.sql", AT_THE_FIRST_ROW.format("PERFORM pg_sleep(60);"))
    run = shop.start_schemabench(*KEPT)
    wait_for(run, shared.sleeps)
    run.send_signal(signal.SIGINT)

    result = shop.finish(run)

    assert result.ret == 130
    assert "Whether the result is slow is not known" in said(result)
    assert "the rehearsal was interrupted before it had compared them" in said(result)
    assert [one["outcome"] for one in json.loads(shop.read("kept.json"))["statements"]] == ["done"] * 2
    assert "Traceback" not in said(result)
    assert shared.databases() == set()


def test_a_rehearsal_whose_comparison_the_server_ends_reports_what_was_measured_as_an_error(
    shop: Shop, shared: Shared
) -> None:
    shop.write("schemas/orders/slow.sql", AT_THE_FIRST_ROW.format("PERFORM pg_terminate_backend(pg_backend_pid());"))

    result = shop.schemabench(*KEPT)

    assert result.ret == 3
    assert "Whether the result is slow is not known" in said(result)
    assert "ERROR: " in said(result)
    assert json.loads(shop.read("kept.json"))["incomparable"]
    assert shared.databases() == set()


def test_a_rehearsal_needs_connections_to_one_database_at_a_time(shop: Shop) -> None:
    many = ("rehearse", "orders", "--candidate", "without_index", "--pace", "100", *SHORT, "--clients")

    refused, fits = shop.schemabench(*many, str(ROOM)), shop.schemabench(*many, str(ROOM // 2))

    assert (refused.ret, fits.ret) == (3, 0)
    assert_clear(refused, f"--clients {ROOM} is too much for this server", f"needs {ROOM + 9} connections with", "9,")
    assert "fewer clients: --clients " in said(refused)
    assert "databases at once" not in said(refused)
    assert "rank fewer candidates" not in said(refused)


@pytest.mark.thorough
def test_a_model_of_other_tenants_that_is_set_for_rankings_is_left_alone(shop: Shop) -> None:
    result = shop.schemabench(
        *("rehearse", "orders", "--candidate", "without_index", "--pace", "100", *SHORT), SCHEMABENCH_NOISE="none.json"
    )

    assert result.ret == 0


@pytest.mark.thorough
def test_a_killed_rehearsal_leaves_what_the_next_command_cleans_up(shop: Shop, shared: Shared) -> None:
    run = _in_the_middle(shop, shared)
    run.kill()
    run.communicate(timeout=30)
    assert shared.databases()
    deadline_s = time.monotonic() + PATIENCE_S
    while shared.sleeps():  # the server notices within a second that nobody wants to know
        assert time.monotonic() < deadline_s
        time.sleep(0.1)

    result = shop.schemabench("rehearse", "orders", "--candidate", "without_index", "--pace", "100", *SHORT)

    assert result.ret == 0
    assert shared.databases() == set()


@pytest.mark.thorough
def test_a_killed_rehearsal_on_a_server_of_its_own_leaves_what_the_next_cleans_up(shop: Shop, place: Path) -> None:
    shop.write("schemas/orders/long.sql", f"-- candidate: long\n-- extends: baseline\n{AWAITED}")
    embedded = ("--pace", "100", "--postgres", "embedded", *SHORT)
    run = shop.start_schemabench("rehearse", "orders", "--candidate", "long", *embedded)
    homes = place / "schemabench" / "servers"
    wait_for(run, lambda: any(homes.glob("*/data/postmaster.pid")))
    run.kill()
    run.communicate(timeout=30)

    result = shop.schemabench("rehearse", "orders", "--candidate", "without_index", *embedded)

    assert result.ret == 0
    assert list(homes.iterdir()) == []
