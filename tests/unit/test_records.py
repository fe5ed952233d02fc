"""Records of a run, as JSON and back."""

import json
from dataclasses import FrozenInstanceError, replace

import fixed_run
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemabench.records import FORMAT, Notice, Run, from_builtins, to_builtins

RUN: Run = fixed_run.RUN


def test_a_run_comes_back_from_json_as_it_was() -> None:
    assert from_builtins(json.loads(json.dumps(to_builtins(RUN)))) == RUN


@given(st.lists(st.tuples(st.text(), st.text())), st.dictionaries(st.text(), st.text()))
def test_whatever_text_it_holds(texts: list[tuple[str, str]], machine: dict[str, str]) -> None:
    run = replace(RUN, notices=tuple(Notice(code=code, text=text) for code, text in texts), machine=machine)

    assert from_builtins(json.loads(json.dumps(to_builtins(run)))) == run


def test_an_empty_run_is_a_run() -> None:
    run = replace(RUN, experiments=(), server=None, notices=(), options=())

    assert from_builtins(to_builtins(run)) == run
    assert to_builtins(run)["format"] == FORMAT


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        RUN.run_id = "other"  # type: ignore[misc]


def test_a_field_that_is_missing_is_named() -> None:
    value = to_builtins(RUN)
    del value["experiments"][0]["seed"]

    with pytest.raises(msgspec.ValidationError, match=r"missing required field `seed`.*\$\.experiments\[0\]"):
        from_builtins(value)


def test_a_field_of_another_type_is_named() -> None:
    value = to_builtins(RUN)
    value["experiments"][0]["candidates"][0]["trials"][0]["duration_s"] = "long"

    with pytest.raises(msgspec.ValidationError, match=r"trials\[0\]\.duration_s"):
        from_builtins(value)


def test_a_field_of_a_newer_version_is_passed_over() -> None:
    assert from_builtins({**to_builtins(RUN), "added_later": 1}) == RUN
