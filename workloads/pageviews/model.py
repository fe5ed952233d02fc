"""The expected rows of page views, in plain Python.

Owns the meaning of each operation: the lines of the loading hours, and the first 25 of each domain and finished hour.
Must not know SQL.

No column takes NULL, so none is drawn. Like the loader, every job begins by checking its hour, and a page is
blacklisted before its lines are sent.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from schemabench import Call, Model

from .cardinality import Pageviews

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

KEPT = 25  # pages of a domain and hour
TOP_DOMAINS = 10  # that top_domains shows
LARGEST_DOMAIN = "en"  # whose numbers check_hour expects to be the largest
LARGEST = 2**63 - 1  # of a bigint
HOURS = (datetime(2016, 9, 1), datetime(2016, 8, 31, 23), datetime(2017, 1, 1))  # noqa: DTZ001 (stored without a zone)
DOMAINS = ("en", "ዊኪ'\\")
# By bytes in another order than by any language, since ties are settled by bytes.
PAGES = ("b", "B", "a", "É", "_", "\\{,}'", "ዊ", *(f"p{number:02}" for number in range(30)))
SIZES = (1, 2, 0, KEPT, KEPT + 1, len(PAGES))  # lines of a chunk

Row: TypeAlias = tuple[object, ...]
Values: TypeAlias = Mapping[str, Any]
Line: TypeAlias = tuple[str, str]


@dataclass
class State:
    """All hours that were checked."""

    asked: set[datetime] = field(default_factory=set)
    """Hours that a job has started."""
    loading: defaultdict[datetime, dict[Line, int]] = field(default_factory=lambda: defaultdict(dict))
    """Hour -> (domain, page) -> views, until the hour is finished."""
    loaded: dict[datetime, dict[str, list[tuple[str, int]]]] = field(default_factory=dict)
    """Hour -> domain -> its first pages with their views, in order."""
    blacklist: set[Line] = field(default_factory=set)


def possible(state: State, call: Call) -> bool:
    """Return whether the loader could make a call now."""
    if call.operation in {"load_pages", "finish_hour"}:
        return call.values["date_hour"] in state.asked
    if call.operation == "blacklist_pages":
        sent = {line for lines in state.loading.values() for line in lines}
        return sent.isdisjoint(_lines(call.values))
    return True


def apply(state: State, call: Call) -> Sequence[Row] | None:
    """Execute a call; return its expected answer."""
    if call.operation in _READS:
        return _READS[call.operation](state, call.values)
    _WRITES[call.operation](state, call.values)
    return None


def rows(state: State) -> dict[str, Sequence[Row]]:
    """Return the rows of each query; a page that is blacklisted after its hour is finished stays there."""
    ranked = [
        (hour, domain, rank, page, views)
        for hour in sorted(state.loaded)
        for domain in sorted(state.loaded[hour], key=str.encode)
        for rank, (page, views) in _places(state.loaded[hour][domain])
    ]
    holds = (
        "domains_of_too_many_entries",
        "entries_doubled",
        "ranks_with_gaps",
        "entries_out_of_order",
        "entries_of_hours_not_loaded",
    )
    return {
        "loaded_hours": [(hour,) for hour in sorted(state.loaded)],
        "ranked_pages": ranked,
        **dict.fromkeys(holds, ()),
    }


def _find(state: State, values: Values) -> list[Row]:
    hour = values["date_hour"]
    state.asked.add(hour)
    return [(hour,)] if hour in state.loaded else []


def _top_pages(state: State, values: Values) -> list[Row]:
    pages = state.loaded.get(values["date_hour"], {}).get(values["domain"], [])
    return [(page, views, rank) for rank, (page, views) in _places(pages)]


def _top_domains(state: State, values: Values) -> list[Row]:
    domains = state.loaded.get(values["date_hour"], {})
    sums = [(domain, sum(views for _, views in pages)) for domain, pages in domains.items()]
    return list(sorted(sums, key=lambda one: (-one[1], one[0].encode()))[:TOP_DOMAINS])


def _check(state: State, values: Values) -> list[Row]:
    domains = state.loaded.get(values["date_hour"], {})
    if not domains:
        return [(0, None, None, None, False)]
    sums = {domain: sum(views for _, views in pages) for domain, pages in domains.items()}
    entries, views = (max(map(pick, domains.values())) for pick in (len, lambda pages: pages[0][1]))
    return [(len(domains), entries, True, views, sums.get(LARGEST_DOMAIN, -1) == max(sums.values()))]


_READS: Mapping[str, Callable[[State, Values], list[Row]]] = {
    "find_hour": _find,
    "top_pages": _top_pages,
    "top_domains": _top_domains,
    "check_hour": _check,
}


def _blacklist(state: State, values: Values) -> None:
    state.blacklist.update(_lines(values))


def _load(state: State, values: Values) -> None:
    if values["date_hour"] in state.loaded:
        return
    known = state.loading[values["date_hour"]]
    for line, views in zip(_lines(values), values["views"], strict=True):
        if line not in state.blacklist:
            known[line] = max(views, known.get(line, 0))


def _finish(state: State, values: Values) -> None:
    hour = values["date_hour"]
    if hour not in state.loaded:
        state.loaded[hour] = _ranked(state.loading.pop(hour, {}))


def _withdraw(state: State, values: Values) -> None:
    state.loaded.pop(values["date_hour"], None)
    state.loading.pop(values["date_hour"], None)


_WRITES: Mapping[str, Callable[[State, Values], None]] = {
    "blacklist_pages": _blacklist,
    "load_pages": _load,
    "finish_hour": _finish,
    "withdraw_hour": _withdraw,
}


def _ranked(lines: Mapping[Line, int]) -> dict[str, list[tuple[str, int]]]:
    domains: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for (domain, page), views in lines.items():
        domains[domain].append((page, views))
    return {
        domain: sorted(pages, key=lambda one: (-one[1], one[0].encode()))[:KEPT] for domain, pages in domains.items()
    }


def _places(pages: Sequence[tuple[str, int]]) -> list[tuple[int, tuple[str, int]]]:
    return list(enumerate(pages, start=1))


def _lines(values: Values) -> list[Line]:
    return list(zip(values["domains"], values["pages"], strict=True))


def calls(_pageviews: Pageviews) -> "SearchStrategy[Call]":
    """Return single calls on few hours and domains, the same for any cardinality, with about 25 pages or very few."""
    from hypothesis import strategies as st  # noqa: PLC0415 (loading it takes half a second; only a check draws)

    hours = st.one_of(
        st.just(HOURS[0]), st.sampled_from(HOURS)
    )  # mostly the first, so that its calls follow each other
    domains = st.one_of(st.just(DOMAINS[0]), st.sampled_from(DOMAINS))  # likewise
    views = st.lists(st.sampled_from((1, 2, 0, 3, LARGEST)), min_size=1, max_size=3)
    starts = st.sampled_from((0, 1, len(PAGES) - 1))
    loads = st.builds(_load_pages, hours, domains, st.sampled_from(SIZES), views, starts)
    find, finish, withdraw, top_domains, check = (
        st.builds(_call, st.just(operation), hours)
        for operation in ("find_hour", "finish_hour", "withdraw_hour", "top_domains", "check_hour")
    )
    blacklisted = st.lists(st.tuples(domains, st.sampled_from(PAGES[:3])), max_size=2, unique=True).map(
        _blacklist_pages
    )
    top_pages = st.builds(_top_pages_call, hours, domains)
    # By number, since one_of would merge the duplicates here.
    kinds = (
        find,
        loads,
        finish,
        find,
        loads,
        finish,
        loads,
        loads,
        withdraw,
        blacklisted,
        top_pages,
        top_domains,
        check,
    )
    return st.integers(0, len(kinds) - 1).flatmap(kinds.__getitem__)


def _load_pages(hour: datetime, domain: str, size: int, views: Sequence[int], start: int) -> Call:
    """Return a chunk of pages from a starting point, cyclically, with repeating views, so that many of them tie."""
    pages = [PAGES[(start + number) % len(PAGES)] for number in range(size)]
    values = {
        "date_hour": hour,
        "domains": [domain] * size,
        "pages": pages,
        "views": [views[number % len(views)] for number in range(size)],
    }
    return Call("load_pages", values, key=str(hour), rows=size)


def _blacklist_pages(lines: Sequence[Line]) -> Call:
    values = {"domains": [domain for domain, _ in lines], "pages": [page for _, page in lines]}
    return Call("blacklist_pages", values, rows=0)


def _top_pages_call(hour: datetime, domain: str) -> Call:
    return Call("top_pages", {"date_hour": hour, "domain": domain}, rows=0)


def _call(operation: str, hour: datetime) -> Call:
    return Call(operation, {"date_hour": hour}, key=str(hour), rows=0)


MODEL: Model[Pageviews, State] = Model(initial=State, calls=calls, apply=apply, state=rows, possible=possible)
