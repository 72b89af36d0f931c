"""The challenger: from the champion's weights, on all labels but the tests, with a guard against forgetting."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reactal.campaign.decide import focused
from reactal.chem import Frames
from reactal.labeling.quality import weighted
from reactal.refinement.events import Kept, Opened, Taught
from reactal.refinement.scene import Scene
from reactal.stages.absurd import absurd_rows
from reactal.stages.train import NEAR_SADDLE, training_settings
from reactal.training.settings import Continual, TrainingSettings

__all__ = ["teach"]


def teach(scene: Scene, opened: Opened, kept: Kept) -> Taught:
    """Seeds follow from campaign, night and member, so that a training that is done again gives the same model."""
    from reactal.potentials.export import save_committee
    from reactal.training.checkpoint import CheckpointPlace
    from reactal.training.committee import assemble, jobs, streamed, train_committee
    from reactal.training.seeds import derive_seed

    bench, config = scene.bench, scene.bench.config
    rows = _rows(scene, opened, kept)
    settings, guard = _settings(scene, opened)
    before = bench.models.get(opened.champion)
    warm = [before[name] for name in sorted(before) if name.endswith(".safetensors")]
    bench.progress.begin("teach", total=len(warm))
    seeds = [derive_seed(config.seed, "night", opened.night, member) for member in range(len(warm))]
    place = CheckpointPlace(
        config.store, f"campaigns/{config.name}/nights/{opened.night}/training", single_writer=config.single_writer
    )
    with streamed(rows, settings, place=place) as taught:
        checkpoints = place if config.training.checkpoint_steps else None
        work = jobs(taught, settings, seeds=seeds, warm_starts=warm, checkpoints=checkpoints)
        members = train_committee(work, submit=bench.submit())
    about = {
        **scene.committee(opened.champion).about,
        "campaign": config.name,
        "night": opened.night,
        "dataset": kept.dataset,
        "champion_before": opened.champion,
    }
    model = bench.models.put(save_committee(assemble(members, **about)))
    bench.progress.end(f"{len(members)} members on {len(rows)} labels, {guard}")
    return Taught(model=model, rows=len(rows), guard=guard)


def _rows(scene: Scene, opened: Opened, kept: Kept) -> Frames:
    """No frozen test among them."""
    config = scene.bench.config
    tests = set(scene.tests((*opened.tests, *kept.frozen)).keys())
    rows = scene.bench.dataset(kept.dataset)
    fair = np.asarray([key not in tests for key in rows.keys()], dtype=bool)  # noqa: SIM118 not a mapping
    rows = rows[fair & ~absurd_rows(rows, config.training)]
    near = config.training.saddle_weight if focused(scene.state, config) else 1.0
    return weighted(rows.with_extra(weight=np.where(np.isin(rows.extra["role"], NEAR_SADDLE), near, 1.0)))


def _settings(scene: Scene, opened: Opened) -> tuple[TrainingSettings, str]:
    """The campaign's; where it lets a warm start forget, tonight's share of each batch is old labels."""
    assert scene.state.seeded is not None
    settings = training_settings(scene.bench.config, baseline=scene.state.seeded.baseline)
    if settings.continual.kind == "none":
        settings = replace(settings, continual=Continual("replay", share=opened.plan.replay))
    rule = settings.continual
    said = f"{rule.share:.0%} old labels in each batch" if rule.replayed else f"weights held back with strength {rule.strength:g}"
    return settings, f"{rule.kind}: {said}"
