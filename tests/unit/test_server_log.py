"""The log of a server of ours, as errors show it: without the values of settings that may be secret."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from schemabench.errors import ServerError, UsageError
from schemabench.server import local
from schemabench.server.binaries import Binaries
from schemabench.server.dsn import Conninfo

SECRET = "hunter2"  # noqa: S105 (the value that must not be seen)
SETTINGS = {"password_encryption": SECRET, "my.token": f"first\n{SECRET}", "work_mem": "4MB"}
LOG = f"""\
LOG:  invalid value for parameter "password_encryption": "{SECRET}"
LOG:  invalid value for parameter "my.token": "first
\t{SECRET}"
FATAL:  configuration file "postgresql.conf" contains errors at 4MB
"""
BINARIES = Binaries(name="local 18", folder=Path("/x"), version="18.1", major=18)


CRASH = "LOG:  server process (PID {}) was terminated by signal 9: Killed\n"


def _server(folder: Path, code: int | None) -> local.LocalServer:
    """Return a server whose process has ended with a code, or not yet."""
    process: Any = SimpleNamespace(pid=1, poll=lambda: code)
    return local.LocalServer(
        conninfo=Conninfo(""),
        origin="local",
        process=process,
        data=folder,
        log=folder / "log",
        binaries=BINARIES,
        settings=SETTINGS,
    )


def test_a_crash_that_is_over_is_not_told_as_the_reason_for_what_fails_later(tmp_path: Path) -> None:
    server = _server(tmp_path, None)
    server.forget_crashes()
    assert server.failure() is None, "there is no log yet"
    server.log.write_text(CRASH.format(1))
    assert "PID 1" in (server.failure() or "")
    server.forget_crashes()
    assert server.failure() is None
    with server.log.open("a") as log:
        log.write(CRASH.format(2))
    assert "PID 1" not in (server.failure() or "")
    assert "PID 2" in (server.failure() or "")


def test_a_server_that_died_or_refused_a_setting_shows_its_log_without_secrets(tmp_path: Path) -> None:
    server = _server(tmp_path, 1)
    server.log.write_text(LOG)
    lines = local._tail(server.log, 200, SETTINGS)
    refused, failed = (
        local._refused_setting(lines, ["password_encryption"]),
        local._failed("postgres", BINARIES, lines, tmp_path),
    )

    assert isinstance(refused, UsageError)
    assert "--postgres-setting password_encryption: invalid value" in refused.what
    assert isinstance(failed, ServerError)
    for shown in (str(refused), str(failed), server.failure() or ""):
        assert SECRET not in shown
    assert "contains errors at 4MB" in (server.failure() or "")
    assert "contains errors at 4MB" in str(failed)
