"""A relay between runs and a server, which resets every connection through it when told to.

Owns the reset: a packet with RST instead of FIN, as from a firewall or a machine that has gone. Must not know what
passes.
"""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_READ_BYTES = 1 << 16
_ABRUPTLY = struct.pack("ii", 1, 0)
"""SO_LINGER of no time: `close` sends RST."""


class Relay:
    """Carries bytes between its own port on loopback and another one.

    Args:
        port: The server's.

    Attributes:
        port: Its own.
    """

    def __init__(self, port: int) -> None:
        self._server = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def reset(self) -> None:
        """Reset every connection that is open; later ones are carried as before."""
        found, self._open = self._open, []
        for one in found:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABRUPTLY)
            with suppress(OSError):  # the other end has closed
                one.shutdown(socket.SHUT_RD)  # wakes the thread that reads it, and sends nothing
            one.close()

    def close(self) -> None:
        """Carry nothing any more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.reset()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self._server))
                except OSError:  # the server is down
                    near.close()
                    continue
                self._open += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):  # reset
            while data := source.recv(_READ_BYTES):
                target.sendall(data)
        with suppress(OSError):  # closed as well
            if source in self._open:  # its end was not ours
                target.shutdown(socket.SHUT_WR)


@contextmanager
def relaying(port: int) -> Iterator[Relay]:
    """Yield a relay to a port of this machine, and close it."""
    relay = Relay(port)
    try:
        yield relay
    finally:
        relay.close()
