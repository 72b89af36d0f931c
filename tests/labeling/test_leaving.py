"""A worker that is told to end finishes what it computes if its notice allows, and what waited there is done elsewhere."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import Client, LocalCluster

from reactal.labeling.leaving import LEAVING_SECONDS
from tests.labeling.watching import until

pytestmark = pytest.mark.server

MODULE = "reactal.labeling.leaving"
DASKS_OWN_S = 1.0  # what Dask gives a task by itself; ten seconds for a signal


def linger(folder: Path, name: str) -> int:
    """Note who began it, and end when it is let go."""
    with (folder / f"{name}-begun").open("a") as file:
        file.write(f"{os.getpid()}\n")
    while not (folder / f"{name}-go").exists():
        time.sleep(0.01)
    return os.getpid()


def begun(folder: Path, name: str) -> list[int]:
    """The processes that have begun it."""
    file = folder / f"{name}-begun"
    return list(map(int, file.read_text().split())) if file.exists() else []


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """Three workers of one thread; each test ends one of them."""
    with (
        dask.config.set({"distributed.nanny.preload": [MODULE]}),
        LocalCluster(n_workers=3, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as made,
    ):
        yield made


def told_to_end(cluster: LocalCluster, address: str) -> Any:
    """What the signal's handler of `dask worker` does."""
    nanny = next(one for one in cluster.workers.values() if one.worker_address == address)
    return cluster.sync(nanny.close, timeout=DASKS_OWN_S)


def status(client: Client, address: str) -> str | None:
    worker = client.scheduler_info(n_workers=-1)["workers"].get(address)
    return None if worker is None else str(worker["status"])


def two_on_one_worker(client: Client, folder: Path) -> tuple[str, list[Any]]:
    """One that runs and one that waits behind it, and where."""
    address = next(
        name for name, worker in client.scheduler_info(n_workers=-1)["workers"].items() if worker["status"] == "running"
    )
    here = {"workers": [address], "allow_other_workers": True, "pure": False}
    first = client.submit(linger, folder, "first", **here)
    until(lambda: bool(begun(folder, "first")), "the first")
    return address, [first, client.submit(linger, folder, "second", **here)]


def test_what_runs_is_finished_there_and_what_waits_is_done_elsewhere(cluster: LocalCluster, tmp_path: Path) -> None:
    with Client(cluster, set_as_default=False) as client, ThreadPoolExecutor(1) as thread:
        address, (first, second) = two_on_one_worker(client, tmp_path)
        closing = thread.submit(told_to_end, cluster, address)
        until(lambda: status(client, address) == "closing_gracefully", "that it takes nothing new")
        (tmp_path / "second-go").touch()
        (tmp_path / "first-go").touch()
        closing.result()
        assert begun(tmp_path, "first") == [first.result()], "it was computed twice"
        assert begun(tmp_path, "second") == [second.result()] != [first.result()]


def test_what_lasts_longer_than_the_notice_is_begun_again_elsewhere(
    cluster: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LEAVING_SECONDS, "0.1")
    with Client(cluster, set_as_default=False) as client:
        address, (first, second) = two_on_one_worker(client, tmp_path)
        (tmp_path / "second-go").touch()
        told_to_end(cluster, address)
        assert status(client, address) is None
        until(lambda: len(begun(tmp_path, "first")) > 1, "its second try")
        (tmp_path / "first-go").touch()
        there, elsewhere = begun(tmp_path, "first")
        assert first.result() == elsewhere != there
        assert begun(tmp_path, "second") == [second.result()]
