"""The expected rows of pipelines, in plain Python.

Owns the meaning of each operation, regardless of tables. Must not know SQL.

Nothing that one set does shows in the other. A prescription belongs to one member, one policy and one drug for ever,
and a policy to one plan, as files have it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from schemabench import Call, Model

from .cardinality import SETS, Pipelines

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

RECORDS = (  # prescription, member, policy, plan, drug
    ("rx_1", "ada", "gold_1", "gold", "aspirin"),
    ("rx_2", "ada", "gold_1", "gold", "Ω's \\ 🎬"),
    ("rx_3", "bob", "gold_1", "gold", "aspirin"),
    ("rx_4", "żółw", "silver_2", "silver", "aspirin"),
    ("rx_5", "", "silver_2", "silver", "aspirin"),  # broken
)
POLICIES = ("gold_1", "silver_2")
DAYS = (1, 2)
CENTS = (1, 70, 2**40, 0, -5)  # the last two are broken, too
LIMITS = (100, 2**60)

Row: TypeAlias = tuple[object, ...]
Values: TypeAlias = Mapping[str, Any]


@dataclass
class Set:
    """The rows of one client set."""

    staged: list[Values] = field(default_factory=list)
    days: dict[int, int] = field(default_factory=dict)
    """Finished day -> its records."""
    members: dict[str, list[int]] = field(default_factory=dict)
    """Member -> first day, fills, cents spent."""
    policies: dict[str, tuple[str, int, int | None]] = field(default_factory=dict)
    """Policy -> plan, fills, the day it was published on."""
    prescriptions: dict[str, "Prescription"] = field(default_factory=dict)
    member_outcomes: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    """Member -> first day, prescriptions, cents."""
    plan_outcomes: dict[tuple[str, str], tuple[int, int, int, int]] = field(default_factory=dict)
    """(plan, drug) -> prescriptions, members, those of published policies, cents."""
    approvals: dict[str, int] = field(default_factory=dict)
    """Prescription -> what its member has spent."""


@dataclass
class Prescription:
    """A prescription; its fills and its last day change."""

    member: str
    policy: str
    drug: str
    first_day: int
    cents: int
    """Of its first day."""
    fills: int
    last_day: int


@dataclass
class State:
    """The rows of all sets."""

    sets: dict[str, Set] = field(default_factory=lambda: {name: Set() for name in SETS})


def apply(state: State, call: Call) -> Sequence[Row] | None:
    """Execute a call; return its expected answer."""
    own = state.sets[call.part]
    if call.operation == "read_approvals":
        approved = sum(record["prescription"] in own.approvals for record in own.staged)
        return [(len(own.staged), approved)]
    _WRITES[call.operation](own, call.values)
    return None


def possible(state: State, call: Call) -> bool:
    """Return whether a row of the background is not there yet."""
    own, values = state.sets[call.part], call.values
    taken: Mapping[str, Callable[[], bool]] = {
        "load_members": lambda: values["member"] in own.members,
        "load_policies": lambda: values["policy"] in own.policies,
        "load_prescriptions": lambda: values["prescription"] in own.prescriptions,
        "load_days": lambda: values["day"] in own.days,
    }
    return call.operation not in taken or not taken[call.operation]()


def rows(state: State) -> dict[str, Sequence[Row]]:
    """Return the rows of each query; those of sets are compared in any order."""
    return {**{name: _of_all(state, query) for name, query in _QUERIES.items()}, "flag_left_up": ()}


def _of_all(state: State, query: Callable[[Set], Iterable[Row]]) -> list[Row]:
    return [(name, *row) for name, own in state.sets.items() for row in query(own)]


def _stage(own: Set, values: Values) -> None:
    own.staged.append(values)


def _check(own: Set, values: Values) -> None:
    own.staged = [
        record
        for record in own.staged
        if record["day"] == values["day"] and record["member"] and int(record["cents"]) > 0
    ]


def _apply(own: Set, values: Values) -> None:
    """Add a day's records, unless the day is finished."""
    day = values["day"]
    if day in own.days:
        return
    records = [record for record in own.staged if record["day"] == day]
    own.days[day] = len(records)
    known = {*own.prescriptions}
    for record in records:
        member = own.members.setdefault(record["member"], [day, 0, 0])
        member[1:] = member[1] + 1, member[2] + record["cents"]
        plan, fills, published_on = own.policies.get(record["policy"], (record["plan"], 0, None))
        own.policies[record["policy"]] = plan, fills + 1, published_on
        name = record["prescription"]
        one = own.prescriptions.setdefault(
            name, Prescription(record["member"], record["policy"], record["drug"], day, 0, 0, day)
        )
        one.fills += 1
        one.last_day = max(one.last_day, day)
        one.cents += 0 if name in known else record["cents"]


