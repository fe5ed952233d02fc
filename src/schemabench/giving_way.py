"""Options of the command line that a project has, too: the project's own come first.

Owns how ours give way. pytest and argparse take an option that is there twice for an error, and have no public way to
make room: this reaches for what both have had for years. pytest reads the command line once before a project adds its
options: one that is a switch of the project's, but asks for a value as ours, must be followed by another word then.
Must not know what an option means.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def giving_way(parser: pytest.Parser, group_name: str) -> Iterator[None]:
    """Take our options out while a project adds its own, and then put back those whose names are free.

    Args:
        parser: The session's.
        group_name: Of our options.
    """
    group = parser.getgroup(group_name)
    flags = [flag for option in group.options for flag in option.names()]
    # from pytest 9.1 on, options are argparse's as soon as they are added; before, with each parse
    known = getattr(getattr(parser, "optparser", None), "_option_string_actions", {})
    ours = {flag: known.pop(flag) for flag in flags if flag in known}
    try:
        yield
    finally:
        groups = [parser._anonymous, *(one for one in parser._groups if one is not group)]  # noqa: SLF001 (as said above)
        theirs = {flag for one in groups for option in one.options for flag in option.names()}
        group.options[:] = [option for option in group.options if theirs.isdisjoint(option.names())]
        for flag, action in ours.items():
            if flag in theirs:
                action.container._remove_action(action)  # noqa: SLF001 (as said above)
            else:
                known[flag] = action
