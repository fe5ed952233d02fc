"""The author's interface: its examples do what they show, and its table has all lines that are read."""

import doctest
import re
from importlib import import_module
from pathlib import Path

import pytest

import schemabench
from schemabench import sending
from schemabench.sqlfile import block, dump, file, schema

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", schemabench.__all__)
def test_examples_of_each_public_name_do_what_they_show(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # where the page's run file is
    value = getattr(schemabench, name)
    module = import_module(value.__module__)
    (example,) = doctest.DocTestFinder(recurse=False).find(value, name, module, globs=dict(vars(module)))

    outcome = doctest.DocTestRunner().run(example)

    assert outcome.attempted
    assert not outcome.failed


def test_lines_on_sending_are_those_that_are_read() -> None:
    assert [example.partition(":")[0] for example in sending.LINES] == list(sending._PARSED)
    for example in sending.LINES:
        read = sending.line(f"-- {example}")
        assert read
        assert sending.parse([read], sending.AS_IS) != sending.AS_IS


def test_other_lines_are_those_that_are_read() -> None:
    modules = (file, block, schema)
    patterns = {dump.NAME} | {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, re.Pattern) and value.pattern.startswith(r"--\s*")
    } - {file._HEADER, file.UP, file.DOWN}
    examples = [f"-- {example}" for module in modules for example in module.LINES]

    assert sorted(sum(bool(one.fullmatch(example)) for example in examples) for one in patterns) == [1] * len(examples)
