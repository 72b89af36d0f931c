"""Members that train on Dask workers, one of which is killed in the middle."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, LocalCluster

from reactal.store.opening import open_store
from reactal.training.checkpoint import CheckpointPlace
from reactal.training.committee import jobs, train_committee
from reactal.training.member import run_job
from tests.labeling.watching import until
from tests.potentials.surface import METHANOL, WATER, labelled
from tests.training.killed_member import SETTINGS

pytestmark = [pytest.mark.server, pytest.mark.slow]

LONG = replace(SETTINGS, steps_first=150, checkpoint_steps=10)
SEEDS = (1, 2)


@pytest.fixture
def client() -> Iterator[Client]:
    """Two workers of one thread, each in a process that is started again when it dies."""
    workers = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1")
    with workers as cluster, Client(cluster) as client:
        yield client


def kept(place: CheckpointPlace) -> list[str]:
    return list(open_store(place.url).list(f"{place.prefix}/"))


def test_a_worker_that_is_killed_costs_the_steps_since_the_last_state(client: Client, tmp_path: Path) -> None:
    frames, place = labelled(METHANOL, WATER, count=24), CheckpointPlace(str(tmp_path), "states")
    work = jobs(frames, LONG, seeds=SEEDS, checkpoints=place)
    places: dict[int, str] = {}

    def submit(run: Any, job: Any) -> Any:
        future = client.submit(run, job, pure=False)
        places[job.seed] = future.key
        return future

    with ThreadPoolExecutor(1) as thread:
        training = thread.submit(train_committee, work, submit=submit)
        until(lambda: bool(kept(place.below(0))), "a state of the first member", deadline_s=200.0)
        address = next(worker for worker, keys in client.processing().items() if places[SEEDS[0]] in keys)
        os.kill(client.run(os.getpid, workers=[address])[address], signal.SIGKILL)
        members = training.result()
    assert members[0].notes and members[0].notes[-1].startswith("training went on from step ")
    assert members[1].notes == ()
    for member, job in zip(members, jobs(frames, replace(LONG, checkpoint_steps=0), seeds=SEEDS), strict=True):
        assert member.weights == run_job(job).weights
    assert kept(place) == []
