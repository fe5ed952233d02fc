"""A server like another one, for what must not happen to that one.

Owns its settings. Must not know what it is used for.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from schemabench.errors import ServerError
from schemabench.server.admission import Needs
from schemabench.server.serving import Server, attend

_UNATTENDED = {"autovacuum": "off", "fsync": "off", "full_page_writes": "off", "shared_buffers": "64MB"}
"""Nothing there is durable, looked after, or fast: the server that is measured needs the memory."""
_SESSION_NAME = "schemabench scratch"
"""The `application_name` of sessions there."""


@contextmanager
def scratch(server: Server) -> Iterator[Server]:
    """Start a server like the given one, of the same programs and settings, and remove it at the end of the block.

    Its data folder may be changed from here: its pages have no checksums.

    Raises:
        ServerError: It cannot be started, or the given one was not started from programs of this machine.
    """
    another = server.source.another(_UNATTENDED, server.run_id)
    if another is None:
        raise ServerError(
            f"schemabench did not start {server.record.origin} from programs of this machine, and so cannot start a "
            "second server like it",
            remedies=["use a server that it starts: --postgres embedded, or --postgres local:MAJOR"],
        )
    with (
        another as source,
        attend(
            source,
            asked={},
            ours={},
            needs=Needs(clients=1),
            run_id=server.run_id,
            keep=False,
            session_name=_SESSION_NAME,
        ) as beside,
    ):
        yield beside
