"""Steps of a whole band towards zero force, with no line search: one gradient of all images a step.

Nudged forces derive from no energy, so quasi-Newton memories mislead; following dx/dt = F(x) with an adaptive step does not:
Makri, Ortner, Kermode, J. Chem. Phys. 2019, 150, 094109 (their ode12r). Every image is scaled by a geometric guess of its
stiffness, so that bonds and floppy directions arrive together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.exploration.stiffness import guess_hessian

__all__ = ["BandSteps"]

Floats = NDArray[np.float64]

FLOOR = 10.0  # eV/angstrom², least stiffness: a band is as stiff as its stiffest neighbour
TOLERANCE = 0.1  # angstrom of local error of a step
GROWTH = 2.0  # of the residual; a step that made it grow by more is taken back
SLIDE = 0.5  # of the way to even spacing in a step of one
DECLINE = 0.01  # of the residual for a step of one; less is no progress


@final
class BandSteps:
    """Proposes moves for the inner images (m, N, 3) from the forces on them."""

    def __init__(self, numbers: Sequence[int], images: Floats, *, largest: float) -> None:
        self._inverse = np.stack([np.linalg.inv(guess_hessian(numbers, image, floor=FLOOR)) for image in images])
        self._largest = largest
        self.forget()

    def forget(self) -> None:
        """Start afresh, for the forces are now another function of the positions."""
        self._time = 0.3
        self._last: tuple[Floats, Floats, float] | None = None  # images, scaled forces, residual

    def propose(self, images: Floats, forces: Floats, spacing: Floats) -> Floats:
        """The next move (m, N, 3); no atom moves further than `largest` angstrom.

        forces (m, N, 3) eV/angstrom across the path, spacing (m, N, 3) angstrom along it, as in `BandForces`.
        """
        across = np.einsum("mij,mj->mi", self._inverse, forces.reshape(len(forces), -1)).reshape(forces.shape)
        scaled = across + SLIDE * spacing
        residual = float(np.abs(forces).max())
        if self._last is not None and not self._learn(scaled, residual):
            place, old, _ = self._last
            return self._move(old) + place - images  # back, and less far from there
        self._last = images.copy(), scaled, residual
        return self._move(scaled)

    def _learn(self, scaled: Floats, residual: float) -> bool:
        """Adapt the step to how much the forces turned; False where the last step is to be taken back."""
        assert self._last is not None
        _, old, before = self._last
        change = old - scaled
        error = max(0.5 * self._time * float(np.abs(change).max()), 1e-12)
        by_error = 0.5 * self._time * float(np.sqrt(TOLERANCE / error))
        curvature = float((change * change).sum())
        secant = self._time * float((old * change).sum()) / max(curvature, 1e-12)
        best = min(by_error, secant) if secant > 0 else by_error
        good = residual <= before * (1 - DECLINE * self._time) or (residual <= GROWTH * before and error <= TOLERANCE)
        if good:
            self._time = max(0.25 * self._time, min(4.0 * self._time, best))
        else:
            self._time = max(0.1 * self._time, min(0.25 * self._time, best))
        return good

    def _move(self, scaled: Floats) -> Floats:
        reach = float(np.linalg.norm(scaled, axis=2).max())
        self._time = min(self._time, self._largest / max(reach, 1e-12))
        return np.asarray(self._time * scaled)
