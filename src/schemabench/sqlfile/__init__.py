"""Annotated SQL files: read, parsed, and split into their statements."""

from schemabench.sqlfile.block import copied
from schemabench.sqlfile.file import SqlFile, client_copy, comments, parse, read
from schemabench.sqlfile.schema import BEGIN, END, Section, rendered, sections

__all__ = [
    "BEGIN",
    "END",
    "Section",
    "SqlFile",
    "client_copy",
    "comments",
    "copied",
    "parse",
    "read",
    "rendered",
    "sections",
]
