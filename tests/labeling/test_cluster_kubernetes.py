"""Workers that are pods: what the operator is given, and what is said where there is no Kubernetes."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from reactal.clusters import KubernetesCluster
from reactal.errors import ConfigError, LabelerUnavailable
from reactal.labeling.kubernetes import cluster_spec, connect_kubernetes, require_kubernetes

SECRET = "wJalrXUtnFEMI-secret"
SECTION = KubernetesCluster.model_validate(
    {
        "kind": "kubernetes",
        "image": "registry/reactal:1",
        "cores": 2,
        "memory": "4 GiB",
        "workers": {"least": 1, "most": 5},
        "secret": "store",
    }
)
NOWHERE = """
apiVersion: v1
kind: Config
clusters: [{name: here, cluster: {server: "http://127.0.0.1:9"}}]
contexts: [{name: here, context: {cluster: here, user: me}}]
users: [{name: me, user: {token: none}}]
current-context: here
"""


def containers(spec: dict[str, Any], part: str) -> list[dict[str, Any]]:
    return list(spec["spec"][part]["spec"]["containers"])


def test_the_operator_accepts_the_cluster() -> None:
    """By the schema that dask-kubernetes installs in a Kubernetes cluster for its `DaskCluster`."""
    chart = files("dask_kubernetes").joinpath("operator", "deployment", "helm", "dask-kubernetes-operator")
    definition = yaml.load(chart.joinpath("crds", "daskcluster.yaml").read_text(), yaml.CSafeLoader)
    (version,) = (known for known in definition["spec"]["versions"] if known["name"] == "v1")
    validator = Draft202012Validator(version["schema"]["openAPIV3Schema"])
    spec = cluster_spec(SECTION, "reactal-1")
    assert spec["apiVersion"] == f"{definition['spec']['group']}/v1"
    assert list(validator.iter_errors(spec)) == []
    containers(spec, "worker")[0]["args"] = "dask worker"
    assert list(validator.iter_errors(spec)), "the schema says nothing of containers"


def test_a_worker_has_one_slot_of_the_asked_size() -> None:
    spec = cluster_spec(SECTION, "reactal-1")
    (worker,) = containers(spec, "worker")
    assert spec["spec"]["worker"]["replicas"] == 1
    assert worker["image"] == "registry/reactal:1"
    assert worker["resources"] == {"requests": {"cpu": "2", "memory": str(4 * 2**30)}, "limits": {"memory": str(4 * 2**30)}}
    assert worker["args"][:2] == ["dask", "worker"]
    assert worker["args"][worker["args"].index("--resources") + 1] == "psi4=1,train=1"
    assert worker["args"][worker["args"].index("--nthreads") + 1] == "1"
    assert worker["args"][worker["args"].index("--preload-nanny") + 1] == "reactal.labeling.leaving"


def test_a_secret_is_named_and_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    spec = cluster_spec(SECTION, "reactal-1")
    (worker,), (scheduler,) = containers(spec, "worker"), containers(spec, "scheduler")
    assert worker["envFrom"] == [{"secretRef": {"name": "store"}}]
    assert "envFrom" not in scheduler
    assert SECRET not in yaml.safe_dump(spec)
    assert all(set(variable) == {"name", "value"} and "AWS" not in variable["name"] for variable in worker["env"])


def test_the_commands_of_the_pods_are_those_that_dask_has() -> None:
    from importlib.metadata import entry_points

    spec = cluster_spec(SECTION, "reactal-1")
    known = {point.name for point in entry_points(group="dask_cli")}
    commands = {script.name for script in entry_points(group="console_scripts")}
    for part in ("worker", "scheduler"):
        program, command, *_ = containers(spec, part)[0]["args"]
        assert program in commands
        assert command in known


def test_a_missing_package_is_named_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dask_kubernetes", None)  # as if it were not installed
    with pytest.raises(ConfigError, match=r"pip install 'reactal\[cluster\]'"):
        require_kubernetes()


def test_no_kubernetes_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text(NOWHERE)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    with pytest.raises(LabelerUnavailable, match="kubectl get daskclusters --namespace default") as told:
        connect_kubernetes(SECTION).__enter__()
    assert "\n" not in str(told.value)
