"""Several processes that execute every burst together: one leads, the others follow.

The leader does all that a single process would do; of each burst it executes its own connections' part, and so does
everyone else, at the same moment. They meet on the Postgres server, the one place that all of them reach.
"""
