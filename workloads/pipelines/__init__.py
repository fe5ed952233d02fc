"""Two client sets, each with a file load, an insight job and operators, all at the same time.

Owns the writers' calls. Must not know tables: the SQL is in `operations.sql`, and in the candidates that override it.

The sets are parts: disjoint, with the same jobs, and told apart by one name, `set`. A burst of size 1 is a day in
miniature. Each set has then

- load: a step that clears what a load that was killed has left in staging; the records of a file, one call each; then
  the steps that check them, look up approvals, apply and clear them;
- insight: one call that raises the flag, rebuilds the outcomes, writes approvals back, and lifts the flag. One call, so
  that the flag is up for as long as the database takes, at any pace;
- publish: policies that operators publish, who try again while the flag is up.

The jobs of a set run side by side, as those of two sets do. Whatever comes first, all candidates end in the same state:
insight computes from finished days before the block's first, and publications count from the block after; a load adds
to what it finds. Insight thus reads what earlier blocks have loaded, as it reads the days before today in production.

What differs from production: a file is a 300th of a day's; members and outcomes are in one database, of two in
production; and a burst of several days runs insight as often over the same days, since how many days a burst has is not
known when its calls are made.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import count, repeat
from random import Random

from schemabench import Call, Rows, Workload, Writer

from .cardinality import AXES, RECORDS_PER_DAY, SETS, TYPICAL, WORST, Pipelines, strategy
from .model import MODEL

DAYS_PER_BLOCK = 1_000  # set apart for a block: far more than a burst has days
BEFORE_RECORDS = ("clear_staging",)  # a load that was killed may have left records of the same day
AFTER_RECORDS = ("check_records", "read_approvals", "apply_records", "clear_staging")

PRESCRIPTION_COLUMNS = ("prescription", "member", "policy", "drug", "first_day", "cents", "fills", "last_day")

PLANS = 5
LIMIT_CENTS = 100_000  # what a member may have spent for an approval by itself: a guess
DEAREST_CENTS = 50_000
BROKEN = 0.01  # the share of broken lines: a guess
REFILLS = 0.3  # the share of records that are of a known prescription: a guess
NEW = 50  # one in so many members and policies is new: not known before the first block
PUBLISHED = 2  # one in so many policies is published before the first block

_SPREAD = 2_654_435_761  # Knuth's multiplicative hash: neighbours have nothing in common


def writers(sizes: Pipelines) -> tuple[Writer, ...]:
    """Return the three writers of each set."""
    return tuple(writer for name in SETS for writer in _writers_of(name, sizes))


def _writers_of(name: str, sizes: Pipelines) -> Iterator[Writer]:
    names, each = {"set": name}, RECORDS_PER_DAY // len(SETS)
    yield Writer(
        name=f"load_{name}",
        kind="batch",
        weight=len(BEFORE_RECORDS) + sizes.records + len(AFTER_RECORDS),
        pace=f"{each:,} records a day, in {sizes.window_s / 60:,.3g} minutes",
        identifiers=names,
        part=name,
    )
    yield Writer(
        name=f"insight_{name}",
        kind="batch",
        weight=1,
        pace="once a day, beside the load",
        identifiers=names,
        part=name,
    )
    yield Writer(
        name=f"publish_{name}",
        kind="stream",
        weight=sizes.publishes,
        pace="not known; a few operators",
        identifiers=names,
        part=name,
    )


def burst(sizes: Pipelines, writer: str, block: int, random: Random) -> Iterator[Call]:
    """Return a writer's endless calls in a block, as many days as needed."""
    job, _, name = writer.partition("_")
    return _BURSTS[job](sizes, name, block, random)


def background(sizes: Pipelines, random: Random) -> Iterator[Call | Rows]:
    """Yield the days before the first block, set by set, and a run of insight over them."""
    for name in SETS:
        yield from _History(name, sizes).rows()
        yield next(_insight(sizes, name, 0, random))._replace(part=name)


def _load(sizes: Pipelines, name: str, block: int, random: Random) -> Iterator[Call]:
    for day in count(_first_day(sizes, block)):
        for step in BEFORE_RECORDS:
            yield _step(step, name, day)
        for line in range(sizes.records):
            yield _record(sizes, name, day, line, random)
        for step in AFTER_RECORDS:
            yield _step(step, name, day)


def _step(step: str, name: str, day: int) -> Call:
    return Call(step, {"day": day} if step in {"check_records", "apply_records"} else {}, key=name, rows=0)


def _record(sizes: Pipelines, name: str, day: int, line: int, random: Random) -> Call:
    """Return a line of a file: of a new prescription, of one in the history, or a broken one."""
    refilled = random.random() < REFILLS
    number = random.randrange(sizes.records * sizes.insight_days) if refilled else day * sizes.records + line
    prescription, member, policy, plan, drug, cents = _prescription(sizes, name, number)
    if random.random() < BROKEN:
        member, cents = ("", cents) if line % 2 else (member, 0)
    values = {
        "set_id": name,
        "day": day,
        "line": line,
        "prescription": prescription,
        "member": member,
        "policy": policy,
        "plan": plan,
        "drug": drug,
        "cents": cents,
    }
    return Call("stage_record", values, key=name)


