"""How much is evaluated at once: on a GPU as much as fits, which shows when it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, final

import torch

from reactal.errors import OutOfDeviceMemory
from reactal.potentials.device import CPU, give_back, memory_is_short

__all__ = ["Portions"]

Item = TypeVar("Item")


@final
class Portions:
    """`pairs` of atoms at once. Halved, for good, whenever the device has no memory for them."""

    def __init__(self, device: torch.device, *, on_cpu: int, on_gpu: int) -> None:
        self.device = device
        self.pairs = on_cpu if device == CPU else on_gpu

    def fitted(self, evaluate: Callable[[int], Item]) -> Item:
        """What `evaluate` gives when it takes so many pairs at once; asked again with half as many while memory is short."""
        while True:
            try:
                return evaluate(self.pairs)
            except RuntimeError as error:
                if not memory_is_short(error):
                    raise
                if self.pairs == 1:
                    raise OutOfDeviceMemory(
                        f"{self.device} has no memory for a single structure; free some of it, or compute on another device"
                    ) from error
                self.pairs = self.pairs // 2
            give_back(self.device)
