"""What production's tables are like to the planner, and how a copy is made to look like them.

    asked = read(path)                            # what `schemabench init --from` wrote
    baseline = relations(connection)              # of the copy
    found = grown(relations(connection), asked, baseline)
    restore(connection, found.relations)
    estimate(connection, found.unsized)           # and, in a clone that nobody has read yet:
    extend(folder, files)

Owns the file, and what the planner reads of a database beside its rows. Must not know candidates or servers.
"""

from schemabench.production.files import File, extend
from schemabench.production.growing import Grown, grown
from schemabench.production.reading import relations, taken
from schemabench.production.recorded import FILE, Column, Production, Relation, read, written
from schemabench.production.restoring import estimate, files, restore

__all__ = [
    "FILE",
    "Column",
    "File",
    "Grown",
    "Production",
    "Relation",
    "estimate",
    "extend",
    "files",
    "grown",
    "read",
    "relations",
    "restore",
    "taken",
    "written",
]
