"""A server's log as what applications did: statements with their values, transactions, sessions, times.

    with Spool() as spool:
        found = read([Path("postgresql.csv.gz")], "shop", spool)
        for request in spool.in_order(): ...

The log is streamed: what is kept of it are the calls, in a file of their own.
"""

from schemabench.logs.requests import Found, read
from schemabench.logs.shapes import Shape
from schemabench.logs.spool import Part, Request, Spool

__all__ = ["Found", "Part", "Request", "Shape", "Spool", "read"]
