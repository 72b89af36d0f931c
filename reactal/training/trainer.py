"""Lightning's Trainer, as bare as it can be or with what was asked of it."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as lightning
from pytorch_lightning.profilers import SimpleProfiler

from reactal.training.settings import TrainerWords

__all__ = ["BARE", "lightning_trainer", "where_time_went"]

BARE = TrainerWords()  # nothing is asked of it
MOST = 5  # actions that are told


def lightning_trainer(words: TrainerWords) -> lightning.Trainer:
    """For one epoch of a stream that ends by itself."""
    if words == BARE:
        # no logger, no checkpoints, no bar: they cost more than the training of a small molecule
        return lightning.Trainer(accelerator="cpu", devices=1, max_epochs=1, barebones=True)
    return lightning.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        profiler=None if words.profiler == "none" else SimpleProfiler(),
        detect_anomaly=words.detect_anomaly,
    )


def where_time_went(trainer: lightning.Trainer) -> tuple[str, ...]:
    """The longest actions in a sentence, where the trainer was told to watch them."""
    profiler: Any = trainer.profiler  # type: ignore[attr-defined]
    if not isinstance(profiler, SimpleProfiler):
        return ()
    spent = {name: sum(times) for name, times in profiler.recorded_durations.items()}
    longest = sorted(spent, key=lambda name: -spent[name])[:MOST]
    return ("time: " + ", ".join(f"{name.rpartition(']')[2]} {spent[name]:.2f} s" for name in longest),)
