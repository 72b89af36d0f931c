"""`reactal train`: a committee from a data set or any file of labelled geometries."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from reactal.cli.output import JsonOption, emit, say
from reactal.cli.potentials import DeviceOption
from reactal.cli.stores import DEFAULT_STORE, StoreOption
from reactal.errors import InputError

if TYPE_CHECKING:
    from reactal.chem import Frames
    from reactal.potentials.committee import Committee
    from reactal.training.member import TrainedMember
    from reactal.training.settings import TrainingSettings
    from reactal.training.shards import StoredRows

__all__ = ["settings_of_campaign", "train"]

CHECKPOINTS = "checkpoints"  # a folder beside the model, while it is trained
COVERAGE = 0.9  # of the bound on the force error that the held-out labels give


CommitteeOption = Annotated[
    str | None,
    typer.Option(help="full, or one network with its doubt in itself: shared (heads), dropout (masks of a head) or evidential."),
]
TransferOption = Annotated[
    str | None,
    typer.Option(help="With --from: full, features (the representation stays), gradual (freed by layers) or adapters."),
]
CheckpointsOption = Annotated[
    int, typer.Option(min=0, help="Keep the state after so many steps: the same command goes on from there when killed.")
]


def train(
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="NAME or NAME@VERSION in the store, or any file ASE reads.")],
    out: Annotated[Path, typer.Option(help="Folder for the model.")],
    members: Annotated[int, typer.Option(min=1, help="Networks in the committee; their disagreement is the doubt.")] = 4,
    steps: Annotated[int | None, typer.Option(min=1, help="Optimiser steps of each member.")] = None,
    hold_out: Annotated[float, typer.Option(min=0.0, max=0.5, help="Share kept out, for the errors and the trust region.")] = 0.1,
    start: Annotated[str | None, typer.Option("--from", help="Start from this model: a folder, or its URL in a store.")] = None,
    transfer: TransferOption = None,
    committee: CommitteeOption = None,
    checkpoints: CheckpointsOption = 0,
    campaign: Annotated[Path | None, typer.Option(help="Take model and training settings from this campaign file.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Every random number follows from it.")] = 0,
    store: StoreOption = DEFAULT_STORE,
    device: DeviceOption = None,
    json: JsonOption = False,
) -> None:
    """Train a committee on labelled geometries.

    Some are held out: they tell the errors and how far the committee can be trusted.

    [bold]Examples[/bold]

      reactal train sn2-chloride@4 --out model --store sn2/.reactal/store

      reactal train labelled.extxyz --out model --members 8 --steps 2000

      reactal train small.extxyz --out model --from other-model --transfer gradual

      reactal train labelled.extxyz --out model --committee dropout --members 8 --checkpoints 200
    """
    from reactal.cli.learnt import learnt_from

    if (out / "model.json").exists():
        raise InputError(f"there is a model in {out} already; choose another folder")
    source = learnt_from(dataset, store, hold_out=hold_out, seed=seed, stream_from=_stream_from(campaign), beside=out)
    used, kept_out = source.frames, source.kept_out

    from reactal.potentials.device import device_of
    from reactal.potentials.export import write_committee  # these load torch, which a mistake above need not wait for
    from reactal.potentials.known_states import as_about
    from reactal.training.committee import assemble

    settings, warm, start = _plan(used, campaign, _Wish(members, committee, steps, start, transfer, device))
    settings = replace(settings, checkpoint_steps=checkpoints)
    kept = out / CHECKPOINTS if checkpoints else None
    with source.taught(settings) as rows:
        trained = _train(rows, settings, warm, networks=_networks(settings, members), seed=seed, kept=kept)
    about = {"dataset": dataset, "rows": source.rows, "seed": seed, **({"start_from": start} if start else {})}
    about |= as_about(used, before=_known_before(start) if settings.architecture.states else ())
    errors = _errors(assemble(trained).on(device_of(settings.device)), kept_out)
    write_committee(out, assemble(trained, **about, **errors))
    if kept is not None:
        rmtree(kept)
    summary = {"model": out, "rows": source.rows, "members": members, **errors}
    if json:
        emit(summary)
    else:
        _told(summary, len(kept_out))


def _told(summary: dict[str, Any], kept_out: int) -> None:
    seen = summary.get("held_out", {}).get("force_mae_ev_per_ang")
    said = "" if seen is None else f"; force MAE {seen:.3f} eV/Å on the {kept_out} held out"
    say(
        f"{summary['members']} members trained on {summary['rows']} labels{said}\n"
        f"next: reactal predict {summary['model']} FRAMES --out OUT"
    )


def _stream_from(campaign: Path | None) -> int:
    """Rows; a data set of so many is not held in memory."""
    from reactal.config import defaults, load_config

    return int(defaults()["training"]["stream_from"]) if campaign is None else load_config(campaign).training.stream_from


@final
@dataclass(frozen=True)
class _Wish:
    """What the command line says of the model and its training; it wins over the campaign file."""

    members: int
    committee: str | None
    steps: int | None
    start: str | None
    transfer: str | None
    device: str | None


def _plan(frames: Frames, campaign: Path | None, wish: _Wish) -> tuple[TrainingSettings, list[bytes], str | None]:
    """How to train, the weights to start from, and the model they are of."""
    from reactal.potentials.device import device_of
    from reactal.potentials.export import read_committee
    from reactal.training.settings import TRANSFERS, TrainingSettings
    from reactal.training.transfer import starts_from

    settings, start, model = TrainingSettings(), wish.start, None
    if campaign is not None:
        settings, named = settings_of_campaign(campaign, frames)
        start = start or named
    if wish.device is not None:
        settings = replace(settings, device=wish.device)
    device_of(settings.device)  # refuses before anything is trained
    if start is not None:
        model = read_committee(start)
        if campaign is None:
            settings = replace(settings, architecture=model.architecture, baseline=model.baseline, prior_reach=model.prior.reach)
    if wish.transfer is not None:
        if model is None or wish.transfer not in TRANSFERS:
            raise InputError(
                f"--transfer {wish.transfer}: write one of {', '.join(TRANSFERS)}, and the model to start from with --from"
            )
        settings = replace(settings, transfer=wish.transfer)
    if wish.committee is not None:
        settings = _as_committee(settings, wish)
    settings = settings if wish.steps is None else replace(settings, steps_first=wish.steps)
    if model is None:
        return settings, [], None
    settings = settings.for_transfer()
    return settings, starts_from(model, frames, settings, members=_networks(settings, wish.members)), start


def _as_committee(settings: TrainingSettings, wish: _Wish) -> TrainingSettings:
    """The campaign file's `model.committee` from the command line."""
    from reactal.config import defaults

    one = replace(settings.architecture, heads=1, dropout=0.0, says="energy")
    ways = {
        "full": {},
        "shared": {"heads": wish.members},
        "dropout": {"heads": wish.members, "dropout": defaults()["model"]["dropout"]},
        "evidential": {"says": "evidence"},
    }
    if wish.committee not in ways:
        raise InputError(f"--committee {wish.committee}: write one of {', '.join(ways)}")
    if wish.committee in ("shared", "dropout") and not 2 <= wish.members <= settings.batch:
        raise InputError(f"--committee {wish.committee} has 2 to {settings.batch} members, as many as a batch at most")
    return replace(settings, architecture=replace(one, **ways[wish.committee]))


