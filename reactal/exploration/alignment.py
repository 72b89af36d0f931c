"""Laying one geometry on another (Kabsch, Acta Cryst. A 1976, 32, 922), by proper rotations only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["superpose", "unroll"]

Floats = NDArray[np.float64]


def superpose(mobile: Floats, target: Floats) -> Floats:
    """`mobile` (..., N, 3) moved and turned onto `target` (..., N, 3) with least squared distance; images are never mirrored."""
    centre = target.mean(axis=-2, keepdims=True)
    loose = mobile - mobile.mean(axis=-2, keepdims=True)
    u, _, vt = np.linalg.svd(np.swapaxes(loose, -1, -2) @ (target - centre))
    sign = np.where(np.linalg.det(u @ vt) < 0, -1.0, 1.0)
    u = np.concatenate([u[..., :2], u[..., 2:] * sign[..., None, None]], axis=-1)
    return np.asarray(loose @ (u @ vt) + centre)


def unroll(path: Floats) -> Floats:
    """Each image (n, N, 3) superposed on the one before, so that nothing but the shape changes along the path."""
    out = path.copy()
    for i in range(1, len(out)):
        out[i] = superpose(out[i], out[i - 1])
    return out
