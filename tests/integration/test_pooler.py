"""A connection pooler is refused: sessions behind one are not the server's own."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import psycopg
import pytest

from schemabench.errors import ServerError
from schemabench.server import Needs, Server, serve

PATIENCE_S = 20.0


class Pooler:
    """Passes everything on, but for the number of the server's process: a pooler has sessions of its own to cancel."""

    def __init__(self, port: int) -> None:
        self._server = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets = [self._listener]
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def close(self) -> None:
        """Break off what is open, and wait for all threads."""
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE_S)
        for one in self._sockets:
            one.close()

    def _start(self, target: Callable[..., None], *arguments: socket.socket) -> None:
        self._threads.append(threading.Thread(target=target, args=arguments, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server, PATIENCE_S)
                self._sockets += [client, server]
                self._start(_copy, client, server)
                self._start(_answer, server, client)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    for one in (source, target):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def _answer(server: socket.socket, client: socket.socket) -> None:
    """Pass the server's messages on, with another process id in `BackendKeyData`."""
    with suppress(OSError), server.makefile("rb") as stream:
        while head := stream.read(5):
            kind, length = head[:1], struct.unpack("!i", head[1:])[0]
            body = stream.read(length - 4)
            if kind == b"K":
                body = struct.pack("!i", struct.unpack("!i", body[:4])[0] + 100_000) + body[4:]
            client.sendall(head + body)
    _copy(server, client)


@pytest.fixture
def pooler(server: Server) -> Iterator[Pooler]:
    found = Pooler(int(psycopg.conninfo.conninfo_to_dict(server.conninfo)["port"]))
    yield found
    found.close()


def test_a_pooler_is_told_apart_from_the_server_and_refused(server: Server, pooler: Pooler) -> None:
    words = psycopg.conninfo.conninfo_to_dict(server.conninfo)
    dsn = (
        f"postgresql://postgres:{words['password']}@127.0.0.1:{pooler.port}/postgres?sslmode=disable&gssencmode=disable"
    )
    before = server.databases

    with (
        pytest.raises(
            ServerError, match=f"A connection pooler answers at postgresql://postgres@127.0.0.1:{pooler.port}"
        ),
        serve(dsn, Needs(clients=2), settings={}, run_id="pooled"),
    ):
        pytest.fail("it was served")
    assert server.databases == before
