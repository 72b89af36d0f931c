"""A Dask cluster whose workers are jobs of a batch system: Slurm or PBS, through dask-jobqueue."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from reactal.clusters import JobCluster
from reactal.errors import ConfigError, LabelerUnavailable
from reactal.labeling.cluster import ONE_THREAD, SCHEDULER_SETTINGS, WORKER_ARGUMENTS
from reactal.labeling.growth import DASK_TARGET, Growth

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["connect_jobs", "growth_by_jobs", "require_batch_system", "slots_of_a_job"]

SUBMITS_WITH = {"slurm": "sbatch", "pbs": "qsub"}
LAST_SHARE = 0.1  # of a job's time, and no more than
LAST_SECONDS = 300  # before its end, in which its workers take nothing new


def require_batch_system(section: JobCluster) -> None:
    """`ConfigError` or `LabelerUnavailable` where this machine cannot submit such jobs."""
    if find_spec("dask_jobqueue") is None:
        raise ConfigError(f"cluster.kind {section.kind} needs dask-jobqueue: pip install 'reactal[cluster]'")
    command = SUBMITS_WITH[section.kind]
    if shutil.which(command) is None:
        raise LabelerUnavailable(
            f"{command} is not on PATH, and with cluster.kind {section.kind} each worker is a job that it submits; "
            "start reactal on a machine of the cluster that may submit jobs, or choose another cluster"
        )


def slots_of_a_job(section: JobCluster, threads: int) -> int:
    if section.cores < threads:
        raise ConfigError(f"cluster.cores: {section.cores} are fewer than the {threads} threads of one label (resources.threads)")
    return section.cores // threads


def growth_by_jobs(section: JobCluster, threads: int, folder: Path) -> Growth:
    """What the pool knows of it; `folder` as for `connect_jobs`."""
    return Growth(
        most_slots=section.jobs.most * slots_of_a_job(section, threads),
        patience_s=60 * section.wait_minutes,
        advice=f"its jobs had {section.wait_minutes:g} minutes (cluster.wait_minutes) to begin: look at the queue, "
        f"and at what those that began have written in {folder}",
    )


@contextmanager
def connect_jobs(
    section: JobCluster, threads: int, folder: Path, *, environ: Mapping[str, str] | None = None
) -> Iterator[Client]:
    """A client of a scheduler in this process, whose workers are jobs; all are cancelled at the end.

    `folder` is seen by the nodes, too: the jobs' logs go there and, as long as the cluster lives, the keys with which
    scheduler and workers speak TLS, readable by their owner alone. `environ`, nothing secret, is added to the workers'.
    """
    require_batch_system(section)
    if shlex.quote(str(folder)) != str(folder):
        raise ConfigError(f"the folder of the jobs' logs, {folder}, has signs in its name that job scripts cannot hold")
    import dask
    from dask_jobqueue.core import JobQueueCluster
    from distributed import Client

    from reactal.labeling.job_upkeep import JobUpkeep

    folder.mkdir(parents=True, exist_ok=True)
    slots = slots_of_a_job(section, threads)
    with (
        dask.config.set(SCHEDULER_SETTINGS),
        _keys(folder) as security,
        JobQueueCluster(
            job_cls=job_class(section.kind),
            security=security,
            scheduler_options={"dashboard_address": "127.0.0.1:0"},
            **job_settings(section, slots, folder, environ or {}),
        ) as cluster,
    ):
        _submit_first(cluster, section)
        cluster.adapt(
            Adaptive=JobUpkeep,
            minimum_jobs=section.jobs.least,
            maximum_jobs=section.jobs.most,
            target_duration=DASK_TARGET,
            interval=JobUpkeep.INTERVAL_S,
            wait_count=max(1, round(60 * section.idle_minutes / JobUpkeep.INTERVAL_S)),
        )
        with Client(cluster, set_as_default=False) as client:
            yield client


@contextmanager
def _keys(folder: Path) -> Iterator[Any]:
    """What scheduler, workers and client of one cluster know each other by: whoever reaches an open one has it run anything."""
    from distributed import Security

    made = Security.temporary()
    with TemporaryDirectory(prefix="tls-", dir=folder) as name:  # for its owner alone
        files = {"ca": made.tls_ca_file, "key": made.tls_worker_key, "cert": made.tls_worker_cert}
        for part, text in files.items():
            Path(name, f"{part}.pem").write_text(text)
        roles = {
            f"tls_{who}_{part}": f"{name}/{part}.pem" for who in ("scheduler", "worker", "client") for part in ("key", "cert")
        }
        yield Security(require_encryption=True, tls_ca_file=f"{name}/ca.pem", **roles)


def _submit_first(cluster: Any, section: JobCluster) -> None:
    """Submit what shall be there at least, and one to see whether jobs are taken at all."""

    from distributed import Status

    async def submitted() -> None:
        for _ in range(max(1, section.jobs.least)):
            cluster.worker_spec.update(cluster.new_worker_spec())
        try:
            await cluster
        except BaseException:
            for job in cluster.workers.values():
                job.status = Status.failed  # else Dask could not close the cluster
            raise

    try:
        cluster.sync(submitted)
    except (RuntimeError, ValueError, OSError) as error:
        said = str(error).partition("stderr:\n")[2] or str(error)
        command = SUBMITS_WITH[section.kind]
        raise LabelerUnavailable(
            f"{command} refuses the jobs of cluster.kind {section.kind}: {' '.join(said.split())}"
        ) from error


def job_class(kind: str) -> Any:
    """Dask-jobqueue's class of the jobs of one batch system."""
    from dask_jobqueue.pbs import PBSJob
    from dask_jobqueue.slurm import SLURMJob

    return {"slurm": SLURMJob, "pbs": PBSJob}[kind]


def job_settings(section: JobCluster, slots: int, folder: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    """What such a class makes a job's script of."""
    seconds = section.walltime_s
    lifetime = seconds - min(LAST_SECONDS, LAST_SHARE * seconds)
    return {
        "job_name": "reactal",
        "cores": section.cores,
        "memory": section.memory,
        "processes": slots,
        "walltime": section.walltime,
        "queue": section.queue,
        "account": section.project,
        "interface": section.interface,
        "job_extra_directives": list(section.directives),
        "python": shlex.quote(sys.executable),
        "job_script_prologue": [f"export {name}={shlex.quote(value)}" for name, value in {**ONE_THREAD, **environ}.items()],
        "worker_extra_args": [*WORKER_ARGUMENTS, "--no-dashboard", "--lifetime", f"{lifetime:.0f}s"],
        "log_directory": str(folder),
    }
