"""When calls are to begin that come at a pace of their own, whatever the server does.

Owns offsets from the start. Pure: it knows no clock, no connection and no writer.
"""

from random import Random


def poisson(count: int, duration_s: float, random: Random) -> list[float]:
    """Return when so many independent calls arrive: offsets in seconds, ascending, from 0 to the duration.

    A Poisson process of which it is known how many arrive: they are then spread as sorted uniform draws (Ross 2019,
    "Introduction to Probability Models", 12th ed., theorem 5.2).
    """
    return sorted(random.uniform(0, duration_s) for _ in range(count))


def evenly(count: int, duration_s: float, random: Random) -> list[float]:
    """Return when so many scheduled calls arrive: offsets in seconds, equally far apart, the first at random.

    At random, since schedules of several writers do not begin together.
    """
    first = random.random()
    return [(first + place) * duration_s / count for place in range(count)]