def _networks(settings: TrainingSettings, members: int) -> int:
    """One that has all the heads, or evidence of its own, is alone."""
    return 1 if settings.architecture.heads > 1 or settings.architecture.says == "evidence" else members


def _known_before(start: str | None) -> frozenset[tuple[int, int]]:
    from reactal.potentials.export import read_committee
    from reactal.potentials.known_states import known_states

    return frozenset() if start is None else known_states(read_committee(start).about)


def settings_of_campaign(file: Path, frames: Frames) -> tuple[TrainingSettings, str | None]:
    """A campaign's way to train, and the model that it starts from."""
    from reactal.config import load_config
    from reactal.stages.baseline import settled_baseline
    from reactal.stages.train import training_settings

    config = load_config(file)
    baseline = settled_baseline(config.training.baseline, config.theory.program, frames)
    return training_settings(config, baseline=baseline), config.training.start_from


def _train(
    frames: Frames | StoredRows, settings: TrainingSettings, warm: list[bytes], *, networks: int, seed: int, kept: Path | None
) -> list[TrainedMember]:
    """One after another. What they kept stays until the model is written: those that were through then are not trained again."""
    from reactal.cli.progress import progress
    from reactal.training.checkpoint import CheckpointPlace
    from reactal.training.committee import jobs, stacks, train_committee
    from reactal.training.member import run_job
    from reactal.training.seeds import derive_seed

    seeds = [derive_seed(seed, "train", member) for member in range(networks)]
    place = None if kept is None else CheckpointPlace(str(kept.resolve()), "members")
    work = jobs(frames, settings, seeds=seeds, warm_starts=warm, checkpoints=place)
    trained = []
    with progress() as shown:
        shown.begin("train", total=networks)
        if stacks(work):
            trained, work = train_committee(work), []
        for job in work:
            trained.append(run_job(job))
            shown.update(len(trained))
        notes = "".join(f"; member {number}: {note}" for number, member in enumerate(trained) for note in member.notes)
        shown.end(f"{networks} network{'' if networks == 1 else 's'} on {len(frames)} labels{notes}")
    return trained


def _errors(committee: Committee, kept_out: Frames) -> dict[str, Any]:
    """What the labels that no member has seen say: errors, and the trust region that follows from them."""
    import numpy as np

    from reactal.uncertainty.calibration import Calibration

    if not len(kept_out):
        return {}
    prediction = committee.predict(kept_out)
    off = prediction.forces - kept_out.forces
    worst = kept_out.per_structure_max(np.linalg.norm(off, axis=1))
    bound = Calibration.fit(prediction.disagreement(kept_out), worst, coverage=COVERAGE)
    held_out = {
        "rows": len(kept_out),
        "force_mae_ev_per_ang": float(np.abs(off).mean()),
        "energy_mae_ev": float(np.abs(prediction.energy - kept_out.energy).mean()),
    }
    return {"held_out": held_out, "calibration": {"coverage": COVERAGE, "points": bound.points, "factor": bound.factor}}
