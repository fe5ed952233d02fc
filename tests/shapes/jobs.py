"""A queue of jobs, and its clients' and workers' traffic through an ORM."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any
from uuid import UUID

from copying import copy
from psycopg import Connection
from psycopg.types.json import Jsonb
from sqlalchemy import delete, func, insert, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.declarative import DeferredReflection
from sqlalchemy.orm import DeclarativeBase, Session

from schemabench.values import Zipf

QUEUES, WORKERS, JOBS, DEAD = 12, 60, 20_000, 400
BUSY = Zipf(1.0)
"""How many jobs each queue gets, the first one most."""
KINDS = ("send_mail", "resize_image", "sync_account", "charge_card", "index_page", "purge_cache", "export_report")
KIND_WEIGHTS = (40, 20, 15, 10, 8, 5, 2)
START = datetime(2026, 5, 1, tzinfo=UTC)
MIX = {
    "enqueue": 20,
    "enqueue_once": 6,
    "enqueue_many": 3,
    "claim": 18,
    "finish": 17,
    "fail": 4,
    "beat": 14,
    "retry_due": 2,
    "bury": 1,
    "look_at_job": 10,
    "jobs_of_queue": 5,
    "depths": 3,
    "by_argument": 3,
    "by_tag": 2,
    "plan": 2,
    "purge": 1,
    "rescue": 1,
}
"""What clients, workers and the page of the operators do, with weights."""


class Base(DeferredReflection, DeclarativeBase):
    """What the application calls a table; columns are read from the database."""


class Queue(Base):
    """Where jobs wait."""

    __tablename__ = "queue"


class Worker(Base):
    """Who executes jobs."""

    __tablename__ = "worker"


class Job(Base):
    """What is to be done."""

    __tablename__ = "job"


class Attempt(Base):
    """One execution of a job."""

    __tablename__ = "attempt"


class DeadJob(Base):
    """A job that failed too often."""

    __tablename__ = "dead_job"


class Periodic(Base):
    """A job that comes again; guarded by a version."""

    __tablename__ = "periodic"

    @classmethod
    def __declare_last__(cls) -> None:
        """Let the ORM compare versions."""
        cls.__mapper__.version_id_col = cls.__table__.c.version


class JobCount(Base):
    """Jobs by the hour."""

    __tablename__ = "job_count"


def fill(connection: Connection[Any], random: Random) -> None:
    """Make the rows."""
    copy(connection, "queue (name)", [(f"queue_{n}",) for n in range(QUEUES)])
    workers = [
        (worker_of(n), f"host-{n % 20}", f"10.1.{n % 4}.{n}", 1000 + n, [f"queue_{n % QUEUES}", "queue_0"], "2.4.1")
        for n in range(WORKERS)
    ]
    copy(connection, "worker (id, host, address, pid, queues, version)", workers)
    jobs = [_job(number, random) for number in range(JOBS)]
    columns = (
        "queue, kind, state, priority, arguments, tags, attempt, run_at, created_at, started_at, finished_at, worker_id"
    )
    copy(connection, f"job ({columns}, unique_key, last_error)", jobs)
    attempts = [
        (number, attempt, job[11], job[9] or job[8], job[10], "succeeded" if job[2] == "completed" else "failed")
        for number, job in enumerate(jobs, start=1)
        for attempt in range(1, job[6] + 1)
    ]
    copy(connection, "attempt (job_id, number, worker_id, started_at, ended_at, outcome)", attempts)
    dead = [(10**9 + n, queue(random), _kind(random), Jsonb({"n": n}), "too many") for n in range(DEAD)]
    copy(connection, "dead_job (id, queue, kind, arguments, error)", dead)
    periodic = [(f"every_{n}", queue(random), "0 * * * *", START + timedelta(hours=n)) for n in range(40)]
    copy(connection, "periodic (name, queue, pattern, next_at)", periodic)
    hours = [(f"queue_{n}", START + timedelta(hours=hour), 50, 2) for n in range(QUEUES) for hour in range(72)]
    copy(connection, "job_count (queue, hour, completed, failed)", hours)


def queue(random: Random) -> str:
    """Return a queue, the busy ones more often."""
    return f"queue_{BUSY.draw(QUEUES, random)}"


def worker_of(number: int) -> UUID:
    """Return the identifier of a worker."""
    return UUID(bytes=sha256(f"worker {number}".encode()).digest()[:16], version=4)


def worker(random: Random) -> UUID:
    """Return a worker."""
    return worker_of(random.randrange(WORKERS))


def _job(number: int, random: Random) -> tuple[Any, ...]:
    age = number / JOBS
    states = [
        ("completed", 940),
        ("discarded", 25),
        ("cancelled", 15),
        ("available", 8),
        ("retrying", 6),
        ("scheduled", 6),
    ]
    state = random.choices([name for name, _ in states], [weight for _, weight in states])[0]
    if age > 0.97:
        state = random.choices(["available", "running", "completed"], [50, 10, 40])[0]
    created = START + timedelta(days=3) * age
    started = (
        created + timedelta(seconds=random.expovariate(1 / 20))
        if state in {"completed", "running", "discarded"}
        else None
    )
    finished = started + timedelta(seconds=random.expovariate(1 / 5)) if started and state != "running" else None
    attempt = {"completed": 1, "running": 1, "retrying": 2, "discarded": 5}.get(state, 0)
    return (
        queue(random),
        _kind(random),
        state,
        random.choices([1, 2, 3, 4], [5, 80, 10, 5])[0],
        Jsonb({"account": random.randrange(3_000), "locale": random.choice(["de", "en", "fr"])}),
        random.sample(["mail", "slow", "nightly", "import", "vip"], random.choices([0, 1, 2], [60, 30, 10])[0]),
        attempt,
        created,
        created,
        started,
        finished,
        worker(random) if started else None,
        sha256(str(number).encode()).digest() if random.random() < 0.25 else None,
        "Timeout: no answer" if state in {"retrying", "discarded"} else None,
    )


def _kind(random: Random) -> str:
    return random.choices(KINDS, KIND_WEIGHTS)[0]


def _new(random: Random, **more: Any) -> dict[str, Any]:  # noqa: ANN401 (whatever the columns hold)
    arguments = {"account": random.randrange(3_000), "locale": random.choice(["de", "en", "fr"])}
    return {"queue": queue(random), "kind": _kind(random), "arguments": arguments, "priority": 2, **more}


def _enqueue(session: Session, random: Random) -> None:
    session.add(Job(**_new(random), tags=random.sample(["mail", "slow", "vip"], random.choice([0, 0, 1]))))


def _enqueue_once(session: Session, random: Random) -> None:
    key = sha256(str(random.randrange(40_000)).encode()).digest()
    try:
        with session.begin_nested():
            session.add(Job(**_new(random, unique_key=key)))
    except IntegrityError:
        session.scalar(select(Job.id).where(Job.unique_key == key))


def _enqueue_many(session: Session, random: Random) -> None:
    rows = [_new(random) for _ in range(random.choice([2, 3, 5, 8, 13, 40]))]
    session.scalars(insert(Job).returning(Job.id), rows).all()


def _claim(session: Session, random: Random) -> None:
    who, one = worker(random), queue(random)
    session.execute(text("SET LOCAL lock_timeout = '1s'"))
    waiting = (
        select(Job.id, Job.attempt)
        .where(Job.queue == one, Job.state == "available", Job.run_at <= func.now())
        .order_by(Job.priority, Job.run_at, Job.id)
        .limit(2)
        .with_for_update(skip_locked=True)
    )
    claimed = session.execute(waiting).all()
    for number, _ in claimed:
        change = {"state": "running", "worker_id": who, "attempt": Job.attempt + 1, "started_at": func.now()}
        session.execute(update(Job).where(Job.id == number, Job.state == "available").values(change))
    if claimed:
        numbered = [{"job_id": number, "number": before + 1, "worker_id": who} for number, before in claimed]
        session.execute(insert(Attempt), numbered)


def _finish(session: Session, random: Random) -> None:
    who = worker(random)
    query = select(Job).where(Job.worker_id == who, Job.state == "running").order_by(Job.id).limit(2)
    for job in session.scalars(query.with_for_update(of=Job)):
        job.state, job.finished_at = "completed", datetime.now(UTC)
        hour = START + timedelta(hours=random.randrange(72))
        counted = upsert(JobCount).values(queue=job.queue, hour=hour, completed=1)
        more = {"completed": JobCount.completed + counted.excluded.completed}
        session.execute(counted.on_conflict_do_update(index_elements=["queue", "hour"], set_=more))


def _fail(session: Session, random: Random) -> None:
    job = session.get(Job, random.randint(1, JOBS), with_for_update=True)
    if job is None:
        return
    values = {"state": "retrying", "last_error": f"Timeout after {random.randrange(90)} s", "run_at": datetime.now(UTC)}
    session.execute(update(Job).where(Job.id == job.id).values(values))
    done = update(Attempt).where(Attempt.job_id == job.id, Attempt.number == job.attempt)
    session.execute(done.values(outcome="failed", ended_at=func.now(), error="Timeout", trace=["a.py:1", "b.py:2"]))


def _beat(session: Session, random: Random) -> None:
    beat = update(Worker).where(Worker.id == worker(random)).values(beat_at=func.now())
    session.execute(beat, execution_options={"synchronize_session": False})
    session.scalar(select(func.pg_try_advisory_xact_lock(42)))


def _retry_due(session: Session, _: Random) -> None:
    due = (
        select(Job.id)
        .where(Job.state.in_(["scheduled", "retrying"]), Job.run_at <= func.now())
        .order_by(Job.run_at)
        .limit(20)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    moved = update(Job).where(Job.id.in_(due)).values(state="available").returning(Job.id)
    session.execute(moved, execution_options={"synchronize_session": False}).all()


def _bury(session: Session, random: Random) -> None:
    number = random.randint(1, JOBS)
    source = select(Job.id, Job.queue, Job.kind, Job.arguments, literal("given up")).where(Job.id == number)
    names = ["id", "queue", "kind", "arguments", "error"]
    session.execute(upsert(DeadJob).from_select(names, source).on_conflict_do_nothing())
    session.execute(text("SELECT pg_notify('dead_jobs', :number)"), {"number": str(number)})


def _look_at_job(session: Session, random: Random) -> None:
    number = random.randint(1, JOBS)
    session.get(Job, number)
    session.scalars(select(Attempt).where(Attempt.job_id == number).order_by(Attempt.number)).all()


def _jobs_of_queue(session: Session, random: Random) -> None:
    query = select(Job).where(Job.queue == queue(random), Job.state == "completed").order_by(Job.id.desc())
    session.scalars(query.limit(50).offset(50 * random.randrange(3))).all()


def _depths(session: Session, _: Random) -> None:
    query = """
        SELECT queue, state, count(*) FROM job WHERE state IN ('available', 'running', 'retrying')
        GROUP BY queue, state /*route='/queues',framework='flask'*/
    """
    session.execute(text(query)).all()


def _by_argument(session: Session, random: Random) -> None:
    session.scalars(select(Job).where(Job.arguments.contains({"account": random.randrange(3_000)})).limit(20)).all()


def _by_tag(session: Session, random: Random) -> None:
    session.scalars(select(Job.id).where(Job.tags.contains([random.choice(["mail", "vip"])])).limit(30)).all()


def _plan(session: Session, random: Random) -> None:
    one = session.get(Periodic, f"every_{random.randrange(40)}")
    if one is not None and one.enabled:
        job = Job(**_new(random, state="scheduled", run_at=one.next_at))
        session.add(job)
        session.flush()
        one.next_at += timedelta(hours=1)
        one.last_job_id = job.id


def _purge(session: Session, random: Random) -> None:
    session.execute(text("CREATE TEMPORARY TABLE old_jobs ON COMMIT DROP AS SELECT id FROM dead_job LIMIT 3"))
    session.execute(text("DELETE FROM dead_job WHERE id IN (SELECT id FROM old_jobs)"))
    session.execute(delete(DeadJob).where(DeadJob.died_at < START, DeadJob.queue == queue(random)))


def _rescue(session: Session, _: Random) -> None:
    lost = select(Worker.id).where(Worker.beat_at < func.now() - timedelta(minutes=5), Worker.stopped_at.is_(None))
    change = (
        update(Job).where(Job.state == "running", Job.worker_id.in_(lost)).values(state="available", worker_id=None)
    )
    session.execute(change, execution_options={"synchronize_session": False})


DONE: dict[str, Callable[[Session, Random], None]] = {name: globals()[f"_{name}"] for name in MIX}
