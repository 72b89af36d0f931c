"""A traced step as machine code from Inductor, for long trainings: the same numbers to rounding in about half the time.

Compiling takes some twenty seconds, and a C++ compiler on the machine. Torch keeps in its cache folder what was compiled: later
iterations, other members and other processes find it there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import torch
from torch.fx import GraphModule

__all__ = ["NotCompiled", "compiled"]

Tensors = Sequence[torch.Tensor]
SAME = 1e-5  # of the norm of all that a step gives


class NotCompiled(RuntimeError):
    """This machine cannot compile the step; says why in a line."""


def compiled(graph: GraphModule, example: Tensors) -> Callable[..., Tensors]:
    """The graph for inputs of exactly the example's shapes; raises `NotCompiled`."""
    from torch._inductor import compile as inductor

    loud = logging.getLogger("torch._inductor")
    level = loud.level
    loud.setLevel(logging.CRITICAL)
    try:
        replay: Callable[..., Tensors] = inductor(graph, list(example))
        with torch.no_grad():
            said, right = replay(*example), graph(*example)
    except Exception as error:  # whatever compilers say
        first = next(iter(str(error).strip().splitlines()), "")
        raise NotCompiled(f"{type(error).__name__}: {first}"[:300]) from error
    finally:
        loud.setLevel(level)
    if not _agree(said, right):
        raise NotCompiled("compiled, it gave other numbers")
    return replay


def _agree(said: Tensors, right: Tensors) -> bool:
    """Compilers err: the first answer is held against the one without them."""
    scale = float(torch.cat([tensor.flatten() for tensor in right]).norm())
    return all(torch.allclose(one, other, rtol=0.0, atol=SAME * scale) for one, other in zip(said, right, strict=True))
