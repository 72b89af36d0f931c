"""The base for Kubernetes: known to its last three versions, restricted, and joined up. prove_kubernetes.py has the overlays."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import ValidationError

from reactal.labeling.cluster import ALLOWED_FAILURES, LABEL_SLOT, TRAINING_SLOT
from reactal.labeling.growth import DASK_TARGET
from tests.infra.manifests import Object, assert_valid, objects_of, pods_of
from tests.infra.programs import INFRA, said

BASE = INFRA / "kubernetes" / "base"
SHELL_WORDS = re.compile(r"password|secret|token", re.IGNORECASE)


@pytest.fixture(scope="module")
def base() -> list[Object]:
    return objects_of(BASE)


def job() -> Object:
    """The job of a flow run with the template's own defaults, as Prefect fills it in."""
    template = json.loads((BASE / "job-template.json").read_text())
    values = {name: one.get("default") for name, one in template["variables"]["properties"].items()}
    values |= {"command": ["run", "/campaigns/a/campaign.yaml"], "env": [{"name": "HOME", "value": "/tmp"}]}

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [filled(inner) for inner in value]
        whole = re.fullmatch(r"\{\{ (\w+) \}\}", value) if isinstance(value, str) else None
        if whole:
            return copy.deepcopy(values[whole.group(1)])
        return re.sub(r"\{\{ (\w+) \}\}", lambda m: str(values[m.group(1)]), value) if isinstance(value, str) else value

    made: Object = filled(template["job_configuration"]["job_manifest"])
    return made | {"metadata": {**made["metadata"], "name": "driver"}}


def test_the_last_three_versions_know_every_field(base: list[Object]) -> None:
    assert_valid([*base, job()])


def test_a_field_that_there_is_not_is_refused(base: list[Object]) -> None:
    wrong = copy.deepcopy(next(one for one in base if one["kind"] == "Deployment"))
    wrong["spec"]["replica"] = 1
    with pytest.raises(ValidationError):
        assert_valid([wrong])


def test_every_pod_is_restricted_and_says_what_it_needs(base: list[Object]) -> None:
    """Pod Security's level `restricted`, which the namespace enforces, and a root that cannot be written."""
    namespace = next(one for one in base if one["kind"] == "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    pods = list(pods_of([*base, job()]))
    assert len(pods) >= 8
    for name, pod in pods:
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault", name
        assert spec["serviceAccountName"] in {one["metadata"]["name"] for one in base if one["kind"] == "ServiceAccount"}, name
        assert not any("hostPath" in volume for volume in spec.get("volumes", [])), name
        mounted = {volume["name"] for volume in spec["volumes"]}
        for box in spec["containers"]:
            context = box["securityContext"]
            assert context == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert {"cpu", "memory"} <= set(box["resources"]["requests"]), name
            assert "memory" in box["resources"]["limits"], name
            assert {one["name"] for one in box["volumeMounts"]} <= mounted, name
            assert box["image"].startswith("reactal-") or ":" in box["image"], name
            for variable in box["env"] if isinstance(box.get("env"), list) else []:
                assert not (SHELL_WORDS.search(variable["name"]) and "value" in variable), f"{name}: a secret in the open"


def test_who_talks_to_whom(base: list[Object]) -> None:
    """Nobody, but for policies whose labels a pod really has; each service leads to a pod that listens."""
    policies = {one["metadata"]["name"]: one["spec"] for one in base if one["kind"] == "NetworkPolicy"}
    assert policies["nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    apps = {one["metadata"].get("labels", {}).get("app") for _, one in pods_of([*base, job()])} - {None}
    text = yaml.safe_dump(list(policies.values()))
    used = set(re.findall(r"\bapp: (\S+)", text))
    assert used <= apps | {"driver"}, used - apps
    opens = {pod["metadata"].get("labels", {}).get("reactal/opens") for _, pod in pods_of([*base, job()])} - {None}
    assert opens == set(policies["store"]["podSelector"]["matchExpressions"][0]["values"])
    for service in (one for one in base if one["kind"] == "Service"):
        (ports,) = [
            {port["containerPort"] for box in pod["spec"]["containers"] for port in box.get("ports", [])}
            for _, pod in pods_of(base)
            if pod["metadata"].get("labels", {}).get("app") == service["spec"]["selector"]["app"]
        ]
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_workers_and_scheduler_are_what_reactal_expects(base: list[Object]) -> None:
    pods = dict(pods_of(base))
    words = {name: pod["spec"]["containers"][0].get("command", []) for name, pod in pods.items()}
    assert f"{LABEL_SLOT}=1" in words["DaskCluster/reactal/worker"]
    assert f"{TRAINING_SLOT}=1" in words["DaskWorkerGroup/train"]
    scheduler = {one["name"]: one.get("value") for one in pods["DaskCluster/reactal/scheduler"]["spec"]["containers"][0]["env"]}
    assert scheduler["DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES"] == str(ALLOWED_FAILURES)
    assert scheduler["DASK_DISTRIBUTED__ADAPTIVE__TARGET_DURATION"] == str(DASK_TARGET)
    autoscaler = next(one for one in base if one["kind"] == "DaskAutoscaler")
    assert autoscaler["spec"]["cluster"] == "reactal" and autoscaler["spec"]["minimum"] == 0


def test_it_watches_by_the_same_rules_as_everywhere(base: list[Object], tmp_path: Path) -> None:
    rules = INFRA / "monitoring" / "rules.yaml"
    assert (BASE / "rules.yaml").read_text() == rules.read_text(), "cp infra/monitoring/rules.yaml infra/kubernetes/base"
    (config,) = (one["data"] for one in base if one["kind"] == "ConfigMap")
    tree = yaml.safe_load(config["prometheus.yaml"])
    for job_ in tree["scrape_configs"]:  # Debian's Prometheus is built without Kubernetes
        if job_.pop("kubernetes_sd_configs", None):
            job_["static_configs"] = [{"targets": ["driver:9108"]}]
    (tmp_path / "prometheus.yaml").write_text(yaml.safe_dump(tree))
    said("promtool", "check", "config", "--syntax-only", str(tmp_path / "prometheus.yaml"))
