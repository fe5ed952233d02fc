"""What the shipped workloads' own checks say of rows that are wrong."""

from datetime import datetime

import mutants
import psycopg
import pytest

from schemabench import Call
from schemabench import candidate as candidates
from schemabench.candidate import Candidate
from schemabench.equivalence.counterexample import Disagreement, script
from schemabench.workload import Parts

HOUR = datetime(2016, 9, 1)  # noqa: DTZ001 (stored without a zone)
VOTE = Call("cast_vote", {"kiosk": "k", "choice": "c", "voted_at": datetime.fromisoformat("2026-06-20T12:00:00Z")})
LINES = (
    '199.72.81.55 - - [01/Jul/1995:00:00:01 -0400] "GET /history/apollo/ HTTP/1.0" 200 6245',
    'unicomp6.unicomp.net - - [01/Jul/1995:00:00:06 -0400] "GET / HTTP/1.0" 304 -',
    '10.0.0.1 - "" [17/May/2015:10:05:03 +0000] "GET /a\\"b HTTP/1.1" 200 007 "http://a/?b=\\" 200 5" "A 200 6"',
    'Ω.example.net ident frank [17/May/2015:10:05:03 +0000] "" 400 0',
)
"""Common and combined: with quotes where they are rare, a dash, and zeros before the bytes."""
DOUBLED = """
INSERT INTO page_dim (name) SELECT name || ' again' FROM page_dim;
INSERT INTO pageview_fact (date_hour, domain_id, page_id, views, rank)
SELECT date_hour, domain_id, again.page_id, views, rank
FROM pageview_fact JOIN page_dim USING (page_id) JOIN page_dim AS again ON again.name = page_dim.name || ' again'
"""


class _Installed:
    """A candidate in a database of its own."""

    def __init__(self, conninfo: str, workload: str, one: Candidate) -> None:
        self.session = psycopg.connect(conninfo, autocommit=True)
        self._operations = candidates.operations(one, mutants.found(workload).operations)
        candidates.install(one, self.session)

    def execute(self, *calls: Call) -> list[tuple[object, ...]]:
        """Execute calls; return the rows of the last one."""
        requests = tuple((call,) for call in calls)
        wanted = Disagreement(requests=requests, query="", expected=None, found=())
        cursor = self.session.execute(script(wanted, self._operations, Parts()).encode())
        while cursor.nextset():
            pass
        return cursor.fetchall() if cursor.description else []


def _load(views: dict[str, int], pages: int) -> Call:
    """Return the lines of some domains, each with so many pages of as many views."""
    lines = [(domain, f"p{number:02}", count) for domain, count in views.items() for number in range(pages)]
    domains, names, counts = map(list, zip(*lines, strict=True))
    return Call("load_pages", {"date_hour": HOUR, "domains": domains, "pages": names, "views": counts})


@pytest.mark.parametrize(("others", "is_led"), [(1, True), (5, True), (6, False)])
def test_the_report_of_an_hour_counts_entries_that_are_doubled_and_says_who_leads(
    conninfo: str, others: int, *, is_led: bool
) -> None:
    one = _Installed(conninfo, "pageviews", mutants.shipped("pageviews")["baseline"])
    find, finish, check = (Call(name, {"date_hour": HOUR}) for name in ("find_hour", "finish_hour", "check_hour"))
    with one.session:
        assert one.execute(check) == [(0, None, None, None, False)]
        one.execute(find, _load({"en": 5, "de": others}, 25), finish)
        assert one.execute(check) == [(2, 25, True, max(5, others), is_led)]
        one.session.execute(DOUBLED)
        assert one.execute(check) == [(2, 50, True, max(5, others), is_led)]


@pytest.mark.parametrize("name", ["buckets_by_trigger", "later_votes_lost"])
def test_votes_that_a_trigger_loses_are_missing_in_the_state_and_break_the_invariant(conninfo: str, name: str) -> None:
    right = name in mutants.shipped("votes")
    one = _Installed(conninfo, "votes", mutants.shipped("votes")[name] if right else mutants.mutant("votes", name))
    with one.session:
        one.execute(VOTE, VOTE)
        start = VOTE.values["voted_at"]
        assert one.execute(Call("state_totals", {})) == [("c", 2 if right else 1)]
        assert one.execute(Call("state_buckets", {})) == [("c", start, 2 if right else 1)]
        assert one.execute(Call("more_served_than_cast", {})) == ([] if right else [("c", start, 1)])


@pytest.mark.parametrize("name", ["baseline", "host_inet", "host_dictionary", "raw_lines", "line_without_host"])
def test_every_line_that_a_replay_takes_is_one_that_says_its_host_and_bytes(conninfo: str, name: str) -> None:
    right = name in mutants.shipped("access_log")
    one = mutants.shipped("access_log")[name] if right else mutants.mutant("access_log", name)
    installed, replay = _Installed(conninfo, "access_log", one), mutants.found("access_log").workload.replay
    assert replay is not None
    lines = [replay.parse(text) for text in LINES]
    sizes = mutants.found("access_log").workload.cardinalities["typical"]
    with installed.session:
        for call in replay.calls(sizes, iter(lines), {}, 0):
            installed.execute(call)
        assert len(installed.execute(Call("lines_unlike_their_fields", {}))) == (0 if right else len(LINES))
        installed.session.execute("UPDATE access SET line = replace(line, '6245', '6246')")
        assert len(installed.execute(Call("lines_unlike_their_fields", {}))) == (1 if right else len(LINES))
