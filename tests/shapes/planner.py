"""An application with many tenants, and its members' traffic through an ORM."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any
from uuid import UUID

from copying import copy
from psycopg import Connection
from psycopg.types.json import Jsonb
from psycopg.types.range import Range
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.declarative import DeferredReflection
from sqlalchemy.orm import DeclarativeBase, Session

from schemabench.values import Zipf

TENANTS, MEMBERS, PROJECTS, TASKS, COMMENTS, ENTRIES = 80, 1_600, 400, 14_000, 16_000, 5_000
ACTIVE = Zipf(1.0)
"""How much each tenant does, the first one most."""
START = datetime(2026, 3, 1, tzinfo=UTC)
LABELS = ("bug", "feature", "chore", "urgent", "customer", "design", "backend", "frontend")
WORDS = ("login", "export", "button", "page", "error", "report", "team", "invoice", "upload", "search", "mail", "chart")
STATES = ("backlog", "open", "doing", "review", "done")
MIX = {
    "open_page": 25,
    "board": 15,
    "look_at_task": 22,
    "create_task": 6,
    "move_task": 10,
    "edit_task": 5,
    "comment": 9,
    "search": 4,
    "by_label": 4,
    "by_field": 3,
    "find_member": 8,
    "invite": 1,
    "history": 3,
    "remove_task": 1,
    "billing": 2,
    "overdue": 2,
}
"""What members do, with weights."""
_tenants: list[UUID] = [UUID(bytes=sha256(f"tenant {n}".encode()).digest()[:16], version=4) for n in range(TENANTS)]
_members: dict[int, list[UUID]] = {}
_projects: dict[int, list[UUID]] = {}
_tasks: dict[int, list[UUID]] = {}


class Base(DeferredReflection, DeclarativeBase):
    """What the application calls a table; columns are read from the database."""


class Tenant(Base):
    """A customer of the application."""

    __tablename__ = "tenant"


class Member(Base):
    """Who works for a tenant."""

    __tablename__ = "member"


class Invitation(Base):
    """Who may become a member."""

    __tablename__ = "invitation"


class Project(Base):
    """What tasks belong to."""

    __tablename__ = "project"


class ProjectMember(Base):
    """Who works in a project."""

    __tablename__ = "project_member"


class Task(Base):
    """What is to be done; guarded by a version."""

    __tablename__ = "task"

    @classmethod
    def __declare_first__(cls) -> None:
        """Let the ORM compare versions."""
        cls.__mapper__.version_id_col = cls.__table__.c.version


class Comment(Base):
    """What was said of a task."""

    __tablename__ = "comment"


class Subscription(Base):
    """What a tenant pays."""

    __tablename__ = "subscription"


class Entry(Base):
    """What was done."""

    __tablename__ = "entry"
    __table_args__ = {"schema": "audit"}  # noqa: RUF012 (as the ORM wants it)


def fill(connection: Connection[Any], random: Random) -> None:
    """Make the rows."""
    for known in (_members, _projects, _tasks):
        known.clear()
        known.update({n: [] for n in range(TENANTS)})
    plans = random.choices(["free", "team", "business"], [60, 30, 10], k=TENANTS)
    tenants = [(one, f"org-{n}", f"Organisation {n}", plans[n], ["10.0.0.0/8"]) for n, one in enumerate(_tenants)]
    copy(connection, "tenant (id, slug, title, plan, allowed)", tenants)
    members = [(_place(n, MEMBERS, random), _uuid("member", n)) for n in range(MEMBERS)]
    for place, one in members:
        _members[place].append(one)
    rows = [
        (
            _tenants[place],
            one,
            f"person{n}@org{place}.example",
            f"Person {n}",
            _role(random),
            f"192.168.{place}.{n % 250}",
        )
        for n, (place, one) in enumerate(members)
    ]
    copy(connection, "member (tenant_id, id, email, shown_name, role, last_address)", rows)
    projects = [(_place(n, PROJECTS, random), _uuid("project", n)) for n in range(PROJECTS)]
    for place, one in projects:
        _projects[place].append(one)
    rows = [
        (_tenants[place], one, f"K{n}", f"Project {n}", random.choice(_members[place]), random.random() < 0.1, TASKS)
        for n, (place, one) in enumerate(projects)
    ]
    copy(connection, "project (tenant_id, id, key, title, lead_id, archived, next_number)", rows)
    joined = [
        (_tenants[place], one, who, random.random() < 0.2)
        for place, one in projects
        for who in random.sample(_members[place], min(len(_members[place]), 6))
    ]
    copy(connection, "project_member (tenant_id, project_id, member_id, starred)", joined)
    _fill_tasks(connection, random)
    valid = [(one, plans[n], 5, 900, Range(START, START + timedelta(days=365))) for n, one in enumerate(_tenants)]
    copy(connection, "subscription (tenant_id, plan, seats, price, valid)", valid)
    entries = [
        (
            _tenants[tenant(random)],
            "update",
            "task",
            Jsonb({"state": random.choice(STATES)}),
            START + timedelta(minutes=n),
        )
        for n in range(ENTRIES)
    ]
    copy(connection, "audit.entry (tenant_id, what, subject, changes, at)", entries)


def _fill_tasks(connection: Connection[Any], random: Random) -> None:
    rows = []
    for n in range(TASKS):
        place, one = tenant(random), _uuid("task", n)
        parent = random.choice(_tasks[place]) if _tasks[place] and random.random() < 0.1 else None
        _tasks[place].append(one)
        who = random.choice(_members[place])
        assignee = random.choice(_members[place]) if random.random() < 0.7 else None
        state = random.choices(STATES, [15, 12, 5, 3, 65])[0]
        due = date(2026, 3, 1) + timedelta(days=random.randrange(120)) if random.random() < 0.3 else None
        removed = START if random.random() < 0.03 else None
        created = START + timedelta(minutes=10 * n)
        rows.append(
            (
                *(_tenants[place], one, random.choice(_projects[place]), n, _title(random), _body(random), state),
                *(assignee, who, parent, random.sample(LABELS, random.choice([0, 0, 1, 2])), Jsonb(_fields(random))),
                *(due, removed, created),
            )
        )
    columns = (
        "tenant_id, id, project_id, number, title, body, state, assignee_id, reporter_id, parent_id, labels, fields"
    )
    copy(connection, f"task ({columns}, due_on, deleted_at, created_at)", rows)
    said = []
    for n in range(COMMENTS):
        place = tenant(random)
        said.append(
            (
                *(_tenants[place], random.choice(_tasks[place]), random.choice(_members[place]), _body(random)),
                START + timedelta(minutes=9 * n),
            )
        )
    copy(connection, "comment (tenant_id, task_id, author_id, body, created_at)", said)


def tenant(random: Random) -> int:
    """Return the place of a tenant, the busy ones more often."""
    return ACTIVE.draw(TENANTS, random)


def _place(number: int, count: int, random: Random) -> int:
    """Return the place of a tenant: each has one row at least."""
    assert count >= TENANTS, "every tenant needs a row"
    return number if number < TENANTS else tenant(random)


def _uuid(kind: str, number: int) -> UUID:
    return UUID(bytes=sha256(f"{kind} {number}".encode()).digest()[:16], version=4)


def _role(random: Random) -> str:
    return random.choices(["owner", "admin", "member", "guest"], [5, 10, 75, 10])[0]


def _title(random: Random) -> str:
    return " ".join(random.choices(WORDS, k=4)).capitalize()


def _body(random: Random) -> str:
    return " ".join(random.choices(WORDS, k=random.randint(5, 40)))


def _fields(random: Random) -> dict[str, Any]:
    return {"severity": random.choice(["low", "high"]), "points": random.randrange(8), "area": random.choice(WORDS)}


def _entered(session: Session, random: Random) -> int:
    """Enter as some tenant; return its place."""
    place = tenant(random)
    session.execute(text("SELECT set_config('app.tenant', :tenant, true)"), {"tenant": str(_tenants[place])})
    return place


def _open_page(session: Session, random: Random) -> None:
    place = _entered(session, random)
    session.scalars(select(Tenant).where(Tenant.id == _tenants[place], Tenant.deleted_at.is_(None))).one()
    who = random.choice(_members[place])
    mine = select(Task).where(
        Task.tenant_id == _tenants[place], Task.assignee_id == who, Task.state != "done", Task.deleted_at.is_(None)
    )
    session.scalars(mine.order_by(Task.priority, Task.created_at).limit(25)).all()


def _board(session: Session, random: Random) -> None:
    place = _entered(session, random)
    one = random.choice(_projects[place])
    shown = select(Task).where(Task.tenant_id == _tenants[place], Task.project_id == one, Task.state.in_(STATES[1:4]))
    tasks = session.scalars(shown.where(Task.deleted_at.is_(None)).order_by(Task.priority, Task.number)).all()
    if people := {task.assignee_id for task in tasks if task.assignee_id}:
        query = select(Member.id, Member.shown_name).where(Member.tenant_id == _tenants[place], Member.id.in_(people))
        session.execute(query).all()


def _look_at_task(session: Session, random: Random) -> None:
    place = _entered(session, random)
    which = random.choice(_tasks[place])
    session.get(Task, (_tenants[place], which))
    said = select(Comment).where(Comment.tenant_id == _tenants[place], Comment.task_id == which)
    session.scalars(said.order_by(Comment.created_at)).all()


def _create_task(session: Session, random: Random) -> None:
    place = _entered(session, random)
    one = random.choice(_projects[place])
    counted = update(Project).where(Project.tenant_id == _tenants[place], Project.id == one)
    changed = counted.values(next_number=Project.next_number + 1).returning(Project.next_number)
    number = session.scalar(changed, execution_options={"synchronize_session": False})
    task = Task(
        tenant_id=_tenants[place],
        project_id=one,
        number=number,
        title=_title(random),
        body=_body(random),
        reporter_id=random.choice(_members[place]),
        assignee_id=random.choice(_members[place]),
        labels=random.sample(LABELS, 1),
        fields=_fields(random),
    )
    session.add(task)
    session.flush()


def _move_task(session: Session, random: Random) -> None:
    place = _entered(session, random)
    task = session.get(Task, (_tenants[place], random.choice(_tasks[place])))
    task.state = random.choice(STATES)
    task.priority = 1 + task.priority % 5


def _edit_task(session: Session, random: Random) -> None:
    place = _entered(session, random)
    task = session.get(Task, (_tenants[place], random.choice(_tasks[place])))
    task.title, task.fields = _title(random), _fields(random)
    task.due_on = date(2026, 3, 1) + timedelta(days=random.randrange(120))


def _comment(session: Session, random: Random) -> None:
    place = _entered(session, random)
    number = random.choice([1, 1, 1, 2, 3])
    for _ in range(number):
        session.add(
            Comment(
                tenant_id=_tenants[place],
                task_id=random.choice(_tasks[place]),
                author_id=random.choice(_members[place]),
                body=_body(random),
            )
        )
    seen = update(Member).where(Member.tenant_id == _tenants[place], Member.id == random.choice(_members[place]))
    session.execute(seen.values(last_seen_at=func.now()), execution_options={"synchronize_session": False})


def _search(session: Session, random: Random) -> None:
    place = _entered(session, random)
    query = func.websearch_to_tsquery("simple", " ".join(random.sample(WORDS, 2)))
    found = select(Task.id, Task.title).where(Task.tenant_id == _tenants[place], Task.search.op("@@")(query))
    session.execute(found.order_by(func.ts_rank(Task.search, query).desc()).limit(20)).all()


def _by_label(session: Session, random: Random) -> None:
    place = _entered(session, random)
    found = select(Task.id).where(Task.tenant_id == _tenants[place], Task.labels.contains([random.choice(LABELS)]))
    session.scalars(found.limit(50)).all()


def _by_field(session: Session, random: Random) -> None:
    place = _entered(session, random)
    wanted = {"severity": "high", "points": random.randrange(8)}
    session.scalars(
        select(Task.id).where(Task.tenant_id == _tenants[place], Task.fields.contains(wanted)).limit(50)
    ).all()


def _find_member(session: Session, random: Random) -> None:
    place = _entered(session, random)
    known = session.get(Member, (_tenants[place], random.choice(_members[place])))
    query = select(Member).where(Member.tenant_id == _tenants[place], func.lower(Member.email) == known.email.lower())
    session.scalars(query.where(Member.deleted_at.is_(None))).all()


def _invite(session: Session, random: Random) -> None:
    place = _entered(session, random)
    tick = session.info["tick"]
    session.add(
        Invitation(
            token=sha256(str(tick).encode()).digest(),
            tenant_id=_tenants[place],
            email=f"guest{tick}@else.example",
            invited_by=random.choice(_members[place]),
            expires_at=START + timedelta(days=200),
        )
    )


def _history(session: Session, random: Random) -> None:
    place = _entered(session, random)
    query = select(Entry).where(Entry.tenant_id == _tenants[place]).order_by(Entry.at.desc()).limit(20)
    session.scalars(query).all()


def _remove_task(session: Session, random: Random) -> None:
    place = _entered(session, random)
    task = session.get(Task, (_tenants[place], random.choice(_tasks[place])))
    task.deleted_at = datetime.now(UTC)


def _billing(session: Session, random: Random) -> None:
    place = _entered(session, random)
    at = START + timedelta(days=random.randrange(300))
    query = select(Subscription).where(Subscription.tenant_id == _tenants[place], Subscription.valid.op("@>")(at))
    session.scalars(query).all()
    session.execute(
        select(Task.state, func.count()).where(Task.tenant_id == _tenants[place]).group_by(Task.state)
    ).all()


def _overdue(session: Session, random: Random) -> None:
    place = _entered(session, random)
    query = "SELECT name, title FROM open_tasks WHERE tenant_id = :tenant AND due_on < :day ORDER BY due_on LIMIT 10"
    values = {"tenant": _tenants[place], "day": date(2026, 5, 1)}
    session.execute(text(query), values).all()


DONE: dict[str, Callable[[Session, Random], None]] = {name: globals()[f"_{name}"] for name in MIX}
