"""The Dask cluster that labels and training run on: one of this machine's own, or one that is given by its address."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, final

from reactal.errors import LabelerUnavailable, SchedulerLost
from reactal.labeling.base import SlotKind

if TYPE_CHECKING:
    from distributed import Client, Future, LocalCluster

__all__ = [
    "LABEL_SLOT",
    "LOCAL",
    "ONE_THREAD",
    "SCHEDULER_SETTINGS",
    "TRAINING_SLOT",
    "WORKER_ARGUMENTS",
    "Carried",
    "connect",
    "local_cluster",
    "scheduler_lost",
    "scheduler_watched",
    "slot_name",
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
RETURN_SECONDS = 600  # for a worker to be started again; Dask's own 15 are too few on a busy machine, and it is given up for good
WORKER_ARGUMENTS = ("--nthreads", "1", "--memory-limit", "0", "--resources", f"{LABEL_SLOT}=1,{TRAINING_SLOT}=1")
"""Of the command `dask worker`: what `local_cluster` says of its workers."""


def slot_name(kind: SlotKind) -> str:
    """The Dask resource of a slot of one class, where there are several: `psi4-4x16000` for four threads and 16000 MiB."""
    return f"{LABEL_SLOT}-{kind.threads}x{kind.memory_mib}"


@contextmanager
def local_cluster(
    slots: int,
    *,
    dashboard: str = "127.0.0.1:0",
    environ: Mapping[str, str] | None = None,
    classes: Sequence[SlotKind] = (),
) -> Iterator[LocalCluster]:
    """Worker processes on loopback, one task at a time each, each with one label slot and one training slot.

    They die with this process, whatever ends it. A worker that dies is started again. `environ` is added to theirs. Of `classes`
    each worker has a slot of one, and there are as many workers as all of them have slots.
    """
    import dask
    from distributed import LocalCluster

    with (
        dask.config.set({**SCHEDULER_SETTINGS, "distributed.deploy.lost-worker-timeout": RETURN_SECONDS}),
        LocalCluster(
            n_workers=0 if classes else slots,
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
        if classes:
            _start_classes(cluster, classes)
        yield cluster


def _start_classes(cluster: LocalCluster, classes: Sequence[SlotKind]) -> None:
    alike = cluster.new_spec
    for kind in classes:
        offered = {slot_name(kind): 1, TRAINING_SLOT: 1}
        for number in range(kind.slots):
            options = {**alike["options"], "resources": offered}
            cluster.worker_spec[f"{slot_name(kind)}-{number}"] = {**alike, "options": options}
    cluster.scale(len(cluster.worker_spec))  # starts what is in the plan
    cluster.wait_for_workers(len(cluster.worker_spec))


@contextmanager
def connect(spec: str, slots: int, *, dashboard: str = "127.0.0.1:0", classes: Sequence[SlotKind] = ()) -> Iterator[Client]:
    """A client of the cluster that a campaign file names: `local` or the address of a scheduler, `tcp://host:port`."""
    from distributed import Client

    if spec == LOCAL:
        with (
            local_cluster(slots, dashboard=dashboard, classes=classes) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            yield client
        return
    _require_keys(spec)
    try:
        client = Client(spec, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:  # TimeoutError is an OSError
        raise LabelerUnavailable(
            f"no Dask scheduler answers at {spec}; start one with `dask scheduler`, or use `local`"
        ) from error
    with client:
        yield client


def _require_keys(address: str) -> None:
    """Asked before there is a client: one that has no keys takes a minute to end."""
    from distributed import Security

    if address.startswith("tls://") and Security().get_connection_args("client").get("ssl_context") is None:
        raise LabelerUnavailable(
            f"there are no keys for TLS with the Dask scheduler at {address}; set DASK_DISTRIBUTED__COMM__TLS__CA_FILE and the "
            "variables with CLIENT__CERT and CLIENT__KEY for CA_FILE (docs/security.md)"
        )


@final
class Carried:
    """A job that the cluster carries, as `concurrent.futures` would: with a word of its own where the cluster is lost."""

    def __init__(self, client: Client, work: Callable[[Any], Any], job: Any, *, resource: str) -> None:
        self._client = client
        with scheduler_watched(client):
            self._future: Future[Any] = client.submit(work, job, resources={resource: 1}, pure=False)

    def result(self) -> Any:
        """Wait for it: what the call gave; raises what it raised, or `SchedulerLost`."""
        with scheduler_watched(self._client):
            return self._future.result()


@contextmanager
def scheduler_watched(client: Client) -> Iterator[None]:
    """`SchedulerLost` in the place of Dask's own ways to say so."""
    from distributed.comm.core import CommClosedError

    try:
        yield
    except (CommClosedError, CancelledError) as error:  # it cancels what a lost scheduler had
        raise scheduler_lost(client) from error
    except (OSError, RuntimeError) as error:
        if client.status != "running":  # it refuses, in several words
            raise scheduler_lost(client) from error
        raise


def scheduler_lost(client: Client) -> SchedulerLost:
    """With the address that no longer answers."""
    address = client.scheduler.address if client.scheduler else "the address it had"
    return SchedulerLost(
        f"the connection to the Dask scheduler at {address} was lost; see that it runs, and run the same command again: "
        "whatever was computed is kept"
    )
