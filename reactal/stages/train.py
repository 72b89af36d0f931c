"""The committee trained on the newest dataset version."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reactal.campaign.decide import focused
from reactal.campaign.events import Trained
from reactal.campaign.state import CampaignState
from reactal.chem import Frames
from reactal.config import CampaignConfig
from reactal.errors import ConfigError
from reactal.labeling.quality import weighted
from reactal.stages.absurd import absurd_rows
from reactal.stages.bench import Bench
from reactal.stages.label import MODE, SADDLE
from reactal.training.settings import Continual, TrainerWords, TrainingSettings

if TYPE_CHECKING:
    from reactal.potentials.architecture import Architecture
    from reactal.training.checkpoint import CheckpointPlace

__all__ = ["train", "training_settings"]

NEAR_SADDLE = (SADDLE, MODE, "near saddle")


def training_settings(config: CampaignConfig, *, baseline: str) -> TrainingSettings:
    """The campaign file's words in the trainer's; `baseline` as it was settled."""
    from reactal.potentials.baseline import Baseline

    rule = config.training
    return TrainingSettings(
        architecture=_architecture(config),
        baseline=None if baseline == "none" else Baseline(baseline),
        steps_first=rule.steps_first,
        steps_warm=rule.steps_warm,
        learning_rate_first=rule.learning_rate,
        learning_rate_warm=rule.learning_rate_warm,
        weight_decay=rule.weight_decay,
        gradient_clip=rule.clip,
        ema_decay=rule.ema,
        batch=rule.batch,
        energy_weight=rule.energy_weight,
        force_weight=rule.force_weight,
        force_scale=rule.force_scale,
        loss="huber" if rule.loss == "huber" else "squared",
        huber_energy=rule.huber_energy,
        huber_force=rule.huber_force,
        validation_share=rule.validation_share,
        continual=Continual(rule.continual, rule.replay_share, rule.replay_buffer, rule.ewc_strength),
        transfer=rule.transfer,
        adapter_rank=rule.adapter_rank,
        representation_rate=rule.representation_rate,
        trainer=TrainerWords(**rule.trainer.model_dump()),
        checkpoint_steps=rule.checkpoint_steps,
        processes=rule.processes,
        stacked=rule.stacked,
        compile_from=rule.compile_from,
        buckets=rule.buckets,
        stream_from=rule.stream_from,
        device=config.resources.device,
    )


def _architecture(config: CampaignConfig) -> Architecture:
    from reactal.potentials.architecture import Architecture

    model, rule = config.model, config.training
    evidential, noisy = model.committee == "evidential", rule.loss == "heteroscedastic"
    if evidential and noisy:
        raise ConfigError("an evidential model learns noise as it is; write another training.loss than heteroscedastic")
    if rule.batch < model.heads:
        raise ConfigError(
            f"the {model.heads} heads of a {model.committee} committee need batches of as many; "
            f"write training.batch: {model.heads} or more"
        )
    return Architecture(
        kind=model.kind,
        features=model.features,
        interactions=model.interactions,
        cutoff=model.cutoff,
        states=model.states,
        heads=model.heads,
        dropout=model.dropout if model.committee == "dropout" else 0.0,
        says="evidence" if evidential else "noise" if noisy else "energy",
    )


def train(bench: Bench, state: CampaignState, *, iteration: int) -> Trained:
    """From the weights that `_starts` names; the seeds follow from campaign, iteration and member."""
    from reactal.potentials.export import save_committee
    from reactal.training.committee import assemble, jobs, streamed, train_committee
    from reactal.training.seeds import derive_seed

    config = bench.config
    rows = _rows(bench, state)
    bench.progress.begin(f"train {iteration}", total=config.model.networks)
    seeds = [derive_seed(config.seed, "train", iteration, member) for member in range(config.model.networks)]
    settings, warm = _starts(bench, state, rows, iteration=iteration)
    with streamed(rows, settings, place=_place(config, "training", iteration)) as taught:
        work = jobs(taught, settings, seeds=seeds, warm_starts=warm, checkpoints=_checkpoints(config, iteration))
        members = train_committee(work, submit=bench.submit())
    about = {
        "campaign": config.name,
        "iteration": iteration,
        "dataset": state.dataset,
        "theory": bench.theory.as_json(),
        "charge": config.charge,
        "multiplicity": config.multiplicity,
        **_start_of(config, rows),
    }
    event = Trained(
        iteration=iteration,
        dataset=state.dataset,
        rows=len(rows),
        model=bench.models.put(save_committee(assemble(members, **about))),
        force_mae=tuple(error for member in members for error in member.best.heads or (member.best.force_mae,)),
        curves=tuple(tuple((p.step, p.validation_loss) for p in member.curve) for member in members),
        restarts=sum(member.restarts for member in members),
    )
    known = [value for value in event.force_mae if np.isfinite(value)]
    held = f", held-out force MAE {np.mean(known):.3f} eV/A" if known else ""
    notes = "".join(f"; member {number}: {note}" for number, member in enumerate(members) for note in member.notes)
    bench.progress.end(f"{len(members)} members on {len(rows)} labels{held}{notes}")
    return event


def _starts(bench: Bench, state: CampaignState, rows: Frames, *, iteration: int) -> tuple[TrainingSettings, list[bytes]]:
    """How the members are trained, and the weights they start from: the last committee's, where there is one and this is no
    round to train from scratch; else those of the model that the campaign starts from, if any."""
    from reactal.potentials.export import read_committee
    from reactal.training.transfer import starts_from

    rule = bench.config.training
    assert state.seeded is not None
    settings = training_settings(bench.config, baseline=state.seeded.baseline)
    if state.trained is not None and not (rule.scratch_every and iteration % rule.scratch_every == 0):
        before = bench.models.get(state.trained.model)
        warm = [before[name] for name in sorted(before) if name.endswith(".safetensors")]
        return replace(settings, transfer="full") if rule.transfer == "gradual" else settings, warm
    if rule.start_from is None:
        return settings, []
    settings = settings.for_transfer()
    return settings, starts_from(read_committee(rule.start_from), rows, settings, members=bench.config.model.networks)


def _start_of(config: CampaignConfig, rows: Frames) -> dict[str, Any]:
    """The model that the campaign starts from, and the states that are known from there, if they are told apart."""
    from reactal.potentials.export import read_committee
    from reactal.potentials.known_states import as_about, known_states

    start = config.training.start_from
    if start is None:
        return {}
    before = known_states(read_committee(start).about) if config.model.states else ()
    return {"start_from": start, **(as_about(rows, before=before) if before else {})}


def _checkpoints(config: CampaignConfig, iteration: int) -> CheckpointPlace | None:
    """Where members that are killed go on from."""
    return _place(config, "checkpoints", iteration) if config.training.checkpoint_steps else None


def _place(config: CampaignConfig, kind: str, iteration: int) -> CheckpointPlace:
    from reactal.training.checkpoint import CheckpointPlace

    return CheckpointPlace(config.store, f"campaigns/{config.name}/{kind}/{iteration}", single_writer=config.single_writer)


def _rows(bench: Bench, state: CampaignState) -> Frames:
    everything = bench.dataset(state.dataset)
    rows = everything[~absurd_rows(everything, bench.config.training)]
    near = bench.config.training.saddle_weight if focused(state, bench.config) else 1.0
    return weighted(rows.with_extra(weight=_weights(rows, near=near)))


def _weights(rows: Frames, *, near: float) -> NDArray[np.float64]:
    return np.where(np.isin(rows.extra["role"], NEAR_SADDLE), near, 1.0)
