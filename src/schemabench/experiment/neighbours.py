"""The noise beside an experiment: its database, its process, and what it took of the server.

Owns when its jobs start and end, and when an experiment with it has no result. Must not know what a ghost town is like.

Every experiment has a copy of its own, so that the jobs begin with the same rows. They run in their own process at
their own pace: a fast candidate does not meet less of them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from random import Random
from typing import Any

import psycopg

from schemabench import records
from schemabench.errors import ServerError
from schemabench.experiment import kept
from schemabench.experiment.plan import Noise, Plan
from schemabench.monitor import shares
from schemabench.monitor.shares import Amounts
from schemabench.noise import mapping, populating
from schemabench.noise.entities import size
from schemabench.noise.process import Process, Status
from schemabench.noise.running import LATE_S, connections, pace
from schemabench.noise.town import SCHEMA_NAME, SESSION_NAME, entered
from schemabench.progress import Counter, Progress
from schemabench.records import Notice
from schemabench.server import Server, opened, several
from schemabench.server.dsn import Conninfo, with_words
from schemabench.units import format_duration, format_percent, plural
from schemabench.workload import Call, Found, Rows

LATE_SHARE = 0.1
"""The most of the due runs that may begin late, or fail: with more, the noise is not what its model says."""
_FEWEST_DUE = 20
"""Before so many runs are due, a share says nothing."""
_LABEL = "noise"


@dataclass(frozen=True)
class _Peopled:
    """A background with the tenants of a noise after it; equal for equal functions and tenants."""

    background: Callable[[Any, Random], Iterator[Call | Rows]]
    tenants: Callable[[Any, Sequence[Any], Random], Iterator[Call | Rows]]
    digest: str
    organisations: Sequence[Any] = field(compare=False, repr=False)

    def __call__(self, values: Any, random: Random) -> Iterator[Call | Rows]:  # noqa: ANN401 (a workload's own type)
        """Yield what fills an empty database."""
        yield from self.background(values, random)
        yield from self.tenants(values, self.organisations, random)


def with_tenants(found: Found, noise: Noise | None) -> Found:
    """Return a workload whose background has the noise's tenants, if it has a place for them."""
    workload = found.workload
    if noise is None or workload.tenants is None:
        return found
    peopled = _Peopled(workload.background, workload.tenants, noise.model.digest, noise.model.organisations)
    return replace(found, workload=replace(workload, background=peopled, background_rows=None))


def planned(plan: Plan) -> records.Noise | None:
    """Return what is known of a plan's noise before its jobs run; None without noise."""
    noise = plan.noise
    if noise is None:
        return None
    return records.Noise(
        path=noise.path.name,
        digest=noise.model.digest,
        organisations=len(noise.model.organisations),
        rows=size(noise.model),
        speed=noise.speed,
        connections=connections(noise.model, noise.speed),
        pace_per_s=pace(noise.model, noise.speed),
        tenants=plan.tenants,
    )


