"""A Dask cluster of this machine whose number of workers follows the work, and whose workers may use so much memory."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reactal.clusters import Cluster, LocalCluster
from reactal.labeling.cluster import LABEL_SLOT, ONE_THREAD, SCHEDULER_SETTINGS, TRAINING_SLOT
from reactal.labeling.growth import DASK_TARGET, Growth

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["connect_growing", "growth_of_workers"]

SECONDS = 60.0  # for the first worker
LOOKS = {"interval": "500ms", "wait_count": 20}  # how often the number is thought over, and for how long a worker may idle
SETTINGS = {
    # so long a worker may take to be back, before the cluster starts another in its place
    "distributed.deploy.lost-worker-timeout": "90s",
    # as shares of the limit; what a label's program uses counts where the program runs
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": 0.85,
    "distributed.worker.memory.terminate": 0.95,
}


@contextmanager
def connect_growing(section: LocalCluster, slots: int, *, environ: Mapping[str, str] | None = None) -> Iterator[Client]:
    """A client. A worker that dies, or fills its memory, is ended and replaced by its nanny; what it worked on is done again."""
    import dask
    from dask.utils import parse_bytes
    from distributed import Client
    from distributed import LocalCluster as DaskCluster

    least = slots if section.workers is None else section.workers.least
    memory = 0 if section.memory is None else parse_bytes(section.memory)
    with (
        dask.config.set({**SCHEDULER_SETTINGS, **SETTINGS}),
        DaskCluster(
            n_workers=least,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            worker_dashboard_address="127.0.0.1:0",
            resources={LABEL_SLOT: 1, TRAINING_SLOT: 1},
            memory_limit=memory,
            silence_logs=logging.ERROR,
            env={**ONE_THREAD, **(environ or {})},
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        if section.workers is not None:
            cluster.adapt(minimum=least, maximum=section.workers.most, target_duration=DASK_TARGET, **LOOKS)
        yield client


def growth_of_workers(section: Cluster) -> Growth | None:
    """None where their number is fixed, or it is no cluster of this machine."""
    if not isinstance(section, LocalCluster) or section.workers is None:
        return None
    return Growth(
        most_slots=section.workers.most,
        patience_s=SECONDS,
        advice=f"none of this machine's workers (cluster.workers) was there within {SECONDS:.0f} s",
    )
