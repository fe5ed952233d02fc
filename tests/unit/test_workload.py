"""Workload modules: found, imported, and refused where their parts do not fit."""

import sys
from pathlib import Path

import made_up
import pytest

from schemabench import Call, Writer
from schemabench.errors import UsageError, WorkloadError
from schemabench.workload import check_calls, load, names

MODULE = """\
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from schemabench import BadLineError, Call, Companion, Replay, Workload, Writer

@dataclass(frozen=True)
class Sizes:
    sites: int

SIZES = {"typical": Sizes(3)}
CALL = Call("add", {"key": 1})
STATE = ("items",)
INVARIANTS = ()
WRITERS = (Writer(name="stream", kind="stream", weight=2),)
REPLAY = None
COMPANIONS = ()

def burst(sizes, writer, block, random):
    while True:
        yield CALL
"""
WORKLOAD = """
WORKLOAD = Workload(
    name="shop", summary="", cardinalities=SIZES, writers=lambda _: WRITERS, burst=burst, state=STATE,
    invariants=INVARIANTS, replay=REPLAY, companions=lambda _: COMPANIONS,
)
"""
OPERATIONS = "-- name: add\nSELECT :key;\n-- name: items\nSELECT 1;\n-- name: two\nSELECT 1; SELECT 2;\n"


def _write(folder: Path, *lines: str, operations: str = OPERATIONS, end: str = WORKLOAD) -> Path:
    (folder / "shop").mkdir(parents=True, exist_ok=True)
    (folder / "shop" / "__init__.py").write_text("\n".join([MODULE, *lines, end]))
    (folder / "shop" / "operations.sql").write_text(operations)
    return folder


def _refused(folder: Path) -> WorkloadError:
    with pytest.raises(WorkloadError) as caught:
        load(folder, "shop")
    return caught.value


def test_a_workload_is_found_with_its_operations(tmp_path: Path) -> None:
    found = load(_write(tmp_path), "shop")

    assert found.workload.name == "shop"
    assert found.path == tmp_path / "shop" / "__init__.py"
    assert list(found.operations) == ["add", "items", "two"]
    assert found.queries == ("items",)
    assert names(tmp_path) == ("shop",)


def test_folders_without_a_module_are_no_workloads(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    assert names(tmp_path) == ()
    assert names(tmp_path / "absent") == ()


def test_an_unknown_workload_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"There is no workload 'shpo' in .*; did you mean 'shop'\?") as caught:
        load(_write(tmp_path), "shpo")
    assert caught.value.checked == ("workloads there: shop",)

    with pytest.raises(UsageError) as caught:
        load(tmp_path / "absent", "shop")
    assert caught.value.checked == ("workloads there: none",)