class Neighbours:
    """The noise of one experiment; nothing without `--noise`.

    Args:
        plan: Has the noise.
        server: Where.
        progress: Shows the current stage.
    """

    def __init__(self, plan: Plan, server: Server, progress: Progress) -> None:
        self._plan = plan
        self._server = server
        self._progress = progress
        self._conninfo = Conninfo("")
        self._database = ""
        self._process: Process | None = None
        self._before = Amounts()
        self._status = Status()
        self._known: Status | None = None
        """What the jobs did until after the last block."""
        self._shares: Mapping[str, float] = {}
        self._missing: Mapping[str, str] = {}
        self._drop: Callable[[], None] = lambda: None

    def settle(self) -> None:
        """Make the noise's database, from the one that an earlier experiment of the run made, if there is one.

        Raises:
            ServerError: The server refused.
        """
        noise = self._plan.noise
        if noise is None:
            return
        recipe = (_LABEL, noise.model.digest)
        if not (template := kept.find(self._server, recipe)):
            template = several.create(self._server, _LABEL, ())
            rows = Counter(
                lambda text: self._progress.stage(self._plan, f"populating the noise: {text}"), size(noise.model)
            )
            conninfo = Conninfo(self._server.conninfo_for(template.of("").name))
            with entered(conninfo, SCHEMA_NAME, "Populating the noise") as town:
                populating.populate(town, noise.model, mapping.NONE, lambda _, count: rows.add(count))
            if not kept.keep(self._server, recipe, template):
                own = template
                self._drop = lambda: several.give_up(self._server, own)
        copied = several.clone(self._server, template, f"{_LABEL} copy")
        drop_template = self._drop

        def drop() -> None:
            several.give_up(self._server, copied)
            drop_template()

        self._drop = drop
        self._database = copied.of("").name
        self._conninfo = with_words(self._server.conninfo_for(self._database), application_name=SESSION_NAME)

    def begin(self) -> None:
        """Start the jobs.

        Raises:
            ServerError: They do not start.
        """
        noise = self._plan.noise
        if noise:
            try:
                self._process = Process(self._conninfo, SCHEMA_NAME, noise.model, noise.speed)
            except ServerError as failure:
                raise self._ended(failure, "before the first block") from failure
            self._status = self._process.first
            self._before = self._amounts()

    @property
    def names(self) -> dict[int, str]:
        """The sessions of the jobs, by process id on the server."""
        return dict.fromkeys(self._status.pids, "(noise)")

    def check(self, doing: str) -> None:
        """Make sure that the noise is what its model says.

        Args:
            doing: What the experiment has just done, as in `block 7`.

        Raises:
            ServerError: The jobs ended, or fell behind.
        """
        if self._process is None:
            return
        try:
            self._status = self._process.status()
        except ServerError as failure:
            raise self._ended(failure, f"in {doing}") from failure
        self._judge(doing, fewest=_FEWEST_DUE)

    def conclude(self) -> None:
        """Keep the figures of the blocks, after the last one; the jobs go on.

        Raises:
            ServerError: As `check`.
        """
        if self._process is not None:
            self.check("the last block")
            self._judge("the last block", fewest=1)
            self._keep()

    def break_off(self) -> None:
        """After an interrupt at any point, keep the figures so far; or those of the last block, and why no shares."""
        if self._process is None or self._known is not None:
            return
        try:
            self._status = self._process.status()
            self._keep()
        except ServerError as failure:
            self._missing = dict.fromkeys((records.WAL, records.READS, records.PROCESSOR), failure.what)

    def _keep(self) -> None:
        """Keep the figures so far.

        Raises:
            ServerError: The server does not say them.
        """
        after = self._amounts()
        self._shares = after.since(self._before)
        unused = dict.fromkeys(self._before.used.keys() - self._shares.keys(), "nobody used any, or it was reset")
        self._missing = {**unused, **after.missing}
        self._known = self._status

    def end(self) -> None:
        """Stop the jobs, after everything that they are to run beside.

        Raises:
            ServerError: As `check`.
        """
        if self._process is not None:
            self.check("the replay of the production load")
            self._process.close()
            self._process = None

    def _ended(self, failure: ServerError, when: str) -> ServerError:
        """Return the error for a process that ended, perhaps since its server did."""
        reason = self._server.failure()
        return ServerError(
            f"{failure.what}, {when}. The blocks without it would be others, so that the experiment has no result",
            checked=[f"the server: {reason}" if reason else "the server is still there"],
            remedies=["run again"] if reason else failure.remedies,
        )

    def _judge(self, doing: str, *, fewest: int) -> None:
        """Refuse noise of which too much was late or failed, once enough runs were due.

        Raises:
            ServerError: It was.
        """
        counts = self._status.counts.values()
        due, late, failed = (sum(getattr(one, name) for one in counts) for name in ("due", "late", "failed"))
        if due < fewest or max(late, failed) <= LATE_SHARE * due:
            return
        what = f"began more than {format_duration(LATE_S)} after they were due" if late >= failed else "failed"
        many = max(late, failed)
        raise ServerError(
            f"The noise {'fell behind' if late >= failed else 'failed'}, in {doing}: {many:,} of {plural(due, 'run')}, "
            f"{format_percent(many / due)}, {what}; {format_percent(LATE_SHARE)} may. That is not the noise of its "
            "model, so that the experiment has no result",
            remedies=[
                "slow it down: --noise-speed",
                "make a model of fewer organisations: schemabench noise model --orgs",
                "use a server with more processors, or fewer --clients",
            ],
        )

    def close(self) -> None:
        """Stop the jobs, whatever happened, and drop their database, as far as it can be dropped."""
        if self._process is not None:
            self._process.close()
        self._drop()

    def record(self) -> records.Noise | None:
        """Return what ran; None without noise."""
        noise = planned(self._plan)
        if noise is None:
            return None
        status = self._known or self._status
        return replace(
            noise,
            lasted_s=status.elapsed_s,
            runs=tuple(records.NoiseRuns(kind=kind, **asdict(one)) for kind, one in status.counts.items()),
            shares=self._shares,
            missing=self._missing,
        )

    def notices(self) -> Iterator[Notice]:
        """Yield what the figures of candidates contain of the noise."""
        if self._plan.noise is None:
            return
        wal = self._shares.get(records.WAL)
        share = "" if wal is None else f", {format_percent(wal)} of the WAL"
        text = (
            "WAL, full-page images, multixacts, blocks added, vacuums and checkpoints are counted for the whole "
            f"server: those of the noise are included{share}. So is, before PostgreSQL 18, the processor time of its "
            "parallel workers"
        )
        yield Notice(code="noise-in-totals", text=text)
        failed = sum(one.failed for one in (self._known or self._status).counts.values())
        if failed:
            yield Notice(code="noise-failed", text=f"{plural(failed, 'run')} of the noise's jobs failed")

    def _amounts(self) -> Amounts:
        """Return what the jobs' sessions used so far."""
        try:
            with opened(self._server.conninfo) as connection:  # whose own reads are not those of the noise's database
                return shares.read(connection, self._database, self._status.pids, local=self._server.is_local)
        except psycopg.Error as cause:
            raise ServerError(f"The server did not say what the noise uses: {str(cause).strip()}") from cause
