"""Distances between many vectors, in blocks, so that no matrix of all against all is ever held."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["centred", "lengths", "nearest_squared", "squared"]

BLOCK = 2048

Singles = NDArray[np.float32]


def centred(*parts: Singles) -> tuple[Singles, ...]:
    """The same vectors about their common mean: |a - b|^2 = |a|^2 + |b|^2 - 2ab loses digits where a and b are long."""
    total = sum(len(part) for part in parts)
    mean = sum((part.sum(axis=0, dtype=np.float64) for part in parts if len(part)), 0.0) / max(total, 1)
    single = np.asarray(mean, dtype=np.float32)  # any common shift will do, so its rounding does not matter
    return tuple(part - single if len(part) else part for part in parts)


def lengths(a: Singles) -> Singles:
    """Squared lengths (n,)."""
    return np.asarray(np.einsum("ij,ij->i", a, a))


def squared(a: Singles, b: Singles, *, of_a: Singles | None = None) -> Singles:
    """Squared distances (n, m), never negative; `of_a` are the squared lengths of a where they are known."""
    out: Singles = a @ b.T
    out *= -2.0
    out += (lengths(a) if of_a is None else of_a)[:, None]
    out += lengths(b)[None, :]
    np.maximum(out, 0.0, out=out)
    return out


def nearest_squared(a: Singles, b: Singles) -> Singles:
    """For each row of a the squared distance to its nearest row of b (n,); infinite where b is empty."""
    out = np.full(len(a), np.inf, dtype=np.float32)
    for i in range(0, len(a), BLOCK):
        for j in range(0, len(b), BLOCK):
            found = squared(a[i : i + BLOCK], b[j : j + BLOCK]).min(axis=1)
            np.minimum(out[i : i + BLOCK], found, out=out[i : i + BLOCK])
    return out
