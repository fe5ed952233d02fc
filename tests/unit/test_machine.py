"""The machine: what is refused, and in which words."""

import platform

import pytest

from schemabench import machine
from schemabench.errors import UsageError


@pytest.mark.parametrize(("system", "words"), [("Darwin", "Darwin"), ("Windows", "Windows"), ("", "an unknown system")])
def test_a_system_other_than_linux_is_refused_in_words(
    monkeypatch: pytest.MonkeyPatch, system: str, words: str
) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)

    with pytest.raises(UsageError, match=f"schemabench measures on Linux alone, and this is {words}") as refused:
        machine.check()

    assert "epoll and timerfd" in str(refused.value)
    assert "a container or a virtual machine with Linux" in str(refused.value)


def test_linux_is_not_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")

    machine.check()
