"""Work pools, and the limits that runs of all pools share, made at a Prefect server."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound

from reactal.errors import InputError
from tasks.limits import GPUS, LABELS

__all__ = ["KINDS", "make_limits", "make_pool", "register"]

KINDS = ("process", "docker", "kubernetes", "ecs")
TEMPLATES = Path("infra/prefect")
"""A base job template for each kind: what a worker of the pool starts for a run, and what of it may be set."""


def make_pool(name: str, kind: str | None, *, folder: Path) -> str:
    """Make the pool, or bring its job template up to date; its kind. `folder` is the repository."""
    with get_client(sync_client=True) as client:
        try:
            there = client.read_work_pool(name)
        except ObjectNotFound:
            made = WorkPoolCreate(name=name, type=kind or KINDS[0], base_job_template=_template(kind or KINDS[0], folder))
            client.create_work_pool(made)
            return kind or KINDS[0]
        if kind is not None and there.type != kind:
            raise InputError(f"the work pool {name} is there already, and of the kind {there.type}; give --pool another name")
        if there.type in KINDS:
            client.update_work_pool(name, WorkPoolUpdate(base_job_template=_template(there.type, folder)))
    return there.type


def make_limits(*, labels: int | None, gpus: int | None) -> None:
    """So many stages at a time, in all runs of the server; None leaves what is there."""
    with get_client(sync_client=True) as client:
        for name, limit in ((LABELS, labels), (GPUS, gpus)):
            if limit is not None:
                client.upsert_global_concurrency_limit_by_name(name, limit)


def register(made: Sequence[RunnerDeployment], pool: str, *, image: str | None = None) -> None:
    """Let the workers of a pool carry them out."""
    for deployment in made:
        deployment.apply(work_pool_name=pool, image=image)


def _template(kind: str, folder: Path) -> dict[str, Any]:
    file = folder / TEMPLATES / f"{kind}.json"
    if not file.is_file():
        raise InputError(f"there is no job template {file}; call `reactal deploy` in a checkout of the repository")
    template: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return template
