"""Annotated SQL files: read, parsed, and split into their statements."""

from schemabench.sqlfile.block import copied
from schemabench.sqlfile.file import SqlFile, client_copy, comments, parse, read, split_preamble

__all__ = ["SqlFile", "client_copy", "comments", "copied", "parse", "read", "split_preamble"]