def test_a_workload_of_several_modules_is_imported_anew_from_each_folder(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        _write(tmp_path / folder, "from .part import SIZES")
        (tmp_path / folder / "shop" / "part.py").write_text(f'SIZES = {{"typical": {folder!r}}}')

    assert load(tmp_path / "one", "shop").workload.cardinalities == {"typical": "one"}
    assert load(tmp_path / "two", "shop").workload.cardinalities == {"typical": "two"}


def test_a_workload_under_two_names_is_one(tmp_path: Path) -> None:
    assert load(_write(tmp_path, end=f"{WORKLOAD}\nSHOP = WORKLOAD\n"), "shop").workload.name == "shop"


def test_an_import_that_fails_is_the_authors_fault_and_is_tried_again(tmp_path: Path) -> None:
    _write(tmp_path, "from absent_module import anything")

    assert "ModuleNotFoundError: No module named 'absent_module'" in _refused(tmp_path).what
    assert load(_write(tmp_path), "shop")


def test_a_module_with_a_syntax_error_is_refused(tmp_path: Path) -> None:
    assert "SyntaxError" in _refused(_write(tmp_path, "def broken(:")).what


@pytest.mark.parametrize(("end", "number"), [("", 0), (f"{WORKLOAD}\nOTHER = Workload(**vars(WORKLOAD))\n", 2)])
def test_a_module_exports_one_workload(tmp_path: Path, end: str, number: int) -> None:
    assert f"exports {number} workloads, not one" in _refused(_write(tmp_path, end=end)).what


def test_a_workload_is_called_as_its_folder(tmp_path: Path) -> None:
    _write(tmp_path, end=WORKLOAD.replace('"shop"', '"store"'))

    assert "calls itself 'store', its folder 'shop'" in _refused(tmp_path).what


def test_operations_are_needed(tmp_path: Path) -> None:
    _write(tmp_path)
    (tmp_path / "shop" / "operations.sql").unlink()

    assert "Cannot read" in _refused(tmp_path).what


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('SIZES = {"worst": Sizes(3)}', "'shop' pins no cardinality named 'typical'"),
        ('STATE = ("itmes",)', r"The query 'itmes' is not in "),
        ('INVARIANTS = ("item",)', r"; did you mean 'items'?"),
        ('STATE = ("add",)', "The query 'add' has parameters: key"),
        ('STATE = ("two",)', "The query 'two' has 2 statements, not one"),
        ("WRITERS = ()", "At 'typical', 'shop' has no writers, or one of weight or clients below 1"),
        ('WRITERS = (Writer(name="a", kind="batch", weight=0),)', "weight or clients below 1"),
        ('WRITERS = (Writer(name="a", kind="batch", weight=1, clients=0),)', "weight or clients below 1"),
        ('CALL = Call("ad", {"key": 1})', "writer 'stream' at 'typical' calls 'ad', which is not in"),
        ('CALL = Call("ad", {"key": 1})', "; did you mean 'add'?"),
        ('CALL = Call("add", {"kez": 1})', "writer 'stream' at 'typical' calls 'add' without key"),
        (
            'REPLAY = Replay(writer="steam", columns="", parse=str, calls=burst)',
            "The replay of 'shop' feeds 'steam', which is not a writer",
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused(tmp_path: Path, line: str, words: str) -> None:
    assert words in _refused(_write(tmp_path, line)).what


@pytest.mark.parametrize(
    ("axis", "words"),
    [
        ('Axis(field="sites", low=9, high=3)', "The axis 'sites' cannot go from 9 to 3"),
        ('Axis(field="sites", low=-1, high=3)', "The axis 'sites' cannot go from -1 to 3"),
        ('Axis(field="sites", low="1", high=3)', "`axes` of the workload 'shop' failed: TypeError"),
        ('Axis(field="kind", low=1, high=3)', "The axis 'kind' is of a field that is no number: 'stream'"),
    ],
)
def test_an_axis_that_goes_nowhere_is_refused_before_a_map_is_begun(tmp_path: Path, axis: str, words: str) -> None:
    sizes = "@dataclass(frozen=True)\nclass Sizes:\n    sites: int = 3\n    days: int = 3\n    kind: str = 'stream'\n"
    axes = f'SIZES = {{"typical": Sizes()}}\nAXES = {axis}, Axis(field="days", low=0, high=30)\n'
    end = WORKLOAD.replace("replay=REPLAY", "axes=AXES")

    assert words in _refused(_write(tmp_path, "from schemabench import Axis", sizes, axes, end=end)).what


@pytest.mark.parametrize("grows", ["site", "kind"])
def test_rows_grow_over_a_number_of_the_cardinality(tmp_path: Path, grows: str) -> None:
    sizes = "@dataclass(frozen=True)\nclass Sizes:\n    sites: int = 3\n    kind: str = 'stream'\n"
    end = WORKLOAD.replace("replay=REPLAY", f"grows={grows!r}")

    refused = _refused(_write(tmp_path, sizes, 'SIZES = {"typical": Sizes()}\n', end=end))

    assert refused.what == f"`grows` of 'shop' is no number of its cardinality: {grows!r}"
    assert refused.checked == ("numbers of its cardinality: sites",)


def test_a_model_knows_rows_of_queries_only(tmp_path: Path) -> None:
    model = "MODEL = Model(initial=dict, calls=None, apply=None, state=lambda _: {'item': []})"
    end = WORKLOAD.replace("replay=REPLAY", "model=MODEL")
    refused = _refused(_write(tmp_path, "from schemabench import Model", model, end=end))

    assert "returns rows of 'item', which is not a query of the workload; did you mean 'items'?" in refused.what


def test_a_burst_that_names_what_it_lacks_shows_the_operation(tmp_path: Path) -> None:
    error = _refused(_write(tmp_path, 'CALL = Call("add", {})'))

    assert error.where is not None
    assert error.where.path == tmp_path / "shop" / "operations.sql"


def test_values_beyond_the_parameters_are_passed_over(tmp_path: Path) -> None:
    check_calls(made_up.found(tmp_path), [Call("look", {"key": "a", "other": 1})], "test")


def test_the_import_leaves_one_module_behind(tmp_path: Path) -> None:
    load(_write(tmp_path), "shop")
    load(_write(tmp_path), "shop")

    assert [name for name in sys.modules if name.startswith("schemabench_workload_shop")] == [
        "schemabench_workload_shop"
    ]


def test_a_writer_has_one_connection_and_no_identifiers_unless_it_says_so() -> None:
    writer = Writer(name="a", kind="reader", weight=1)

    assert (writer.clients, dict(writer.identifiers)) == (1, {})


@pytest.mark.parametrize(
    ("companion", "reason"),
    [
        ('name="stream", operation="items"', "several writers or companions of 'shop' are called stream"),
        ('name="a", operation="item"', "calls 'item', which is not in"),
        ('name="a", operation="add"', "calls 'add' without key"),
        ('name="a", operation="items", clients=0', "has 0 clients"),
        ('name="a", operation="items", every_s=float("nan")', "executes every nan s"),
        ('name="a", operation="items", every_s=float("inf")', "executes every inf s"),
        ('name=" ", operation="items"', "has no name"),
        ('name="a", operation="items", every_s=-1', "executes every -1 s"),
        (
            'name="a", operation="items", every_s=1, holds=True',
            "holds its transaction open, and so cannot execute every",
        ),
        ('name="a", operation="add", values=lambda _: 1 / 0', "`companions` of the workload 'shop' failed"),
    ],
)
def test_a_companion_that_does_not_fit_is_refused(tmp_path: Path, companion: str, reason: str) -> None:
    folder = _write(tmp_path, f"COMPANIONS = (Companion({companion}),)")

    assert reason in str(_refused(folder))


def test_a_companion_takes_its_parameters_from_its_values(tmp_path: Path) -> None:
    folder = _write(
        tmp_path, 'COMPANIONS = (Companion(name="a", operation="add", values=lambda _: ({"key": n} for n in count())),)'
    )

    (companion,) = load(folder, "shop").workload.companions(None)
    assert companion.name == "a"
