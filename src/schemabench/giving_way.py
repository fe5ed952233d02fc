"""Command-line options that a project defines, too: the project's own take precedence.

Owns the removal of ours. pytest and argparse refuse an option that is defined twice, and offer no public way to remove
one: this uses private attributes that both have had for years. pytest parses the command line once before a project
adds its options: a switch of the project's with the name of one of our options that takes a value must then be followed
by another word. Must not know the meaning of an option.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def giving_way(parser: pytest.Parser, group_name: str) -> Iterator[None]:
    """Remove our options while a project adds its own, then restore those whose names are free.

    Args:
        parser: The session's parser.
        group_name: The name of the group of our options.
    """
    group = parser.getgroup(group_name)
    flags = [flag for option in group.options for flag in option.names()]
    # since pytest 9.1, options are passed to argparse when they are added; before, with each parse
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
