"""Labelling under SIGKILL: whatever is killed and whenever, every label arrives, and hardly one is paid for twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest
from distributed import Client

from reactal.chem import FailureKind, Label, LabelFailure, Theory
from reactal.labeling.base import LabelingResources
from reactal.labeling.cluster import ALLOWED_FAILURES, local_cluster
from reactal.labeling.dask_pool import DaskLabelPool
from reactal.labeling.execution_log import EXECUTION_LOG
from reactal.store.labels import LabelStore
from reactal.store.opening import open_store
from tests.faults.label_driver import SLOTS, THEORY
from tests.labeling.molecules import water, waters
from tests.labeling.watching import executions, is_alive, latest_pid, parent_of, until

pytestmark = [pytest.mark.psi4, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
COUNT = 20
MEMORY_MIB = 500
OTHER_MEMORY_MIB = 600
FRACTIONS = pytest.mark.parametrize("fraction", [0.25, 0.5, 0.75])


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "executions"


@pytest.fixture
def store(tmp_path: Path) -> str:
    return str(tmp_path / "store")


@contextmanager
def driver(kind: str, store: str, log: Path, *, memory_mib: int = MEMORY_MIB) -> Iterator[subprocess.Popen[str]]:
    """A driver at work; killed at the end if it still runs."""
    command = [sys.executable, "-m", "tests.faults.label_driver", kind, store, str(COUNT), str(memory_mib)]
    environ = os.environ | {EXECUTION_LOG: str(log)}
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def finished(process: subprocess.Popen[str]) -> tuple[int, int]:
    """Labels, and how many of them were reused, of a driver that runs to its end."""
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    labels, reused = output.split()
    return int(labels), int(reused)


def stored(store: str) -> set[str]:
    return set(LabelStore(open_store(store)).keys(THEORY.fingerprint))


def reach(fraction: float, log: Path) -> None:
    """Wait until that share of the batch has been begun."""
    until(lambda: len(executions(log)) > fraction * COUNT, f"{fraction:.0%} of the batch")


def family(log: Path) -> set[int]:
    """Every process that computes, and its parent."""
    programs = {int(str(line["pid"])) for line in executions(log)}
    return {pid for program in programs if is_alive(program) for pid in (program, parent_of(program))}


@FRACTIONS
@pytest.mark.parametrize(
    ("kind", "kind_after", "memory_after_mib"),
    [("dask", "dask", MEMORY_MIB), ("dask", "threads", OTHER_MEMORY_MIB), ("threads", "threads", OTHER_MEMORY_MIB)],
    ids=["dask, same resources", "dask, then threads with more memory", "threads, then with more memory"],
)
def test_driver_killed(kind: str, kind_after: str, memory_after_mib: int, fraction: float, store: str, log: Path) -> None:
    with driver(kind, store, log) as process:
        reach(fraction, log)
        others = family(log)
        process.kill()
        until(lambda: not any(map(is_alive, others - {process.pid})), "the end of what the driver had started", deadline_s=10.0)
    before = stored(store)
    with driver(kind_after, store, log, memory_mib=memory_after_mib) as process:
        assert finished(process) == (COUNT, len(before))
    assert stored(store) == {structure.key for structure in waters(COUNT)}
    assert len(executions(log)) <= COUNT + SLOTS


@FRACTIONS
@pytest.mark.parametrize("kind", ["threads", "dask"])
def test_psi4_killed(kind: str, fraction: float, store: str, log: Path) -> None:
    with driver(kind, store, log) as process:
        reach(fraction, log)
        os.kill(latest_pid(log), signal.SIGKILL)
        assert finished(process) == (COUNT, 0)
    assert len(executions(log)) <= COUNT + 1
    with driver("threads", store, log, memory_mib=OTHER_MEMORY_MIB) as process:
        assert finished(process) == (COUNT, COUNT)
    assert len(executions(log)) <= COUNT + 1


def test_two_campaigns_that_want_the_same_labels_at_once_pay_for_each_once(store: str, log: Path) -> None:
    with driver("threads", store, log) as one, driver("dask", store, log) as other:
        counts = [finished(process) for process in (one, other)]
    assert [labels for labels, _ in counts] == [COUNT, COUNT]
    assert sum(reused for _, reused in counts) == COUNT
    assert len(executions(log)) == len(stored(store)) == COUNT


@FRACTIONS
def test_dask_worker_killed(fraction: float, store: str, log: Path) -> None:
    with driver("dask", store, log) as process:
        reach(fraction, log)
        program = latest_pid(log)
        worker = parent_of(program)
        assert worker != process.pid
        os.kill(worker, signal.SIGKILL)
        until(lambda: not is_alive(program), "the end of the worker's Psi4", deadline_s=10.0)
        assert finished(process)[0] == COUNT
    assert stored(store) == {structure.key for structure in waters(COUNT)}
    assert len(executions(log)) <= COUNT + 1


def test_a_structure_that_kills_every_worker_is_given_up_and_the_others_are_not(store: str, log: Path) -> None:
    deadly, harmless = water(0.3), waters(3)
    theory = Theory.parse("mp2/cc-pvtz")
    deaths = 2 * (ALLOWED_FAILURES + 1)  # among others, and then alone

    def kill_its_workers() -> None:
        for death in range(deaths):
            until(lambda death=death: len(tries(log, deadly.key)) > death, f"try {death + 1}")  # type: ignore[misc]
            os.kill(parent_of(tries(log, deadly.key)[-1]), signal.SIGKILL)

    with local_cluster(SLOTS, environ={EXECUTION_LOG: str(log)}) as cluster, Client(cluster, set_as_default=False) as client:
        killer = Thread(target=kill_its_workers)
        killer.start()
        pool = DaskLabelPool(client, store, theory, LabelingResources(slots=SLOTS))
        answers = {outcome.index: outcome.answer for outcome in pool.label([harmless[0], deadly, *harmless[1:]])}
        killer.join()
        pool.close()
    assert [index for index, answer in sorted(answers.items()) if isinstance(answer, Label)] == [0, 2, 3]
    failure = answers[1]
    assert isinstance(failure, LabelFailure)
    assert failure.kind == FailureKind.CRASHED
    assert len(failure.attempts) == deaths
    assert LabelStore(open_store(store)).get(theory.fingerprint, deadly.key) == failure


def tries(log: Path, key: str) -> list[int]:
    """The processes that have begun to compute this structure."""
    return [int(str(line["pid"])) for line in executions(log) if line["key"] == key]
