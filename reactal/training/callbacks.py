"""What may watch a training, by name: a closed list, since a name in a file must never decide what is imported."""

from __future__ import annotations

import resource
import sys
from collections.abc import Iterable, Sequence
from typing import Any, Protocol, final, runtime_checkable

import pytorch_lightning as lightning
import torch

from reactal.learning import Callback

__all__ = ["GradientNorm", "PeakMemory", "ProgressBar", "callbacks_named", "told_by"]

MIB = 2**20


@runtime_checkable
class Telling(Protocol):
    """A callback that has a sentence to say at the end."""

    def told(self) -> str: ...


@final
class ProgressBar(lightning.Callback):
    """Steps and loss on standard error."""

    def on_train_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        from tqdm import tqdm  # type: ignore[import-untyped]

        self._bar = tqdm(total=pl_module.steps, initial=pl_module.done, unit="step", file=sys.stderr)

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: Any, *_: Any) -> None:
        self._bar.set_postfix(loss=f"{float(torch.as_tensor(pl_module.last_loss).mean()):.4g}", refresh=False)
        self._bar.update(1)

    def on_train_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        self._bar.close()

    def on_exception(self, trainer: lightning.Trainer, pl_module: Any, exception: BaseException) -> None:
        self._bar.close()


@final
class GradientNorm(lightning.Callback):
    """How long gradients were before they were clipped; of a stack each member's."""

    def __init__(self) -> None:
        self._norms: list[torch.Tensor] = []
        self._most = 0.0

    def on_train_batch_end(self, trainer: lightning.Trainer, pl_module: Any, *_: Any) -> None:
        self._norms.append(pl_module.gradient_norm)
        self._most = pl_module.settings.gradient_clip

    def told(self) -> str:
        norms = torch.stack(self._norms).double().cpu().flatten()
        clipped = float((norms > self._most).double().mean())
        middle, largest = float(norms.median()), float(norms.max())
        return f"gradient norm: median {middle:.3g}, largest {largest:.3g}, {clipped:.0%} of the steps clipped to {self._most:g}"


@final
class PeakMemory(lightning.Callback):
    """Of the GPU what this training held at most; on the CPU what this process ever held."""

    def on_train_start(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        self._device = next(pl_module.parameters()).device
        if self._device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self._device)

    def told(self) -> str:
        if self._device.type == "cuda":
            return f"peak memory: {torch.cuda.max_memory_allocated(self._device) / MIB:.0f} MiB of {self._device}"
        unit = 1 if sys.platform == "darwin" else 1024
        return f"peak memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB:.0f} MiB of this process"


_BY_NAME: dict[Callback, type[lightning.Callback]] = {
    "progress_bar": ProgressBar,
    "gradient_norm": GradientNorm,
    "peak_memory": PeakMemory,
}


def callbacks_named(names: Iterable[Callback]) -> list[lightning.Callback]:
    """New ones, each once."""
    return [_BY_NAME[name]() for name in dict.fromkeys(names)]


def told_by(callbacks: Sequence[object]) -> tuple[str, ...]:
    return tuple(callback.told() for callback in callbacks if isinstance(callback, Telling))
