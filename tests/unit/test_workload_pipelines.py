"""The generator and the model of the workload `pipelines`: no server, no clock."""

import re
from collections import Counter
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest

from schemabench import Call, Rows, candidate, workload

ROOT = Path(__file__).parents[2]
FOUND = workload.load(ROOT / "workloads", "pipelines")
PIPELINES = FOUND.workload
TYPICAL = PIPELINES.cardinalities["typical"]
SETS = ("a", "b")
BEFORE, AFTER = ["clear_staging"], ["check_records", "read_approvals", "apply_records", "clear_staging"]

each_cardinality = pytest.mark.parametrize("name", tuple(PIPELINES.cardinalities))


def _random(seed: int = 1) -> Random:
    return Random(seed)  # noqa: S311 (a seeded generator is the point)


def _calls(sizes: Any, writer: str, block: int = 0, seed: int = 1, days: int = 1) -> list[Call]:  # noqa: ANN401
    weight = next(each.weight for each in PIPELINES.writers(sizes) if each.name == writer)
    return list(islice(PIPELINES.burst(sizes, writer, block, _random(seed)), weight * days))


def _background(table: str, part: str) -> list[dict[str, Any]]:
    found = []
    for some in PIPELINES.background(TYPICAL, _random()):
        if isinstance(some, Call):
            continue
        rows = [dict(zip(some.columns, row, strict=True)) for row in some.rows]  # consumed in order
        found += rows if (some.operation, some.part) == (table, part) else []
    return found


@each_cardinality
def test_same_seed_gives_the_same_burst_and_another_seed_another(name: str) -> None:
    sizes = PIPELINES.cardinalities[name]
    assert _calls(sizes, "load_a", seed=5) == _calls(sizes, "load_a", seed=5) != _calls(sizes, "load_a", seed=6)


def test_sets_are_parts_with_the_same_writers() -> None:
    writers = PIPELINES.writers(TYPICAL)
    assert [writer.name for writer in writers] == [
        f"{job}_{one}" for one in SETS for job in ("load", "insight", "publish")
    ]
    assert {(writer.part, writer.identifiers["set"]) for writer in writers} == {("a", "a"), ("b", "b")}
    assert FOUND.parts(TYPICAL).names == SETS


@each_cardinality
def test_a_day_is_emptied_staging_then_a_file_and_then_the_steps_in_order(name: str) -> None:
    sizes = PIPELINES.cardinalities[name]
    calls = _calls(sizes, "load_b", block=7, days=2)
    assert [call.operation for call in calls] == 2 * [*BEFORE, *["stage_record"] * sizes.records, *AFTER]
    assert {call.key for call in calls} == {"b"}, "on one connection"
    first, days = 7_000 + sizes.insight_days, [call.values["day"] for call in calls if "day" in call.values]
    assert days == [first] * (sizes.records + 2) + [first + 1] * (sizes.records + 2)


def test_insight_and_publications_look_at_days_before_those_that_are_loaded_meanwhile() -> None:
    (insight,) = _calls(TYPICAL, "insight_a", block=3)
    loaded = [call.values["day"] for call in _calls(TYPICAL, "load_a", block=3) if "day" in call.values]
    published = {call.values["day"] for call in _calls(TYPICAL, "publish_a", block=3)}
    assert published == {insight.values["before"]}
    assert min(loaded) == insight.values["before"], "and insight reads what is before"


def test_clients_policies_and_prescriptions_of_sets_are_disjoint() -> None:
    for name in ("prescription", "member", "policy"):
        own = [{call.values[name] for call in _calls(TYPICAL, f"load_{one}") if name in call.values} for one in SETS]
        assert own[0] & own[1] <= {""}


def test_a_prescription_is_always_of_the_same_member_policy_plan_and_drug() -> None:
    names = ("prescription", "member", "policy", "plan", "drug")
    records = [
        call.values for block in range(4) for call in _calls(TYPICAL, "load_a", block=block) if len(call.values) > 1
    ]
    seen = {tuple(record[name] for name in names) for record in records if record["member"]}
    assert max(Counter(prescription for prescription, *_ in seen).values()) == 1
    assert max(Counter(policy for policy, _ in {(policy, plan) for _, _, policy, plan, _ in seen}).values()) == 1
    known = {row["prescription"]: row for row in _background("load_prescriptions", "a")}
    for prescription, member, policy, _, drug in seen:
        if prescription in known:
            row = known[prescription]
            assert (member, policy, drug) == (row["member"], row["policy"], row["drug"])


def _executions(some: Call | Rows) -> int:
    return 1 if isinstance(some, Call) else sum(1 for _ in some.rows)


def test_the_history_adds_up_and_holds_all_that_operators_publish() -> None:
    prescriptions = _background("load_prescriptions", "a")
    members = {row["member"]: row for row in _background("load_members", "a")}
    fills = Counter(row["member"] for row in prescriptions)
    assert len(prescriptions) == TYPICAL.records * TYPICAL.insight_days
    assert {name: row["fills"] for name, row in members.items() if row["fills"]} == fills
    policies = {row["policy"] for row in _background("load_policies", "a")}
    assert {call.values["policy"] for call in _calls(TYPICAL, "publish_a", days=1_000)} <= policies
    total = sum(_executions(some) for some in PIPELINES.background(TYPICAL, _random()))
    assert PIPELINES.background_rows is not None
    assert total == PIPELINES.background_rows(TYPICAL)


def test_production_loads_all_records_within_its_hour() -> None:
    assert PIPELINES.production_s is not None
    per_s = len(SETS) * TYPICAL.records / PIPELINES.production_s(TYPICAL)
    assert per_s * 3_600 == pytest.approx(1_200_000)


@each_cardinality
def test_all_calls_fit_the_operations(name: str) -> None:
    sizes = PIPELINES.cardinalities[name]
    for writer in PIPELINES.writers(sizes):
        names = {"": writer.identifiers, writer.part: writer.identifiers}
        workload.check_calls(FOUND, _calls(sizes, writer.name, block=1_000, days=2), writer.name, names)


def test_no_candidate_names_a_set() -> None:
    for one in candidate.find(ROOT / "schemas" / "pipelines").values():
        for name in SETS:
            assert f"'{name}'" not in one.file.source
            assert f"{name}." not in one.file.source.split()


def test_insight_is_one_call_of_a_procedure_whatever_the_flag_is() -> None:
    for one in candidate.find(ROOT / "schemas" / "pipelines").values():
        (statement,) = candidate.operations(one, FOUND.operations)["run_insight"].statements
        assert statement.text.sql.strip().startswith("CALL insight("), one.name


def test_candidates_whose_insight_is_one_transaction_say_that_productions_databases_would_have_to_be_one() -> None:
    found = candidate.find(ROOT / "schemas" / "pipelines").values()
    own = {one.name: "".join(_procedures(one.file.source)) for one in found}
    whole = {name for name, text in own.items() if text and "COMMIT;" not in text}
    assert whole == {one.name for one in found if "two databases" in one.summary} == {"flag_advisory", "flag_row_lock"}


def _procedures(source: str) -> list[str]:
    """Return the procedures that a candidate's own file creates."""
    return re.findall(r"PROCEDURE insight\(.*?\n\$\$;", source, re.DOTALL)
