"""Relaxing a geometry with as few gradients as possible, each asked for and told from outside."""

from __future__ import annotations

from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reactal.chem import Structure
from reactal.exploration.quasi_newton import bfgs, downhill_step, limited
from reactal.exploration.stiffness import guess_hessian

__all__ = ["Relaxation"]

Floats = NDArray[np.float64]

_RISE = 2e-3  # eV; less is noise of the energies, not a bad step
_SMALLEST_TRUST = 0.01  # angstrom


@final
class Relaxation:
    """A minimum search that owns no potential: `tell` the energy (eV) and forces (N, 3) at what it `ask`s for.

    Quasi-Newton from a positive `hessian` (3N, 3N), else a geometric guess of it, with a trust radius; a step that raises
    the energy is taken back, though its gradient is learnt from; one to where nothing finite is known is taken back too.
    Deterministic.
    """

    def __init__(
        self,
        start: Structure,
        *,
        max_steps: int = 15,
        force_max: float = 0.05,
        trust: float = 0.15,
        largest_trust: float = 0.3,
        hessian: Floats | None = None,
    ) -> None:
        self._shape = start.positions.shape
        self._next = start.positions.reshape(-1).copy()
        self._hessian = guess_hessian(start.numbers, start.positions) if hessian is None else hessian
        self._max_steps, self._force_max = max_steps, force_max
        self._trust, self._largest_trust = trust, largest_trust
        self._best: tuple[Floats, float, Floats] | None = None  # place, energy, gradient
        self._pending_fall = 0.0
        self.steps = 0
        self.converged = False

    @property
    def done(self) -> bool:
        return self.converged or self.steps >= self._max_steps

    @property
    def positions(self) -> Floats:
        """The lowest geometry so far (N, 3)."""
        return (self._next if self._best is None else self._best[0]).reshape(self._shape).copy()

    @property
    def force_norm(self) -> float:
        """The largest force on an atom there, eV/angstrom; infinite before the first answer."""
        if self._best is None:
            return float("inf")
        return float(np.linalg.norm(self._best[2].reshape(-1, 3), axis=1).max())

    def ask(self) -> Floats:
        """The geometry (N, 3) whose gradient is wanted next."""
        return self._next.reshape(self._shape).copy()

    def tell(self, energy: float, forces: ArrayLike) -> None:
        """The answer to the last `ask`."""
        gradient = -np.asarray(forces, dtype=np.float64).reshape(-1)
        self.steps += 1
        known = np.isfinite(energy) and bool(np.isfinite(gradient).all())
        if self._best is None:
            if known:
                self._accept(energy, gradient)
            else:
                self.steps = self._max_steps  # nowhere to go back to
            return
        place, lowest, slope = self._best
        step = self._next - place
        if not known:
            self._shorten(step)
            return
        if float(np.linalg.norm(step)) > 1e-8:
            self._hessian = bfgs(self._hessian, step, gradient - slope)
        if energy <= lowest + _RISE:
            self._adapt(energy - lowest)
            self._accept(energy, gradient)
        else:
            self._shorten(step)

    def _shorten(self, step: Floats) -> None:
        """Back to the lowest geometry, and less far."""
        reach = float(np.linalg.norm(step.reshape(-1, 3), axis=1).max())
        self._trust = max(0.4 * reach, _SMALLEST_TRUST)
        self._propose()

    def _accept(self, energy: float, gradient: Floats) -> None:
        self._best = (self._next.copy(), energy, gradient)
        self.converged = self.force_norm <= self._force_max
        self._propose()

    def _adapt(self, fall: float) -> None:
        """Longer steps while the quadratic forecast holds."""
        if self._pending_fall < -_RISE and fall < 0.5 * self._pending_fall:
            self._trust = min(1.5 * self._trust, self._largest_trust)

    def _propose(self) -> None:
        if self._best is None:
            return
        place, _, gradient = self._best
        step = limited(downhill_step(self._hessian, gradient), self._trust)
        self._pending_fall = float(gradient @ step + 0.5 * step @ self._hessian @ step)
        self._next = place + step
