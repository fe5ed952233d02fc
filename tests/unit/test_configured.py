"""Cardinalities from files: what they change, and what is said of every mistake in them."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from schemabench import workload
from schemabench.errors import UsageError
from schemabench.experiment import Plan
from schemabench.workload import Found, as_toml, with_files

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def usage() -> Found:
    return workload.load(ROOT / "workloads", "usage")


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        path = tmp_path / "review.toml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


def _plan(found: Found, name: str) -> Plan:
    return Plan(found=found, cardinality=name, candidates=(), clients=8, budget_s=1.0, precision=0.01, seed=1)


def test_a_file_changes_sizes_and_what_it_does_not_name_is_as_in_another(
    usage: Found, written: Callable[[str], str]
) -> None:
    text = 'workload = "usage"\nfrom = "worst"\n[cardinality]\nsites = 2_001\nslice_s = "1 min"\n'
    found, names = with_files(usage, [written(text)])
    sizes = found.workload.cardinalities["review"]

    assert names == ("review",)
    assert sizes == replace(usage.workload.cardinalities["worst"], sites=2_001, slice_s=60)


def test_what_is_printed_to_start_from_changes_nothing(usage: Found, written: Callable[[str], str]) -> None:
    found, (name,) = with_files(usage, [written(as_toml(usage, "typical"))])

    assert found.workload.cardinalities[name] == usage.workload.cardinalities["typical"]
    assert found.writers(name) == usage.writers("typical")


def test_fields_are_explained_by_what_the_author_wrote_below_them(usage: Found) -> None:
    text = as_toml(usage, "typical")

    assert "# Live sites: each has one row a day in media_storage" in text
    assert "[writers.media_library]  # 2,000 (date, site) entries in 30 s, two events each" in text


@pytest.mark.parametrize(
    ("pace", "calls"),
    [
        ("4,000 calls every 30 s", 320),
        ("2_000 calls every 30 s", 160),
        ("136 calls in 30 s every 2 min", 11),
        ("136 calls in 30 s, 3 times a day", 11),
        ("86400 calls 24 times a day", 58),
        ("1 call in 1 s", 2),
    ],
)
def test_a_pace_is_calls_in_the_seconds_that_a_burst_stands_for(
    usage: Found, written: Callable[[str], str], pace: str, calls: int
) -> None:
    text = f'[writers.media_library]\npace = "{pace}"\nkind = "batch"\nconnections = 2\n'
    found, (name,) = with_files(usage, [written(text)])
    writer = {one.name: one for one in found.writers(name)}["media_library"]

    assert (writer.weight, writer.kind, writer.clients, writer.pace) == (calls, "batch", 2, pace)


def test_the_example_of_the_page_is_a_file(usage: Found, written: Callable[[str], str]) -> None:
    page = (ROOT / "docs" / "cardinalities.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    found, (name,) = with_files(usage, [written(example)])

    assert found.workload.cardinalities[name].media_cycle_s == 120
    assert next((one.name, one.weight) for one in found.writers(name)) == ("media_library", 136)
    assert "reader" not in [one.name for one in found.writers(name)]


def test_a_writer_that_is_off_has_no_connection_and_the_digest_differs(
    usage: Found, written: Callable[[str], str]
) -> None:
    found, (name,) = with_files(usage, [written("[writers.reader]\noff = true\n")])
    plan, all_on = _plan(found, name), _plan(replace(found, adjustments={}), name)

    assert "reader" in {writer.name for writer in all_on.connections}
    assert "reader" not in {writer.name for writer in plan.connections}
    assert len(plan.connections) == len(all_on.connections) == 8
    assert plan.digest != all_on.digest


def test_a_file_of_another_workload_is_passed_over(usage: Found, written: Callable[[str], str]) -> None:
    found, names = with_files(usage, ["worst", written('workload = "pageviews"\n')])

    assert (found, names) == (usage, ("worst",))


@pytest.mark.parametrize(
    ("text", "what", "line"),
    [
        ("sites = 5\n", "Unknown entry 'sites'", 1),
        ("[cardinalities]\n", "Unknown entry 'cardinalities'; did you mean 'cardinality'?", 1),
        ("\n[cardinality]\nsite = 5\n", "has no field 'site'; did you mean 'sites'?", 3),
        ('[cardinality]\nsites = "many"\n', "sites: Expected `int`, got `str`, not 'many'", 2),
        ('[cardinality]\nmedia_kind = "strem"\n', "media_kind: Invalid enum value 'strem'", 2),
        ('[cardinality]\nslice_s = "2 fortnights"\n', "slice_s: '2 fortnights' is not a duration", 2),
        ('from = "typicle"\n', "has no cardinality 'typicle'; did you mean 'typical'?", 1),
        ("[writers.raeder]\noff = true\n", "has no writer 'raeder'; did you mean 'reader'?", 1),
        ("[writers.reader]\noff = true\nconections = 2\n", "has no 'conections'; did you mean 'connections'?", 3),
        ("[writers.reader]\nconnections = 0\n", "at least one connection", 2),
        ('[writers.reader]\noff = "yes"\n', "off: Expected `bool`, got `str`", 2),
        ('[writers.reader]\npace = "often"\n', "reader: 'often' is not a pace: write it as in `4,000 calls", 2),
        ('[writers.reader]\npace = "9 calls in 1 h every 1 min"\n', "take longer than the time to the next ones", 2),
        ('[writers.reader]\npace = "0 calls every 1 min"\n', "to leave a writer out, write `off = true`", 2),
        ('[writers.reader]\npace = "3 calls 3 times a day"\n', "0.00025 calls in the 2.4 s of production", 1),
        ("[cardinality\n", "is not TOML: ", 1),
        ("[cardinality]\nsites = 68\n", "media_entries is 2,000, more than the 68 sites", 1),
        (
            "".join(f"[writers.{one}]\noff = true\n" for one in ("media_library", "aggregation_cdn"))
            + "".join(f"[writers.{one}]\noff = true\n" for one in ("aggregation_ping", "reader")),
            "All writers are off",
            1,
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(
    usage: Found, written: Callable[[str], str], text: str, what: str, line: int
) -> None:
    with pytest.raises(UsageError) as caught:
        with_files(usage, [written(text)])

    assert what in caught.value.what
    assert caught.value.where is not None
    assert caught.value.where.line == line


def test_a_file_that_is_absent_or_has_a_taken_name_is_told(usage: Found, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Cannot read .*absent\.toml: No such file"):
        with_files(usage, [str(tmp_path / "absent.toml")])
    taken = tmp_path / "worst.toml"
    taken.write_text("")
    with pytest.raises(UsageError, match="has the name of the cardinality 'worst'"):
        with_files(usage, [str(taken)])
