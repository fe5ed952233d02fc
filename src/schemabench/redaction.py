"""What may be a secret, and how a text is shown without it.

Owns the names and forms by which passwords are known: in connection strings, and as values of server settings. Must not
know where a text comes from, nor where it goes.
"""

import re

MASK = "***"
"""Stands where a secret stood."""
_SETTINGS = frozenset(
    {
        "archive_cleanup_command",
        "archive_command",
        "primary_conninfo",
        "recovery_end_command",
        "restore_command",
        "ssl_passphrase_command",
    }
)
"""Settings of PostgreSQL that may hold a password."""
_WORDS = ("password", "passphrase", "secret", "token", "license", "api_key")
_PASSWORD = re.compile(
    r"(?<=://)(?P<user>[^:/@\s]*):\S*@"  # up to the last @: a password may hold one that should have been escaped
    r"|(?P<word>[?&]\w*password=)[^\s&]*"
    r"|(?P<key>password\s*=\s*)('(\\.|[^'\\])*('|$)|(\\.|[^\s\\])+)",
    re.IGNORECASE | re.DOTALL,
)
_SETTING = re.compile(r"(?P<before>(--[\w-]+=)?(?P<name>[\w.]+)\s*=).*", re.DOTALL)


def hides(name: str) -> bool:
    """Return whether a server setting of this name may hold a secret."""
    lower = name.strip().lower()
    return lower in _SETTINGS or any(word in lower for word in _WORDS)


def redact(text: str) -> str:
    """Return an argument, or any text, without the passwords in it.

    They stand in connection strings, or are the value of a setting: `NAME=VALUE`, also behind `--option=`.
    """
    setting = _SETTING.fullmatch(text)
    if setting and hides(setting["name"]):
        return f"{setting['before']}{MASK}"
    return _PASSWORD.sub(_masked, text)


def _masked(match: re.Match[str]) -> str:
    key = match["word"] or match["key"]
    return f"{key}{MASK}" if key else f"{match['user']}:{MASK}@"
