"""docs/pull-requests.md: its workflow is one, and its steps do what the page says, for a small project."""

import os
import re
import stat
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import programs
import pytest
import yaml
from shop import Shop

from schemabench import cli

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "pull-requests.md").read_text(encoding="utf-8")
(WORKFLOW,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
STEPS: list[dict[str, Any]] = yaml.safe_load(WORKFLOW)["jobs"]["check"]["steps"]
COMMANDS: Mapping[str, str] = {step["name"]: step["run"] for step in STEPS if "run" in step}
SHELL = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"]
"""As GitHub runs a step."""
INDEX = "CREATE INDEX orders_by_customer ON orders (customer);\n"
TABLE = """\
CREATE TABLE orders (
    order_id bigint PRIMARY KEY,
    customer text NOT NULL,
    amount_cents bigint NOT NULL
);
"""
GH = """\
#!/bin/sh
echo "$@" >> "$GH_CALLS"
case "$*" in *--edit-last*) exit 1;; esac
"""
"""The command of GitHub where there is no comment yet."""
LARGEST_STANDS = """
-- name: place_order
INSERT INTO orders (order_id, customer, amount_cents)
VALUES (:order_id::bigint, :customer::text, :amount_cents::bigint)
ON CONFLICT (order_id) DO UPDATE SET amount_cents = greatest(orders.amount_cents, excluded.amount_cents);
"""


def do(shop: Shop, step: str, **environment: str) -> tuple[int, str]:
    """Run a step of the workflow; return its exit status and what it printed."""
    command = COMMANDS[step].replace("--budget 5min", "--budget 1s")
    done = programs.run(
        [*SHELL, command], cwd=shop.path, env={**shop.environment, **environment}, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def git(shop: Shop, *words: str) -> None:
    names = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    programs.run(["git", *names, *words], cwd=shop.path, capture_output=True, check=True, env=shop.environment)


@pytest.fixture(scope="module")
def proposed(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Shop:
    """Return a project whose branch drops the index of its schema, with the steps up to the measurement done."""
    folder = tmp_path_factory.mktemp("proposed")
    shop = Shop.open(folder / "shop", {**environment, "GITHUB_BASE_REF": "main"})
    gh = shop.write("bin/gh", GH)
    gh.chmod(gh.stat().st_mode | stat.S_IXUSR)
    shop = Shop(
        path=shop.path,
        environment={
            **shop.environment,
            "GITHUB_STEP_SUMMARY": str(folder / "summary"),
            "GH_CALLS": str(folder / "calls"),
            "PATH": os.pathsep.join([str(gh.parent), str(Path(sys.executable).parent), os.environ["PATH"]]),
        },
    )
    shop.write("schema.sql", TABLE + INDEX)
    for words in (
        ["init"],
        ["add", "."],
        ["commit", "-m", "first"],
        ["update-ref", "refs/remotes/origin/main", "HEAD"],
    ):
        git(shop, *words)
    shop.write("schema.sql", TABLE)
    assert do(shop, "Put both schemas into one run") == (0, "")
    status, printed = do(shop, "Measure")
    assert status == 0, printed
    return shop


def test_the_workflow_is_one_and_uses_what_it_needs() -> None:
    found = yaml.safe_load(WORKFLOW)
    assert found[True]["pull_request"]["paths"] == ["schema.sql", "workloads/**"]  # YAML reads `on` as true
    assert found["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert [step["uses"].partition("@")[0] for step in STEPS if "uses" in step] == [
        "actions/checkout",
        "actions/setup-python",
        "actions/upload-artifact",
    ]
    assert STEPS[-1]["with"]["path"] == "reports"
    assert list(COMMANDS) == ["Install", "Put both schemas into one run", "Measure", "Check", "Comment"]


def test_both_schemas_are_in_the_run_and_the_check_judges_the_proposed_one(proposed: Shop) -> None:
    status, printed = do(proposed, "Check")
    summary = Path(proposed.environment["GITHUB_STEP_SUMMARY"]).read_text()

    assert status in {0, 1}
    assert "Check against baseline: " in printed
    assert re.search(r"^proposed( \(.*\))? +throughput +\d", printed, re.MULTILINE)
    assert re.search(r"^proposed( \(.*\))? +WAL per row +[-+]\d", printed, re.MULTILINE)
    assert "# Ranking of candidate schemas" in summary
    assert "# Check against baseline: " in summary
    assert ("::warning::" in printed) == ("Check against baseline: cannot tell" in printed)


def test_comment_is_written_where_there_is_none_to_edit(proposed: Shop) -> None:
    status, _ = do(proposed, "Comment", NUMBER="7")
    calls = Path(proposed.environment["GH_CALLS"]).read_text().splitlines()

    assert status == 0
    assert calls == [
        "pr comment 7 --edit-last --body-file reports/check.md",
        "pr comment 7 --body-file reports/check.md",
    ]


def test_check_passes_with_a_warning_where_nobody_can_tell(proposed: Shop) -> None:
    proposed.write("bin/schemabench", "#!/bin/sh\nexit 2\n").chmod(0o755)
    status, printed = do(proposed, "Check")
    proposed.write("bin/schemabench", "#!/bin/sh\nexit 3\n").chmod(0o755)
    broken, _ = do(proposed, "Check")
    (proposed.path / "bin/schemabench").unlink()

    assert status == 0
    assert "::warning::" in printed
    assert broken == 3


def test_artifacts_are_there(proposed: Shop) -> None:
    assert {"run.json", "run.html", "junit.xml"} <= {path.name for path in (proposed.path / "reports").iterdir()}


def test_junit_file_has_the_properties_that_the_page_shows(proposed: Shop) -> None:
    shown = set(re.findall(r'<property name="(\w+)"', PAGE))
    waits, interval = {name for name in shown if "lock_waits" in name}, "schemabench_interval"
    (case,) = [
        case
        for case in ET.fromstring(proposed.read("reports/junit.xml")).iter("testcase")  # noqa: S314 (our own)
        if "proposed" in str(case.get("name"))
    ]
    found = {one.get("name"): one.get("value") for one in case.iter("property")}

    assert shown - waits - {interval} <= found.keys()
    assert waits & found.keys() in (set(), waits), "a short run has too few samples for lock waits"
    assert found["schemabench_candidate"] == "proposed"
    assert found["schemabench_status"] == "ranked"
    assert re.fullmatch(r"\d\.\d+x", found["schemabench_ratio"] or "")
    assert interval not in found or re.fullmatch(r"\[\d\.\d+, \d\.\d+\]", found[interval] or ""), "one block has none"


def test_candidates_are_compared_with_each_other(proposed: Shop) -> None:
    result = proposed.schemabench(
        "check", "reports/run.json", "--max-regression", "90%", "--against", "proposed", "--candidates", "baseline"
    )

    assert result.ret in {0, 1, 2}
    assert "Check against proposed" in str(result.stdout)


def test_disqualified_candidate_fails_its_check_and_its_test_with_the_reason(shop: Shop) -> None:
    shop.candidate("largest_stands", LARGEST_STANDS)
    measured = shop.run("--equivalence", "quick", "--report", "run.json", "--junitxml", "junit.xml")
    result = shop.schemabench("check", "run.json", "--max-regression", "99%")
    failures = {
        str(case.get("name")): str(failure.get("message"))
        for case in ET.fromstring(shop.read("junit.xml")).iter("testcase")  # noqa: S314 (our own)
        for failure in case.iter("failure")
    }

    measured.assert_outcomes(passed=2, failed=1)
    assert result.ret == 1
    assert "Worse than allowed: largest_stands, disqualified" in str(result.stdout)
    assert "it fails the model check" in str(result.stdout)
    assert list(failures) == ["test_orders[orders-typical-largest_stands]"]
    assert "largest_stands is disqualified: it fails the model check" in failures.popitem()[1]


def test_page_shows_what_a_check_prints(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    ((command, shown),) = re.findall(r"<!-- (check .*?) -->\n```text\n(.*?)```", PAGE, re.DOTALL)
    monkeypatch.chdir(ROOT)

    assert cli.main(command.split()) == 1
    assert capsys.readouterr().out.partition("\n(1) ")[0] == shown


def test_commands_of_the_page_are_understood(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines():
        assert cli.main([*line.replace("run.json", "nowhere.json").split()[1:]]) == 3
        assert "There is no run file nowhere.json" in capsys.readouterr().err
