"""Whose programs a server's are, and what they get of our environment."""

import os
import pwd
from pathlib import Path
from types import SimpleNamespace

import pytest

from schemabench.errors import ServerError
from schemabench.server import account


def test_a_user_whom_the_machine_does_not_know_is_told_what_postgres_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_: int) -> None:
        raise KeyError

    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    with pytest.raises(ServerError, match="number 12345, has no name") as caught:
        account.server_account()
    assert any("/etc/passwd" in remedy for remedy in caught.value.remedies)


@pytest.mark.parametrize(
    ("known", "chosen"),
    [
        (("schemabench", "postgres", "nobody"), "schemabench"),
        (("postgres", "nobody"), "nobody"),
        (("postgres",), "postgres"),
    ],
)
def test_root_has_a_server_run_as_the_user_that_others_share_least(
    monkeypatch: pytest.MonkeyPatch, known: tuple[str, ...], chosen: str
) -> None:
    def entry(name: str) -> SimpleNamespace:
        if name not in known:
            raise KeyError(name)
        return SimpleNamespace(pw_uid=4000, pw_gid=4000)

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(pwd, "getpwnam", entry)
    found = account.server_account()
    assert found is not None
    assert found.name == chosen
    assert bool(account.shared_account()) == (chosen != account.OWN)
    assert all(f"the user '{chosen}'" in line for line in account.shared_account())


def test_a_program_gets_named_variables_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "hunter2")
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    done = account.run(["/usr/bin/env"], None, Path("/"))

    names = {line.partition("=")[0] for line in done.stdout.splitlines()}
    assert "hunter2" not in done.stdout
    assert {"PATH", "LC_ALL", "TZ"} <= names <= {*account.ENVIRONMENT, "LC_ALL", "TZ"}
