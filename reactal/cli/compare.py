"""`reactal compare`: which way to choose labels pays, on data that are labelled already."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reactal.cli.output import JsonOption, announce, emit, say
from reactal.cli.run import Engine

if TYPE_CHECKING:
    from reactal.comparison.request import Request
    from reactal.contest import ContestDriver

__all__ = ["compare"]


PoolArgument = Annotated[
    str, typer.Argument(metavar="POOL", help="Labelled geometries: a file, or NAME or NAME@VERSION of a data set in the store.")
]
TestOption = Annotated[
    list[str], typer.Option(help="FILE, or REGION=FILE; repeatable. A column `region` in a file tells regions, too.")
]
StrategiesOption = Annotated[
    str,
    typer.Option(help="Names with commas; random is always there. `campaign`: what a campaign does; else ACQUISITION+CHOOSER."),
]
SeedsOption = Annotated[int, typer.Option(min=1, help="How often everything is done; fewer than 3 give no interval.")]
StartOption = Annotated[int, typer.Option(min=1, help="Labels by lot that all strategies of a seed begin with.")]
TargetOption = Annotated[float | None, typer.Option(help="Force error in eV/Å to count labels until; else random's at the end.")]
CandidatesOption = Annotated[int, typer.Option(min=0, help="Structures that a strategy is shown in a round; 0: all.")]
StepsOption = Annotated[int | None, typer.Option(min=1, help="Optimiser steps of the first round; later ones take half.")]
ScratchOption = Annotated[bool, typer.Option("--scratch", help="Train every round from scratch, not on from the last.")]
CampaignOption = Annotated[Path | None, typer.Option(help="Take model and training settings from this campaign file.")]
ClusterOption = Annotated[str, typer.Option(help="local, none, or the address of a Dask scheduler, tcp://host:port.")]
SlotsOption = Annotated[int, typer.Option(min=0, help="Worker processes of the local cluster; 0: one for each core.")]
TrackingOption = Annotated[str | None, typer.Option(help="MLflow's URI, or none; else a database in the folder.")]
StoreOption = Annotated[str | None, typer.Option(envvar="REACTAL_STORE", help="Where rounds are kept; else in the folder.")]
EngineOption = Annotated[Engine, typer.Option(help="prefect: with retries and a page to watch; inprocess: nothing but Python.")]


def compare(
    pool: PoolArgument,
    test: TestOption,
    out: Annotated[Path, typer.Option(help="Folder for the figure, the table, the numbers, and the finished rounds.")],
    strategies: StrategiesOption = "campaign,disagreement,farthest",
    seeds: SeedsOption = 5,
    start: StartOption = 20,
    batch: Annotated[int, typer.Option(min=1, help="Labels in a round.")] = 20,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds after the start.")] = 4,
    target: TargetOption = None,
    candidates: CandidatesOption = 0,
    members: Annotated[int | None, typer.Option(min=2, help="Networks in the committee.")] = None,
    steps: StepsOption = None,
    scratch: ScratchOption = False,
    campaign: CampaignOption = None,
    cluster: ClusterOption = "local",
    slots: SlotsOption = 0,
    tracking: TrackingOption = None,
    store: StoreOption = None,
    first_seed: Annotated[int, typer.Option(min=0, help="The first of the seeds.")] = 0,
    engine: EngineOption = Engine.PREFECT,
    json: JsonOption = False,
) -> None:
    """Compare ways to choose labels.

    Campaigns on data that are labelled already: every strategy of a seed begins with the same labels, has the same budget and
    the same training. Says how many labels each needs against random choice, with an interval over seeds.

    Stop it whenever you like: the same command goes on, and no round is trained twice. More strategies or seeds can be added.

    [bold]Examples[/bold]

      reactal compare pool.extxyz --test test.extxyz --out compared

      reactal compare md.xyz --test path=irc.xyz --test md=hold.xyz --strategies campaign,ucb,ucb+kdpp --seeds 5 --out compared
    """
    names = tuple(name.strip() for name in strategies.split(",") if name.strip() not in ("", "random")) or ("random",)
    request = _asked(
        pool=pool, tests=tuple(test), out=str(out), strategies=names, seeds=seeds, first_seed=first_seed, start=start,
        batch=batch, rounds=rounds, candidates=candidates, target=target, members=members, steps=steps, scratch=scratch,
        campaign=None if campaign is None else str(campaign), store=store, cluster=cluster, slots=slots, tracking=tracking,
    )  # fmt: skip
    result = _done(request, engine)
    if json:
        emit(result)
    else:
        _tell(result)


def _asked(**given: Any) -> Request:
    from pydantic import ValidationError

    from reactal.comparison.request import Request
    from reactal.errors import InputError

    try:
        return Request(**given)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"--{'-'.join(map(str, first['loc']))}: {first['msg']} (given: {first.get('input')})") from error


def _done(request: Request, engine: Engine) -> dict[str, Any]:
    from reactal.cli.interrupts import stoppable
    from reactal.cli.progress import progress
    from reactal.cli.run import show_only_ours
    from reactal.contest import open_contest

    show_only_ours()
    with progress() as shown, open_contest(request, progress=shown) as driver, stoppable():
        return driver.run() if engine is Engine.INPROCESS else _flow(driver)


def _flow(driver: ContestDriver) -> dict[str, Any]:
    from reactal.cli.engine import prefect_api
    from reactal.cli.interrupts import stoppable

    with prefect_api(driver.folder / ".reactal") as api:
        from flows.compare import compare_flow

        announce(f"Prefect shows it at {api.removesuffix('/api')}")
        with stoppable():
            return compare_flow(driver, meanwhile=stoppable)(driver.request)


def _tell(result: dict[str, Any]) -> None:
    from reactal.comparison.records import ALL

    for verdict in result["verdicts"]:
        if verdict["metric"] == "force_mae" and verdict["strategy"] != verdict["against"]:
            where = "whole test set" if verdict["region"] == ALL else verdict["region"]
            say(f"{where}: {_sentence(verdict)}")
    with suppress(IndexError):
        say(f"written to {result['files'][0]} and beside it")


def _sentence(verdict: dict[str, Any]) -> str:
    from reactal.comparison.curves import Interval
    from reactal.comparison.table import sentence

    return sentence(verdict["strategy"], verdict["against"], Interval(**verdict["labels_ratio"]))
