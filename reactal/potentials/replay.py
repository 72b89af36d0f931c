"""A graph of plain operations, as `make_fx` unrolls them, made quick to call: the same numbers with less bookkeeping.

On the CPU TorchScript replays it. On a GPU its thousand small kernels take less time than launching them one by one, so the
replay is recorded once as a CUDA graph and launched as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, final

import torch
from torch.fx import GraphModule
from torch.jit._fuser import optimized_execution

from reactal.potentials.device import give_back, memory_is_short

__all__ = ["Replay", "replayed"]

Tensors = Sequence[torch.Tensor]
Replay = Callable[..., Tensors]
WARM_UP = 3  # calls before a recording, in which libraries take what memory they need
SAME = 1e-4  # of the norm of all that is said: sums on a GPU are rounded in any order


def replayed(graph: GraphModule, example: Tensors) -> Replay:
    """For arguments of exactly the example's shapes, on its device."""
    script: Replay = torch.jit.freeze(torch.jit.trace(graph, tuple(example), check_trace=False).eval())
    return Recorded(script) if example[-1].device.type == "cuda" else script


@final
class Recorded:
    """A replay as one CUDA graph, recorded when first called. Where it cannot be recorded, or would say something else, the
    replay itself."""

    def __init__(self, script: Replay) -> None:
        self._script = script
        self._refused = False
        self._graph: Any = None
        self._places: list[torch.Tensor] = []
        self._said: Tensors = ()

    def __call__(self, *tensors: torch.Tensor) -> Tensors:
        if self._graph is None and not self._refused:
            self._record(tensors)
        if self._refused:
            return self._plain(tensors)
        return self._launched(tensors)

    def _plain(self, tensors: Tensors) -> Tensors:
        with optimized_execution(False):  # no fusing, which compiles for seconds and rounds otherwise
            return self._script(*tensors)

    def _launched(self, tensors: Tensors) -> Tensors:
        for kind in {place.dtype for place in self._places}:  # one kernel for all tensors of a kind
            pairs = [(place, tensor) for place, tensor in zip(self._places, tensors, strict=True) if place.dtype == kind]
            torch._foreach_copy_([place for place, _ in pairs], [tensor.detach() for _, tensor in pairs])
        self._graph.replay()
        return [tensor.clone() for tensor in self._said]  # the next launch writes there again

    def _record(self, tensors: Tensors) -> None:
        device = tensors[-1].device
        try:
            with torch.cuda.device(device), torch.no_grad():
                right = self._recorded(tensors)
                if not _agree(self._launched(tensors), right):
                    self._refused, self._graph = True, None
        except RuntimeError as error:
            self._refused, self._graph, self._places, self._said = True, None, [], ()
            give_back(device)
            if memory_is_short(error):
                raise

    def _recorded(self, tensors: Tensors) -> Tensors:
        """What is right; and the graph."""
        self._places = [tensor.detach().clone() for tensor in tensors]
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(WARM_UP):
                right = self._plain(self._places)
        torch.cuda.current_stream().wait_stream(beside)
        right = [tensor.clone() for tensor in right]
        self._graph = torch.cuda.CUDAGraph()
        # other threads may send rows to the GPU meanwhile
        with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):
            self._said = self._plain(self._places)
        return right


def _agree(said: Tensors, right: Tensors) -> bool:
    real = [(one, other) for one, other in zip(said, right, strict=True) if one.is_floating_point()]
    scale = float(torch.cat([other.flatten() for _, other in real]).norm())
    return all(torch.allclose(one, other, rtol=0.0, atol=SAME * scale) for one, other in real)
