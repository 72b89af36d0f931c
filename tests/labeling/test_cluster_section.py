"""The cluster section of a campaign file: what it may hold, and how a mistake in it is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reactal.clusters import JobCluster, KubernetesCluster
from reactal.config import load_config, load_resolved, science_changes
from reactal.errors import ConfigError
from tests.campaigns import leps_campaign

SLURM = {"kind": "slurm", "cores": 4, "memory": "16 GiB", "walltime": "12:00:00", "jobs": {"most": 8}}
KUBERNETES = {"kind": "kubernetes", "image": "registry/reactal:1", "workers": {"least": 1, "most": 8}}


def test_a_file_that_names_no_cluster_is_stored_as_ever(tmp_path: Path) -> None:
    assert load_config(leps_campaign(tmp_path, cluster={"kind": "local"})).canonical()["cluster"] == {"kind": "local"}


@pytest.mark.parametrize(("section", "kind"), [(SLURM, JobCluster), (KUBERNETES, KubernetesCluster)])
def test_a_cluster_of_another_kind_is_read_stored_and_no_science(tmp_path: Path, section: dict[str, Any], kind: type) -> None:
    local = load_config(leps_campaign(tmp_path))
    config = load_config(leps_campaign(tmp_path, cluster=section))
    assert isinstance(config.cluster, kind)
    assert load_resolved(config.yaml().encode()) == config
    assert science_changes(local, config) == []


def test_the_time_of_a_job_in_seconds() -> None:
    assert JobCluster.model_validate(SLURM | {"walltime": "12:34:56"}).walltime_s == 12 * 3600 + 34 * 60 + 56


MISTAKES = {
    "kind": (SLURM | {"kind": "slrum"}, r"cluster\.kind slrum; did you mean slurm"),
    "key": (SLURM | {"partition": "long"}, r"unknown key cluster\.partition; known are: .*queue"),
    "key nearly right": (SLURM | {"wall_time": "1:00:00"}, r"cluster\.wall_time; did you mean cluster\.walltime"),
    "key of another kind": (KUBERNETES | {"queue": "long"}, r"unknown key cluster\.queue"),
    "key within": (SLURM | {"jobs": {"mist": 3}}, r"cluster\.jobs\.mist; did you mean cluster\.jobs\.most"),
    "missing": ({"kind": "slurm"}, r"cluster\.cores: Field required"),
    "least above most": (SLURM | {"jobs": {"least": 3, "most": 2}}, r"cluster\.jobs: .*least \(3\) is more than most \(2\)"),
    "time that Slurm takes for minutes": (SLURM | {"walltime": "12:00"}, r"cluster\.walltime"),
    "a command in a directive": (SLURM | {"directives": ["--exclusive\nreboot"]}, r"cluster\.directives\.0"),
    "a directive that is none": (SLURM | {"directives": ["reboot"]}, r"cluster\.directives\.0"),
    "a command in a name": (SLURM | {"queue": "long; reboot"}, r"cluster\.queue"),
    "memory": (SLURM | {"memory": "lots"}, r"cluster\.memory"),
    "address": ({"kind": "address"}, r"cluster\.address: Field required"),
}


@pytest.mark.parametrize("mistake", MISTAKES, ids=list(MISTAKES))
def test_a_mistake_is_named_with_its_place(tmp_path: Path, mistake: str) -> None:
    section, said = MISTAKES[mistake]
    with pytest.raises(ConfigError, match=said):
        load_config(leps_campaign(tmp_path, cluster=section))
