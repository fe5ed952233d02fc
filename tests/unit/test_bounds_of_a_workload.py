"""Bounds of the cardinality: invariants get their values from it, and are not asked where it describes nothing."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import made_up
import pytest

from schemabench import Model
from schemabench.equivalence import questions
from schemabench.errors import WorkloadError
from schemabench.server import Database, Databases
from schemabench.workload import Found, Parts, check_bounds

OPERATIONS = (
    made_up.OPERATIONS
    + """\
-- name: too_many
SELECT count(*) FROM item HAVING count(*) > :'most'::bigint;
-- name: empty_keys
SELECT * FROM item WHERE key = '';
"""
)
INVARIANTS = ("too_many", "empty_keys")


def found(folder: Path, bounds: Mapping[str, object], **changes: object) -> Found:
    return made_up.found(
        folder,
        OPERATIONS,
        invariants=INVARIANTS,
        bounds=lambda sizes: {name: value and sizes.keys * value for name, value in bounds.items()},
        **changes,
    )


@pytest.mark.parametrize(("value", "text"), [(2, "'10'"), (None, "NULL")])
def test_an_invariant_has_its_values_from_the_cardinality(tmp_path: Path, value: object, text: str) -> None:
    one = found(tmp_path, {"most": value})
    check_bounds(one, "typical", made_up.Sizes())
    (question,) = questions(
        one.operations["too_many"],
        Databases(label="x", by_part={"": Database(name="db", label="x")}),
        Parts(by_name={"a": {}, "b": {}}),
        WorkloadError,
        one.bounds(made_up.Sizes()),
    )

    assert f"count(*) > {text}::bigint" in question.query.sql
    assert one.bounded(made_up.Sizes()) == ("too_many",)


def test_a_bound_without_a_value_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(WorkloadError, match="At 'typical', `bounds` of 'made_up' has no value for most") as caught:
        check_bounds(found(tmp_path, {"least": 1}), "typical", made_up.Sizes())
    assert caught.value.checked == ("values: least",)
    assert caught.value.where is not None
    assert ":'most'" in caught.value.where.text


def test_a_bound_that_cannot_be_computed_is_its_authors_fault(tmp_path: Path) -> None:
    wrong = found(tmp_path, {"most": 1})
    wrong = replace(wrong, workload=replace(wrong.workload, bounds=lambda _: {"most": 1 // 0}))
    with pytest.raises(WorkloadError, match="`bounds` of the workload 'made_up' failed: ZeroDivisionError"):
        check_bounds(wrong, "typical", made_up.Sizes())


def test_a_model_does_not_have_rows_of_an_invariant_with_bounds(tmp_path: Path) -> None:
    model: Model[made_up.Sizes, object] = Model(
        initial=object,
        calls=lambda _: None,  # type: ignore[arg-type, return-value]
        apply=lambda *_: None,
        state=lambda _: {"items": (), "too_many": (), "empty_keys": ()},
    )
    with pytest.raises(WorkloadError, match="The model of 'made_up' returns rows of too_many, which have bounds"):
        check_bounds(found(tmp_path, {"most": 1}, model=model), "typical", made_up.Sizes())


def test_invariants_with_bounds_are_not_asked_where_a_file_is_replayed(tmp_path: Path) -> None:
    plan = replace(made_up.plan(tmp_path), found=found(tmp_path, {"most": 1}))
    replayed = replace(plan, inputs={"made_up": tmp_path / "keys.csv"})

    assert (plan.invariants, plan.unasked) == (INVARIANTS, ())
    assert (replayed.invariants, replayed.unasked) == (("empty_keys",), ("too_many",))
    assert replayed.queries == ("items", "empty_keys")
    assert plan.bounds == {"most": "5"}
