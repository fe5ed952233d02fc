"""The relay of the table of faults: it carries, and then it resets instead of closing."""

import socket
import struct

import pytest
from relay import relaying


def test_what_is_reset_is_no_orderly_end_and_what_comes_later_is_carried() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, relaying(server.getsockname()[1]) as relay:
        with socket.create_connection(("127.0.0.1", relay.port)) as client, server.accept()[0] as served:
            client.sendall(b"there")
            assert served.recv(5) == b"there"
            served.sendall(b"back")
            assert client.recv(4) == b"back"

            relay.reset()

            with pytest.raises(ConnectionResetError):
                client.recv(1)
            with pytest.raises(ConnectionResetError):
                served.recv(1)
        with socket.create_connection(("127.0.0.1", relay.port)) as client, server.accept()[0] as served:
            client.sendall(b"again")
            assert served.recv(5) == b"again"


def test_a_server_that_resets_a_connection_ends_it_for_the_client() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        relaying(server.getsockname()[1]) as relay,
        socket.create_connection(("127.0.0.1", relay.port), timeout=10) as client,
    ):
        served, _ = server.accept()
        served.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        served.close()

        assert client.recv(1) == b""
