"""`reactal deploy`: campaigns on demand and by the clock."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from reactal.cli.output import JsonOption, announce, emit

__all__ = ["deploy"]


def deploy(
    campaign: Annotated[
        Path | None,
        typer.Argument(metavar="[CAMPAIGN.yaml]", help="The campaign of both deployments; else that of prefect.yaml."),
    ] = None,
    file: Annotated[Path, typer.Option(help="The file that describes the deployments.")] = Path("prefect.yaml"),
    limit: Annotated[int, typer.Option(min=1, help="Flow runs at a time on this machine.")] = 1,
    json: JsonOption = False,
) -> None:
    """Serve campaigns on demand and by the clock until Ctrl-C.

    The deployments are those of prefect.yaml: campaign on demand, nightly-refine by its schedule.

    Uses the Prefect server that PREFECT_API_URL or the Prefect profile names, else the one of `reactal up`, else its own.

    [bold]Examples[/bold]

      reactal deploy sn2/campaign.yaml

      PREFECT_API_URL=... prefect deployment run campaign/campaign      in another terminal, with the address that is printed
    """
    from reactal.cli.engine import prefect_api
    from reactal.cli.homes import reactal_folder
    from reactal.errors import InputError

    if not file.is_file():
        raise InputError(f"there is no {file}; call `reactal deploy` in a checkout of the repository, or give --file")
    with prefect_api(reactal_folder(campaign), schedules=True) as api:
        from flows.deployments import deployments, serve_all

        parameters: dict[str, Any] = {} if campaign is None else {"campaign_file": str(campaign.absolute())}
        made = deployments(file, parameters=parameters)
        names = [f"{one.flow_name}/{one.name}" for one in made]

        def registered() -> None:
            if json:
                emit({"api": api, "deployments": names})
                sys.stdout.flush()
            announce(f"serving {' and '.join(names)} at {api.removesuffix('/api')}/deployments; Ctrl-C ends it")
            announce(f"to start one: PREFECT_API_URL={api} prefect deployment run {names[0]}")

        serve_all(made, limit=limit, registered=registered)
