"""`reactal status` and `reactal report`: how a campaign stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reactal.cli.output import JsonOption, SetOption, announce, console, emit, say

if TYPE_CHECKING:
    from rich.console import RenderableType

    from reactal.campaign.decide import Action

__all__ = ["report", "status", "words_for"]

CampaignFile = Annotated[Path, typer.Argument(metavar="CAMPAIGN.yaml", help="The campaign file.")]


def status(
    campaign: CampaignFile,
    watch: Annotated[
        float | None, typer.Option(min=0.5, metavar="SECONDS", help="Look again every so often until it ends.")
    ] = None,
    reconcile: Annotated[
        bool, typer.Option("--reconcile", help="Mark the flow runs at Prefect that nobody drives any more as crashed.")
    ] = False,
    settings: SetOption = None,
    json: JsonOption = False,
) -> None:
    """How a campaign stands, how fast it goes, what it has cost, and what it would do next.

    Reads only, so it may be asked while the campaign runs. The journal decides how it stands; Prefect shows what it was told
    last, which --reconcile puts right where a driver was killed. A run that goes on does so by itself.

    [bold]Examples[/bold]

      reactal status sn2/campaign.yaml

      reactal status sn2/campaign.yaml --watch 5
    """
    from reactal.errors import InputError

    if json and watch is not None:
        raise InputError("--watch is for people and --json for programs; give one of them")
    summary = _asked(campaign, settings or ())
    if reconcile:
        summary["orphans"] = _reconciled(campaign, summary)
    if json:
        emit(summary)
    elif watch is None:
        console().print(_shown(campaign, summary))
    else:
        _watched(campaign, settings or (), summary, every=watch)


def _asked(campaign: Path, settings: Sequence[str]) -> dict[str, Any]:
    from reactal.runner import Campaign

    with Campaign(campaign, settings=settings) as driver:
        following = words_for(driver.next_action())
        return {**driver.summary(), "next": following, "events": driver.state.events, "driver": driver.at_work}


def _reconciled(campaign: Path, summary: Mapping[str, Any]) -> list[str]:
    """The flow runs that were marked; none where somebody drives the campaign, whose run is rightly running."""
    from reactal.cli.homes import reactal_folder
    from reactal.errors import InputError
    from reactal.runner import Campaign

    if (driver := summary["driver"]) is not None:
        announce(f"process {driver['pid']} on {driver['host']} drives the campaign; its run is left as it is")
        return []
    from flows.server import client_environment, configured_url, published_url, using

    folder = reactal_folder(campaign)
    api = configured_url() or published_url(folder / "prefect")
    if api is None:
        raise InputError("no Prefect server answers; set PREFECT_API_URL, or start one with `reactal up` for the same campaign")
    with Campaign(campaign) as opened:
        store, name = opened.config.store, opened.config.name
    with using(api, client_environment(folder / "prefect")):
        from flows.reconciling import crash_orphans

        marked = crash_orphans(store=store, name=name, why=f"`reactal run {campaign}` goes on from the journal")
    announce(f"marked as crashed: {', '.join(marked)}" if marked else "Prefect and the journal agree")
    return marked


def _shown(campaign: Path, summary: Mapping[str, Any]) -> RenderableType:
    from reactal.cli.verdict import verdict

    return verdict(summary, file=campaign, following=summary["next"])


def _watched(campaign: Path, settings: Sequence[str], summary: Mapping[str, Any], *, every: float) -> None:
    """On a terminal one picture that changes; into a file one more whenever something has happened."""
    import time

    from rich.live import Live

    screen, seen = console(), None
    with Live(_shown(campaign, summary), console=screen, auto_refresh=False) if screen.is_terminal else nullcontext() as live:
        while True:
            news = summary["events"], (summary["driver"] or {}).get("batch_done")
            if live is not None:
                live.update(_shown(campaign, summary), refresh=True)
            elif news != seen:
                screen.print(_shown(campaign, summary))
            if summary["verdict"] not in ("running", "paused", "waiting"):
                return
            seen = news
            time.sleep(every)
            summary = _asked(campaign, settings)


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
        case Wait(reason=reason, approval=True):
            return f"nothing: waits for approval ({reason})"
        case Wait(reason=reason):
            return f"nothing: paused ({reason})"
        case Done():
            return "nothing: it is done"