def _insight(sizes: Pipelines, name: str, block: int, _: Random) -> Iterator[Call]:
    values = {"before": _first_day(sizes, block), "days": sizes.insight_days, "limit_cents": LIMIT_CENTS}
    return repeat(Call("run_insight", values, key=name, rows=0))


def _publish(sizes: Pipelines, name: str, block: int, random: Random) -> Iterator[Call]:
    """Yield publications of policies that are known before the first block: no load comes before them."""
    while True:
        policy = _policy(name, random.randrange(_known(sizes.policies)))
        yield Call("publish_policy", {"policy": policy, "day": _first_day(sizes, block)}, key=policy)


_BURSTS: Mapping[str, Callable[[Pipelines, str, int, Random], Iterator[Call]]] = {
    "load": _load,
    "insight": _insight,
    "publish": _publish,
}


class _History:
    """What a set has loaded before the first block."""

    def __init__(self, name: str, sizes: Pipelines) -> None:
        self._name, self._sizes = name, sizes
        self._fills: dict[str, list[int]] = {}
        """Member -> fills, and what they cost."""
        self._policies: dict[str, int] = {}
        """Policy -> fills."""

    def rows(self) -> Iterator[Rows]:
        """Yield the rows of each table: first the prescriptions, from which the totals follow."""
        days = ((self._name, day, self._sizes.records) for day in range(self._sizes.insight_days))
        yield self._of("load_prescriptions", PRESCRIPTION_COLUMNS, self._prescriptions())
        yield self._of("load_members", ("member", "first_day", "fills", "spent_cents"), self._members())
        yield self._of("load_policies", ("policy", "plan", "fills", "published_on"), self._all_policies())
        yield self._of("load_days", ("day", "records"), days)

    def _of(self, operation: str, columns: tuple[str, ...], rows: Iterator[tuple[object, ...]]) -> Rows:
        return Rows(operation, ("set_id", *columns), rows, part=self._name)

    def _prescriptions(self) -> Iterator[tuple[object, ...]]:
        name, sizes = self._name, self._sizes
        for number in range(sizes.records * sizes.insight_days):
            prescription, member, policy, _, drug, cents = _prescription(sizes, name, number, known=True)
            totals = self._fills.setdefault(member, [0, 0])
            totals[:] = totals[0] + 1, totals[1] + cents
            self._policies[policy] = self._policies.get(policy, 0) + 1
            day = number // sizes.records
            yield name, prescription, member, policy, drug, day, cents, 1, day

    def _members(self) -> Iterator[tuple[object, ...]]:
        for number in range(_known(self._sizes.members)):
            member = _member(self._name, number)
            yield (self._name, member, 0, *self._fills.get(member, (0, 0)))

    def _all_policies(self) -> Iterator[tuple[object, ...]]:
        for number in range(_known(self._sizes.policies)):
            policy = _policy(self._name, number)
            published_on = None if number % PUBLISHED else 0
            yield self._name, policy, _plan(number), self._policies.get(policy, 0), published_on


def _prescription(
    sizes: Pipelines, name: str, number: int, *, known: bool = False
) -> tuple[str, str, str, str, str, int]:
    """Return a prescription, its member, policy, plan and drug, and what it costs: always the same for a number."""
    mixed = number * _SPREAD % 2**32
    known = known or number < sizes.records * sizes.insight_days
    member = mixed % (_known(sizes.members) if known else sizes.members)
    policy = member % (_known(sizes.policies) if member < _known(sizes.members) else sizes.policies)
    return (
        f"{name}_rx_{number:010d}",
        _member(name, member),
        _policy(name, policy),
        _plan(policy),
        f"drug_{mixed // 7 % sizes.drugs:04d}",
        1 + mixed // 11 % DEAREST_CENTS,
    )


def _member(name: str, number: int) -> str:
    return f"{name}_member_{number:06d}"


def _policy(name: str, number: int) -> str:
    return f"{name}_policy_{number:05d}"


def _plan(policy: int) -> str:
    return f"plan_{policy % PLANS}"


def _known(number: int) -> int:
    """Return how many of so many members or policies there are before the first block."""
    return max(1, number - number // NEW)


def _first_day(sizes: Pipelines, block: int) -> int:
    """Return the number of a block's first day; the history has those from 0."""
    return sizes.insight_days + block * DAYS_PER_BLOCK


def _history(sizes: Pipelines) -> int:
    """Return the executions that fill the database with what one set has before the first block."""
    rows = sizes.records * sizes.insight_days + _known(sizes.members) + _known(sizes.policies)
    return rows + sizes.insight_days + 1


WORKLOAD = Workload[Pipelines](
    name="pipelines",
    summary="two client sets side by side: file loads, insight jobs that rebuild their tables, operators kept away",
    cardinalities={"typical": TYPICAL, "worst": WORST},
    strategy=strategy,
    axes=AXES,
    writers=writers,
    burst=burst,
    production_s=lambda sizes: sizes.window_s * sizes.records * len(SETS) / RECORDS_PER_DAY,
    background=background,
    background_rows=lambda sizes: len(SETS) * _history(sizes),
    interference=True,
    state=(
        "state_staging",
        "state_days",
        "state_members",
        "state_policies",
        "state_prescriptions",
        "state_members_outcome",
        "state_plans_outcome",
        "state_approvals",
    ),
    invariants=("flag_left_up", "members_differ_from_prescriptions"),
    model=MODEL,
)
