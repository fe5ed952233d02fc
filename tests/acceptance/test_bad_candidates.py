"""Candidates that cannot be measured or compared: each says why, and all others are ranked."""

import json
import re

import pytest
from shared_server import PASSWORD
from shop import Shop, assert_clear, collecting, said, section

SYNTAX = "CREATE TABEL notes (note text);\n"
DIVISION = """
CREATE FUNCTION divide() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.amount_cents := NEW.amount_cents / CASE WHEN NEW.order_id >= 30 THEN 0 ELSE 1 END;
    RETURN NEW;
END $$;
CREATE TRIGGER divide BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION divide();
"""
OTHER_ROWS = """
-- name: place_order
INSERT INTO orders (order_id, customer, amount_cents)
VALUES (:order_id::bigint, :customer::text, :amount_cents::bigint + 1)
ON CONFLICT (order_id) DO UPDATE SET amount_cents = excluded.amount_cents;
"""
MISSPELT = "\n-- name: place_ordr\nSELECT 1;\n"
STRANGER = "\n-- name: customer_total\nSELECT sum(amount_cents) FROM orders WHERE customer = :costumer::text;\n"
MISSING_TABLE = "\n-- name: customer_total\nSELECT total FROM totals WHERE customer = :customer::text;\n"

RENAMED = """
ALTER TABLE orders RENAME customer TO client;
-- name: place_order
INSERT INTO orders (order_id, client, amount_cents)
VALUES (:order_id::bigint, :customer::text, :amount_cents::bigint)
ON CONFLICT (order_id) DO UPDATE SET amount_cents = excluded.amount_cents;
-- name: customer_total
SELECT sum(amount_cents) FROM orders WHERE client = :customer::text;
"""


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> tuple[Shop, pytest.RunResult]:
    """Return a run of candidates of which most are wrong, each in a way of its own."""
    shop = Shop.open(tmp_path_factory.mktemp("faulty") / "shop", environment)
    shop.candidate("syntax", SYNTAX)
    shop.candidate("division", DIVISION)
    shop.candidate("other_rows", OTHER_ROWS)
    shop.candidate("misspelt", MISSPELT)
    shop.candidate("stranger", STRANGER)
    shop.candidate("missing_table", MISSING_TABLE)
    shop.candidate("renamed", RENAMED)
    shop.change("schemas/orders/without_index.sql", "-- expects", "-- postgres: >= 15\n-- expects")
    future = shop.candidate("future", "")
    future.write_text("-- postgres: >= 99\n" + future.read_text(encoding="utf-8"), encoding="utf-8")
    return shop, shop.run("--report", "run.json", "--report", "run.md", "--report", "run.html")


def _reason(shop: Shop, name: str) -> tuple[str, str]:
    (experiment,) = json.loads(shop.read("run.json"))["schemabench"]["experiments"]
    (found,) = [one for one in experiment["candidates"] if one["name"] == name]
    return found["status"], found["reason"]


def test_the_others_are_ranked(faulty: tuple[Shop, pytest.RunResult]) -> None:
    shop, result = faulty

    assert result.ret == 1
    result.assert_outcomes(passed=2, failed=7, skipped=1)
    assert {_reason(shop, name)[0] for name in ("baseline", "without_index")} == {"ranked"}
    assert_clear(result)


def test_no_line_of_our_section_is_too_wide_whatever_went_wrong(faulty: tuple[Shop, pytest.RunResult]) -> None:
    shop, result = faulty

    lines = [line for line in section(result) if len(line) > 80]
    assert [line for line in lines if str(shop.path) not in line] == []


def test_a_syntax_error_is_shown_at_its_place_with_a_caret(faulty: tuple[Shop, pytest.RunResult]) -> None:
    shop, _ = faulty
    status, reason = _reason(shop, "syntax")

    assert status == "failed"
    assert 'syntax error at or near "TABEL" (SQLSTATE 42601)' in reason
    assert re.search(r"schemas/orders/syntax\.sql:\d+:8\n +CREATE TABEL notes \(note text\);\n +\^", reason)


def test_an_error_while_measuring_is_shown_with_operation_place_and_parameters(
    faulty: tuple[Shop, pytest.RunResult],
) -> None:
    shop, _ = faulty
    status, reason = _reason(shop, "division")

    assert status == "failed"
    assert "The operation 'place_order' failed under the candidate 'division': division by zero" in reason
    assert "SQLSTATE 22012" in reason
    assert "workloads/orders/operations.sql:4:1" in reason
    assert ":order_id = '" in reason
    assert "PL/pgSQL function divide() line 3" in reason


def test_a_candidate_whose_rows_differ_is_disqualified_with_the_first_of_them(
    faulty: tuple[Shop, pytest.RunResult],
) -> None:
    shop, _ = faulty
    status, reason = _reason(shop, "other_rows")

    assert status == "disqualified"
    assert re.search(
        r"the state 'totals' differs from the baseline's:\s+row \d+: expected customer_.*,\s+found c", reason
    )


def test_an_operation_that_the_workload_does_not_have_is_named_with_the_nearest(
    faulty: tuple[Shop, pytest.RunResult],
) -> None:
    status, reason = _reason(faulty[0], "misspelt")

    assert status == "failed"
    assert "The workload has no operation 'place_ordr'; did you mean 'place_order'?" in reason


