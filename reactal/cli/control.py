"""`reactal pause`, `resume`, `approve` and `amend`: what people say to a campaign while a driver may be at work on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reactal.cli.output import JsonOption, SetOption, emit, say

__all__ = ["amend", "approve", "pause", "resume"]

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


def approve(
    campaign: CampaignFile,
    labels: Annotated[
        int | None, typer.Option(min=1, help="Up to so many in all, then it asks again; without it the whole budget.")
    ] = None,
    money: Annotated[float | None, typer.Option(min=0.0, help="Up to so much in all, in the price list's currency.")] = None,
    reason: Annotated[str, typer.Option(help="Who, or why; it is kept in the journal.")] = "approved from the command line",
    json: JsonOption = False,
) -> None:
    """Let a campaign spend more than `budget.approve_above` allows it to without a person.

    A flow run that was suspended for it at the Prefect server goes on by itself; else `reactal run` does. The button Resume on
    the run's page says the same.

    [bold]Example[/bold]: reactal approve sn2/campaign.yaml --labels 100 --reason "agreed with Ada"
    """
    from reactal.cli.homes import reactal_folder
    from reactal.runner import Campaign

    with Campaign(campaign) as driver:
        driver.approve(reason, labels=labels, money=money)
        name, store = driver.config.name, driver.config.store
    resumed = _resumed_runs(reactal_folder(campaign), store=store, name=name, reason=reason)
    limits = [f"{value:g} {what}" for what, value in (("labels", labels), ("money", money)) if value is not None]
    goes_on = f"flow run {', '.join(resumed)} goes on" if resumed else f"next: reactal run {campaign}"
    told = f"approved up to {' and '.join(limits) or 'its budget'}; {goes_on}"
    _tell(json, name, told, approved={"labels": labels, "money": money}, resumed=resumed)


def _resumed_runs(folder: Path, *, store: str, name: str, reason: str) -> list[str]:
    """Flow runs of the campaign that were suspended, at the server that can be found; their names."""
    from flows.server import client_environment, configured_url, published_url, using

    home = folder / "prefect"
    api = configured_url() or published_url(home)
    if api is None:
        return []
    from flows.approving import resume_suspended

    with using(api, client_environment(home)):
        return resume_suspended(store=store, name=name, by=reason)


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
