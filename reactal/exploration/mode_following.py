"""Step by step up one mode and down all others, with a Hessian that learns from every step."""

from __future__ import annotations

from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.exploration.modes import vibrations
from reactal.exploration.quasi_newton import bofill, limited, uphill_step

__all__ = ["ModeFollower", "mode_like"]

Floats = NDArray[np.float64]


@final
class ModeFollower:
    """Step control of mode following: Hessian, mode and trust radius from step to step."""

    def __init__(self, hessian: Floats, mode: Floats | None, *, trust: float, largest: float) -> None:
        self.hessian, self.mode = hessian, mode
        self._trust, self._first, self._largest = trust, trust, largest
        self._forecast = 0.0

    def propose(self, positions: Floats, gradient: Floats) -> Floats:
        """The move (3N,) from positions (N, 3) with gradient (3N,)."""
        values, modes = vibrations(self.hessian, positions)
        follow = 0 if self.mode is None else mode_like(values, modes, self.mode)
        self.mode = modes[follow]
        # uphill on a mode that still curves upwards is a guess: no longer than the first step
        trust = self._trust if values[follow] < 0 else min(self._trust, self._first)
        step = limited(uphill_step(values, modes, gradient, follow), trust)
        self._forecast = float(gradient @ step + 0.5 * step @ self.hessian @ step)
        return step

    def learn(self, step: Floats, change: Floats, rise: float) -> None:
        """What the step did to the gradient (3N,) and to the energy (eV)."""
        self.hessian = bofill(self.hessian, step, change)
        if abs(self._forecast) < 1e-3:  # eV; below it the ratio is rounding
            return
        ratio = rise / self._forecast
        if 0.6 < ratio < 1.5:
            self._trust = min(1.4 * self._trust, self._largest)
        elif ratio < 0.2 or ratio > 2.5:
            self._trust = max(0.5 * self._trust, 0.01)


def mode_like(values: Floats, modes: Floats, wanted: Floats) -> int:
    """The mode most like the wanted one; among soft look-alikes the lower wins, for that is where the saddle is."""
    overlap = np.abs(modes @ wanted)
    alike = np.flatnonzero(overlap > 0.8 * overlap.max())
    return int(alike[np.argmin(values[alike])])
