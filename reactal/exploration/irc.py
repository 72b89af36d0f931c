"""The intrinsic reaction coordinate: from a saddle down both sides, as a molecule without kinetic energy would fall.

Fukui, Acc. Chem. Res. 1981, 14, 363: dx/ds = -g / |g| in mass-weighted coordinates x = m^1/2 r, whose arc s is given in
u^1/2 angstrom. Each step asks for one gradient. Predictor: the way down the local quadratic surface, solved exactly (Page,
McIver, J. Chem. Phys. 1988, 88, 922). Corrector: the same way once more on the surface interpolated between the quadratic
ones at both ends of the step (Hratchian, Schlegel, ibid. 2004, 120, 9918). Hessians come from the saddle and are updated.
All sides of all saddles share their calls of the potential.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames, Structure
from reactal.exploration.bonds import bonds
from reactal.exploration.descent import Descent
from reactal.exploration.modes import masses_of, rigid_motions, vibrations
from reactal.exploration.quasi_newton import bofill
from reactal.exploration.relax import Relaxation
from reactal.exploration.saddle import SaddlePoint
from reactal.potentials.base import Potential

__all__ = ["IntrinsicSide", "IrcSettings", "follow_irc", "follow_ircs"]

Floats = NDArray[np.float64]

_PIECES = 48  # of the corrector's way along one step
_TIMES = 400  # at which the predictor's way is looked at


@final
@dataclass(frozen=True)
class IrcSettings:
    """How far apart the points are, and when a side has arrived."""

    step: float = 0.1  # u^1/2 angstrom of arc from point to point
    max_steps: int = 400  # on each side
    force_max: float = 0.05  # eV/angstrom at which a side has arrived
    level: float = 0.3  # eV/(u^1/2 angstrom): from a smaller slope on, a rise of the energy means that the floor was crossed
    finish_steps: int = 60  # of a relaxation from there, for a path that crosses the floor has no end of its own


@final
@dataclass(frozen=True, eq=False)
class IntrinsicSide:
    """One side. positions (k, N, 3) angstrom from the saddle down, energies (k,) eV, arc (k,) u^1/2 angstrom from the saddle.

    `end` is where a relaxation from the last point came to rest, `arrived` whether it did; `ended` says why the path stops.
    """

    positions: Floats
    energies: Floats
    arc: Floats
    end: Floats
    force_max: float
    disagreement: float
    arrived: bool
    ended: str

    def descent(self, numbers: Sequence[int]) -> Descent:
        """The same as what a quasi-Newton descent would say."""
        return Descent(
            positions=self.end,
            energy=float(self.energies.min()),
            force_max=self.force_max,
            disagreement=self.disagreement,
            trajectory=self.positions[1:],
            bonds=bonds(numbers, self.end),
            arrived=self.arrived,
        )


def follow_irc(
    potential: Potential, template: Structure, saddle: SaddlePoint, *, settings: IrcSettings | None = None
) -> tuple[IntrinsicSide, IntrinsicSide]:
    """Both sides of a saddle, along +mode and -mode."""
    return follow_ircs(potential, [(template, saddle)], settings=settings)[0]


def follow_ircs(
    potential: Potential, saddles: Sequence[tuple[Structure, SaddlePoint]], *, settings: IrcSettings | None = None
) -> tuple[tuple[IntrinsicSide, IntrinsicSide], ...]:
    """Both sides of each saddle, of whatever molecules, in one batch."""
    settings = settings or IrcSettings()
    sides = [_Side(template, saddle, sign, settings) for template, saddle in saddles for sign in (1.0, -1.0)]
    while running := [side for side in sides if not side.done]:
        frames = Frames.of([side.template.moved(side.ask()) for side in running])
        seen = potential.predict(frames)
        doubt = seen.disagreement(frames)
        for row, side in enumerate(running):
            forces = np.asarray(seen.forces[frames.atoms(row)], dtype=np.float64)
            side.tell(float(seen.energy[row]), forces, float(doubt[row]))
    ways = [side.way() for side in sides]
    return tuple((ways[2 * i], ways[2 * i + 1]) for i in range(len(saddles)))


@final
@dataclass(frozen=True, eq=False)
class _Quadratic:
    """The surface around a point, all mass-weighted: energy eV, gradient (m,), Hessian (m, m)."""

    place: Floats
    energy: float
    gradient: Floats
    hessian: Floats

    def at(self, x: Floats) -> tuple[float, Floats]:
        off = x - self.place
        curved = self.hessian @ off
        return self.energy + float(off @ (self.gradient + 0.5 * curved)), self.gradient + curved


@final
class _Side:
    """One side of one saddle: asks for a geometry, is told what the potential says of it."""

    def __init__(self, template: Structure, saddle: SaddlePoint, sign: float, settings: IrcSettings) -> None:
        self.template, self._settings = template, settings
        self._root = np.sqrt(np.repeat(masses_of(template.numbers), 3))
        hessian = saddle.hessian / np.outer(self._root, self._root)
        _, modes = vibrations(saddle.hessian, saddle.positions, self._root[::3] ** 2)
        followed = saddle.mode.reshape(-1) * self._root
        down = modes[0] * np.sign(modes[0] @ followed or 1.0)
        top = saddle.positions.reshape(-1) * self._root
        self._last = _Quadratic(top, saddle.energy, np.zeros(top.size), hessian)
        self._here = top  # the corrected point that the path has reached
        self._next = top + sign * settings.step * down
        self._places, self._energies, self._arc = [top], [saddle.energy], [0.0]
        self._doubt, self._force = saddle.disagreement, saddle.force_max
        self._ended: str | None = None
        self._rest: Relaxation | None = None

    @property
    def done(self) -> bool:
        return self._ended is not None and (self._rest is None or self._rest.done)

    def ask(self) -> Floats:
        if self._rest is not None:
            return self._rest.ask()
        return np.asarray(self._next / self._root).reshape(-1, 3)

    def tell(self, energy: float, forces: Floats, doubt: float) -> None:
        if self._rest is not None:
            self._rest.tell(energy, forces)
            return
        if not (np.isfinite(energy) and np.isfinite(forces).all()):
            self._ended = "the potential gives no finite energy or force there"
            return
        self._doubt = max(self._doubt, doubt)
        self._force = float(np.linalg.norm(forces, axis=1).max())
        gradient = -forces.reshape(-1) / self._root
        old = self._last
        hessian = bofill(old.hessian, self._next - old.place, gradient - old.gradient)
        self._last = _Quadratic(self._next, energy, gradient, hessian)
        if self._crossed_the_floor(energy, gradient):
            self._finish("the floor of the valley is reached")
            return
        self._here = self._corrected(old) if len(self._places) > 1 else self._next
        self._keep(self._last.at(self._here)[0])
        if self._force <= self._settings.force_max:
            self._ended = "the forces vanish"
        elif len(self._places) > self._settings.max_steps:
            self._ended = f"{self._settings.max_steps} steps were not enough"
        else:
            self._next = self._predicted()

    def way(self) -> IntrinsicSide:
        places = (np.asarray(self._places) / self._root).reshape(len(self._places), -1, 3)
        rest = self._rest
        return IntrinsicSide(
            positions=places,
            energies=np.asarray(self._energies),
            arc=np.asarray(self._arc),
            end=places[-1] if rest is None else rest.positions,
            force_max=self._force if rest is None else rest.force_norm,
            disagreement=self._doubt,
            arrived=self._ended == "the forces vanish" if rest is None else rest.converged,
            ended=self._ended or "",
        )

    def _keep(self, energy: float) -> None:
        self._arc.append(self._arc[-1] + float(np.linalg.norm(self._here - self._places[-1])))
        self._places.append(self._here)
        self._energies.append(energy)

    def _crossed_the_floor(self, energy: float, gradient: Floats) -> bool:
        return energy > self._energies[-1] and float(np.linalg.norm(gradient)) < self._settings.level

    def _finish(self, why: str) -> None:
        """A path that has met the floor goes on only by relaxing, in short steps."""
        self._ended = why
        self._rest = Relaxation(
            self.template.moved((self._here / self._root).reshape(-1, 3)),
            max_steps=self._settings.finish_steps,
            force_max=self._settings.force_max,
            trust=0.05,
            largest_trust=0.1,
        )

    def _predicted(self) -> Floats:
        """Down the quadratic surface by one step: x(t) = -sum of g_i (1 - exp(-w_i t)) / w_i, t such that the arc is right."""
        _, slope = self._last.at(self._here)
        rigid = rigid_motions((self._here / self._root).reshape(-1, 3), self._root[::3] ** 2)
        slope = slope - rigid @ (rigid.T @ slope)
        values, modes = np.linalg.eigh(self._last.hessian)
        along = modes.T @ slope
        values = np.where(np.abs(values) < 1e-8, 1e-8, values)
        size = max(float(np.linalg.norm(along)), 1e-12)
        # long enough for the arc where the surface is flat, and no longer than what a growing exponential bears
        longest = min(20.0 * self._settings.step / size, 40.0 / max(-float(values.min()), 1e-8))
        times = longest * np.linspace(0.0, 1.0, _TIMES) ** 3  # stiff directions are over soon
        ways = -along * (1 - np.exp(-np.outer(times, values))) / values
        arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(ways, axis=0), axis=1))])
        share = min(int(np.searchsorted(arc, self._settings.step)), _TIMES - 1)
        move = modes @ ways[share]
        reach = float(np.linalg.norm(move))
        if reach < 0.05 * self._settings.step:  # the quadratic surface ends here
            move, reach = -slope, size
        return np.asarray(self._here + move * min(1.0, self._settings.step / reach))

    def _corrected(self, old: _Quadratic) -> Floats:
        """The step from the last corrected point once more, on the surface between the two quadratic ones (midpoint rule)."""
        new, x = self._last, self._here.copy()
        piece = float(np.linalg.norm(self._next - self._here)) / _PIECES
        for _ in range(_PIECES):
            middle = x - 0.5 * piece * _downhill(old, new, x)
            x = x - piece * _downhill(old, new, middle)
        return x


def _downhill(old: _Quadratic, new: _Quadratic, x: Floats) -> Floats:
    """The unit gradient of the interpolated surface: both energies weighted by the other's squared distance."""
    far_old, far_new = x - old.place, x - new.place
    a, b = float(far_old @ far_old), float(far_new @ far_new)
    whole = max(a + b, 1e-16)
    weight = b / whole  # of the old one
    (energy_old, slope_old), (energy_new, slope_new) = old.at(x), new.at(x)
    turn = 2 * (a * far_new - b * far_old) / whole**2
    slope = weight * slope_old + (1 - weight) * slope_new + (energy_old - energy_new) * turn
    return np.asarray(slope / max(float(np.linalg.norm(slope)), 1e-12))
