"""Copies of entrants' databases: all, or none, whatever ends the copying."""

from types import SimpleNamespace
from typing import Any

import pytest

from schemabench.errors import ServerError
from schemabench.experiment import renewal
from schemabench.server import Database, Databases

SERVER: Any = SimpleNamespace(alive=lambda: True)


class One:
    """An entrant, as far as copies go."""

    def __init__(self, name: str) -> None:
        self.databases = Databases(label=name, by_part={"": Database(name=f"sb_{name}", label=name)})


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), ServerError("the disk is full")], ids=["Ctrl-C", "no space"])
def test_copies_are_dropped_where_not_all_are_made(ending: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    dropped: list[Database] = []

    def clone(_: object, template: Databases, label: str, *, keep: bool) -> Databases:
        assert keep, "they take the place of databases that may outlive the run"
        if label == "second":
            raise ending
        return Databases(label=label, by_part={"": Database(name=f"{template.by_part[''].name}_again", label=label)})

    monkeypatch.setattr(renewal.several, "clone", clone)
    monkeypatch.setattr(renewal.several, "drop", lambda _, some: dropped.extend(some))
    both: Any = [One("first"), One("second")]

    if isinstance(ending, ServerError):
        assert renewal._copied(SERVER, both) == ({}, "the disk is full")
    else:
        with pytest.raises(KeyboardInterrupt):
            renewal._copied(SERVER, both)
    assert [one.name for one in dropped] == ["sb_first_again"]


def test_an_interrupt_is_one_though_copies_cannot_be_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ServerError("it is in use")

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(renewal.several, "clone", interrupt)
    monkeypatch.setattr(renewal.several, "drop", fail)
    one: Any = One("first")

    with pytest.raises(KeyboardInterrupt):
        renewal._copied(SERVER, [one])
