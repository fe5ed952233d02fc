"""Runs as tidy DataFrames, built from records alone.

Owns the names of tables and columns, a public interface documented in docs/data.md. Must not read files.
"""

from schemabench.frames.run import RunFrames, markdown, tables
from schemabench.frames.sheet import csv

__all__ = ["RunFrames", "csv", "markdown", "tables"]
