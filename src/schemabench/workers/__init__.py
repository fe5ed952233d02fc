"""Several processes that execute every burst together: one leads, the others follow.

The leader does all that a single process does, and executes the part of each burst that belongs to its connections. The
followers execute theirs at the same moment. The workers communicate through the Postgres server, which all of them
reach.
"""
