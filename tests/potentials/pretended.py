"""A device of the tests' own: real numbers, and the rules of a GPU.

Its tensors lie on the CPU and say that they lie elsewhere (`meta`, a device that every build of torch knows). An operation that
takes one of them and a tensor of the CPU is refused, as CUDA refuses it (numbers without dimension may come from the CPU), and so
is `numpy()`. What is made with `device=` that device is one of them. So code that forgets to say where a tensor is to be made
fails here as it would on a GPU, and code that does not gives the CPU's numbers. Graphs are traced there, operation by operation;
the numbers of a replay are no test of anything here, and tests/gpu's to see.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, final

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_flatten, tree_map_only

from reactal.potentials import dense, evaluation
from reactal.training import gradient

__all__ = ["ELSEWHERE", "pretended_device"]

ELSEWHERE = torch.device("meta")


@final
class Elsewhere(torch.Tensor):
    """A tensor of the pretended device."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> Elsewhere:
        return torch.Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            layout=held.layout,
            device=ELSEWHERE,
        )

    def __init__(self, held: torch.Tensor) -> None:
        self.held = held

    def __tensor_flatten__(self) -> tuple[list[str], None]:
        return ["held"], None

    @staticmethod
    def __tensor_unflatten__(inner: dict[str, torch.Tensor], *_: Any) -> Elsewhere:
        return Elsewhere(inner["held"])

    def numpy(self, *_: Any, **__: Any) -> Any:
        raise TypeError("a tensor of the pretended device has no numpy(); take it to the CPU first")

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(func, args, kwargs or {})


def computed(func: Any, args: Any, kwargs: Any, *, most: float = math.inf) -> Any:
    """The operation on what is held; refused where tensors of two devices meet, or a result takes more than `most` bytes."""
    moved = kwargs.get("device")
    tensors = [leaf for leaf in tree_flatten((args, kwargs))[0] if isinstance(leaf, torch.Tensor)]
    there = [tensor for tensor in tensors if isinstance(tensor, Elsewhere)]
    here = [tensor for tensor in tensors if not isinstance(tensor, Elsewhere) and tensor.dim()]
    copies = func in (torch.ops.aten.copy_.default, torch.ops.aten._foreach_copy_.default)
    if there and here and not copies:
        raise RuntimeError(f"{func}: expected all tensors to be on the same device, and found two")
    inside = tree_map_only(Elsewhere, lambda tensor: tensor.held, (args, kwargs))
    if moved is not None and torch.device(moved) == ELSEWHERE:
        inside = (inside[0], {**inside[1], "device": torch.device("cpu")})
    if func is torch.ops.aten.equal.default:  # TorchScript compares constants, and numbers among them arrive as numbers
        inside = (tuple(map(torch.as_tensor, inside[0])), {})
    out = func(*inside[0], **inside[1])
    target = torch.device(moved) if moved is not None else (ELSEWHERE if there else torch.device("cpu"))
    if copies:
        return None if func is torch.ops.aten._foreach_copy_.default else args[0]
    if target != ELSEWHERE:
        return out
    if any(leaf.nbytes > most for leaf in tree_flatten(out)[0] if isinstance(leaf, torch.Tensor)):
        raise torch.OutOfMemoryError("the pretended device is out of memory")
    wrapped = tree_map_only(torch.Tensor, Elsewhere, out)
    return return_and_correct_aliasing(func, args, kwargs, wrapped) if there else wrapped


@final
class Rules(TorchDispatchMode):
    """Makes what is asked for elsewhere. It stands where `FakeTensorMode` does: below what traces, which then sees one operation
    on a tensor of the device, not what that comes to on the CPU."""

    _mode_key = torch._C._TorchDispatchModeKey.FAKE
    shape_env = None

    def __init__(self, most: float) -> None:
        super().__init__()
        self.most = most

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return computed(func, args, kwargs or {}, most=self.most)


@contextmanager
def pretended_device(*, most: float = math.inf) -> Iterator[torch.device]:
    """`ELSEWHERE` is such a device while this lasts, of which no tensor may take more than `most` bytes."""
    before = torch.__future__.get_swap_module_params_on_conversion()
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        with pytest.MonkeyPatch.context() as patch:
            for module in (dense, evaluation, gradient):  # TorchScript folds constants in ways that know nothing of this device
                patch.setattr(module, "replayed", lambda graph, example: graph)
            with Rules(most):
                yield ELSEWHERE
    finally:
        torch.__future__.set_swap_module_params_on_conversion(before)
