"""Workers that are jobs: what is submitted, what is said where that cannot be, and jobs that are lost."""

from __future__ import annotations

import os
import signal
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, Event, LocalCluster

from reactal.chem import Theory
from reactal.clusters import JobCluster
from reactal.errors import ConfigError, LabelerUnavailable
from reactal.labeling.cluster import LABEL_SLOT, TRAINING_SLOT
from reactal.labeling.dask_pool import DaskLabelPool
from reactal.labeling.growth import DASK_TARGET, Growth, Wishes
from reactal.labeling.job_upkeep import JobUpkeep
from reactal.labeling.jobs import connect_jobs, job_class, job_settings, require_batch_system, slots_of_a_job
from reactal.runner import Campaign
from tests.campaigns import leps_campaign
from tests.labeling.batch_systems import install_pbs
from tests.labeling.molecules import hydrogen_trios
from tests.labeling.watching import until

SECRET = "wJalrXUtnFEMI-secret"
JOB = {"cores": 2, "memory": "4 GiB", "walltime": "01:02:03", "interface": "lo", "jobs": {"most": 1}}


def section(kind: str = "pbs", **more: Any) -> JobCluster:
    return JobCluster.model_validate({"kind": kind, **JOB, **more})


@pytest.fixture
def batch_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PBS of this machine is on PATH; here it keeps what was submitted."""
    folder = install_pbs(tmp_path / "pbs")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


WANTED = {
    "slurm": ["-p long", "-A chem", "-n 1", "--cpus-per-task=2", "--mem=4G", "-t 01:02:03", "--exclusive"],
    "pbs": ["-q long", "-A chem", "-l select=1:ncpus=2:mem=4096MB", "-l walltime=01:02:03", "--exclusive"],
}


@pytest.mark.parametrize(("kind", "sign"), [("slurm", "#SBATCH"), ("pbs", "#PBS")])
def test_a_job_asks_for_what_the_section_says(tmp_path: Path, kind: str, sign: str) -> None:
    asked = section(kind, queue="long", project="chem", directives=["--exclusive"])
    job = job_class(kind)("tls://host:1", name="n", **job_settings(asked, 2, tmp_path, {"NAMED": "by $(me)"}))
    lines = job.job_script().splitlines()
    for words in WANTED[kind]:
        assert f"{sign} {words}" in lines
    commands = [line for line in lines if line and not line.startswith("#")]
    *exports, worker = commands
    assert "export NAMED='by $(me)'" in exports
    assert all(line.startswith("export ") for line in exports)
    assert worker.startswith(f"{sys.executable} -m distributed.cli.dask_worker tls://host:1 ")


def test_slots_are_what_cores_and_threads_make_them() -> None:
    assert slots_of_a_job(section(cores=5), 2) == 2
    with pytest.raises(ConfigError, match=r"cluster\.cores: 2 are fewer than the 4 threads"):
        slots_of_a_job(section(), 4)


@pytest.mark.parametrize(("kind", "command"), [("slurm", "sbatch"), ("pbs", "qsub")])
def test_a_machine_that_cannot_submit_says_so(kind: str, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(LabelerUnavailable, match=f"{command} is not on PATH"):
        require_batch_system(section(kind))


def test_a_campaign_is_not_begun_on_such_a_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = leps_campaign(tmp_path, cluster=section("slurm").model_dump())
    monkeypatch.setenv("PATH", "")
    with Campaign(file) as campaign:
        with pytest.raises(LabelerUnavailable, match="sbatch is not on PATH"):
            campaign.begin()
        assert not campaign.events


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)  # as if it were not installed
    with pytest.raises(ConfigError, match=r"pip install 'reactal\[cluster\]'"):
        require_batch_system(section())


def test_a_refused_job_is_told_in_the_words_of_the_batch_system(tmp_path: Path, batch_folder: Path) -> None:
    (batch_folder / "qsub").write_text("#!/bin/sh\necho 'qsub: Unknown queue' >&2\nexit 1\n")
    with pytest.raises(LabelerUnavailable, match=r"qsub refuses the jobs of cluster\.kind pbs: qsub: Unknown queue"):
        connect_jobs(section(), 1, tmp_path / "jobs").__enter__()


@pytest.mark.usefixtures("batch_folder")
def test_a_folder_that_a_script_cannot_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the folder of the jobs' logs"):
        connect_jobs(section(), 1, tmp_path / "my jobs").__enter__()


@contextmanager
def scheduler_alone() -> Iterator[Client]:
    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address=None) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def test_dask_counts_the_slots_that_are_wished_for() -> None:
    with scheduler_alone() as client:
        scheduler = client.cluster.scheduler
        wishes = Wishes(client, Growth(most_slots=3, patience_s=1, advice=""))
        for labels, busy, wanted in ((10, 0, 3), (10, 2, 1), (1, 1, 0), (2, 0, 2)):
            wishes.ask(labels, busy=busy)
            until(lambda wanted=wanted: scheduler.adaptive_target(DASK_TARGET) == wanted, f"{wanted} wishes")  # type: ignore[misc]
        wishes.withdraw()
        until(lambda: not scheduler.tasks, "the end of all wishes")


def test_a_cluster_that_does_not_grow_is_asked_for_nothing() -> None:
    with scheduler_alone() as client:
        Wishes(client, None).ask(10, busy=0)
        assert client.submit(int, pure=False).status == "pending"
        assert len(client.cluster.scheduler.tasks) <= 1


def test_a_queue_that_does_not_move_is_named_and_nothing_is_left_wishing(tmp_path: Path) -> None:
    with scheduler_alone() as client:
        growth = Growth(most_slots=2, patience_s=0.2, advice="look at the queue")
        pool = DaskLabelPool(client, str(tmp_path / "store"), Theory.parse("leps/none", program="ase"), growth=growth)
        with pytest.raises(LabelerUnavailable, match="look at the queue"):
            list(pool.label(hydrogen_trios(3)))
        until(lambda: not client.cluster.scheduler.tasks, "the end of all wishes")


def fail_once(batch_folder: Path) -> None:
    """The next job is refused, the one after it is taken."""
    (batch_folder / "qsub").rename(batch_folder / "qsub.after")
    (batch_folder / "qsub").write_text(f"#!/bin/sh\ncd {batch_folder}\nmv qsub.after qsub\necho busy >&2\nexit 1\n")
    (batch_folder / "qsub").chmod(0o755)


def wait_for(name: str) -> None:
    Event(name).wait()


def assert_closed_only_without_work(client: Client) -> None:
    """A job of two workers, as long as one of them computes."""
    cluster = client.cluster
    task = client.submit(wait_for, "end", resources={TRAINING_SLOT: 1}, pure=False)
    until(lambda: any(client.processing().values()), "a worker that computes")
    assert cluster.sync(cluster._adaptive.workers_to_close, 0) == []
    Event("end", client=client).set()
    task.result(timeout=60)
    until(lambda: len(cluster.sync(cluster._adaptive.workers_to_close, 0)) == 2, "a job without work")


@pytest.mark.slow
def test_a_lost_job_is_submitted_again(tmp_path: Path, batch_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job of two workers, killed with both; the batch system refuses the next at first."""
    monkeypatch.setattr(JobUpkeep, "INTERVAL_S", 0.2)
    monkeypatch.setattr(JobUpkeep, "LOST_ROUNDS", 1)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    folder = tmp_path / "jobs"
    with connect_jobs(section(jobs={"least": 1, "most": 1}), 1, folder) as client:
        client.wait_for_workers(2, timeout=60)
        workers = client.scheduler_info(n_workers=-1)["workers"]
        assert all(worker["resources"] == {LABEL_SLOT: 1, TRAINING_SLOT: 1} for worker in workers.values())
        assert all(worker["nthreads"] == 1 for worker in workers.values())
        assert all(address.startswith("tls://127.0.0.1:") for address in workers)
        (script,) = batch_folder.glob("*.script")
        assert SECRET not in script.read_text()
        (keys,) = folder.glob("tls-*")
        assert stat.S_IMODE(keys.stat().st_mode) == 0o700
        assert f"--tls-key {keys}/key.pem" in script.read_text()

        fail_once(batch_folder)
        os.killpg(os.getpgid(next(iter(client.run(os.getpid).values()))), signal.SIGKILL)
        until(lambda: len(list(batch_folder.glob("*.script"))) == 2, "another job")
        until(lambda: not set(client.scheduler_info(n_workers=-1)["workers"]) & set(workers), "the end of the old workers")
        client.wait_for_workers(2, timeout=60)
        assert_closed_only_without_work(client)
    assert not list(folder.glob("tls-*"))


@pytest.mark.slow
def test_a_job_that_comes_and_goes_between_two_looks_is_lost_too(
    tmp_path: Path, batch_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JobUpkeep, "INTERVAL_S", 0.2)
    monkeypatch.setattr(JobUpkeep, "LOST_ROUNDS", 1)
    monkeypatch.setattr(JobUpkeep, "observed", property(lambda upkeep: set()))  # its looks never find a worker
    with connect_jobs(section(jobs={"least": 1, "most": 1}), 1, tmp_path / "jobs") as client:
        client.wait_for_workers(1, timeout=60)
        until(lambda: len(list(batch_folder.glob("*.script"))) >= 2, "another job")
