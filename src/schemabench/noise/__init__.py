"""Background noise: other tenants in a database, and their jobs at work.

A model says which tenants there are. It is made from a seed and a data model, populated into a database, verified, and
its jobs then run by their own schedules while something else is measured.
"""
