"""Possible secrets, and texts with these masked.

Owns the names and forms that identify passwords: in arguments and connection strings, in settings, and in SQL. Must not
know a text's source, nor its destination.
"""

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from itertools import pairwise
from typing import Any, TypeVar, cast
from urllib.parse import unquote

MASK = "***"
"""The replacement for a secret."""
_SETTINGS = (
    "archive_cleanup_command",
    "archive_command",
    "primary_conninfo",
    "recovery_end_command",
    "restore_command",
    "scram_client_key",
    "scram_server_key",
    "ssl_passphrase_command",
)
"""Settings of PostgreSQL, and words of a connection string, that may hold a password."""
_WORDS = ("password", "passwd", "passphrase", "secret", "token", "license", "api_key", "apikey")
_NAMES = (*_SETTINGS, *_WORDS)
_NAME = rf"(?:{'|'.join(_NAMES).replace('_', '[_-]')})[\w.-]*"
"""The identifying part of a name and the rest of the name; PostgreSQL reads `--my-name=value` as my_name."""
_TELLING = re.compile(_NAME, re.IGNORECASE)
_SETTING = re.compile(rf"({_NAME}\s*=).*", re.IGNORECASE | re.DOTALL)
_URL = re.compile(r"(\w+://\S*)")
_USER = re.compile(r"(?<=:/)(/?[^:/@\s]*):\S*@")
"""Up to the last @: a password may hold one that should have been escaped. A path has one slash of two: `Path` drops
the other."""
_QUERY = re.compile(r"(?<=[?&])[^&\s]+")

_LITERAL = r"""(?:
    [eE]'(?:[^'\\]|''|\\.)*(?:'|\Z)
    | ''(?=\s*(?:;|\Z))
    | (?:[uU]&)?(?P<quote>'+)(?:(?!(?P=quote)).|(?P=quote){2})*(?:(?P=quote)|\Z)  # in a literal, each quote is two
    | (?P<dollars>\$\w*\$).*?(?:(?P=dollars)|\Z)
)"""
_GAP = r"(?>\s|/\*.*?\*/|--[^\n]*\n)*+"
_PASSWORD = re.compile(
    rf"""
    (?P<word>password{_GAP})
    (?:
        (?P<end>%(?:\d+\$)?[LIs]'?|'(?=\s*\|\|))  # of the literal in which PASSWORD stands: its value follows
        | (?P<value>{_LITERAL})
    )
    (?P<rest>(?:'(?=[\s)]*(?:[;"]|\Z))|'[^']*'|[^;'"])*)
    """,
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
"""`PASSWORD 'x'`, on its own or in a literal, with everything appended to it up to the end of the statement."""
_PARAMETER = r"""(?::"?\w+"?(?:::[\w\[\]]+)?|\$\d+)(?=[\s;,)]|\Z)"""
_VALUE = re.compile(
    rf"""
    (?P<name>
        {_NAME}(?:\s*=>?|(?:\s+\w+){{0,3}}\s*:=|'+(?:::\w+)?\s*,(?=\s*[eE$']))\s*  # the third in set_config()
        | \bSET\s+(?:LOCAL\s+|SESSION\s+)?[\w.]*{_NAME}\s+TO\s+
    )
    (?!{_PARAMETER})
    (?P<value>{_LITERAL}|(?:\\.|''(?=\w)|[^\s'"\\;,)]|[;,)](?=[^\s;,)'"]))+)
    """,
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
"""`name = value`: in a connection string, of a setting, or of a variable."""
_ADDED = re.compile(r"'[^']+'")
_QUOTED = re.compile(r"((?:[eE]|[uU]&)?('+|\$\w*\$))(.*?)(\2?)", re.DOTALL)
_Record = TypeVar("_Record")


def hides(name: str) -> bool:
    """Return whether a server setting of this name may hold a secret, or whether a text has such a name in it."""
    if name.isascii():  # as good as always; there the pattern would take many times as long
        plain = name.lower().replace("-", "_")
        return any(one in plain for one in _NAMES)
    return _TELLING.search(name) is not None


def redact(argument: str) -> str:
    """Return an argument without the passwords in it: in a connection string, or as the value of a setting.

    After the first name of a secret, everything is masked except the rest of a URL: the end of the value is unknown.
    """
    shown = ""
    for place, piece in enumerate(_URL.split(_USER.sub(rf"\1:{MASK}@", argument))):
        hidden = _redact_url(piece) if place % 2 else _SETTING.sub(rf"\1{MASK}", piece)
        shown += hidden
        if hidden != piece and not place % 2:
            break
    return shown


def redact_command(arguments: Iterable[object]) -> str:
    """Return the arguments of a command as one text, without the passwords in them."""
    texts = [str(argument) for argument in arguments]
    return shlex.join(
        MASK if flag.startswith("-") and hides(flag) else redact(text) for flag, text in pairwise(["", *texts])
    )


def redact_sql(text: str) -> str:
    """Return SQL, or a server's message about it, without the passwords that their names identify.

    Literals remain literals, and lines remain lines.
    """
    if not hides(text) and ":/" not in text:
        return text
    shown = _PASSWORD.sub(_without_password, _USER.sub(rf"\1:{MASK}@", text))
    return _VALUE.sub(lambda match: match["name"] + _masked(match["value"]), shown)


def redact_line(text: str) -> str:
    """Return the same on one line. Passwords go first: a comment before one ends with its line."""
    return " ".join(redact_sql(text).split())


def without_values(text: str, settings: Mapping[str, str]) -> str:
    """Return a text, as of a server's log, without the values of settings whose names tell that they may be secret.

    A log breaks a value of several lines, so that each of them is masked by itself, too. Parts of longer words stay.
    """
    for name, value in settings.items():
        if hides(name):
            for part in filter(str.strip, (value, *value.splitlines())):
                text = re.sub(rf"(?<!\w){re.escape(part)}(?!\w)", MASK, text)
    return text


def redact_record(record: _Record) -> _Record:
    """Return a record with `redact_sql` applied to all of its texts."""
    found: Any
    if isinstance(record, str):
        found = redact_sql(record)
    elif isinstance(record, Mapping):
        found = {name: redact_record(value) for name, value in record.items()}
    elif isinstance(record, list | tuple):
        found = type(record)(redact_record(value) for value in record)
    elif is_dataclass(record) and not isinstance(record, type):
        found = replace(record, **{one.name: redact_record(getattr(record, one.name)) for one in fields(record)})
    else:
        return record
    return cast(_Record, found)


def _redact_url(url: str) -> str:
    def shown(part: re.Match[str]) -> str:
        plain = unquote(part[0])
        hidden = _SETTING.sub(rf"\1{MASK}", plain)
        return part[0] if hidden == plain else hidden

    return _QUERY.sub(shown, url)


def _without_password(match: re.Match[str]) -> str:
    shown = match["end"] or _masked(match["value"])
    return match["word"] + shown + _ADDED.sub(lambda added: _masked(added[0]), match["rest"])


def _masked(value: str) -> str:
    """Return the masked form of a value: in the same quotes, with the same number of lines."""
    quoted = _QUOTED.fullmatch(value)
    before, secret, after = (quoted[1], quoted[3], quoted[4]) if quoted else ("", value, "")
    lines = "\n" * secret.count("\n")
    return f"{before}{MASK if secret else ''}{lines}{after}"
