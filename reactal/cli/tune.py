"""`reactal tune`: settings of model and training that suit a data set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reactal.cli.output import JsonOption, emit, say
from reactal.cli.stores import DEFAULT_STORE, StoreOption

if TYPE_CHECKING:
    from reactal.training.tuning import Candidate

__all__ = ["tune"]

TUNED = "tuned.yaml"


def tune(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="NAME or NAME@VERSION in the store, or any file ASE reads.")],
    out: Annotated[Path, typer.Option(help="Folder for the study, which the same command goes on with, and tuned.yaml.")],
    trials: Annotated[int, typer.Option(min=1, help="Settings to try in all, those of earlier calls counted.")] = 30,
    minutes: Annotated[float | None, typer.Option(min=0.1, help="Begin no further trial after so long.")] = None,
    splits: Annotated[int, typer.Option(min=1, help="Trainings of a trial, each with another fifth of the labels held out.")] = 2,
    finalists: Annotated[int, typer.Option(min=1, help="The best so many, and the start, are trained again")] = 3,
    repeats: Annotated[int, typer.Option(min=1, help="on so many splits that the search has not seen.")] = 3,
    steps: Annotated[int | None, typer.Option(min=1, help="Optimiser steps of each training.")] = None,
    campaign: Annotated[Path | None, typer.Option(help="Start from the settings of this campaign file.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Every random number follows from it.")] = 0,
    store: StoreOption = DEFAULT_STORE,
    json: JsonOption = False,
) -> None:
    """Search settings of model and training by the force errors that they leave.

    The best few and the settings to start from are judged again on fresh splits: what wins there is worth using in a campaign.

    [bold]Examples[/bold]

      reactal tune sn2-chloride@4 --out tuning --store sn2/.reactal/store

      reactal tune labelled.extxyz --out tuning --trials 60 --minutes 120 --steps 1000
    """
    from reactal.cli.progress import progress
    from reactal.cli.references import labelled_frames
    from reactal.cli.train import settings_of_campaign
    from reactal.labeling.quality import weighted

    frames = weighted(labelled_frames(dataset, store))

    from reactal.training.settings import TrainingSettings
    from reactal.training.tuning import Search, tune

    settings = TrainingSettings() if campaign is None else settings_of_campaign(campaign, frames)[0]
    settings = settings if steps is None else replace(settings, steps_first=steps)
    search = Search(trials, minutes, splits, finalists, repeats, seed)
    with progress() as shown:
        shown.begin("tune", total=trials)
        judged = tune(
            frames,
            settings,
            search,
            folder=out,
            told=lambda done, best: shown.update(done, {} if best is None else {"eV/Å": round(best, 4)}),
        )
        shown.end(f"{len(judged)} judged on {repeats} fresh splits each")
    text = _yaml(judged)
    (out / TUNED).write_text(text, encoding="utf-8")
    if json:
        emit({"rows": len(frames), "judged": [_listed(one) for one in judged], "won": _winner(judged), "out": out / TUNED})
    else:
        say(text + f"# written to {out / TUNED}")


def _winner(judged: list[Candidate]) -> str:
    """`searched` where the best is better than the start by more than the noise of the two, else `start`."""
    best, start = judged[0], judged[-1]
    noise = (best.standard_error**2 + start.standard_error**2) ** 0.5
    return "searched" if len(judged) > 1 and start.mean - best.mean > noise else "start"


def _yaml(judged: list[Candidate]) -> str:
    """The sections that won, below what is known of them."""
    import yaml

    from reactal.training.knobs import as_sections

    best, start = judged[0], judged[-1]
    told = [
        f"# force error of the best settings found {_figure(best)}, of those to start from {_figure(start)},",
        f"# each on {len(start.errors)} splits that the search has not seen",
    ]
    if _winner(judged) == "start":
        told.append("# nothing was found that is better by more than the noise: these are the settings to start from")
        best = start
    return "\n".join([*told, yaml.safe_dump(as_sections(best.values), sort_keys=False)])


def _figure(one: Candidate) -> str:
    spread = "" if len(one.errors) == 1 else f" ± {one.standard_error:.4f}"
    return f"{one.mean:.4f}{spread} eV/Å"


def _listed(one: Candidate) -> dict[str, Any]:
    return {"settings": dict(one.values), "force_mae_ev_per_ang": one.mean, "standard_error": one.standard_error}
