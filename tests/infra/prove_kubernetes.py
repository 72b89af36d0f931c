"""The overlays as kubectl makes them: each known to Kubernetes' last three versions, and different in what it is for."""

from __future__ import annotations

import pytest

from tests.infra.manifests import Object, assert_valid, objects_in, pods_of
from tests.infra.programs import INFRA, said

OVERLAYS = INFRA / "kubernetes" / "overlays"


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
    assert spot["DaskCluster/reactal/worker"]["nodeSelector"] == {"reactal/nodes": "spot"}
    assert spot["DaskCluster/reactal/worker"]["terminationGracePeriodSeconds"] < 120, "a spot node is gone after two minutes"
    stays = ["DaskCluster/reactal/scheduler", *(name for name in spot if name.startswith("Deployment/"))]
    assert all(spot[name]["nodeSelector"] == {"reactal/nodes": "small"} for name in stays)
    most = {name: next(o["spec"]["maximum"] for o in built(name) if o["kind"] == "DaskAutoscaler") for name in ("small", "spot")}
    assert most["small"] < 10 < most["spot"]
