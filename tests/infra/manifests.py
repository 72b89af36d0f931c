"""Kubernetes' objects as the project writes them, and Kubernetes' word on each: the schemas of its last three versions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from jsonschema.protocols import Validator
from jsonschema.validators import Draft202012Validator
from referencing import Registry, Resource

VERSIONS = ("1.35.0", "1.36.0", "1.37.0")
SCHEMAS = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema"
DASK = "kubernetes.dask.org/v1"

Object = dict[str, Any]


def objects_in(text: str) -> list[Object]:
    return [one for one in yaml.safe_load_all(text) if one]


def objects_of(folder: Path) -> list[Object]:
    """What the resources of a kustomization are, without what it generates."""
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
    return [one for name in listed if (folder / name).is_file() for one in objects_in((folder / name).read_text())]


def pods_of(objects: Iterable[Object]) -> Iterator[tuple[str, Object]]:
    """Every pod that would be made, with a name for it, those of Dask's operator too."""
    for one in objects:
        name = f"{one['kind']}/{one['metadata']['name']}"
        match one["kind"]:
            case "Deployment":
                yield name, one["spec"]["template"]
            case "Job":
                yield name, one["spec"]["template"]
            case "DaskCluster":
                for part in ("scheduler", "worker"):
                    yield f"{name}/{part}", {"metadata": one["spec"][part].get("metadata", {}), "spec": one["spec"][part]["spec"]}
            case "DaskWorkerGroup":
                worker = one["spec"]["worker"]
                yield name, {"metadata": worker.get("metadata", {}), "spec": worker["spec"]}


@cache
def known_of(version: str) -> Registry:
    """The definitions of one version, crawled once: kubernetes_validate reads these megabytes anew for every object."""
    definitions = Resource.from_contents(json.loads((folder_of(version) / "_definitions.json").read_text()))
    return (definitions @ Registry()).crawl()


@cache
def validator(version: str, kind: str, api: str) -> Validator:
    """Of the strict schema, which refuses fields that it does not know."""
    group = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api)
    schema = json.loads((folder_of(version) / f"{kind.lower()}-{group}.json").read_text())
    return Draft202012Validator(schema, registry=Resource.from_contents(schema) @ known_of(version))


def folder_of(version: str) -> Path:
    return SCHEMAS / f"v{version}-local-strict"


def assert_valid(objects: Iterable[Object]) -> None:
    """Each by the schema of its kind in each version; objects of the operator by those of the pods in them."""
    listed = list(objects)
    plain = [one for one in listed if one["apiVersion"] != DASK]
    pods = [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod", **pod["metadata"]}, "spec": pod["spec"]}
        for _, pod in pods_of(one for one in listed if one["apiVersion"] == DASK)
    ]
    assert plain
    for version in VERSIONS:
        for one in [*plain, *pods]:
            validator(version, one["kind"], one["apiVersion"]).validate(one)
