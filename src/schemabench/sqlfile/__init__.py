"""Annotated SQL files: read, parsed, and split into their statements."""

from schemabench.sqlfile.block import copied
from schemabench.sqlfile.dump import archived, not_sql, of_database
from schemabench.sqlfile.file import SqlFile, client_copy, comments, parse, read
from schemabench.sqlfile.migration import applied, ordered
from schemabench.sqlfile.naming import check_name, is_sql
from schemabench.sqlfile.schema import BEGIN, END, Section, rendered, sections

__all__ = [
    "BEGIN",
    "END",
    "Section",
    "SqlFile",
    "applied",
    "archived",
    "check_name",
    "client_copy",
    "comments",
    "copied",
    "is_sql",
    "not_sql",
    "of_database",
    "ordered",
    "parse",
    "read",
    "rendered",
    "sections",
]
