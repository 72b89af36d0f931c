"""The saddle of an expensive surface, whose every gradient counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.exploration.mode_following import ModeFollower

__all__ = ["RefinedSaddle", "refine_saddle"]

Floats = NDArray[np.float64]
Gradient = Callable[[Floats], tuple[float, Floats]]

_RETREATS = 5  # half-way back from where there is no number


@final
@dataclass(frozen=True, eq=False)
class RefinedSaddle:
    """A saddle of an expensive surface. trajectory (k, N, 3): every geometry whose gradient was asked for. `refused`: why it
    ended without a number; None if it did not."""

    positions: Floats
    energy: float
    force_max: float
    hessian: Floats
    steps: int
    converged: bool
    trajectory: Floats
    refused: str | None = None


def refine_saddle(
    gradient: Gradient,
    start: Floats,
    hessian: Floats,
    *,
    max_steps: int = 20,
    force_max: float = 0.05,
    mode: Floats | None = None,
    trust: float = 0.1,
) -> RefinedSaddle:
    """The saddle near `start` (N, 3) of an expensive surface, from a cheap Hessian that is updated on the way.

    `gradient` gives energy (eV) and forces (N, 3) and is called at most `max_steps` times.
    """
    follower = ModeFollower(hessian, None if mode is None else mode.reshape(-1), trust=trust, largest=2 * trust)
    place, visited, refused = start.copy(), [start.copy()], None
    energy, forces = gradient(place)
    while len(visited) < max_steps and (refused := _flaw(energy, forces)) is None and _largest(forces) > force_max:
        step = follower.propose(place, -forces.reshape(-1))
        for _ in range(_RETREATS):
            there = place + step.reshape(place.shape)
            visited.append(there)
            found, pulled = gradient(there)
            if _flaw(found, pulled) is None or len(visited) == max_steps:
                break
            step = step / 2
        if (refused := _flaw(found, pulled)) is not None:
            break
        follower.learn(step, (forces - pulled).reshape(-1), found - energy)
        place, energy, forces = there, found, pulled
    return RefinedSaddle(
        positions=place,
        energy=energy,
        force_max=_largest(forces),
        hessian=follower.hessian,
        steps=len(visited),
        converged=refused is None and _largest(forces) <= force_max,
        trajectory=np.asarray(visited),
        refused=refused,
    )


def _flaw(energy: float, forces: Floats) -> str | None:
    return None if np.isfinite(energy) and np.isfinite(forces).all() else "the surface gives no finite energy or force there"


def _largest(forces: Floats) -> float:
    return float(np.linalg.norm(forces.reshape(-1, 3), axis=1).max())
