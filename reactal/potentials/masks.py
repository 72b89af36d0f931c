"""Which hidden units of a head each member of a dropout committee has: masks that never change.

Monte Carlo dropout: Gal, Ghahramani, ICML 2016, 1050. Its masks are drawn anew at every step, and an answer then depends on when
it is asked for. Here they are few and fixed, in training and after it, as in Masksembles (Durasov, Bagautdinov, Baque, Fua, CVPR
2021, 13534): the same question has the same answer, and forces are the slope of the energy that goes with them.
"""

from __future__ import annotations

import numpy as np
import torch

__all__ = ["fixed_masks"]

SEED = 1


def fixed_masks(count: int, units: int, *, dropout: float) -> torch.Tensor:
    """(count, units): 0 where the unit is left out, else what makes up for the others.

    Each mask leaves out the same number of units, at least one and never all; together they leave out all alike, as far as that
    divides. They follow from the arguments alone: the raw bits of PCG64 are the same in every version of numpy.
    """
    out = min(max(round(dropout * units), 1), units - 1)
    bits = np.random.PCG64(SEED)
    left = np.zeros(units, dtype=np.int64)  # how often each unit was left out
    masks = np.ones((count, units))
    for mask in masks:
        chosen = np.lexsort((bits.random_raw(units), left))[:out]
        mask[chosen] = 0.0
        left[chosen] += 1
    return torch.from_numpy(masks * units / (units - out))
