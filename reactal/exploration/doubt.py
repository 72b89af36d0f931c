"""Uncertainty-driven dynamics: towards where the members of a committee disagree.

Kulichenko et al., Nat. Comput. Sci. 3, 230 (2023): E = A (exp(-s² / (N_m N_a B²)) - 1), s² half the sum of squared deviations of
the members' energies, N_m members and N_a atoms. Its slope needs the members' forces and nothing more.
"""

from __future__ import annotations

from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.errors import InputError
from reactal.exploration.moment import Moment
from reactal.potentials.base import Prediction

__all__ = ["Members", "TowardsDoubt"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Members(Protocol):
    """A committee."""

    def members(self, frames: Frames) -> tuple[Floats, Floats]:
        """What each of M members says: energies (M, n) eV and forces (M, A, 3) eV/angstrom."""


@final
class TowardsDoubt:
    """The committee as a `Potential`, and a `Bias` from the same evaluation: it is asked once a step, not twice.

    `depth` A in eV; `width` B in eV for each square root of an atom. To be looked at in every step.
    """

    def __init__(self, committee: Members, *, depth: float = 0.5, width: float = 0.01) -> None:
        if not (depth > 0 and width > 0):
            raise InputError(f"the depth and the width of the bias must be above 0 eV, not {depth} and {width}")
        self._committee, self._depth, self._width = committee, depth, width
        self._last: tuple[Floats, tuple[Floats, Floats]] | None = None

    def predict(self, frames: Frames) -> Prediction:
        energies, forces = self._committee.members(frames)
        self._last = frames.positions, self._of(frames, energies, forces)
        mean = forces.mean(axis=0)
        spread = np.sqrt(np.square(forces - mean).sum(axis=2).mean(axis=0))
        return Prediction(energies.mean(axis=0), mean, energies.std(axis=0), spread)

    def pull(self, frames: Frames, alive: Ints, steps: Ints) -> tuple[Floats, Floats]:
        last = self._last
        if last is not None and last[0].shape == frames.positions.shape and (last[0] == frames.positions).all():
            return last[1]
        return self._of(frames, *self._committee.members(frames))

    def learn(self, now: Moment) -> None:
        """The bias is the committee's, and learns when that is trained."""

    def _of(self, frames: Frames, energies: Floats, forces: Floats) -> tuple[Floats, Floats]:
        away = energies - energies.mean(axis=0)
        lean = forces - forces.mean(axis=0)
        scale = len(energies) * frames.sizes * self._width**2
        well = self._depth * np.exp(-0.5 * np.square(away).sum(axis=0) / scale)
        # the force on s² / 2: minus the sum of (E_i - E) times the slopes' deviations, slopes being minus forces
        towards = (away[:, frames.owner, None] * lean).sum(axis=0)
        return well - self._depth, -(well / scale)[frames.owner][:, None] * towards
