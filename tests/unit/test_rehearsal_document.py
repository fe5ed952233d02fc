"""The report of a rehearsal: what stands in it, in 80 columns, in each format, and as an exit status."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from schemabench import rehearsal, report
from schemabench.errors import UsageError
from schemabench.rehearsal.record import (
    Blocker,
    Ended,
    Hindered,
    Locked,
    Notice,
    OperationTimes,
    Rehearsal,
    StatementTimes,
    Stretch,
    Undone,
    Unsampled,
    Waiter,
    Written,
)
from schemabench.report import page

SQL = "CREATE INDEX entry_by_account_and_amount_and_receipt ON entry (account_id, amount, receipt)"
FOUND = Rehearsal(
    workload="ledger",
    cardinality="typical",
    candidate="indexed",
    extends="baseline",
    server="PostgreSQL 18.0 (embedded)",
    clients=4,
    calls_per_s=200.0,
    late_s=0.1,
    quiet_s=10.0,
    longest_s=4.0,
    before_s=10.0,
    migration_s=0.52,
    during_s=0.53,
    after_s=9.99,
    lock_timeout="2s",
    writers_lock_timeout="0",
    statements=(
        StatementTimes(
            sql=SQL,
            where="indexed.sql:2",
            outcome="done",
            duration_s=0.5,
            executions=2,
            failures=("canceling statement due to lock timeout (55P03)",),
            locks=(
                Locked(mode="ShareLock", relation="entry", granted=True, waited_s=0.02),
                Locked(
                    mode="ShareLock",
                    relation="virtualxid",
                    granted=False,
                    waited_s=0.03,
                    blockers=(
                        Blocker(who="report", longest_s=0.03),
                        Blocker(who="postgres: SELECT * FROM entry WHERE amount > 7", longest_s=0.01),
                    ),
                ),
            ),
            out_of_time=False,
            calls=100,
            late=40,
            longest_s=0.51,
        ),
    ),
    operations=(
        OperationTimes(
            name="change",
            before=Stretch(calls=1000, late=0, longest_s=0.004, failed=0),
            during=Stretch(calls=53, late=40, longest_s=0.51, failed=1),
            after=Stretch(calls=999, late=1, longest_s=0.12, failed=0),
        ),
    ),
    waiters=(Waiter(who="change", mode="RowExclusiveLock", relation="entry", at_once=2, longest_s=0.49),),
    undone=(Undone(operation="change", reason="undefined column (42703)", retried=False, before=0, during=1, after=0),),
    written=Written(
        wal_bytes=20 << 20, quiet_wal_bytes_per_s=2e4, before_bytes=60 << 20, after_bytes=80 << 20, most_bytes=81 << 20
    ),
    overdue=False,
    behind=0,
    behind_s=0.0,
    gathered=(),
    catalogs=(),
    provisional=False,
    rows="",
    incomparable="",
    undecided=(),
    counts=(),
    compared=("amounts",),
    backfills=(),
    not_executed=("look",),
    passed_over=(),
)
FAILED = replace(
    FOUND,
    statements=(
        replace(FOUND.statements[0], outcome="done", executions=1, failures=()),
        replace(
            FOUND.statements[0],
            outcome="failed",
            executions=1,
            failures=('relation "entry" already exists (42P07)',),
        ),
        replace(FOUND.statements[0], outcome="not executed", executions=0, failures=(), duration_s=None, calls=0),
    ),
    catalogs=("index receipts is missing: CREATE UNIQUE INDEX",),
    provisional=True,
    compared=(),
)


def _shown(found: Rehearsal) -> str:
    return report.shown(rehearsal.document(found), 80)


def _said(found: Rehearsal) -> str:
    """Return what is shown, without line breaks between words."""
    return " ".join(_shown(found).split())


def test_the_report_says_what_was_held_up_and_by_what_in_80_columns() -> None:
    text = _shown(FOUND)

    assert max(map(len, text.splitlines())) <= 80
    said = " ".join(text.split())
    for words in (
        "The result is indexed.",
        "The longest response to a call meanwhile was 510 ms, and 120 ms in the quiet around it",
        "40 of 53 calls took longer than 100 ms, and 1 of 1,999 in the quiet",
        "done, 2 tries",
        "Statement 1 (indexed.sql:2) was repeated after:",
        "canceling statement due to lock timeout (55P03)",
        "given up 0 1 0",
        "20.0 MiB during the migration",
        "60.0 MiB before, 80.0 MiB afterwards, and 81.0 MiB at most, without temporary files and WAL",
        "2s in the migration's session at its end, 0 in the writers'",
        "the writers executed what baseline has throughout",
        "another transaction Share no 30.0 ms report",
        "another transaction Share no 10.0 ms postgres: SELECT *",
        "blocked by: who held a lock in the way, or was before the statement in the queue: an operation of the writers",
    ):
        assert words in said


def test_a_name_of_who_blocked_it_leaves_room_for_the_rest_in_80_columns() -> None:
    who = "reporting_tool: SELECT account_id, sum(amount) FROM entry GROUP BY..."
    waited = Locked(
        mode="ShareUpdateExclusiveLock",
        relation="entry_by_account_and_amount_and_receipt",
        granted=True,
        waited_s=0.0123,
        blockers=(Blocker(who=who, longest_s=0.0123),),
    )

    lines = _shown(replace(FOUND, statements=(replace(FOUND.statements[0], locks=(waited,)),))).splitlines()

    assert max(map(len, lines)) <= 80
    (first,) = [place for place, line in enumerate(lines) if "ShareUpdateExclusive" in line]
    assert "ShareUpdateExclusive  12.3 ms  reporting_tool:" in lines[first], "whether it was held finds no room"
    assert " ".join(line[-21:].strip() for line in lines[first : first + 4]).endswith(
        "sum(amount) FROM entry GROUP BY..."
    )


def test_where_nobody_was_seen_to_block_it_nobody_is_named() -> None:
    held = replace(FOUND.statements[0], locks=FOUND.statements[0].locks[:1])

    assert "blocked by" in _said(FOUND)
    assert "blocked by" not in _said(replace(FOUND, statements=(held,)))


def test_the_report_says_what_is_done_of_a_migration_that_failed() -> None:
    said = " ".join(_shown(FAILED).split())

    assert 'Statement 2 of 3 failed: relation "entry" already exists (42P07).' in said
    assert "Done by then, and still there: 1." in said
    assert "index receipts is missing: CREATE UNIQUE INDEX" in said
    assert "Its rows were not compared: the migration is not complete." in said


def test_what_a_migration_rolled_back_itself_is_not_said_to_be_there() -> None:
    first, failed, _ = FAILED.statements
    undone, undoing = replace(first, outcome="rolled back"), replace(first, sql="ROLLBACK")

    said = _said(replace(FAILED, statements=(undone, undoing, first, failed)))
    nothing = _said(replace(FAILED, statements=(undone, undoing, failed)))
    retried = _said(replace(FOUND, statements=(replace(FOUND.statements[0], outcome="rolled back"), undoing)))

    assert "Done by then, and still there: 3." in said
    assert "None of its statements took effect in full" in nothing
    assert "The result is indexed." in retried
    assert "Statement 1 (indexed.sql:2) was repeated after:" in retried


def test_of_many_differences_their_number_is_said_and_where_they_are() -> None:
    many = tuple(f"index i{number} is missing" for number in range(21))

    assert "(21 differences, all of them in the JSON of -o OUT.json):" in _said(replace(FAILED, catalogs=many))
    assert "differences, all" not in _said(replace(FAILED, catalogs=many[:4]))


def test_writers_that_were_late_before_it_are_not_the_migrations_doing() -> None:
    behind, gathers = replace(FOUND, behind=7_000, behind_s=0.73), replace(FOUND, gathered=("load, for up to 1.00 s",))

    said = " ".join(_shown(behind).split())
    assert "The writers were behind before it began: 7,000 calls that had not ended by then had waited" in said
    assert "for longer than 100 ms, for up to 730 ms." in said
    assert "--pace" in said
    assert "were behind" not in _said(FOUND)
    assert "which their responses include: load, for up to 1.00 s" in " ".join(_shown(gathers).split())


def test_the_verdict_says_how_many_calls_of_which_operations_were_refused_and_why() -> None:
    column = "undefined column (42703)"
    found = replace(
        FOUND,
        undone=(
            Undone(operation="look", reason=column, retried=False, before=0, during=2, after=800),
            Undone(operation="change", reason=column, retried=False, before=1, during=1, after=1_500),
            Undone(operation="change", reason="deadlock", retried=True, before=0, during=7, after=0),
        ),
    )

    assert (
        "The server refused 1 call before it, 3 calls during it and 2,300 calls after it: "
        f"1,502 of change, {column}; 802 of look, {column}."
    ) in _said(found)
    assert "(a refused call counts only if it did)" in _said(found)
    assert "refused" not in _said(replace(FOUND, undone=()))


BROKEN = Hindered(
    companion="report",
    operation="count_open",
    reason='column "amount" does not exist (42703)',
    times=1_203,
    statement=2,
    meanwhile=False,
    ended=False,
)


def test_the_verdict_says_which_companion_failed_since_when_and_why() -> None:
    lost = replace(
        BROKEN, companion="holder", times=1, statement=1, meanwhile=True, ended=True, reason="terminating connection"
    )
    early = replace(BROKEN, companion="night", statement=None, times=1)

    said = _said(replace(FOUND, hindered=(BROKEN, lost, early)))

    assert (
        'Companions failed: report, 1,203 times, first after statement 2: column "amount" does not exist (42703); '
        "holder, noticed during statement 1 (its session ended): terminating connection; night, once before "
        "statement 1: column"
    ) in said
    assert "report (count_open): 1,203 times, first after statement 2" in said
    assert "What they would have read, locked or written then is missing beside the writers" in said
    assert "A companion failed: report, 1,203 times" in _said(replace(FOUND, hindered=(BROKEN,)))
    assert replace(FOUND, hindered=(BROKEN,)).is_candidate
    assert "ompanions" not in _said(FOUND)
    assert "companion failed" not in _said(FOUND)


def test_the_verdict_says_what_new_connections_have_and_what_failed_over_them() -> None:
    left = tuple(f"{one} = 1 for the database" for one in ("a", "b", "c", "d"))
    found = replace(FOUND, left=left)

    said = _said(found)

    named = "a = 1 for the database; b = 1 for the database; c = 1 for the database; and 1 more, as below"
    assert f"It changes settings for new connections: {named}. The writers had connected before" in said
    assert "What it set for connections that are opened after it" in said
    assert "d = 1 for the database" in said
    assert found.is_candidate
    failed = _said(replace(found, over_new="a call was refused", incomparable="a call was refused"))
    assert "have them, and this failed: a call was refused." in failed
    assert "The writers had connected before" not in failed
    assert "new connections" not in _said(FOUND)


def test_the_verdict_says_which_writers_lost_their_sessions_since_when_and_why() -> None:
    clerks = Ended(writer="clerk", sessions=2, clients=3, reason="admin shutdown (57P01)", statement=1, meanwhile=True)
    auditor = replace(clerks, writer="auditor", sessions=1, clients=1, statement=2, meanwhile=False)
    found = replace(FOUND, ended=(clerks, auditor), unsampled=Unsampled(statement=1, meanwhile=False))

    said = _said(found)

    assert (
        "3 sessions of the writers ended, and made no call from then on: 2 of 3 of clerk, noticed during statement 1: "
        "admin shutdown (57P01); 1 of 1 of auditor, noticed after statement 2: admin shutdown (57P01)."
    ) in said
    assert "clerk: 2 of 3, noticed during statement 1: admin shutdown (57P01)" in said
    assert "the session that takes them ended, which was noticed after statement 1: from then on there are none" in said
    assert found.is_candidate, "as with calls that are refused, the status is that of the result"
    assert "1 session of the writers ended" in _said(replace(found, ended=(auditor,)))
    assert "ended, and made" not in _said(FOUND)
    assert "there are none" not in _said(FOUND)


def test_what_the_server_said_beside_results_is_told_by_statement() -> None:
    skipped = Notice(severity="NOTICE", text='relation "entry" already exists, skipping (42P07)', times=1)
    some = [replace(skipped, severity="WARNING", text=f"row {number}", times=2) for number in range(5)]
    one, many = (
        replace(FOUND, statements=(replace(FOUND.statements[0], notices=notices, notices_left_out=left),))
        for notices, left in (((skipped,), 0), (tuple(some), 95))
    )

    said = _said(one).replace(" - ", " ")
    assert 'Statement 1 (indexed.sql:2) raised: NOTICE: relation "entry" already exists, skipping (42P07)' in said
    said = _said(many).replace(" - ", " ")
    besides = "besides 95 further messages that were not kept (5 messages, all of them in the JSON of -o OUT.json):"
    assert f"Statement 1 (indexed.sql:2) raised, {besides}" in said
    assert "WARNING: row 0, 2 times" in said
    assert " raised" not in _said(FOUND)


def test_what_others_made_does_not_make_the_result_another() -> None:
    found = replace(FOUND, by_others=("table scratch_1 is left over; and 9 more whose names have other numbers",))

    said = _said(found)

    assert found.is_candidate
    assert "Its catalogs are those of a fresh installation of indexed, but for what others made." in said
    assert "at their pace, and beside companions if there are any, differs from the first one alike, or in" in said
    assert "doing, but that of calls or companions: table scratch_1 is left over; and 9" in said.replace(" - ", " ")
    assert "what others made" not in _said(FOUND)


def test_differences_that_may_be_anybodys_leave_the_result_open() -> None:
    found = replace(FOUND, unclear=("table tmp_xy is left over",), why_unclear="a second one differs in other objects")

    said = _said(found)

    assert not found.is_candidate
    assert not found.is_another
    assert (
        "Whether the result is indexed is not known: it is not known whether the differences in its schema are the "
        "migration's doing. It took"
    ) in said
    assert "whether that is the migration's doing is not known:" in said
    assert "table tmp_xy is left over" in said
    assert "Why it is not known: a second one differs in other objects" in said
    assert "Its catalogs are those" not in said
    rows = replace(found, incomparable="the server is gone", compared=())
    assert "the migration's doing and its rows could not be compared. It took" in _said(rows)
    assert "The result is not indexed." in _said(replace(found, catalogs=("index receipts is missing",)))


def test_a_load_generator_that_was_late_itself_is_told() -> None:
    usual, late = replace(FOUND, lag_s=0.004), replace(FOUND, lag_s=0.3)

    assert (
        "up to 4.00 ms of a response during the migration is the load generator's own delay: it sent a call that late "
        "although it was due and had a free connection"
    ) in _said(usual)
    assert "was late meanwhile" not in _said(usual)
    assert "The load generator itself was late meanwhile: it sent a call 300 ms after the call" in _said(late)
    assert "load generator" not in _said(FOUND)
    assert "load generator" not in _said(replace(FOUND, lag_s=0.0))


def test_it_is_said_for_which_statement_a_call_counts_that_waited_through_several() -> None:
    assert (
        "longest: the longest response to a call; one that waited through several statements, as for a lock that a "
        "transaction keeps, counts for the longest of them alone"
    ) in _said(FOUND)


def test_calls_that_were_all_refused_are_not_said_to_be_fast() -> None:
    refused = Stretch(calls=0, late=0, longest_s=None, failed=53)
    found = replace(FOUND, operations=(replace(FOUND.operations[0], during=refused),))

    assert "It took 520 ms. Every call was refused meanwhile, so that it is not known how long" in _said(found)


def test_a_migration_during_which_nobody_called_says_how_long_it_took() -> None:
    none = Stretch(calls=0, late=0, longest_s=None, failed=0)
    found = replace(FOUND, operations=(replace(FOUND.operations[0], during=none),))

    said = " ".join(_shown(found).split())

    assert "It took 520 ms. No call was under way meanwhile, so that it is not known how long" in said


def test_a_migration_may_end_before_its_last_statement_without_a_failure() -> None:
    done, _, other = FAILED.statements
    said = " ".join(_shown(replace(FAILED, statements=(done, other), overdue=True)).split())

    assert "The migration was ended after 4.00 s (--for), before its last statement." in said
    assert "took longer than it may, and was ended: allow more by --for." in said


def test_a_statement_that_was_cancelled_was_ended_by_the_option_and_not_by_a_user() -> None:
    reason = "canceling statement due to user request (57014)"
    first = replace(FOUND.statements[0], outcome="failed", executions=1, failures=(reason,), out_of_time=True)
    found = replace(FAILED, statements=(first, FAILED.statements[2]), overdue=True)

    said = " ".join(_shown(found).split())

    assert "The migration was ended after 4.00 s (--for), in statement 1 of 2. It took" in said
    assert f"Statement 1 (indexed.sql:2) was cancelled: {reason}" in said.replace(" - ", " ")
    assert "None of its statements took effect in full." in said


def test_quiet_that_held_up_calls_have_used_up_is_told() -> None:
    said = _said(replace(FOUND, during_s=7.52, after_s=3.0))

    assert "quiet for 10.0 s before and 3.00 s after" in said
    assert "The quiet after it was shorter than the 10.0 s that were asked for" in said
    assert "and those that queued on a connection on which it had held one up, were done 7.00 s later" in said
    assert "was shorter" not in _said(FOUND)


def test_where_a_backlog_lasts_to_the_end_it_is_said_that_there_was_no_quiet_after_the_migration() -> None:
    said = _said(replace(FOUND, during_s=11.0, after_s=0.0))

    assert "quiet for 10.0 s before and not at all after" in said
    assert "in the quiet before it" in said
    assert "There was no quiet after it: throughout the 10.0 s that were asked for, calls queued" in said
    assert "in the quiet around it" in _said(FOUND)


def test_late_calls_during_it_are_those_that_it_held_up_and_not_only_those_under_way_meanwhile() -> None:
    said = _said(replace(FOUND, undone=()))

    assert "late during: calls that took longer than 100 ms, from those that were under way when the migration" in said
    assert "began to the last that it held up, or that queued behind one of these" in said


def test_of_repeated_attempts_it_is_said_that_they_are_counted_by_other_stretches_than_calls() -> None:
    repeated = Undone(operation="change", reason="deadlock (40P01)", retried=True, before=1, during=2, after=3)

    assert "of repeated attempts, only those until its last statement had ended" in _said(
        replace(FOUND, undone=(*FOUND.undone, repeated))
    )
    assert "of repeated attempts" not in _said(FOUND)


@pytest.mark.parametrize("is_done", [True, False])
def test_what_could_not_be_compared_at_all_is_not_said_to_be_the_same(is_done: bool) -> None:  # noqa: FBT001 (pytest's)
    found = replace(FOUND if is_done else FAILED, catalogs=None, incomparable="the server is gone", compared=())

    said = _said(found)

    assert "Neither its catalogs nor its rows could be compared with those of a fresh installation: the server" in said
    assert "Its catalogs are those" not in said
    assert "is not known: it could not be compared" in said or not is_done
    assert not found.is_candidate
    assert not found.is_another


def test_rows_that_could_not_be_compared_are_no_verdict() -> None:
    found = replace(FOUND, incomparable='column "amount" does not exist', compared=())

    said = " ".join(_shown(found).split())

    assert not found.is_candidate
    assert "Whether the result is indexed is not known: its rows could not be compared." in said
    assert 'Its rows could not be compared with those of a fresh installation: column "amount" does not exist' in said
    assert "is not indexed" not in said
    assert "differ from those" not in said
    assert "The result is not indexed." in _shown(replace(found, catalogs=("index receipts is missing",)))


def test_a_result_of_which_no_rows_were_compared_is_not_called_the_candidate() -> None:
    nothing = replace(FOUND, compared=(), counts=("entry has 0 rows instead of 2,000",))
    undecided = replace(FOUND, compared=(), undecided=("served_differs",))

    for found, why in (
        (nothing, "the workload has no state, and no invariant that can be checked here."),
        (undecided, "the workload has no state, and none of its invariants holds in a fresh installation."),
    ):
        said = _said(found)
        assert not found.is_candidate
        assert not found.is_another
        assert "The result has the schema of indexed; its rows were not compared." in said
        assert f"Its rows were not compared: {why}" in said
        assert "The result is" not in said


def test_what_rows_or_calls_may_have_made_is_told_and_no_verdict() -> None:
    found = replace(
        FOUND,
        catalogs=("table made is left over",),
        provisional=True,
        incomparable='column "amount" does not exist',
        compared=(),
    )
    open_ = "is not known: neither its schema nor its rows could be compared after the same calls."

    said = _said(found)

    assert not found.is_another
    assert f"Whether the result is indexed {open_}" in said
    assert "a fresh installation of indexed that was not loaded, and executed no calls:" in said
    assert "table made is left over" in said
    assert "What rows, calls or companions create, change or drop, such as a partition, may be among these" in said
    assert "may be among these differences" in _said(FAILED)
    loaded = replace(found, provisional=False)
    assert loaded.is_another
    assert "may be among these differences" not in _said(loaded)


def test_where_rows_differ_it_is_said_that_a_fresh_installation_has_no_backfill() -> None:
    said = " ".join(_shown(replace(FOUND, rows="the state 'amounts' differs")).split())

    assert "such as an UPDATE that fills a new column, is missing from it" in said
    assert "an UPDATE" not in _said(FOUND)


def test_tables_with_other_numbers_of_rows_are_named_in_the_verdict_and_do_not_decide_it() -> None:
    few = replace(FOUND, counts=("entry has 1,000 rows instead of 600,000", "result has 1 row instead of 2,016"))
    many = replace(FOUND, counts=tuple(f"entry_{number} has 0 rows instead of 9" for number in range(5)))

    assert few.is_candidate
    assert _said(few).count("result has 1 row instead of 2,016") == 2
    assert (
        "The result is indexed by its state, but entry has 1,000 rows instead of 600,000; result has 1 row instead of "
        "2,016. It took"
    ) in _said(few)
    assert "entry_2 has 0 rows instead of 9; and 2 more, as below. It took" in _said(many)
    assert "The result is indexed. It took" in _said(FOUND)


def test_what_a_statement_did_to_rows_is_said_to_be_uncompared_where_the_state_does_not_show_it() -> None:
    said = _said(replace(FOUND, backfills=("rated.sql:5",)))

    assert (
        "The result is indexed. What rated.sql:5 did to rows was not compared: a fresh installation executes this "
        "before rows are loaded, and no `state` query shows a difference. It took"
    ) in said
    assert "was not compared" not in _said(replace(FOUND, backfills=("rated.sql:5",), rows="the state differs"))
    assert "was not compared" not in _said(FOUND)


def test_only_a_complete_migration_with_the_same_schema_and_rows_is_the_candidate() -> None:
    assert FOUND.is_candidate
    assert not FAILED.is_candidate
    assert not replace(FOUND, catalogs=("index receipts is missing",)).is_candidate
    assert not replace(FOUND, rows="the state 'amounts' differs").is_candidate
    assert not replace(FOUND, compared=()).is_candidate


def test_a_report_is_written_in_the_format_of_its_suffix(tmp_path: Path) -> None:
    for suffix in (".md", ".html", ".json"):
        rehearsal.write(FOUND, tmp_path / f"report{suffix}")

    for part in ("| `change` |", "`report`"):
        assert part in (tmp_path / "report.md").read_text(encoding="utf-8")
    for part in ("<table", "<code>report</code>"):
        assert part in (tmp_path / "report.html").read_text(encoding="utf-8")
    content = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert content["statements"][0]["locks"][0]["mode"] == "ShareLock"
    assert content["statements"][0]["locks"][1]["blockers"][0] == {"who": "report", "longest_s": 0.03}
    assert content["written"]["wal_bytes"] == 20 << 20


def test_folders_that_are_missing_are_created_with_the_report_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "reports" / "today" / "report.md"

    rehearsal.check_path(path)
    assert not path.parent.parent.exists()

    rehearsal.write(FOUND, path)
    assert path.exists()


def test_a_report_that_cannot_be_written_is_refused_beforehand(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"No report format for \.pdf"):
        rehearsal.check_path(tmp_path / "report.pdf")
    with pytest.raises(UsageError, match="cannot be written"):
        rehearsal.check_path(Path("/proc/report.md"))


def test_an_invariant_that_holds_in_no_installation_tells_nothing_of_the_migration() -> None:
    found = replace(FOUND, undecided=("served_differs",))

    assert found.is_candidate
    assert "tell nothing of the migration: served_differs" in " ".join(_shown(found).split())


def test_a_statement_unfolds_only_where_it_has_several_lines() -> None:
    def drawn(sql: str) -> str:
        return page.html(rehearsal.document(replace(FOUND, statements=(replace(FOUND.statements[0], sql=sql),))))

    assert "<details>" not in drawn(SQL)
    assert "<summary>In lines</summary>" in drawn(SQL.replace(" ON ", "\n    ON "))


def test_the_file_of_a_rehearsal_is_told_from_that_of_a_run(tmp_path: Path) -> None:
    rehearsal.write(FOUND, tmp_path / "rated.json")

    with pytest.raises(UsageError, match=r"rated\.json is of a rehearsal, and reports are drawn from runs"):
        report.read(tmp_path / "rated.json")


def test_invariants_alone_do_not_tell_whether_rows_are_gone() -> None:
    held = replace(FOUND, compared=("no_debts",), by_state=False)
    gone = replace(held, counts=("entry has 0 rows instead of 2,000",))

    assert held.is_candidate
    assert not gone.is_candidate
    said = _said(gone)
    assert (
        "The result has the schema of indexed; whether it has its rows is not known, since only invariants compared "
        "them, and entry has 0 rows instead of 2,000."
    ) in said
    assert "Its invariants hold, as in a fresh installation that executed the same calls: no_debts. They do not" in said
    assert replace(gone, by_state=True).is_candidate, "the order of calls may explain other numbers of rows"
