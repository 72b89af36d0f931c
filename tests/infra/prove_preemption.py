"""A spot node that is taken away while Psi4 computes: with notice nothing is computed twice, without one label is."""

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

from reactal.chem import Label, Theory
from reactal.labeling.base import LabelingResources, LabelOutcome
from reactal.labeling.cluster import ONE_THREAD, WORKER_ARGUMENTS
from reactal.labeling.dask_pool import DaskLabelPool
from reactal.labeling.execution_log import EXECUTION_LOG
from reactal.labeling.leaving import LEAVING_SECONDS
from reactal.store.labels import LabelStore
from reactal.store.opening import open_store
from tests.labeling.molecules import waters
from tests.labeling.watching import executions, latest_pid, parent_of, until
from tests.ports import free_port

pytestmark = [pytest.mark.psi4, pytest.mark.server, pytest.mark.timeout(900)]

THEORY = Theory.parse("hf/6-31g*")
HOST, NODES = "127.0.0.1", 2
COUNT, BEFORE = 8, 3
PATIENCE_S = 300.0


class Nodes:
    """A scheduler, and workers as pods have them: each with its nanny in a group of processes that ends at once."""

    def __init__(self, folder: Path, log: Path) -> None:
        address = f"tcp://{HOST}:{free_port()}"
        scheduler = ["scheduler", "--host", HOST, "--port", address.rpartition(":")[2], "--no-dashboard"]
        worker = ["worker", address, *WORKER_ARGUMENTS, "--no-dashboard", "--local-directory", str(folder)]
        worker += ["--preload-nanny", "reactal.labeling.leaving"]
        environ = os.environ | ONE_THREAD | {EXECUTION_LOG: str(log), LEAVING_SECONDS: str(PATIENCE_S)}
        self.address, self.log = address, log
        with (folder / "nodes.log").open("wb") as said:
            self.all = [
                subprocess.Popen(
                    [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:]],
                    env=environ,
                    start_new_session=True,
                    stdout=said,
                    stderr=said,
                )
                for words in (scheduler, *[worker] * NODES)
            ]

    def close(self) -> None:
        for process in self.all:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def told(self, client: Client, program: int) -> subprocess.Popen[bytes]:
        """The node whose Psi4 this is, once it has been told to end. Psi4 stands still meanwhile: its label takes long."""
        os.kill(program, signal.SIGSTOP)
        worker = parent_of(program)
        node = next(process for process in self.all[1:] if process.pid == os.getpgid(worker))
        node.send_signal(signal.SIGTERM)
        until(lambda: "closing_gracefully" in statuses(client), "that it takes nothing new")
        return node


def statuses(client: Client) -> list[str]:
    return [str(worker["status"]) for worker in client.scheduler_info(n_workers=-1)["workers"].values()]


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    made = Nodes(tmp_path, tmp_path / "executions")
    try:
        yield made
    finally:
        made.close()


def assert_all_are_there(found: list[LabelOutcome], store: str) -> None:
    assert sorted(outcome.index for outcome in found) == list(range(COUNT))
    assert all(isinstance(outcome.answer, Label) for outcome in found)
    assert set(LabelStore(open_store(store)).keys(THEORY.fingerprint)) == {structure.key for structure in waters(COUNT)}
    assert list(open_store(store).list("claims/")) == []


def begun(log: Path) -> Counter[str]:
    return Counter(str(line["key"]) for line in executions(log))


@pytest.mark.parametrize("notice", ["long enough", "too short"])
def test_a_node_is_taken_away_in_the_middle_of_a_label(nodes: Nodes, tmp_path: Path, notice: str) -> None:
    store = str(tmp_path / "store")
    with Client(nodes.address, timeout=PATIENCE_S, set_as_default=False) as client:
        client.wait_for_workers(NODES, timeout=PATIENCE_S)
        pool = DaskLabelPool(client, store, THEORY, LabelingResources(slots=NODES))
        outcomes = pool.label(waters(COUNT))
        found = [next(outcomes) for _ in range(BEFORE)]
        until(lambda: len(executions(nodes.log)) > BEFORE, "a label under way")
        program = latest_pid(nodes.log)
        node = nodes.told(client, program)
        if notice == "too short":
            os.killpg(node.pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.kill(program, signal.SIGCONT)
        found += list(outcomes)
        until(lambda: node.poll() is not None, "the end of the node", deadline_s=PATIENCE_S)
        pool.close()
    assert_all_are_there(found, store)
    if notice == "long enough":
        assert node.returncode == 0, "it did not leave by itself"
        assert begun(nodes.log).total() == COUNT, "a label was computed twice"
    else:
        assert begun(nodes.log).total() <= COUNT + 1, "more than the label that the node computed"
