"""How long a slot waits between two labels for the process that hands them out, also where that has other things to do.
Part of `label.py`."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from distributed import Client
from figure import Figure

from reactal.chem import Label, Structure, Theory
from reactal.labeling.base import LabelingResources, LabelPool
from reactal.labeling.cluster import local_cluster
from reactal.labeling.dask_pool import DaskLabelPool
from reactal.labeling.pool import LocalLabelPool
from reactal.store.labels import LabelStore
from reactal.store.opening import open_store

__all__ = ["waiting_figures"]

SLOTS = 2
BUSY_S = 0.1  # that the driver does something else after each label


def waiting_figures(structures: Sequence[Structure], theory: Theory) -> list[Figure]:
    """Per label: time of the slots that no label took, storing it included; the peer are threads, which take their next alone.

    Of a driver that is busy between labels as well: what it takes of the slots' time, per label."""
    resources, (warm, batch) = LabelingResources(slots=SLOTS), (structures[:SLOTS], structures[SLOTS:])
    with (
        tempfile.TemporaryDirectory() as folder,
        local_cluster(SLOTS) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        places = iter(str(Path(folder, name)) for name in ("threads", "dask", "busy"))
        threads = idle_ms(LocalLabelPool(LabelStore(open_store(next(places))), theory, resources), warm, batch, busy_s=0.0)
        dask = idle_ms(DaskLabelPool(client, next(places), theory, resources), warm, batch, busy_s=0.0)
        busy = idle_ms(DaskLabelPool(client, next(places), theory, resources), warm, batch, busy_s=BUSY_S)
    runs = len(batch)
    return [
        Figure("label.slot_waits_ms", round(dask, 2), "ms", round(dask, 2), round(threads, 2), "none", met=True, runs=runs),
        Figure("label.slot_waits_busy_driver_ms", round(busy, 2), "ms", None, None, "none", met=True, runs=runs),
    ]


def idle_ms(pool: LabelPool, warm: Sequence[Structure], batch: Sequence[Structure], *, busy_s: float) -> float:
    """Until the last label is there; at the end a slot may have nothing to do while another computes, which counts."""
    list(pool.label(warm))
    began, computed = time.perf_counter(), 0.0
    for outcome in pool.label(batch):
        assert isinstance(outcome.answer, Label), outcome.answer
        computed += outcome.answer.wall_seconds
        time.sleep(busy_s)
    taken = time.perf_counter() - began - busy_s  # after the last one nothing is left to do
    pool.close()
    return 1e3 * (SLOTS * taken - computed) / len(batch)
