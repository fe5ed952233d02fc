"""When the calls of an open loop are due, independently of the server.

Owns offsets from the start. Pure: it uses no clock, connection or writer.
"""

from random import Random


def poisson(count: int, duration_s: float, random: Random) -> list[float]:
    """Return arrival times of `count` independent calls: offsets in seconds, ascending, from 0 to the duration.

    A Poisson process with a known number of arrivals, which are then distributed like sorted uniform draws (Ross 2019,
    "Introduction to Probability Models", 12th ed., theorem 5.2).
    """
    return sorted(random.uniform(0, duration_s) for _ in range(count))


def evenly(count: int, duration_s: float, random: Random) -> list[float]:
    """Return arrival times of `count` scheduled calls: offsets in seconds, evenly spaced, the first at random.

    The first is random because the schedules of several writers do not start together.
    """
    first = random.random()
    return [(first + place) * duration_s / count for place in range(count)]
