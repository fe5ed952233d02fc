"""A run file is read and drawn whatever its age: one of each format that was ever written is kept, and must go on.

They are real: made by the version of their day, from workloads of this repository, with budgets of a few seconds, and
written without indentation. Each is named for what it was the first to hold. Whoever changes what a run file holds adds
one of that day.
"""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from page_reader import read

from schemabench import cli, report
from schemabench.records import FORMAT

KEPT = sorted((Path(__file__).parent / "run_files").glob("*.json"))


def test_every_format_has_a_run_file() -> None:
    formats = {json.loads(path.read_text(encoding="utf-8"))["schemabench"]["format"] for path in KEPT}

    assert formats == set(range(1, FORMAT + 1))


@pytest.mark.parametrize("path", KEPT, ids=[path.stem for path in KEPT])
def test_a_run_file_of_any_age_is_read_and_drawn(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = [tmp_path / "run.md", tmp_path / "run.html"]
    assert cli.main(["report", str(path)]) == 0
    shown = capsys.readouterr().out
    assert cli.main(["report", str(path), *(f"--output={output}" for output in outputs)]) == 0
    texts = [shown, *(output.read_text(encoding="utf-8") for output in outputs)]
    run = report.read(path)
    names = {one.name for experiment in run.experiments for one in experiment.candidates}

    assert names or run.maps
    assert read(texts[-1]).named("h1")
    for text in texts:
        assert [name for name in {*names, *(one.candidate for one in run.maps)} if name not in text] == []


OF_PAGEVIEWS = [path for path in KEPT if any(one.workload == "pageviews" for one in report.read(path).experiments)]


@pytest.mark.parametrize("path", OF_PAGEVIEWS, ids=[path.stem for path in OF_PAGEVIEWS])
def test_a_run_file_of_any_age_is_compared_with_one_of_today(path: Path) -> None:
    """Queries that only check have become others since, and the oldest files know of no Pareto front.

    What readers execute has changed, too, for which two runs are rightly refused: the older one is given today's.
    """
    today = report.read(Path(__file__).parents[2] / "reports" / "example" / "pageviews_at_typical.json.gz")
    (wanted,) = today.experiments
    of_age = report.read(path)
    changed = tuple(
        replace(one, operations_sql={**one.operations_sql, "check_hour": wanted.operations_sql["check_hour"]})
        if one.operations_sql
        else one
        for one in of_age.experiments
    )
    (found,) = report.compare([("one", replace(of_age, experiments=changed)), ("other", today)]).matrices

    assert not {notice.code for notice in found.notices} & {"other-criteria", "other-operations"}
