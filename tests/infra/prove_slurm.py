"""A campaign whose workers are jobs of a real Slurm, on an S3 server: to its verdict, over jobs that end before a training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from reactal.clusters import read_cluster
from reactal.labeling.execution_log import EXECUTION_LOG
from reactal.labeling.jobs import job_class, job_settings, slots_of_a_job
from reactal.runner import Campaign
from tests.campaigns import leps_campaign
from tests.infra.programs import INFRA
from tests.labeling.batch_systems import missing_slurm, slurm
from tests.labeling.watching import executions
from tests.store.s3_servers import credentials, moto_server

PROFILES = sorted((INFRA / "slurm").glob("*.yaml"))

WALLTIME = "00:00:40"
"""Of a job; its workers retire after 36 s, and the first training is made to take longer."""


@pytest.mark.parametrize("file", PROFILES, ids=lambda file: file.stem)
def test_a_profile_is_a_section_that_makes_a_job(file: Path, tmp_path: Path) -> None:
    section = read_cluster(file)
    assert section.kind in ("slurm", "pbs")
    job = job_class(section.kind)("tls://host:1", name="n", **job_settings(section, slots_of_a_job(section, 1), tmp_path, {}))
    assert section.walltime in job.job_script()
    assert "--lifetime" in job.job_script(), "workers would be killed with their job"


@pytest.fixture
def slurm_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    if reason := missing_slurm():
        pytest.skip(reason)
    with slurm(tmp_path / "slurm") as environ:
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        yield environ


@pytest.mark.server
@pytest.mark.timeout(1500)
def test_a_campaign_on_slurm_and_s3_reaches_its_verdict(
    slurm_environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "executions"
    monkeypatch.setenv(EXECUTION_LOG, str(log))  # Slurm hands the environment on, credentials too
    monkeypatch.chdir(tmp_path)
    cluster = {"kind": "slurm", "cores": 1, "memory": "2 GiB", "walltime": WALLTIME, "interface": "lo", "jobs": {"most": 1}}
    with credentials(), moto_server() as server:
        file = leps_campaign(
            tmp_path / "campaign",
            store=server.new_bucket(),
            cluster=cluster,
            training={"steps_first": 3000, "steps_warm": 10, "checkpoint_steps": 100, "baseline": "none"},
        )
        with Campaign(file) as campaign:
            summary = campaign.run()
    assert summary["verdict"] not in ("running", "paused", "halted"), summary
    assert summary["evidence"]
    begun = Counter(str(line["key"]) for line in executions(log))
    assert begun.total() <= len(begun) + 2, "more than a label for each job that ended"
    scripts = list((tmp_path / ".reactal" / "h3" / "jobs").glob("*.out"))
    assert len(scripts) >= 2, "one job was enough: its walltime was not shorter than the campaign"


def test_the_profiles_say_whom_they_are_for() -> None:
    assert {"labels-slurm", "training-gpu-slurm", "labels-pbs"} <= {file.stem for file in PROFILES}
    for file in PROFILES:
        assert file.read_text().startswith("#"), file
        assert set(yaml.safe_load(file.read_text())) == {"cluster"}
