"""Which requests of a connection may be in flight together: the windows of pipelines.

Owns what each request waits for, before the clock starts. Must not know what a request looks like, nor send anything.

A request of a pipeline is sent while fewer requests of its connection are in flight than its author allows, and once
all earlier calls of its keys are answered. Any other request is alone: all before it are answered when it is sent, and
it is answered before the next is sent.
"""

from collections.abc import Mapping, Sequence

from schemabench.experiment.burst import Encoded


def after(requests: Sequence[Sequence[Encoded]], depths: Mapping[str, int]) -> dict[int, int]:
    """Return for each request of a pipeline, by its number, how many requests are answered before it is sent.

    They are the first ones of its connection. Requests that are alone are not among the results.

    Args:
        requests: The connection's requests, each by its calls, in order.
        depths: Operation -> the most requests in flight; without those that are sent alone.
    """
    if not depths:
        return {}
    found: dict[int, int] = {}
    answered: dict[str, int] = {}
    for position, calls in enumerate(requests):
        keys = [call.key for call in calls if call.key is not None]
        if (depth := depths.get(calls[0].operation)) and not calls[0].is_linked:
            found[calls[0].number] = max(0, position + 1 - depth, *(answered.get(key, 0) for key in keys))
        answered.update(dict.fromkeys(keys, position + 1))
    return found
