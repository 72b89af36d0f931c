"""`reactal run`: start a campaign, go on with it, or find that it is done."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reactal.cli.output import JsonOption, SetOption, announce, console, emit

if TYPE_CHECKING:
    from reactal.progress import Progress
    from reactal.runner import Campaign

__all__ = ["Engine", "run", "show_only_ours"]

WAITING = 3  # exit code: a person has to approve first


class Engine(StrEnum):
    """What calls the campaign's actions."""

    PREFECT = "prefect"
    INPROCESS = "inprocess"


def run(
    campaign: Annotated[Path, typer.Argument(metavar="CAMPAIGN.yaml", help="The campaign file; `reactal init` writes one.")],
    settings: SetOption = None,
    engine: Annotated[Engine, typer.Option(help="prefect: with retries and a page to watch; inprocess: nothing but Python.")] = (
        Engine.PREFECT
    ),
    amend: Annotated[
        str | None, typer.Option(metavar="REASON", help="Take the file's changed science over, and say why.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Start a campaign, go on with it, or find that it is done.

    Stop it whenever you like, even by kill -9: the same command goes on where it was, and no label is paid for twice.
    Exit code 0 for any outcome with evidence, 1 where the campaign had to halt, 3 where it waits for
    `reactal approve` (budget.approve_above).

    [bold]Examples[/bold]

      reactal run examples/sn2-chloride/campaign.yaml

      reactal run sn2/campaign.yaml --set budget.labels=50 --set resources.slots=8

      reactal run sn2/campaign.yaml --json > result.json
    """
    from reactal.cli.interrupts import stoppable
    from reactal.cli.progress import progress
    from reactal.cli.verdict import verdict
    from reactal.runner import Campaign

    show_only_ours()
    # stoppable is innermost, so that a stop does not stop the campaign's own closing
    with progress() as shown, Campaign(campaign, settings=settings or (), progress=shown) as driver, stoppable():
        if amend is not None:
            driver.amend(amend)
        driver.refuse_other_science()
        shown.expect(_labels_left(driver))
        summary = _until_done(driver, campaign, settings or (), engine)
        driver.close()  # its slots are free for the legs
        summary |= _leg_by_leg(summary, campaign, settings or (), engine, shown)
    if json:
        emit(summary)
    else:
        console().print(verdict(summary, file=campaign))
    if summary["verdict"] == "halted":
        raise typer.Exit(1)
    if summary["verdict"] == "waiting":
        (why,) = summary["evidence"]
        announce(f"{driver.config.name} waits for approval: {why}; `reactal approve {campaign}`, then run it again")
        raise typer.Exit(WAITING)


def show_only_ours() -> None:
    """The campaign's own progress is what a terminal shows; Prefect's records go to its server, failures to the journal."""
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    quiet = dict.fromkeys(("distributed", "distributed.client", "tornado", "tornado.application", "asyncio"), "critical")
    os.environ.setdefault("DASK_LOGGING", repr(quiet))


def _until_done(driver: Campaign, file: Path, settings: Sequence[str], engine: Engine) -> dict[str, Any]:
    from reactal.campaign.decide import Done, Wait

    if isinstance(driver.next_action(), Done | Wait):
        if driver.summary()["verdict"] != "waiting":  # which is said at the end
            announce(f"{driver.config.name}: nothing left to do")
        return driver.run()
    driver.begin()  # finds what is wrong before a server starts
    if engine is Engine.INPROCESS:
        return driver.run()
    from reactal.cli.engine import run_flow

    return run_flow(driver, file, settings)


def _leg_by_leg(summary: dict[str, Any], file: Path, settings: Sequence[str], engine: Engine, shown: Progress) -> dict[str, Any]:
    """The legs of a stepwise reaction, one after the other; what is new in its summary then."""
    from reactal.legs import run_legs
    from reactal.runner import Campaign

    if summary["verdict"] != "stepwise":
        return {}

    def drive(leg: Campaign, of_leg: Path) -> None:
        announce(f"leg by leg: {leg.config.name}")
        _until_done(leg, of_leg, (), engine)

    if not run_legs(file, settings, drive, progress=shown):
        return {}
    with Campaign(file, settings=settings) as whole:
        return {name: value for name, value in whole.summary().items() if name in ("legs", "profile", "report")}


def _labels_left(driver: Campaign) -> int:
    from reactal.campaign.budget import remaining

    return remaining(driver.state, driver.config).labels
