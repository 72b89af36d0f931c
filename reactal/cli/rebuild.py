"""`reactal rebuild`: the tracker's runs of a campaign, made anew from its journal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reactal.cli.output import JsonOption, SetOption, announce, emit

__all__ = ["rebuild"]


def rebuild(
    campaign: Annotated[Path, typer.Argument(metavar="CAMPAIGN.yaml", help="The campaign file.")],
    settings: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Write a campaign's MLflow runs anew from its journal and store, after the loss of MLflow's database.

    Curves, parameters, tags, the report and, of a finished campaign, the registered model. Where the runs are still there,
    their curves get the same points once more.

    [bold]Example[/bold]: reactal rebuild sn2/campaign.yaml --set tracking.uri=http://new-host:5000
    """
    from reactal.runner import Campaign

    with Campaign(campaign, settings=settings or ()) as driver:
        run, events = driver.rebuild_tracking(), len(driver.events)
        place = driver.summary()["mlflow"]["tracking_uri"]
    if json:
        emit({"run_id": run, "tracking_uri": place, "events": events})
    else:
        announce(f"{events} events shown anew: run {run} in {place}")
