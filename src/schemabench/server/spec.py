"""Parsing of `--postgres SPEC`.

Owns the option's forms. Must not inspect the machine, and must never show a DSN.
"""

import difflib
from dataclasses import dataclass
from pathlib import Path

from schemabench.errors import UsageError
from schemabench.server.dsn import Conninfo, parse_dsn
from schemabench.server.offer import NEWEST_MAJOR

FORMS = (
    "embedded",
    f"{NEWEST_MAJOR}",
    f"local:{NEWEST_MAJOR}",
    "local:/path/to/bin",
    f"docker:{NEWEST_MAJOR}",
    "docker:some/image:tag",
    "postgresql://user@host:5432/database",
    "service=NAME",
)
"""An example of each form."""


@dataclass(frozen=True, kw_only=True)
class Anything:
    """The best available server: from a wheel, else installed on the machine, else in a container."""

    major: int | None
    """The required major version; None for any."""


@dataclass(frozen=True, kw_only=True)
class LocalMajor:
    """Programs of one major version on this machine, from a wheel or not."""

    major: int
    """The major version."""


@dataclass(frozen=True, kw_only=True)
class LocalFolder:
    """Programs in one folder."""

    folder: Path
    """The `bin` folder or its parent."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """A container."""

    image: str
    """The image, as in `postgres:18`."""


@dataclass(frozen=True, kw_only=True)
class Existing:
    """A server that runs already and is not ours."""

    conninfo: Conninfo
    """Its address."""


Spec = Anything | LocalMajor | LocalFolder | Image | Existing


def parse_spec(text: str) -> Spec:
    """Parse a SPEC.

    Raises:
        UsageError: It has none of the forms.
    """
    text = text.strip()
    kind, colon, rest = text.partition(":")
    if text == "embedded":
        return Anything(major=None)
    if text.isascii() and text.isdecimal():
        return Anything(major=int(text))
    if colon and kind == "docker" and rest.strip():
        return Image(image=f"postgres:{rest}" if rest.isdecimal() else rest.strip())
    if colon and kind == "local" and rest.strip():
        if rest.isascii() and rest.isdecimal():
            return LocalMajor(major=int(rest))
        return LocalFolder(folder=_folder(rest))
    if kind not in ("docker", "local") and ("://" in text or "=" in text):
        return Existing(conninfo=parse_dsn(text))
    raise _unknown(text)


def _folder(text: str) -> Path:
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError:  # of `~name`, or of `~` for a user without a home
        shown = text if _is_plain(text) else "..."
        raise UsageError(
            f"--postgres local:{shown} cannot be used: this machine knows no home of that user",
            remedies=["name the folder from the root on: --postgres local:/path/to/bin"],
        ) from None


def _is_plain(text: str) -> bool:
    """Return whether a text may be shown: one that resembles a DSN may hold a password."""
    return len(text) <= 80 and not set(text) & set("@=?&")  # noqa: PLR2004 - about one line of a terminal


def _unknown(text: str) -> UsageError:
    plain = _is_plain(text)
    what = (
        f"{text!r} is not a server that --postgres accepts" if plain else "the value of --postgres has an unknown form"
    )
    near = difflib.get_close_matches(text, FORMS, n=3, cutoff=0.4) if plain else []
    return UsageError(what, remedies=[f"--postgres {form}" for form in (near or FORMS)])
