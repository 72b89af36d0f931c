"""The overlays as kubectl makes them: each known to Kubernetes' last three versions, and different in what it is for."""

from __future__ import annotations

import re

import pytest

from reactal.labeling.leaving import LEAVING_SECONDS
from tests.infra.manifests import Object, assert_valid, objects_in, pods_of
from tests.infra.programs import INFRA, said
from tests.infra.test_kubernetes import job

OVERLAYS = INFRA / "kubernetes" / "overlays"
SPOT_NOTICE_S = 120
DASKS_OWN_S = 10  # after reactal.labeling.leaving, until a worker is gone
GROUPS = {  # of infra/terraform/aws: the smallest machine, and the cores and GiB that EKS leaves to pods on it
    "small": ("m7i.large", 1.93, 7.0),
    "spot": ("c7a.4xlarge", 15.8, 28.0),
    "gpu": ("g6.xlarge", 3.92, 14.5),
}
UNITS = {"Ki": 2**-20, "Mi": 2**-10, "Gi": 1.0}


def built(name: str) -> list[Object]:
    return objects_in(said("kubectl", "kustomize", str(OVERLAYS / name)))


def pods(name: str) -> dict[str, Object]:
    return {key: pod["spec"] for key, pod in pods_of(built(name))}


@pytest.mark.parametrize("name", ["small", "gpu", "spot"])
def test_an_overlay_is_whole_and_known_to_the_last_three_versions(name: str) -> None:
    objects = built(name)
    assert_valid(objects)
    assert all(one["metadata"].get("namespace") == "reactal" for one in objects if one["kind"] != "Namespace")
    for where, pod in pods_of(objects):
        images = [box["image"] for box in pod["spec"]["containers"]]
        assert all(":" in image for image in images), f"{where}: {images} has no version"
    generated = {one["metadata"]["name"].rpartition("-")[0] for one in objects if one["kind"] == "ConfigMap"}
    assert {"prometheus-rules", "work-pool"} <= generated


def test_each_overlay_is_what_it_is_called() -> None:
    train = pods("gpu")["DaskWorkerGroup/train"]
    (box,) = train["containers"]
    assert box["image"].startswith("reactal-trainer:")
    assert box["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert train["nodeSelector"] == {"reactal/nodes": "gpu"}
    spot = pods("spot")
    for worker in (spot["DaskCluster/reactal/worker"], spot["DaskWorkerGroup/train"]):
        assert worker["nodeSelector"] == {"reactal/nodes": "spot"}
        assert worker["terminationGracePeriodSeconds"] < SPOT_NOTICE_S, "it is killed before it has left"
    stays = ["DaskCluster/reactal/scheduler", *(name for name in spot if name.startswith("Deployment/"))]
    assert all(spot[name]["nodeSelector"] == {"reactal/nodes": "small"} for name in stays)
    most = {name: next(o["spec"]["maximum"] for o in built(name) if o["kind"] == "DaskAutoscaler") for name in ("small", "spot")}
    assert most["small"] < 10 < most["spot"]


@pytest.mark.parametrize("name", ["small", "gpu", "spot"])
def test_a_worker_has_left_before_it_is_killed(name: str) -> None:
    for where, pod in pods(name).items():
        (box,) = pod["containers"]
        if "worker" not in box.get("command", []) or "dask" not in box["command"]:
            continue
        assert "reactal.labeling.leaving" in box["command"], where
        environ = {one["name"]: one.get("value") for one in box["env"]}
        assert int(environ[LEAVING_SECONDS]) + DASKS_OWN_S < pod["terminationGracePeriodSeconds"], where


@pytest.mark.parametrize("name", ["gpu", "spot"])
def test_every_pod_fits_on_a_machine_of_its_group(name: str) -> None:
    """Those that say no group, and drivers, run on the small ones, which alone keep nobody out."""
    variables = (INFRA / "terraform" / "aws" / "modules" / "cluster" / "variables.tf").read_text()
    for group, (machine, _, _) in GROUPS.items():
        assert re.search(rf'^\s*{group}\s*= {{ machines = \["{machine}"', variables, flags=re.MULTILINE), group
    everybody = {**pods(name), "Job/driver": job()["spec"]["template"]["spec"]}
    for where, pod in everybody.items():
        group = pod.get("nodeSelector", {}).get("reactal/nodes", "small")
        _, cores, memory = GROUPS[group]
        asked = [box["resources"]["requests"] for box in pod["containers"]]
        assert sum(quantity(one["cpu"]) for one in asked) <= cores, f"{where} on {group}"
        assert sum(quantity(one["memory"]) for one in asked) <= memory, f"{where} on {group}"


def quantity(text: str) -> float:
    """Cores, or GiB."""
    if text.endswith("m"):
        return float(text[:-1]) / 1000
    return float(text[:-2]) * UNITS[text[-2:]] if text[-2:] in UNITS else float(text)


def test_what_eks_lacks_is_whole_and_has_its_roles_account() -> None:
    """Nodes that come and go, and a class of volumes; role, account and tags as Terraform's files have them."""
    objects = objects_in(said("kubectl", "kustomize", str(INFRA / "kubernetes" / "aws")))
    assert_valid(objects)
    ((_, pod),) = pods_of(objects)
    (box,) = pod["spec"]["containers"]
    (settings,) = (one for one in objects if one["kind"] == "ConfigMap")
    assert box["envFrom"] == [{"configMapRef": {"name": settings["metadata"]["name"]}}]
    assert set(settings["data"]) == {"CLUSTER", "AWS_REGION"}
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    assert box["securityContext"]["readOnlyRootFilesystem"] is True and box["securityContext"]["capabilities"] == {
        "drop": ["ALL"]
    }
    terraform = INFRA / "terraform" / "aws" / "modules"
    account = pod["spec"]["serviceAccountName"]
    assert f'service_account = "{account}"' in (terraform / "roles" / "main.tf").read_text()
    version = re.search(r'default\s*= "(1\.\d+)"', (terraform / "cluster" / "variables.tf").read_text())
    assert version and f":v{version.group(1)}." in box["image"], "the autoscaler's minor version is Kubernetes' own"
    (volumes,) = (one for one in objects if one["kind"] == "StorageClass")
    assert volumes["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true"
    assert "ebs-csi-controller-sa" in (terraform / "cluster" / "main.tf").read_text()
