"""The domains of page views, their pages, and how many views a line has.

Owns what the content of every hour is drawn from. Must not draw anything.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from .cardinality import Pageviews

_VIEWS_STEPS = 4_096  # quantiles of the views of a line: the most viewed one has about 50, as in the sample
BLACKLISTED_EVERY = 3  # of each domain's pages
_LANGUAGES = ("en", "ja", "de", "ru", "es", "fr", "it", "zh", "pt", "pl", "ar", "nl", "am", "als", "af", "commons")
# In several scripts and cases, so that the byte order differs from that of any language.
WORDS = ("Main_Page", "Special:Log/s", "Прыдывален", "ዊኪፔዲያ:ስለ", "Lêer:Wapen_'t.svg", "a\\b{c,d}", "zero", "Église")


class Domain(NamedTuple):
    """A domain in the generator."""

    name: str
    lines: int
    """Lines in every hour."""
    language: int
    pages: tuple[str, ...]
    """Known pages, the most popular first; shared with the mobile site."""
    first: int
    """The start of the background's hours in `pages` for this domain, and their step."""
    step: int


@lru_cache(maxsize=8)
def all_domains(cardinality: Pageviews) -> tuple[Domain, ...]:
    """Return the domains by name, each with its share of the lines and its pages."""
    shares = [(n + 1) ** -cardinality.domain_exponent for n in range(cardinality.domains)]
    ends = [round(cardinality.lines_per_hour * sum(shares[: n + 1]) / sum(shares)) for n in range(cardinality.domains)]
    lines = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    hours = background_hours(cardinality)
    found = []
    for language in range(-(-cardinality.domains // 2)):
        pair = lines[2 * language : 2 * language + 2]
        pages = tuple(_page(language, rank) for rank in range(hours * sum(pair)))
        code = _LANGUAGES[language] if language < len(_LANGUAGES) else f"l{language}"
        for mobile, own in enumerate(pair):
            first = pair[0] if mobile else 0
            found.append(Domain(code + ".m" * mobile, own, language, pages, first, sum(pair)))
    return tuple(sorted(found))


def _page(language: int, rank: int) -> str:
    """Return a name that is independent of the page's popularity: hours are sorted by name, not by views."""
    scrambled = rank * 0x9E3779B1 % 2**24  # one to one below 2 ** 24, as the factor is odd
    return f"{WORDS[scrambled % len(WORDS)]}_{language}_{scrambled:06x}"


@lru_cache(maxsize=8)
def line_views(exponent: float) -> tuple[int, ...]:
    """Return the views of lines, each as likely as any other."""
    return tuple(int(((n + 0.5) / _VIEWS_STEPS) ** (-1 / exponent)) for n in range(_VIEWS_STEPS))


def blacklist(cardinality: Pageviews) -> Iterator[tuple[str, str]]:
    """Yield domain and page of each blacklisted page: every third of each domain's, the most popular first."""
    found = all_domains(cardinality)
    ranks = range(0, min(len(domain.pages) for domain in found), BLACKLISTED_EVERY)
    entries = ((domain.name, domain.pages[rank]) for rank in ranks for domain in found)
    return islice(entries, cardinality.blacklisted)


def background_hours(cardinality: Pageviews) -> int:
    """Return the number of hours that the background loads: each known page is in one of them."""
    return -(-cardinality.known_pages // cardinality.lines_per_hour)
