"""Runs as tidy DataFrames, made of records alone.

Owns the names of tables and columns, which are an interface: docs/data.md has them. Must not read files.
"""

from schemabench.frames.run import RunFrames, markdown, tables
from schemabench.frames.sheet import csv

__all__ = ["RunFrames", "csv", "markdown", "tables"]
