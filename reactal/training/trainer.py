"""Lightning's Trainer, as bare as it can be or with what was asked of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as lightning
import torch
from pytorch_lightning.profilers import SimpleProfiler

from reactal.potentials.device import CPU
from reactal.training.callbacks import callbacks_named, told_by
from reactal.training.settings import TrainerWords

__all__ = ["BARE", "lightning_trainer", "products", "what_it_tells"]

BARE = TrainerWords()  # nothing is asked of it
MOST = 5  # actions that are told


def lightning_trainer(words: TrainerWords, device: torch.device = CPU) -> lightning.Trainer:
    """For one epoch of a stream that ends by itself, on the device."""
    where: dict[str, Any] = {"accelerator": "cpu", "devices": 1}
    if device != CPU:
        where = {"accelerator": "cuda", "devices": [device.index]}
    if words.profiler == "none" and not words.detect_anomaly and not words.callbacks:
        # no logger, no checkpoints, no bar: they cost more than the training of a small molecule
        return lightning.Trainer(**where, max_epochs=1, barebones=True)
    return lightning.Trainer(
        **where,
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,  # Lightning's writes to standard output
        enable_model_summary=False,
        profiler=None if words.profiler == "none" else SimpleProfiler(),
        detect_anomaly=words.detect_anomaly,
        callbacks=callbacks_named(words.callbacks),
    )


@contextmanager
def products(words: TrainerWords, device: torch.device) -> Iterator[None]:
    """A GPU's products of matrices in TensorFloat-32 while this lasts, if that was asked for."""
    matmul: Any = torch.backends.cuda.matmul
    if words.precision != "tf32" or device == CPU:
        yield
        return
    before = matmul.fp32_precision
    matmul.fp32_precision = "tf32"
    try:
        yield
    finally:
        matmul.fp32_precision = before


def what_it_tells(trainer: lightning.Trainer) -> tuple[str, ...]:
    """What the callbacks have to say, and the longest actions in a sentence where it was told to watch them."""
    told = told_by(trainer.callbacks)  # type: ignore[attr-defined]
    profiler: Any = trainer.profiler  # type: ignore[attr-defined]
    if not isinstance(profiler, SimpleProfiler):
        return told
    spent = {name: sum(times) for name, times in profiler.recorded_durations.items()}
    longest = sorted(spent, key=lambda name: -spent[name])[:MOST]
    return (*told, "time: " + ", ".join(f"{name.rpartition(']')[2]} {spent[name]:.2f} s" for name in longest))
