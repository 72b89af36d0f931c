"""The Dask cluster that labels and training run on: one of this machine's own, or one that is given by its address."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reactal.errors import LabelerUnavailable

if TYPE_CHECKING:
    from distributed import Client, LocalCluster

__all__ = [
    "LABEL_SLOT",
    "LOCAL",
    "ONE_THREAD",
    "SCHEDULER_SETTINGS",
    "TRAINING_SLOT",
    "WORKER_ARGUMENTS",
    "connect",
    "local_cluster",
]

LABEL_SLOT = "psi4"
TRAINING_SLOT = "train"
"""Dask resources: every worker offers one of each, so that labels and training do not starve each other."""
LOCAL = "local"
ALLOWED_FAILURES = 2  # deaths of a worker that a task may see; after one more it is tried once again, alone
KEPT_MESSAGES = 10  # that Dask remembers, for its own developers; each holds the structures that were sent
CONNECT_SECONDS = 30
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
SCHEDULER_SETTINGS = {
    "distributed.scheduler.allowed-failures": ALLOWED_FAILURES,
    "distributed.admin.low-level-log-length": KEPT_MESSAGES,
}
WORKER_ARGUMENTS = ("--nthreads", "1", "--memory-limit", "0", "--resources", f"{LABEL_SLOT}=1,{TRAINING_SLOT}=1")
"""Of the command `dask worker`: what `local_cluster` says of its workers."""


@contextmanager
def local_cluster(
    slots: int, *, dashboard: str = "127.0.0.1:0", environ: Mapping[str, str] | None = None
) -> Iterator[LocalCluster]:
    """Worker processes on loopback, one task at a time each, each with one label slot and one training slot.

    They die with this process, whatever ends it. A worker that dies is started again. `environ` is added to theirs.
    """
    import dask
    from distributed import LocalCluster

    with (
        dask.config.set(SCHEDULER_SETTINGS),
        LocalCluster(
            n_workers=slots,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=dashboard,
            worker_dashboard_address="127.0.0.1:0",
            resources={LABEL_SLOT: 1, TRAINING_SLOT: 1},
            memory_limit=0,  # what a label may use is limited where it runs, in Psi4's own process
            silence_logs=logging.ERROR,
            env={**ONE_THREAD, **(environ or {})},
        ) as cluster,
    ):
        yield cluster


@contextmanager
def connect(spec: str, slots: int, *, dashboard: str = "127.0.0.1:0") -> Iterator[Client]:
    """A client of the cluster that a campaign file names: `local` or the address of a scheduler, `tcp://host:port`."""
    from distributed import Client

    if spec == LOCAL:
        with local_cluster(slots, dashboard=dashboard) as cluster, Client(cluster, set_as_default=False) as client:
            yield client
        return
    try:
        client = Client(spec, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:  # TimeoutError is an OSError
        raise LabelerUnavailable(
            f"no Dask scheduler answers at {spec}; start one with `dask scheduler`, or use `local`"
        ) from error
    with client:
        yield client