def test_a_parameter_that_the_operation_does_not_take_is_named_with_the_nearest(
    faulty: tuple[Shop, pytest.RunResult],
) -> None:
    status, reason = _reason(faulty[0], "stranger")

    assert status == "failed"
    assert "'customer_total' takes no parameter :costumer; did you mean 'customer'?" in reason
    assert re.search(r"stranger\.sql:\d+:55", reason)


def test_an_operation_on_what_does_not_exist_is_shown_at_its_place(faulty: tuple[Shop, pytest.RunResult]) -> None:
    status, reason = _reason(faulty[0], "missing_table")

    assert status == "failed"
    assert 'relation "totals" does not exist' in reason
    assert re.search(r"missing_table\.sql:\d+:19\n", reason)


def test_a_state_that_a_candidate_cannot_answer_fails_that_candidate(faulty: tuple[Shop, pytest.RunResult]) -> None:
    status, reason = _reason(faulty[0], "renamed")

    assert status == "failed"
    assert 'column "customer" does not exist' in reason
    assert "workloads/orders/operations.sql:12:8" in reason


def test_a_candidate_for_a_newer_server_is_skipped_with_the_reason(faulty: tuple[Shop, pytest.RunResult]) -> None:
    status, reason = _reason(faulty[0], "future")

    assert status == "skipped"
    assert reason.startswith("it needs PostgreSQL >= 99; the server is")


def test_reports_show_no_password(faulty: tuple[Shop, pytest.RunResult]) -> None:
    shop, _ = faulty

    assert PASSWORD not in shop.read("run.md") + shop.read("run.json") + shop.read("run.html")


def test_page_says_why_a_candidate_was_left_out(faulty: tuple[Shop, pytest.RunResult]) -> None:
    shop, _ = faulty

    assert "Not ranked: <code>syntax</code>, failed" in shop.read("run.html")
    assert "SQLSTATE 42601" in shop.read("run.html")


def test_an_error_in_the_baseline_fails_its_experiment_and_no_other(shop: Shop) -> None:
    shop.add("returns")
    baseline = shop.path / "schemas/returns/baseline.sql"
    baseline.write_text(baseline.read_text(encoding="utf-8") + SYNTAX, encoding="utf-8")

    result = shop.run("--report", "run.json")

    assert result.ret == 1
    result.assert_outcomes(passed=2, failed=2)
    assert_clear(result, "The server refused the candidate 'baseline'", "SQLSTATE 42601", "baseline.sql:9:8", "^")
    assert "returns typical has no result" in said(result)
    assert [one["workload"] for one in json.loads(shop.read("run.json"))["schemabench"]["experiments"]] == ["orders"]


def _spoil(shop: Shop, name: str) -> None:
    """Spoil the candidates of a workload."""
    other = f"schemas/{name}/without_index.sql"
    match name:
        case "unfounded":
            (shop.path / "schemas/unfounded/baseline.sql").unlink()
        case "homeless":
            (shop.path / "schemas/homeless").rename(shop.path / "schemas/elsewhere")
        case "twins":
            shop.change(other, "candidate: without_index", "candidate: baseline")
        case "header":
            shop.change(other, "-- summary:", "-- sumary:")
        case "extending":
            shop.change(other, "-- extends: baseline", "-- extends: baselin")
        case "version":
            shop.change(other, "-- expects:", "-- postgres: fifteen\n-- expects:")
        case "latin":
            shop.write(other, "-- summary: caf\xe9\n".encode("latin-1"))
        case "open":
            shop.write(other, "SELECT 'open;\n")


FILES = {
    "unfounded": [
        "There is no candidate named 'baseline'",
        "candidates there: without_index",
        "unfounded/baseline.sql",
    ],
    "homeless": ["There is no folder of candidates", "create", "homeless/baseline.sql"],
    "twins": ["Two candidates are named 'baseline'", "without_index.sql:1:1"],
    "header": ["Unknown header 'sumary'", "did you mean 'summary'?"],
    "extending": [
        "'without_index' extends 'baselin', which is no candidate; did you mean 'baseline'?",
        "without_index.sql:2:1",
        "candidates: baseline, without_index",
    ],
    "version": ["'fifteen' is not a PostgreSQL version bound", "-- postgres: >= 15"],
    "latin": ["without_index.sql is not UTF-8", "0xe9"],
    "open": ["unterminated quoted string", "without_index.sql:1:8"],
}
"""Workload -> what is said about its candidates' files."""


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> pytest.RunResult:
    """Return a run of workloads whose candidates' files are wrong, each in a way of its own."""
    shop = Shop.open(tmp_path_factory.mktemp("spoilt") / "shop", environment)
    for name in FILES:
        shop.add(name)
        _spoil(shop, name)
    return shop.run()


@pytest.mark.parametrize("name", FILES)
def test_files_that_cannot_be_candidates_are_a_clear_error(spoilt: pytest.RunResult, name: str) -> None:
    text = collecting(spoilt, name)

    assert spoilt.ret == pytest.ExitCode.INTERRUPTED
    assert_clear(spoilt)
    assert [word for word in FILES[name] if word not in text] == []
