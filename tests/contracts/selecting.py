"""Candidates with every column, as a committee on a path would give them."""

from __future__ import annotations

import numpy as np

from reactal.selection.base import Candidates, Known

MEMBERS = 4


def candidates_of(n: int, *, seed: int = 0, features: int = 6) -> Candidates:
    rng = np.random.default_rng(seed)
    energies = rng.normal(size=n) + 0.3 * rng.normal(size=(MEMBERS, n))
    latent = rng.normal(size=(n, features)).astype(np.float32)
    return Candidates(
        disagreement=rng.lognormal(-1.5, 0.8, n),
        energy=energies.mean(axis=0),
        energy_spread=energies.std(axis=0),
        member_energies=energies,
        member_outputs=rng.normal(size=(n, MEMBERS, 5)).astype(np.float32),
        features=latent,
        last_layer=latent,
        progress=rng.uniform(size=n),
        cost=rng.uniform(1.0, 3.0, n),
        source=np.full(n, "dynamics"),
    )


def known_of(m: int, *, seed: int = 100, features: int = 6) -> Known:
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(m, features)).astype(np.float32)
    return Known(features=latent, last_layer=latent, energy=rng.normal(size=m))
