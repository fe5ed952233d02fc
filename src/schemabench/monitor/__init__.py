"""Observation of the server: lock waits, the cost of writes, and execution plans.

Depends on the load loop, in which its sampler is one more conversation.
"""
