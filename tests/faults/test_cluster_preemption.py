"""A worker that is a Slurm job and is cancelled while it labels: every label arrives, and one at most is computed again."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reactal.chem import Label, Theory
from reactal.clusters import JobCluster
from reactal.labeling.dask_pool import DaskLabelPool
from reactal.labeling.execution_log import EXECUTION_LOG
from reactal.labeling.jobs import connect_jobs, growth_by_jobs
from reactal.store.labels import LabelStore
from reactal.store.opening import open_store
from tests.labeling.batch_systems import missing_slurm, slurm, slurm_jobs
from tests.labeling.molecules import hydrogens
from tests.labeling.watching import executions, latest_pid, parent_of, until

pytestmark = [pytest.mark.psi4, pytest.mark.server, pytest.mark.slow]

THEORY = Theory.parse("hf/sto-3g")
COUNT, BEFORE = 12, 4
SECTION = JobCluster.model_validate(
    {"kind": "slurm", "cores": 1, "memory": "1 GiB", "walltime": "00:10:00", "interface": "lo", "jobs": {"least": 0, "most": 2}}
)


@pytest.fixture
def slurm_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    if reason := missing_slurm():
        pytest.skip(reason)
    with slurm(tmp_path / "slurm") as environ:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        yield environ


def job_of(pid: int) -> str:
    """The Slurm job that a process belongs to."""
    while pid > 1:
        for variable in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            if variable.startswith(b"SLURM_JOB_ID="):
                return variable.partition(b"=")[2].decode()
        pid = parent_of(pid)
    raise AssertionError("no job of Slurm")


def test_a_cancelled_job_costs_one_label_at_most(
    slurm_environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, folder, store = tmp_path / "executions", tmp_path / "jobs", str(tmp_path / "store")
    monkeypatch.setenv(EXECUTION_LOG, str(log))  # Slurm hands the environment on
    structures = hydrogens(COUNT)
    with connect_jobs(SECTION, 1, folder) as client:
        pool = DaskLabelPool(client, store, THEORY, growth=growth_by_jobs(SECTION, 1, folder))
        with ThreadPoolExecutor(1) as thread:
            labelling = thread.submit(lambda: list(pool.label(structures)))
            until(lambda: len(executions(log)) > BEFORE, "the next label", deadline_s=150.0)
            victim = job_of(latest_pid(log))
            subprocess.run(["scancel", victim], check=True, env=os.environ)
            found = labelling.result()
        assert victim not in slurm_jobs(slurm_environment)
        pool.close()
    assert sorted(outcome.index for outcome in found) == list(range(COUNT))
    assert all(isinstance(outcome.answer, Label) for outcome in found)
    assert set(LabelStore(open_store(store)).keys(THEORY.fingerprint)) == {structure.key for structure in structures}
    begun = Counter(str(line["key"]) for line in executions(log))
    assert set(begun) == {structure.key for structure in structures}
    assert begun.total() <= COUNT + 1, "more than the label that the cancelled job was computing"
