"""Connections that are opened several at a time, and servers that refuse or say nothing."""

import socket
from contextlib import closing
from types import SimpleNamespace

import pytest
from psycopg import pq

from schemabench.load import opening
from schemabench.load.opening import AT_ONCE, NotOpenedError, opened


class FakeConnection:
    """One that is open after so many steps; a pipe stands for its socket."""

    running = 0
    most = 0

    def __init__(self, conninfo: str) -> None:
        self._left = int(conninfo)
        self._ends = socket.socketpair()
        self.socket = self._ends[0].fileno()
        self.status = pq.ConnStatus.STARTED
        self.conninfo = conninfo
        FakeConnection.running += 1
        FakeConnection.most = max(FakeConnection.most, FakeConnection.running)

    def connect_poll(self) -> pq.PollingStatus:
        """Take a step."""
        self._left -= 1
        if self._left < 0:
            FakeConnection.running -= 1
            return pq.PollingStatus.OK
        return pq.PollingStatus.WRITING

    def finish(self) -> None:
        """Close."""
        for end in self._ends:
            end.close()


def test_connections_are_opened_several_at_a_time_and_come_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(conninfo: bytes) -> FakeConnection:
        return FakeConnection(conninfo.decode())

    monkeypatch.setattr(opening, "pq", SimpleNamespace(PGconn=SimpleNamespace(connect_start=start)))
    monkeypatch.setattr(opening, "conninfo_to_dict", lambda _: {})
    wanted = [str(number % 7) for number in range(3 * AT_ONCE)]
    found = opened(wanted)
    for one in found:
        one.finish()

    assert [getattr(one, "conninfo", "") for one in found] == wanted
    assert FakeConnection.most == AT_ONCE


def test_a_server_that_is_not_there_is_told_in_its_words() -> None:
    with pytest.raises(NotOpenedError, match="No such file or directory"):
        opened(["host=/nowhere dbname=any"] * 3)


def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "timeout_from_conninfo", lambda _: 0.05)
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(NotOpenedError, match="timeout expired"):
            opened([f"host=127.0.0.1 port={port} sslmode=disable gssencmode=disable user=any dbname=any"] * 2)


def test_nothing_is_opened_for_nobody() -> None:
    assert opened([]) == []
