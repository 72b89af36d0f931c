"""Which jobs there should be: Dask's adaptive scaling, and what it lacks where a job holds several workers."""

from __future__ import annotations

from typing import Any, ClassVar, final

from distributed import SchedulerPlugin, Status
from distributed.deploy.adaptive import Adaptive

__all__ = ["JobUpkeep"]


@final
class JobUpkeep(Adaptive):
    """A job whose workers are all gone (preempted, at the end of its time), or that could not be submitted, is submitted again.

    A job is closed only when none of its workers computes. A worker's name is its job's name, or that and a number.
    """

    INTERVAL_S: ClassVar[float] = 2.0
    LOST_ROUNDS: ClassVar[int] = 8
    """Intervals after which a job is taken for lost: the process that watches a worker may start it again."""
    cluster: Any
    """A `JobQueueCluster`."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._seen: set[str] = set()
        self._missed: dict[str, int] = {}
        self.cluster.scheduler.add_plugin(_Arrivals(self), name=f"arrivals-{id(self)}")
        for worker in list(self.cluster.scheduler.workers.values()):
            self.saw(worker.name)

    def saw(self, worker: str) -> None:
        """Each worker when it comes: between two looks at the cluster one can come and be killed."""
        self._seen.add(self._job_of(worker))

    async def target(self) -> int:
        for name in self._lost():
            job = self.cluster.workers.pop(name)  # it is still in the plan, so Dask will submit it again
            await job.close()
            job.status = Status.closed
            self._seen.discard(name)
        wanted: int = await super().target()  # type: ignore[no-untyped-call]
        return wanted

    async def workers_to_close(self, target: int) -> list[str]:
        """Whole jobs without work, so many that `target` workers stay."""
        scheduler = self.cluster.scheduler
        closable = scheduler.workers_to_close(
            memory_ratio=0, minimum=target, key=lambda worker: self._job_of(worker.name), attribute="name"
        )
        return list(closable)

    def _job_of(self, worker: str) -> str:
        return worker if worker in self.cluster.worker_spec else worker.rpartition("-")[0]

    def _lost(self) -> list[str]:
        """Jobs that were there and are not, and those whose submission failed."""
        here = {self._job_of(worker) for worker in self.observed}
        away = {
            name: self._missed.get(name, 0) + 1
            for name, job in self.cluster.workers.items()
            if name not in here and (name in self._seen or job.status == Status.created)
        }
        self._missed = away
        return [name for name, rounds in away.items() if rounds >= self.LOST_ROUNDS]


@final
class _Arrivals(SchedulerPlugin):
    """Tells the upkeep of each worker that registers."""

    def __init__(self, upkeep: JobUpkeep) -> None:
        self._upkeep = upkeep

    def add_worker(self, scheduler: Any, worker: str) -> None:
        self._upkeep.saw(scheduler.workers[worker].name)
