"""Which saved runs a run may be compared with."""

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from schemabench import entries
from schemabench.errors import UsageError

KEY = ("usage", "typical")


def _saved(digest: str, **values: object) -> dict[str, Any]:
    experiment = {"workload": "usage", "cardinality": "typical", "digest": digest, "values": values}
    return {"benchmarks": [], "schemabench": {"experiments": [experiment]}}


def _config(compare: object, *saved: Mapping[str, Any]) -> pytest.Config:
    def load(*_: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        return ((f"000{number}.json", content) for number, content in enumerate(saved, start=1))

    paths = [path for path, _ in load()]
    chosen = dict.fromkeys(paths[-1:] if compare is True else paths)
    session = SimpleNamespace(compare=compare, compared_mapping=chosen, storage=SimpleNamespace(load=load))
    manager = SimpleNamespace(getplugin=lambda _: session, hasplugin=lambda _: True)
    return cast(pytest.Config, SimpleNamespace(pluginmanager=manager))


def test_run_at_other_sizes_is_refused_with_what_differs() -> None:
    config = _config("0001", _saved("old", sites=68, reads=8))

    with pytest.raises(
        UsageError, match=r"0001\.json: usage at typical has the digest new, but had old in that run"
    ) as caught:
        entries.check_compared(config, {KEY: ("new", {"sites": 70, "reads": 8})})

    assert caught.value.checked == ("sites 70, but 68 in that run",)


def test_a_size_that_one_of_the_runs_has_not_is_told() -> None:
    with pytest.raises(UsageError) as caught:
        entries.check_compared(_config("0001", _saved("old", sites=5, pages=7)), {KEY: ("new", {"sites": 5, "new": 1})})

    assert caught.value.checked == ("new 1, but absent in that run", "pages absent, but 7 in that run")


def test_run_of_another_replayed_file_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        entries.check_compared(_config("0001", _saved("old", sites=68)), {KEY: ("new", {"sites": 68})})

    assert "replayed files or the types of values differ" in caught.value.checked[0]


def test_run_at_the_same_sizes_is_compared() -> None:
    entries.check_compared(_config("0001", _saved("same", sites=68)), {KEY: ("same", {"sites": 68})})


def test_run_of_another_workload_or_of_other_benchmarks_is_compared() -> None:
    config = _config("000", _saved("old"), {"benchmarks": []})

    entries.check_compared(config, {("pageviews", "typical"): ("new", {})})


def test_only_the_last_run_counts_where_none_is_named() -> None:
    entries.check_compared(_config(True, _saved("old"), _saved("same")), {KEY: ("same", {})})  # noqa: FBT003 (its own word)


def test_run_that_cannot_be_compared_is_compared_with_nothing() -> None:
    config = _config("0001", _saved("old"))

    assert entries.comparing(config)
    entries.compare_nothing(config)
    assert not entries.comparing(config)
