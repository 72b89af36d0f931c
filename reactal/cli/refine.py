"""`reactal refine`, `inbox` and `champion`: what a finished campaign does by night, and what people say to it by day."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reactal.cli.output import JsonOption, SetOption, emit, say

if TYPE_CHECKING:
    from reactal.refinement.champions import Champion
    from reactal.refinement.plan import Tonight

__all__ = ["app", "champion", "refine"]

CampaignFile = Annotated[Path, typer.Argument(metavar="CAMPAIGN.yaml", help="The campaign file.")]

app = typer.Typer(name="inbox", help="New structures and production trajectories, for the next night.", no_args_is_help=True)


def refine(
    campaign: CampaignFile,
    settings: SetOption = None,
    labels: Annotated[int, typer.Option(min=0, help="Labels at most, tests included.")] = 40,
    core_hours: Annotated[float | None, typer.Option(help="Of labels, at most.")] = None,
    money: Annotated[float | None, typer.Option(help="For labels, at budget.price_per_core_hour, at most.")] = None,
    until: Annotated[str | None, typer.Option(metavar="HH:MM", help="No label is begun after this time of day.")] = None,
    night: Annotated[str | None, typer.Option(metavar="NAME", help="Its name; without it today's date.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Any other setting of a night, as in --option test_share=0.3; repeatable."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """One night of refinement: label what came in, teach a challenger, promote it if it is better.

    The campaign is finished. Its champion is measured on the inbox and looks for its own weak spots.

    What is worth it is labelled within tonight's budget, and a challenger learns from it.

    Both are held against tests that neither was trained on; the report says who won and why.

    Stop it when you like, even by kill -9: the same command goes on where it was. Exit code 1 where it had to halt.

    A webhook in REACTAL_WEBHOOK_URL hears of promotions, halts and failures.

    [bold]Examples[/bold]

      reactal inbox add sn2/campaign.yaml production.traj --kind trajectory

      reactal refine sn2/campaign.yaml --labels 60 --until 06:00
    """
    from reactal.cli.interrupts import stoppable
    from reactal.cli.progress import progress
    from reactal.cli.run import show_only_ours
    from reactal.night import Night
    from reactal.refinement.notices import webhook_of_environment

    plan = _plan(option or [], labels=labels, core_hours=core_hours, money=money, until=until)
    show_only_ours()
    with (
        progress() as shown,
        Night(
            campaign, settings=settings or (), plan=plan, name=night, progress=shown, notifier=webhook_of_environment()
        ) as driver,
        stoppable(),
    ):
        summary = driver.run()
    if json:
        emit(summary)
    else:
        say(f"{summary['campaign']}, night {summary['night']}: {summary['verdict']}; {summary['why']}")
        say(f"{summary['labels']} labels; champion {summary['champion'][:12]}; report {summary['report']}")
    if summary["verdict"] == "halted":
        raise typer.Exit(1)


def champion(
    campaign: CampaignFile,
    settings: SetOption = None,
    rollback: Annotated[bool, typer.Option("--rollback", help="The champion before this one is champion again.")] = False,
    json: JsonOption = False,
) -> None:
    """Which model is in use, and which were before; or one step back.

    [bold]Example[/bold]: reactal champion sn2/campaign.yaml --rollback
    """
    from reactal.errors import InputError
    from reactal.night import Night

    with Night(campaign, settings=settings or ()) as driver:
        if rollback:
            driver.roll_back()
        history = driver.champions()
        if not history:
            raise InputError(f"campaign {driver.config.name} has no model yet; run it first")
        if json:
            emit({"campaign": driver.config.name, "champion": history[-1].model, "history": [_row(one) for one in history]})
            return
        for one in history[:-1]:
            say(f"  {one.model[:12]}  {one.since or '-':25}  {one.why}")
        say(f"* {history[-1].model[:12]}  {history[-1].since or '-':25}  {history[-1].why}")


@app.command()
def add(
    campaign: CampaignFile,
    frames: Annotated[list[Path], typer.Argument(metavar="FRAMES...", help="Geometries in any format that ASE reads.")],
    kind: Annotated[
        str, typer.Option(help="structures: each is a candidate; trajectory: frames outside the trust region are.")
    ] = "structures",
    json: JsonOption = False,
) -> None:
    """Drop structures or a production trajectory in, for the next night to look at.

    [bold]Example[/bold]: reactal inbox add sn2/campaign.yaml md.traj --kind trajectory
    """
    from reactal.assembly import Workshop
    from reactal.chem.convert import read_frames
    from reactal.config import load_config
    from reactal.errors import InputError
    from reactal.night import now_here
    from reactal.progress import NoProgress
    from reactal.refinement.inbox import Inbox, Kind, check_atoms

    if kind not in tuple(Kind):
        raise InputError(f"--kind {kind} is not known; write structures or trajectory")
    config = load_config(campaign)
    reactant, _ = config.ends
    read = [(file, read_frames(file, charge=config.charge, multiplicity=config.multiplicity)) for file in frames]
    for file, found in read:
        check_atoms(found, reactant, file=file.name)
    workshop = Workshop(config, progress=NoProgress())
    inbox, now = Inbox(workshop.objects, config.name), now_here().isoformat(timespec="seconds")
    entries = [inbox.add(found, kind=Kind(kind), file=file.name, added=now) for file, found in read]
    workshop.close()
    if json:
        emit({"campaign": config.name, "added": [{"name": e.name, "file": e.file, "frames": e.frames} for e in entries]})
        return
    for entry in entries:
        say(f"{config.name}: {entry.frames} frames of {entry.file} as {entry.kind}")


@app.command("ls")
def show(campaign: CampaignFile, json: JsonOption = False) -> None:
    """What lies in the inbox, the oldest first.

    [bold]Example[/bold]: reactal inbox ls sn2/campaign.yaml
    """
    from reactal.assembly import Workshop
    from reactal.config import load_config
    from reactal.progress import NoProgress
    from reactal.refinement.inbox import Inbox

    config = load_config(campaign)
    workshop = Workshop(config, progress=NoProgress())
    entries = Inbox(workshop.objects, config.name).entries()
    workshop.close()
    if json:
        rows = [{"name": e.name, "kind": str(e.kind), "file": e.file, "frames": e.frames, "added": e.added} for e in entries]
        emit({"campaign": config.name, "entries": rows})
        return
    for entry in entries:
        say(f"{entry.added}  {entry.kind:10}  {entry.frames:6d} frames  {entry.file}")
    if not entries:
        say(f"{config.name}: the inbox is empty; `reactal inbox add {campaign} FRAMES` drops something in")


def _plan(options: list[str], **given: Any) -> Tonight:
    from pydantic import ValidationError

    from reactal.errors import InputError
    from reactal.refinement.plan import Tonight

    for option in options:
        key, equals, value = option.partition("=")
        if not equals or key not in Tonight.model_fields:
            raise InputError(f"--option {option} names no setting of a night; there are {', '.join(Tonight.model_fields)}")
        given[key] = value
    try:
        return Tonight.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where, said = ".".join(str(part) for part in first["loc"]), first["msg"]
        raise InputError(f"{where} of tonight's plan cannot be {first['input']!r}: {said}") from error


def _row(one: Champion) -> dict[str, str]:
    return {"model": one.model, "why": one.why, "since": one.since}