def _clear(own: Set, _: Values) -> None:
    own.staged = []


def _of_days(own: Set, values: Values) -> list[tuple[str, Prescription]]:
    """Return the prescriptions that began in the last finished days before a day."""
    days = sorted(day for day in own.days if day < values["before"])[-values["days"] :]
    return [(name, one) for name, one in own.prescriptions.items() if one.first_day in days]


def _published(own: Set, one: Prescription, before: int) -> bool:
    day = own.policies[one.policy][2]
    return day is not None and day < before


def _run_insight(own: Set, values: Values) -> None:
    _rebuild(own, values)
    _approve(own, values)


def _rebuild(own: Set, values: Values) -> None:
    some = [one for _, one in _of_days(own, values)]
    own.member_outcomes, own.plan_outcomes = {}, {}
    members: dict[tuple[str, str], set[str]] = {}
    for one in some:
        if one.member in own.members:
            first_day, number, cents = own.member_outcomes.get(one.member, (own.members[one.member][0], 0, 0))
            own.member_outcomes[one.member] = first_day, number + 1, cents + one.cents
        if one.policy in own.policies:
            key = own.policies[one.policy][0], one.drug
            members.setdefault(key, set()).add(one.member)
            number, _, published, cents = own.plan_outcomes.get(key, (0, 0, 0, 0))
            published += _published(own, one, values["before"])
            own.plan_outcomes[key] = number + 1, len(members[key]), published, cents + one.cents


def _approve(own: Set, values: Values) -> None:
    own.approvals = {
        name: own.member_outcomes[one.member][2]
        for name, one in _of_days(own, values)
        if one.member in own.member_outcomes
        and own.member_outcomes[one.member][2] <= values["limit_cents"]
        and one.policy in own.policies
        and _published(own, one, values["before"])
    }


def _publish(own: Set, values: Values) -> None:
    if values["policy"] in own.policies:
        plan, fills, day = own.policies[values["policy"]]
        own.policies[values["policy"]] = plan, fills, values["day"] if day is None else min(day, values["day"])


def _load_member(own: Set, values: Values) -> None:
    own.members[values["member"]] = [values["first_day"], values["fills"], values["spent_cents"]]


def _load_policy(own: Set, values: Values) -> None:
    own.policies[values["policy"]] = values["plan"], values["fills"], values["published_on"]


def _load_prescription(own: Set, values: Values) -> None:
    names = ("member", "policy", "drug", "first_day", "cents", "fills", "last_day")
    own.prescriptions[values["prescription"]] = Prescription(**{name: values[name] for name in names})


def _load_day(own: Set, values: Values) -> None:
    own.days[values["day"]] = values["records"]


