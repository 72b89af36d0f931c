"""`reactal status` and `reactal report`: how a campaign stands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reactal.cli.output import JsonOption, SetOption, announce, console, emit, say

if TYPE_CHECKING:
    from reactal.campaign.decide import Action

__all__ = ["report", "status", "words_for"]

CampaignFile = Annotated[Path, typer.Argument(metavar="CAMPAIGN.yaml", help="The campaign file.")]


def status(campaign: CampaignFile, settings: SetOption = None, json: JsonOption = False) -> None:
    """How a campaign stands and what it would do next.

    Reads only, so it may be asked while the campaign runs.

    [bold]Example[/bold]: reactal status sn2/campaign.yaml
    """
    from reactal.cli.verdict import verdict
    from reactal.runner import Campaign

    with Campaign(campaign, settings=settings or ()) as driver:
        following = words_for(driver.next_action())
        summary = {**driver.summary(), "next": following, "events": driver.state.events}
    if json:
        emit(summary)
    else:
        console().print(verdict(summary, file=campaign, following=following))


def report(
    campaign: CampaignFile,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    settings: SetOption = None,
    json: JsonOption = False,
) -> None:
    """Write report.html, which opens offline; its figures for papers, a model card, a dataset card, and chemiscope's file.

    [bold]Example[/bold]: reactal report sn2/campaign.yaml --open
    """
    from reactal.errors import InputError
    from reactal.runner import Campaign

    with Campaign(campaign, settings=settings or ()) as driver:
        if driver.state.seeded is None:
            raise InputError(f"campaign {driver.config.name} has nothing to report yet; run it first")
        written = driver.write_report()
    page = written["report.html"]
    if json:
        emit({"report": page, "figures": written["report.json"], "files": list(written.values())})
    else:
        say(str(page))
        beside = [name for name in ("model_card.md", "dataset_card.md", "chemiscope.json.gz") if name in written]
        count = sum(name.endswith(".svg") for name in written)
        announce(f"beside it: report.json, {', '.join(beside)}, and {count} figures in figures/ as SVG and PNG")
    if show:
        import webbrowser

        webbrowser.open(page.absolute().as_uri())


def words_for(action: Action) -> str:
    """An action as people say it."""
    from reactal.campaign.decide import Calibrate, Done, Explore, Finish, LabelBatch, Seed, Select, Train, Verify, Wait

    match action:
        case Seed():
            return "relax the ends and propose the first structures"
        case LabelBatch():
            return "label the batch that was chosen"
        case Calibrate():
            return "calibrate the trust region"
        case Train(iteration=iteration):
            return f"train the committee of iteration {iteration}"
        case Explore(iteration=iteration):
            return f"explore on the model of iteration {iteration}"
        case Select(size=size):
            return f"choose the next {size} structures to label"
        case Verify():
            return "check the saddle's reference state"
        case Finish(outcome=outcome):
            return f"finish: {outcome}"
        case Wait(reason=reason):
            return f"nothing: paused ({reason})"
        case Done():
            return "nothing: it is done"
