"""`reactal deploy`: campaigns and single stages, on demand and by the clock."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reactal.cli.output import JsonOption, announce, emit

if TYPE_CHECKING:
    from prefect.deployments.runner import RunnerDeployment

__all__ = ["deploy"]


class PoolKind(StrEnum):
    """What a worker of the pool starts for a run."""

    PROCESS = "process"
    DOCKER = "docker"
    KUBERNETES = "kubernetes"
    ECS = "ecs"


def deploy(
    campaign: Annotated[
        Path | None,
        typer.Argument(metavar="[CAMPAIGN.yaml]", help="The campaign of the deployments; else that of prefect.yaml."),
    ] = None,
    file: Annotated[Path, typer.Option(help="The file that describes the deployments.")] = Path("prefect.yaml"),
    pool: Annotated[
        str | None, typer.Option(metavar="NAME", help="Register for the workers of this pool, and end; else serve here.")
    ] = None,
    kind: Annotated[
        PoolKind | None, typer.Option(help="Of a pool that is not there yet; infra/prefect/KIND.json is its job template.")
    ] = None,
    image: Annotated[str | None, typer.Option(help="With --pool: the container image that runs are started in.")] = None,
    labels: Annotated[int | None, typer.Option(min=1, help="So many stages at a time label, in all runs of the server.")] = None,
    gpus: Annotated[int | None, typer.Option(min=1, help="So many stages at a time train or explore, likewise.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Flow runs at a time on this machine, while it serves.")] = 1,
    json: JsonOption = False,
) -> None:
    """Offer campaigns and stages on demand and by the clock.

    The deployments are those of prefect.yaml: campaign, compare, label, train, explore and validate on demand, nightly-refine by
    its schedule. Without --pool this process carries their runs out until Ctrl-C.

    Uses the Prefect server that PREFECT_API_URL or the Prefect profile names, else the one of `reactal up`, else its own.

    [bold]Examples[/bold]

      reactal deploy sn2/campaign.yaml

      reactal deploy sn2/campaign.yaml --pool reactal --labels 8 --gpus 1

      reactal deploy --pool cluster --kind kubernetes --image registry/reactal:1
    """
    from reactal.cli.engine import prefect_api
    from reactal.cli.homes import reactal_folder
    from reactal.errors import InputError

    if not file.is_file():
        raise InputError(f"there is no {file}; call `reactal deploy` in a checkout of the repository, or give --file")
    if pool is None and (kind is not None or image is not None):
        raise InputError("--kind and --image are those of a pool; give it a name with --pool")
    if campaign is not None and not campaign.is_file():
        raise InputError(f"there is no campaign file {campaign}; `reactal init` writes one")
    with prefect_api(reactal_folder(campaign), schedules=True, own=pool is None) as api:
        from flows.deployments import deployments
        from flows.pools import make_limits

        made = deployments(file, campaign_file=None if campaign is None else str(campaign.absolute()))
        make_limits(labels=labels, gpus=gpus)
        if pool is None:
            _serve(made, api, limit=limit, json=json)
        else:
            _register(made, api, pool=pool, kind=kind, image=image, folder=file.absolute().parent, json=json)


def _serve(made: list[RunnerDeployment], api: str, *, limit: int, json: bool) -> None:
    from flows.deployments import serve_all

    names = _names(made)

    def registered() -> None:
        if json:
            emit({"api": api, "deployments": names})
            sys.stdout.flush()
        announce(f"serving {', '.join(names)} at {_page(api)}; Ctrl-C ends it")
        announce(f"to start one: PREFECT_API_URL={api} prefect deployment run {names[0]}")

    serve_all(made, limit=limit, registered=registered)


def _register(
    made: list[RunnerDeployment],
    api: str,
    *,
    pool: str,
    kind: PoolKind | None,
    image: str | None,
    folder: Path,
    json: bool,
) -> None:
    from flows.pools import make_pool, register

    of_kind = make_pool(pool, None if kind is None else kind.value, folder=folder)
    register(made, pool, image=image)
    if json:
        emit({"api": api, "deployments": _names(made), "pool": pool, "kind": of_kind})
    else:
        announce(f"registered {', '.join(_names(made))} for the {of_kind} pool {pool} at {_page(api)}")
        announce(f"a worker carries them out: PREFECT_API_URL={api} prefect worker start --pool {pool}")


def _names(made: list[RunnerDeployment]) -> list[str]:
    return [f"{one.flow_name}/{one.name}" for one in made]


def _page(api: str) -> str:
    return f"{api.removesuffix('/api')}/deployments"
