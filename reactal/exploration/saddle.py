"""First-order saddles by following one mode uphill and all others downhill."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames, Structure
from reactal.exploration.contacts import least_contact
from reactal.exploration.hessian import STEP, central_differences, displaced
from reactal.exploration.lockstep import Search, in_lockstep
from reactal.exploration.mode_following import ModeFollower, mode_like
from reactal.exploration.modes import vibrations
from reactal.exploration.quasi_newton import limited, with_curvature
from reactal.exploration.stiffness import guess_hessian
from reactal.potentials.base import Potential

__all__ = ["SaddleLimits", "SaddlePoint", "find_saddle", "find_saddles"]

Floats = NDArray[np.float64]

SOFTEST = 5  # modes that are looked along where there is no Hessian
TURNS = 3
TURNED = 0.95  # overlap with the mode before; a turn that changed it less was the last


@final
@dataclass(frozen=True)
class SaddleLimits:
    """When a search on a model stops, is refused, or goes on from a second-order saddle."""

    force_max: float = 0.01  # eV/angstrom, largest force on an atom at a saddle
    max_steps: int = 80
    disagreement: float = 1.0  # eV/angstrom; beyond it an early model only dreams
    energy: float = 0.5  # eV away from the start, usually the climbing image
    move: float = 1.5  # angstrom that an atom may move away from the start
    contact: float = 0.6  # of a bond
    trust: float = 0.1  # angstrom, first step
    largest_trust: float = 0.2
    hessian_every: int = 3  # steps between fresh Hessians, updated in between; 0: none before the end, and at each step a look
    #   along the followed mode alone, as a dimer has it: cheaper from some ten atoms on
    negative_below: float = -0.05  # eV/angstrom²; softer modes, methyl rotors among them, are noise of either sign
    pushes: int = 3  # along second negative modes
    push: float = 0.15  # angstrom, largest move of an atom in one


@final
@dataclass(frozen=True, eq=False)
class SaddlePoint:
    """Where a search ended. positions (N, 3) angstrom; energy eV; eigenvalues (m,) eV/angstrom² ascending, without rigid
    motions; mode (N, 3) unit length, the one that was followed; `refused` says why it is no saddle, None if it is one
    (of whatever order: see `negative_modes`)."""

    positions: Floats
    energy: float
    force_max: float
    eigenvalues: Floats
    mode: Floats
    negative_modes: int
    disagreement: float
    refused: str | None
    steps: int
    hessian: Floats

    @property
    def first_order(self) -> bool:
        return self.refused is None and self.negative_modes == 1


def find_saddle(
    potential: Potential,
    template: Structure,
    start: Floats,
    *,
    mode_hint: Floats | None = None,
    limits: SaddleLimits | None = None,
) -> SaddlePoint:
    """The saddle of a potential near `start` (N, 3), usually a band's climbing image with its tangent as hint.

    At a saddle of higher order the search is pushed off along the second negative mode and goes on. A search that
    leaves the limits ends there, with the last geometry inside them and the reason in `refused`.
    """
    return find_saddles(potential, [(template, start, mode_hint)], limits=limits)[0]


def find_saddles(
    potential: Potential,
    starts: Sequence[tuple[Structure, Floats, Floats | None]],
    *,
    limits: SaddleLimits | None = None,
) -> tuple[SaddlePoint, ...]:
    """The saddle near each start (template, positions, mode hint), of whatever molecules; their calls go together."""
    limits = limits or SaddleLimits()
    searches = [_Search(template, np.asarray(start, dtype=np.float64), limits).whole(hint) for template, start, hint in starts]
    return tuple(in_lockstep(potential, searches))


@final
@dataclass(frozen=True, eq=False)
class _Here:
    """What the model says of one geometry."""

    positions: Floats
    energy: float
    forces: Floats
    disagreement: float


@final
class _Search:
    """One search: where it began, and its limits."""

    def __init__(self, template: Structure, start: Floats, limits: SaddleLimits) -> None:
        self._template, self.start, self._limits = template, start, limits

    def whole(self, hint: Floats | None) -> Search[SaddlePoint]:
        """With the pushes off saddles of higher order."""
        self._start_energy = (yield from self._look(self.start)).energy
        point = yield from self.run(self.start, hint)
        for _ in range(self._limits.pushes):
            if point.refused is not None or point.negative_modes < 2:
                break
            pushed = yield from self.pushed_off(point)
            again = yield from self.run(pushed, point.mode)
            if again.refused is not None:
                break  # the second-order saddle is what can be shown
            point = replace(again, steps=point.steps + again.steps)
        return point

    def run(self, start: Floats, hint: Floats | None) -> Search[SaddlePoint]:
        limits = self._limits
        here, steps = (yield from self._look(start)), 1
        mode = None if hint is None else _unit(hint)
        if limits.hessian_every:
            fresh = yield from self._hessian(start)
        else:
            fresh = yield from self._looked_around(here, mode)
        follower = ModeFollower(fresh, mode, trust=limits.trust, largest=limits.largest_trust)
        refused = self._objection(here) or _flawed(fresh)
        while refused is None and _largest(here.forces) > limits.force_max:
            if steps >= limits.max_steps:
                refused = f"no saddle within {steps} steps, force still {_largest(here.forces):.2f} eV/angstrom"
                break
            step = follower.propose(here.positions, -here.forces.reshape(-1))
            there = yield from self._look(here.positions + step.reshape(start.shape))
            steps += 1
            refused = self._objection(there)
            if refused is not None:
                break
            follower.learn(step, (here.forces - there.forces).reshape(-1), there.energy - here.energy)
            here = there
            if not limits.hessian_every:
                yield from self._turned(follower, here)
            elif steps % limits.hessian_every == 0:
                follower.hessian = yield from self._hessian(here.positions)
                refused = _flawed(follower.hessian)
        return (yield from self._point(here, follower.mode, refused, steps))

    def pushed_off(self, point: SaddlePoint) -> Search[Floats]:
        """Off a second-order saddle along its lowest mode that is not the reaction's, to the lower side."""
        values, modes = vibrations(point.hessian, point.positions)
        followed = int(np.argmax(np.abs(modes @ point.mode.reshape(-1))))
        other = int(np.flatnonzero(np.arange(len(values)) != followed)[0])
        side = limited(modes[other], self._limits.push)
        side *= self._limits.push / np.linalg.norm(side.reshape(-1, 3), axis=1).max()
        both = point.positions + np.stack([side, -side]).reshape(2, *point.positions.shape)
        energies = (yield Frames.repeat(self._template, both)).energy
        return np.asarray(both[int(np.argmin(energies))])

    def _looked_around(self, here: _Here, hint: Floats | None) -> Search[Floats]:
        """A Hessian guessed from the geometry and measured along its softest modes and the hint: one call."""
        guess = guess_hessian(self._template.numbers, here.positions)
        _, modes = vibrations(guess, here.positions)
        directions = modes[:SOFTEST] if hint is None else np.concatenate([hint[None], modes[:SOFTEST]])
        directions = np.linalg.qr(directions.T)[0].T
        bent = yield from self._bent(here, directions)
        for direction, change in zip(directions, bent, strict=True):
            guess = with_curvature(guess, direction, change)
        return guess

    def _turned(self, follower: ModeFollower, here: _Here) -> Search[None]:
        """The followed mode turned to where the surface curves down most, a gradient a turn."""
        for _ in range(TURNS):
            values, modes = vibrations(follower.hessian, here.positions)
            before = modes[0 if follower.mode is None else mode_like(values, modes, follower.mode)]
            bent = yield from self._bent(here, before[None])
            if not np.isfinite(bent).all():
                return
            follower.hessian = with_curvature(follower.hessian, before, bent[0])
            values, modes = vibrations(follower.hessian, here.positions)
            follower.mode = modes[mode_like(values, modes, before)]
            if abs(float(follower.mode @ before)) > TURNED:
                return

    def _bent(self, here: _Here, directions: Floats) -> Search[Floats]:
        """The Hessian times unit directions (k, 3N): (k, 3N), from one gradient each."""
        moves = STEP * directions.reshape(-1, *here.positions.shape)
        forces = (yield Frames.repeat(self._template, here.positions + moves)).forces.reshape(moves.shape)
        return np.asarray((here.forces - forces).reshape(len(moves), -1) / STEP)

    def _look(self, positions: Floats) -> Search[_Here]:
        frames = Frames.repeat(self._template, positions)
        seen = yield frames
        forces = np.asarray(seen.forces, dtype=np.float64).reshape(positions.shape)
        return _Here(positions, float(seen.energy[0]), forces, float(seen.disagreement(frames)[0]))

    def _hessian(self, positions: Floats) -> Search[Floats]:
        frames = Frames.repeat(self._template, displaced(positions))
        forces = (yield frames).forces.reshape(len(frames), *positions.shape)
        return central_differences(np.asarray(forces, dtype=np.float64))

    def _objection(self, here: _Here) -> str | None:
        """Why a geometry is outside the limits; None inside."""
        limits = self._limits
        if not (np.isfinite(here.energy) and np.isfinite(here.forces).all()):
            return "the model gives no finite energy or force there"
        if here.disagreement > limits.disagreement:
            return f"the committee disagrees by {here.disagreement:.2f} eV/angstrom, more than {limits.disagreement:.2f}"
        if abs(here.energy - self._start_energy) > limits.energy:
            return f"the energy went {abs(here.energy - self._start_energy):.2f} eV from the start, more than {limits.energy:.2f}"
        contact = float(least_contact(self._template.numbers, here.positions[None])[0])
        if contact < limits.contact:
            return f"two atoms came to {contact:.2f} of a bond, closer than {limits.contact:.2f}"
        moved = float(np.linalg.norm(here.positions - self.start, axis=1).max())
        if moved > limits.move:
            return f"an atom moved {moved:.2f} angstrom from the start, more than {limits.move:.2f}"
        return None

    def _point(self, here: _Here, mode: Floats | None, refused: str | None, steps: int) -> Search[SaddlePoint]:
        hessian = yield from self._hessian(here.positions)
        refused = refused or _flawed(hessian)
        values, modes = vibrations(np.nan_to_num(hessian), here.positions)
        followed = modes[0 if mode is None else mode_like(values, modes, mode)]
        return SaddlePoint(
            positions=here.positions,
            energy=here.energy,
            force_max=_largest(here.forces),
            eigenvalues=values,
            mode=followed.reshape(here.positions.shape),
            negative_modes=int((values < self._limits.negative_below).sum()),
            disagreement=here.disagreement,
            refused=refused,
            steps=steps,
            hessian=hessian,
        )


def _flawed(hessian: Floats) -> str | None:
    return None if np.isfinite(hessian).all() else "the model gives no finite force close by"


def _largest(forces: Floats) -> float:
    return float(np.linalg.norm(forces.reshape(-1, 3), axis=1).max())


def _unit(mode: Floats) -> Floats:
    flat = np.asarray(mode, dtype=np.float64).reshape(-1)
    return np.asarray(flat / max(float(np.linalg.norm(flat)), 1e-12))
