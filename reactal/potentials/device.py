"""Where networks compute: the CPU, or an NVIDIA GPU that torch can use.

Frames and predictions are the CPU's whatever computes them; what is stored knows no device.
"""

from __future__ import annotations

import math
import re
from functools import cache

import torch

from reactal.errors import DeviceUnavailable

__all__ = ["CPU", "device_of", "free_bytes", "give_back", "gpus", "memory_is_short", "sent", "usable_gpus"]

CPU = torch.device("cpu")
KNOWN = re.compile(r"auto|cpu|cuda(:\d+)?")
SHORT = ("out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")


def device_of(wish: str, *, turn: int = 0) -> torch.device:
    """`auto`: a GPU where there is one that computes, else the CPU. Of several GPUs `auto` and `cuda` take number `turn`, and
    begin again after the last. `DeviceUnavailable` where the one asked for is not there."""
    if not KNOWN.fullmatch(wish):
        raise DeviceUnavailable(f"there is no device {wish!r}; write auto, cpu, cuda or cuda:1")
    if wish == "cpu" or (wish == "auto" and not gpus()):
        return CPU
    _, _, number = wish.partition(":")
    if not gpus():
        raise DeviceUnavailable(f"device {wish}: torch {torch.__version__} sees no GPU that it can use here; write auto or cpu")
    place = int(number) if number else turn % gpus()
    if place >= gpus():
        raise DeviceUnavailable(f"device {wish}: the GPUs here are cuda:0 to cuda:{gpus() - 1}; write one of them, or cuda")
    return torch.device("cuda", place)


@cache
def gpus() -> int:
    """How many GPUs there are that compute: an old one can be there and unknown to this build of torch."""
    if not torch.cuda.is_available():
        return 0
    try:
        for place in range(torch.cuda.device_count()):
            torch.ones(1, device=torch.device("cuda", place)).add(1).item()
    except RuntimeError:
        return 0
    return torch.cuda.device_count()


def usable_gpus(wish: str) -> int:
    """How many of this machine's GPUs the wish is for."""
    if wish == "cpu" or not gpus():
        return 0
    return 1 if ":" in wish else gpus()


def sent(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """The tensor itself where it is there already, else a copy; to a GPU by way of pinned memory, so that nobody waits."""
    if tensor.device == device:
        return tensor
    if device.type == "cuda" and tensor.device == CPU:
        return tensor.detach().pin_memory().to(device, non_blocking=True)
    return tensor.detach().to(device)


def free_bytes(device: torch.device) -> float:
    """Of a GPU's memory; of the CPU's there is no telling, and no end."""
    return float(torch.cuda.mem_get_info(device)[0]) if device.type == "cuda" else math.inf


def memory_is_short(error: BaseException) -> bool:
    """Whether a device had no memory left. A replayed trace says so in words, as do libraries that torch calls."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in SHORT)


def give_back(device: torch.device) -> None:
    """What torch holds of a GPU's memory without using it, before less is tried."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
