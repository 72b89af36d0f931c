"""A worker that is lost with its host: what watches it dies at the same moment, and nobody starts it again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from distributed import Client

from reactal.chem import Label
from reactal.labeling.base import LabelingResources
from reactal.labeling.cluster import ONE_THREAD, WORKER_ARGUMENTS
from reactal.labeling.dask_pool import DaskLabelPool
from reactal.labeling.execution_log import EXECUTION_LOG
from reactal.store.labels import LabelStore
from reactal.store.opening import open_store
from tests.faults.label_driver import SLOTS, THEORY
from tests.labeling.molecules import waters
from tests.labeling.watching import executions, is_alive, latest_pid, until
from tests.ports import free_port

pytestmark = [pytest.mark.psi4, pytest.mark.server, pytest.mark.slow]

HOST = "127.0.0.1"
COUNT, BEFORE = 12, 4


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "executions"


@pytest.fixture
def hosts(tmp_path: Path, log: Path) -> Iterator[tuple[Client, list[int]]]:
    """A scheduler's client, and the process groups of two workers, each with its nanny: what a host would be."""
    address = f"tcp://{HOST}:{free_port()}"
    scheduler = ["-m", "distributed.cli.dask_scheduler", "--host", HOST, "--port", address.rpartition(":")[2], "--no-dashboard"]
    worker = [
        "-m",
        "distributed.cli.dask_worker",
        address,
        *WORKER_ARGUMENTS,
        "--no-dashboard",
        "--local-directory",
        str(tmp_path),
    ]
    environ = os.environ | ONE_THREAD | {EXECUTION_LOG: str(log)}
    started: list[subprocess.Popen[bytes]] = []
    try:
        for command in (scheduler, *[worker] * SLOTS):
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            started.append(subprocess.Popen([sys.executable, *command], env=environ, start_new_session=True, **quiet))
        with Client(address, timeout=60, set_as_default=False) as client:
            client.wait_for_workers(SLOTS, timeout=60)
            yield client, [process.pid for process in started[1:]]
    finally:
        for process in started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_its_label_is_computed_elsewhere_and_what_it_held_is_paid_once(
    hosts: tuple[Client, list[int]], log: Path, tmp_path: Path
) -> None:
    client, groups = hosts
    structures, store = waters(COUNT), str(tmp_path / "store")
    pool = DaskLabelPool(client, store, THEORY, LabelingResources(slots=SLOTS))
    outcomes = pool.label(structures)
    found = [next(outcomes) for _ in range(BEFORE)]
    until(lambda: len(executions(log)) > BEFORE, "labels under way")
    program = latest_pid(log)
    os.killpg(group_of(program, groups), signal.SIGKILL)
    until(lambda: not is_alive(program), "the end of its Psi4", deadline_s=10.0)
    found += list(outcomes)
    pool.close()
    assert sorted(outcome.index for outcome in found) == list(range(COUNT))
    assert all(isinstance(outcome.answer, Label) for outcome in found)
    assert set(LabelStore(open_store(store)).keys(THEORY.fingerprint)) == {structure.key for structure in structures}
    begun = Counter(str(line["key"]) for line in executions(log))
    assert begun.total() <= COUNT + 1, "more than the label that the lost worker was computing"
    assert list(open_store(store).list("claims/")) == []


def group_of(pid: int, groups: list[int]) -> int:
    """The host, so to speak, that a program runs on: its worker's process group."""
    worker = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    group = os.getpgid(worker)
    assert group in groups
    return group
