"""A Dask scheduler that dies under labels and under training: one sentence, worth another try, and nothing lost."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from distributed import Client

from reactal.chem import Structure, Theory
from reactal.errors import SchedulerLost
from reactal.labeling.base import LabelingResources
from reactal.labeling.cluster import TRAINING_SLOT, WORKER_ARGUMENTS, Carried
from reactal.labeling.dask_pool import DaskLabelPool
from tasks.retrying import is_transient
from tests.chaos.services import HOST, Service
from tests.labeling.watching import until
from tests.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.server]

NULL = Theory.parse("leps/none", program="ase")
LOST = "the connection to the Dask scheduler at .* was lost; see that it runs, and run the same command again"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[list[Service], Client]]:
    """A scheduler that a test may kill, and one worker, which then ends; whoever runs them starts them again with `tend`."""
    port = free_port()
    address = f"tcp://{HOST}:{port}"
    scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", HOST, "--port", str(port), "--no-dashboard"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, *WORKER_ARGUMENTS, "--no-dashboard"]
    commands = {"scheduler": scheduler, "worker": [*worker, "--local-directory", str(tmp_path)]}
    services = [Service(name, command, tmp_path / f"{name}.log", os.environ) for name, command in commands.items()]
    try:
        for service in services:
            service.tend()
        with Client(address, timeout=20, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=60)
            yield services, client
    finally:
        for service in services:
            service.kill()


def slow(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def test_training_that_was_carried_says_that_the_scheduler_is_gone(cluster: tuple[list[Service], Client]) -> None:
    services, client = cluster
    assert Carried(client, slow, 0.0, resource=TRAINING_SLOT).result() == 0.0
    job = Carried(client, slow, 30.0, resource=TRAINING_SLOT)
    services[0].kill()
    with pytest.raises(SchedulerLost, match=LOST) as lost:
        job.result()
    assert is_transient(lost.value)


def test_labels_that_were_under_way_say_so_and_those_before_are_kept(
    cluster: tuple[list[Service], Client], tmp_path: Path
) -> None:
    services, client = cluster
    trio, random = np.array([[0.0, 0.0, 0.0], [0.0, 0.1, 0.9], [0.0, 0.0, 1.8]]), np.random.default_rng(0)
    structures = [Structure.from_symbols("HHH", trio + random.normal(0, 0.02, (3, 3)), multiplicity=2) for _ in range(400)]
    pool = DaskLabelPool(client, str(tmp_path / "store"), NULL, LabelingResources(slots=1))
    outcomes = pool.label(structures)
    first, address = next(outcomes), client.scheduler.address
    services[0].kill()
    with pytest.raises(SchedulerLost, match=LOST):
        list(outcomes)
    services[0].tend()
    with Client(address, timeout=90, set_as_default=False) as other:
        until(lambda: not services[1].tend() and bool(other.scheduler_info()["workers"]), "a worker", deadline_s=120.0)
        pool = DaskLabelPool(other, str(tmp_path / "store"), NULL, LabelingResources(slots=1))
        again = {outcome.index: outcome for outcome in pool.label(structures)}
    assert len(again) == len(structures)
    assert again[first.index].reused