_WRITES: Mapping[str, Callable[[Set, Values], None]] = {
    "stage_record": _stage,
    "check_records": _check,
    "apply_records": _apply,
    "clear_staging": _clear,
    "run_insight": _run_insight,
    "publish_policy": _publish,
    "load_members": _load_member,
    "load_policies": _load_policy,
    "load_prescriptions": _load_prescription,
    "load_days": _load_day,
}
_STAGED = ("day", "line", "prescription", "member", "policy", "plan", "drug", "cents")
_QUERIES: Mapping[str, Callable[[Set], Iterable[Row]]] = {
    "state_staging": lambda own: [tuple(record[name] for name in _STAGED) for record in own.staged],
    "state_days": lambda own: own.days.items(),
    "state_members": lambda own: [(name, *row) for name, row in own.members.items()],
    "state_policies": lambda own: [(name, *row) for name, row in own.policies.items()],
    "state_prescriptions": lambda own: [
        (name, one.member, one.policy, one.drug, one.first_day, one.cents, one.fills, one.last_day)
        for name, one in own.prescriptions.items()
    ],
    "state_members_outcome": lambda own: [(name, *row) for name, row in own.member_outcomes.items()],
    "state_plans_outcome": lambda own: [(*key, *row) for key, row in own.plan_outcomes.items()],
    "state_approvals": lambda own: own.approvals.items(),
}


def calls(_: Pipelines) -> "SearchStrategy[Call]":
    """Return single calls on few keys, the same for any cardinality: the expected rows do not depend on sizes."""
    from hypothesis import strategies as st  # noqa: PLC0415 (loading it takes half a second; only a check draws)

    def made(operation: str, rows: int = 0, **values: "SearchStrategy[Any]") -> "SearchStrategy[Call]":
        return st.builds(
            lambda name, own: Call(operation, own, rows=rows, part=name),
            st.sampled_from(SETS),
            st.fixed_dictionaries(values),
        )

    day, days = st.sampled_from(DAYS), st.integers(1, 2)
    before, limit = st.integers(2, 5), st.sampled_from(LIMITS)  # from 3 on, all days are found
    cents, line = st.sampled_from(CENTS), st.integers(0, 9)
    record = st.builds(_record, st.sampled_from(SETS), day, line, st.sampled_from(RECORDS), cents)
    kinds = (  # by number, since one_of would merge the duplicates here
        *(record,) * 8,
        *(made("check_records", day=day), made("read_approvals"), made("clear_staging")),
        *(made("apply_records", day=day),) * 5,
        *(made("run_insight", before=before, days=days, limit_cents=limit),) * 5,
        *(made("publish_policy", 1, policy=st.sampled_from(POLICIES), day=day),) * 4,
        *(st.builds(_loaded, st.sampled_from(SETS), st.integers(0, 3), st.sampled_from(RECORDS)),) * 3,
    )
    return st.integers(0, len(kinds) - 1).flatmap(kinds.__getitem__)


def _record(name: str, day: int, line: int, record: Sequence[str], cents: int) -> Call:
    """Return a line of a file of a set, whose names are its own."""
    columns = ("prescription", "member", "policy", "plan", "drug")
    values = {"set_id": name, "day": day, "line": line, **dict(zip(columns, record, strict=True)), "cents": cents}
    return Call("stage_record", values, part=name)


def _loaded(name: str, kind: int, record: Sequence[str]) -> Call:
    """Return a row of the background, each prescription of one of two days."""
    prescription, member, policy, plan, drug = record
    day = 1 + RECORDS.index(record) % 2
    operation, values = (
        ("load_members", {"member": member, "first_day": 0, "fills": 1, "spent_cents": 7}),
        ("load_policies", {"policy": policy, "plan": plan, "fills": 1, "published_on": 1}),
        (
            "load_prescriptions",
            {
                "prescription": prescription,
                "member": member,
                "policy": policy,
                "drug": drug,
                "first_day": day,
                "cents": 7,
                "fills": 1,
                "last_day": day,
            },
        ),
        ("load_days", {"day": day, "records": 1}),
    )[kind]
    return Call(operation, {"set_id": name, **values}, part=name)


MODEL: Model[Pipelines, State] = Model(initial=State, calls=calls, apply=apply, state=rows, possible=possible)
