"""The saddle of an expensive surface, whose every gradient counts.

The search owns no surface: it is a generator that yields the geometries whose gradients it wants next, all that it can name at
once, so that searches go side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.exploration.mode_following import ModeFollower
from reactal.exploration.modes import vibrations
from reactal.exploration.quasi_newton import with_curvature

__all__ = ["RefinedSaddle", "SaddleSearch", "refine_saddle", "saddle_search"]

Floats = NDArray[np.float64]
Answer = tuple[float, Floats]  # energy in eV, forces (N, 3) in eV/angstrom
Gradient = Callable[[Floats], Answer]
Asking = Generator[Floats, Sequence[Answer], None]
SaddleSearch = Generator[Floats, Sequence[Answer], "RefinedSaddle"]  # yields (k, N, 3), is sent an answer for each

_RETREATS = 5  # half-way back from where there is no number
_PROBE = 0.02  # angstrom, of an atom, along a mode whose curvature is asked for
_NEGATIVE = -0.05  # eV/angstrom^2; softer modes are noise of either sign
_PUSH = 0.12  # angstrom, off a saddle of higher order along its second mode
_PUSHES = 3


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
    probes: int = 0,
) -> RefinedSaddle:
    """The saddle near `start` (N, 3) of an expensive surface, from a cheap Hessian that is updated on the way.

    `gradient` gives energy (eV) and forces (N, 3) and is called at most `max_steps` times. With `probes`, the curvature along so
    many of the softest modes is measured, a gradient each, before the first step and where the forces vanish: a cheap Hessian may
    have another mode lowest, and a saddle that turns out to be of second order is left along its second mode.
    """
    search = saddle_search(start, hessian, max_steps=max_steps, force_max=force_max, mode=mode, trust=trust, probes=probes)
    wanted = next(search)
    while True:
        try:
            wanted = search.send([gradient(place) for place in wanted])
        except StopIteration as end:
            found: RefinedSaddle = end.value
            return found


def saddle_search(
    start: Floats,
    hessian: Floats,
    *,
    max_steps: int = 20,
    force_max: float = 0.05,
    mode: Floats | None = None,
    trust: float = 0.1,
    probes: int = 0,
) -> SaddleSearch:
    """`refine_saddle`, for a caller that answers several searches together; where a gradient failed it is sent NaN."""
    search = _Refinement(start, hessian, mode, trust=trust, budget=max_steps)
    yield from search.begin()
    if probes:
        yield from search.probe(probes)
    yield from search.walk(force_max)
    for _ in range(_PUSHES if probes else 0):
        if not search.at_rest(force_max) or search.left < probes + 2:
            break
        yield from search.probe(probes)
        yield from search.push_off()
        if not search.pushed:
            break
        yield from search.walk(force_max)
    return search.found(force_max)


@final
class _Refinement:
    """One `saddle_search`: where it is, what it knows, and what it may still spend."""

    def __init__(self, start: Floats, hessian: Floats, mode: Floats | None, *, trust: float, budget: int) -> None:
        self._budget = budget
        self._follower = ModeFollower(hessian, None if mode is None else mode.reshape(-1), trust=trust, largest=2 * trust)
        self._visited: list[Floats] = []
        self._refused: str | None = None
        self._place = start.copy()
        self._energy, self._forces = float("nan"), np.full_like(start, np.nan)
        self.pushed = False

    def begin(self) -> Asking:
        """The first gradient of all."""
        (answer,) = yield from self._ask([self._place])
        self._energy, self._forces = answer
        self._refused = _flaw(*answer)

    @property
    def left(self) -> int:
        return self._budget - len(self._visited)

    def at_rest(self, force_max: float) -> bool:
        return self._refused is None and _largest(self._forces) <= force_max

    def walk(self, force_max: float) -> Asking:
        """Step after step until the forces vanish, the budget is spent, or there is no number any more."""
        while self.left > 0 and self._refused is None and _largest(self._forces) > force_max:
            step = self._follower.propose(self._place, -self._forces.reshape(-1))
            yield from self._go(step)

    def probe(self, count: int) -> Asking:
        """Measured curvatures take the place of guessed ones in the space of the softest modes; all are asked for at once."""
        _, modes = vibrations(self._follower.hessian, self._place)
        directions = modes[: min(count, self.left)]
        reaches = [float(np.linalg.norm(direction.reshape(-1, 3), axis=1).max()) for direction in directions]
        steps = [_PROBE / reach * direction for direction, reach in zip(directions, reaches, strict=True)]
        answers = yield from self._ask([self._place + step.reshape(self._place.shape) for step in steps])
        for direction, reach, (energy, forces) in zip(directions, reaches, answers, strict=True):
            if _flaw(energy, forces) is None:
                bent = (self._forces - forces).reshape(-1) * reach / _PROBE
                self._follower.hessian = with_curvature(self._follower.hessian, direction, bent)

    def push_off(self) -> Asking:
        """Off a saddle of higher order, or on from a minimum along its softest mode; a saddle of first order stays (`pushed`)."""
        self.pushed = False
        values, modes = vibrations(self._follower.hessian, self._place)
        if values[0] < _NEGATIVE <= values[1]:
            return
        side = modes[1] if values[0] < _NEGATIVE else modes[0]
        self._follower.mode = modes[0]
        yield from self._go(_PUSH / float(np.linalg.norm(side.reshape(-1, 3), axis=1).max()) * side)
        self.pushed = self._refused is None

    def found(self, force_max: float) -> RefinedSaddle:
        return RefinedSaddle(
            positions=self._place,
            energy=self._energy,
            force_max=_largest(self._forces),
            hessian=self._follower.hessian,
            steps=len(self._visited),
            converged=self.at_rest(force_max),
            trajectory=np.asarray(self._visited),
            refused=self._refused,
        )

    def _go(self, step: Floats) -> Asking:
        """One step, or less of it where there is no number at its end; `_refused` says why there is none even close by."""
        for _ in range(_RETREATS):
            there = self._place + step.reshape(self._place.shape)
            ((energy, forces),) = yield from self._ask([there])
            self._refused = _flaw(energy, forces)
            if self._refused is None:
                self._follower.learn(step, (self._forces - forces).reshape(-1), energy - self._energy)
                self._place, self._energy, self._forces = there, energy, forces
            if self._refused is None or self.left == 0:
                return
            step = step / 2

    def _ask(self, places: Sequence[Floats]) -> Generator[Floats, Sequence[Answer], Sequence[Answer]]:
        if not places:
            return []
        self._visited += [place.copy() for place in places]
        return (yield np.stack(places))


def _flaw(energy: float, forces: Floats) -> str | None:
    return None if np.isfinite(energy) and np.isfinite(forces).all() else "the surface gives no finite energy or force there"


def _largest(forces: Floats) -> float:
    return float(np.linalg.norm(forces.reshape(-1, 3), axis=1).max())
