"""`reactal pause`, `resume` and `amend`: what people say to a campaign while a driver may be at work on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reactal.cli.output import JsonOption, SetOption, emit, say

__all__ = ["amend", "pause", "resume"]

CampaignFile = Annotated[Path, typer.Argument(metavar="CAMPAIGN.yaml", help="The campaign file.")]


def pause(
    campaign: CampaignFile,
    reason: Annotated[str, typer.Option(help="Why; it is kept in the journal.")] = "paused from the command line",
    json: JsonOption = False,
) -> None:
    """Stop a campaign before its next action, whoever drives it.

    [bold]Example[/bold]: reactal pause sn2/campaign.yaml --reason "machine needed until Monday"
    """
    from reactal.runner import Campaign

    with Campaign(campaign) as driver:
        driver.pause(reason)
        _tell(json, driver.config.name, f"paused; `reactal resume {campaign}` ends the pause", paused=driver.state.paused)


def resume(
    campaign: CampaignFile,
    reason: Annotated[str, typer.Option(help="Why; it is kept in the journal.")] = "resumed from the command line",
    json: JsonOption = False,
) -> None:
    """End a pause, or give a finished campaign a fresh budget.

    The campaign keeps all it knows. Nothing is run yet.

    [bold]Example[/bold]: reactal resume sn2/campaign.yaml && reactal run sn2/campaign.yaml
    """
    from reactal.runner import Campaign

    with Campaign(campaign) as driver:
        before = driver.state.events
        driver.resume(reason)
        said = "goes on" if driver.state.events > before else "was neither paused nor finished; nothing to resume"
        _tell(json, driver.config.name, f"{said}; next: reactal run {campaign}", resumed=driver.state.events > before)


def amend(
    campaign: CampaignFile,
    reason: Annotated[str, typer.Option(help="Why; it is kept in the journal.")],
    settings: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Change the science of a campaign that is under way.

    The file as it is now holds from here on, and the journal says why.

    Without an amendment, `reactal run` refuses a file whose numbers would come out differently. Resources, budgets and where
    things are stored may change at any time without one.

    [bold]Example[/bold]: reactal amend sn2/campaign.yaml --set training.batch=20 --reason "larger batches fit the new GPU"
    """
    from reactal.runner import Campaign

    with Campaign(campaign, settings=settings or ()) as driver:
        changes = driver.amend(reason)
        text = "amended: " + ("; ".join(changes) if changes else "nothing that changes a number")
        if settings:
            text += f"\nwrite the same into {campaign}, or give --set to `reactal run` as well"
        _tell(json, driver.config.name, text, changes=list(changes))


def _tell(json: bool, name: str, text: str, **facts: object) -> None:
    if json:
        emit({"campaign": name, **facts})
    else:
        say(f"{name}: {text}" if not text.startswith("amended") else text)
