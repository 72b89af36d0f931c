"""A climbing nudged elastic band on a potential that may be wrong, guarded against following it where it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames, Structure
from reactal.exploration.band_forces import BandForces, band_forces, tangents
from reactal.exploration.band_steps import BandSteps
from reactal.exploration.contacts import least_contact
from reactal.exploration.lockstep import Search, in_lockstep
from reactal.exploration.metric import ScaledDistances
from reactal.exploration.modes import rattle
from reactal.exploration.profile import Extremum, profile_extrema
from reactal.potentials.base import Potential

__all__ = ["Band", "BandSettings", "BandStep", "Extremum", "between", "profile_extrema", "relax_band", "relax_bands"]

Floats = NDArray[np.float64]

LEAST_HILL = 0.005  # eV; less is a ripple of the model
STILL = 1e-4  # angstrom


@final
@dataclass(frozen=True)
class BandSettings:
    """How a band is relaxed, and what it may not do."""

    force_max: float = 0.05  # eV/angstrom, largest true force on an atom of the converged band
    gap: float = 0.1  # angstrom, how far an image of the converged band may be off the middle of its neighbours
    step: float = 0.1  # angstrom that an atom may move in one step
    move: float = 0.6  # angstrom that an atom may move in one call: labels first, then further
    cap: float = 2.0  # eV/angstrom of disagreement beyond which the band is rolled back and stops
    least_steps: int = 5  # taken whatever the disagreement, or a bad start would freeze the band for ever
    climb_from: int = 10  # step; a band never counts as converged before it has climbed
    contact: float = 0.6  # of a bond, or 0.9 of the closest contact at the start if that is closer still
    jitter: float = 0.0  # angstrom, displaces inner images at the start


@final
@dataclass(frozen=True)
class BandStep:
    """One step of the history: true force and disagreement, the largest of all images, and the highest energy (eV)."""

    force_max: float
    disagreement: float
    top: float


@final
@dataclass(frozen=True, eq=False)
class Band:
    """A relaxed path. positions (n, N, 3) angstrom, energies (n,) eV, spreads (n,) eV/angstrom of disagreement.

    `climbing_index` is the highest inner image; it climbed if `climbed`. `capped`: the band was stopped by the
    disagreement or by a contact, and `positions` is the last path before that. `limited`: an image used up its move.
    """

    positions: Floats
    energies: Floats
    spreads: Floats
    climbing_index: int
    tangent: Floats
    force_max: float
    steps: int
    converged: bool
    climbed: bool
    capped: bool
    limited: bool
    history: tuple[BandStep, ...] = field(default=())

    @property
    def barrier(self) -> float:
        """Highest energy above the first image, eV."""
        return float(self.energies.max() - self.energies[0])

    @property
    def climbing(self) -> Floats:
        """The highest inner image (N, 3)."""
        return np.asarray(self.positions[self.climbing_index])


@final
@dataclass(frozen=True, eq=False)
class _Seen:
    """A path and what the potential says of it."""

    path: Floats
    energies: Floats
    forces: Floats
    spreads: Floats
    contact: float


def relax_band(
    potential: Potential,
    template: Structure,
    path: Floats,
    *,
    settings: BandSettings | None = None,
    max_steps: int = 150,
    rng: np.random.Generator | None = None,
) -> Band:
    """The band from `path` (n, N, 3), its ends fixed. One call of the potential a step, for all images at once."""
    return relax_bands(potential, [(template, path)], settings=settings, max_steps=max_steps, rng=rng)[0]


def relax_bands(
    potential: Potential,
    paths: Sequence[tuple[Structure, Floats]],
    *,
    settings: BandSettings | None = None,
    max_steps: int = 150,
    rng: np.random.Generator | None = None,
) -> tuple[Band, ...]:
    """The band from each path, of whatever molecules, each with its template: one call of the potential a step for all."""
    settings = settings or BandSettings()
    searches = []
    for template, path in paths:
        start = np.asarray(path, dtype=np.float64).copy()
        if rng is not None and settings.jitter > 0:
            start[1:-1] = rattle(start[1:-1], settings.jitter, rng)
        searches.append(_Relaxing(template, start, settings).run(max_steps))
    return tuple(in_lockstep(potential, searches))


def between(template: Structure, band: Band) -> Floats:
    """Geometries (n - 1, N, 3) half-way between neighbouring images, for a barrier can hide where no image is."""
    metric = ScaledDistances(template.numbers)
    q = metric.values(band.positions)
    middles = (band.positions[:-1] + band.positions[1:]) / 2
    return metric.fit(middles, (q[:-1] + q[1:]) / 2, tether=0.1)


@final
class _Relaxing:
    """One band."""

    def __init__(self, template: Structure, path: Floats, settings: BandSettings) -> None:
        self._template, self._settings = template, settings
        self._origin = path
        self._steps = BandSteps(template.numbers, path[1:-1], largest=settings.step)
        self._climbing: int | None = None
        self._limited = False
        self._history: list[BandStep] = []

    def run(self, max_steps: int) -> Search[Band]:
        self._ends = yield from self._look_at(self._origin[[0, -1]])
        self._now = yield from self._look(self._origin)
        # what is already above the cap may stay there, as long as it does not grow
        self._allowed = np.maximum(self._settings.cap, 1.05 * self._now.spreads)
        self._least_contact = min(self._settings.contact, 0.9 * self._now.contact)
        kept, kept_at = self._now, 0
        for step in range(max_steps + 1):
            self._choose_climber(step)
            pull = self._pull(self._now)
            self._note(pull)
            if self._settled(pull, step) or step == max_steps or not (yield from self._advance(pull)):
                break
            if not self._acceptable(step):
                return self._band(kept, steps=kept_at, capped=True)
            kept, kept_at = self._now, step + 1
        return self._band(self._now, steps=len(self._history) - 1, capped=False)

    def _choose_climber(self, step: int) -> None:
        if step >= self._settings.climb_from and self._climbing != (top := _top(self._now.energies)):
            self._climbing = top
            self._steps.forget()

    def _pull(self, seen: _Seen) -> BandForces:
        return band_forces(seen.path, seen.energies, seen.forces, climbing=self._climbing)

    def _settled(self, pull: BandForces, step: int) -> bool:
        climbed = self._climbing is not None or _top(self._now.energies) is None
        at_rest = pull.largest <= self._settings.force_max and pull.uneven <= self._settings.gap
        return at_rest and climbed and step > self._settings.climb_from

    def _advance(self, pull: BandForces) -> Search[bool]:
        """One step of all inner images; False if they have used up their way and stand still."""
        here = self._now.path[1:-1]
        inner, self._limited = self._within_reach(here + self._steps.propose(here, pull.true, pull.spacing))
        if self._limited and np.abs(inner - here).max() < STILL:
            return False
        self._now = yield from self._look(np.concatenate([self._origin[:1], inner, self._origin[-1:]]))
        return True

    def _acceptable(self, step: int) -> bool:
        """Sound, and trusted unless it is one of the first steps."""
        seen = self._now
        finite = bool(np.isfinite(seen.energies).all() and np.isfinite(seen.forces).all())
        trusted = bool((seen.spreads <= self._allowed).all())
        return finite and seen.contact >= self._least_contact and (trusted or step < self._settings.least_steps)

    def _look_at(self, places: Floats) -> Search[_Seen]:
        frames = Frames.repeat(self._template, places)
        seen = yield frames
        return _Seen(
            places,
            np.asarray(seen.energy, dtype=np.float64),
            np.asarray(seen.forces, dtype=np.float64).reshape(places.shape),
            np.asarray(seen.disagreement(frames), dtype=np.float64),
            float(least_contact(self._template.numbers, places).min()),
        )

    def _look(self, path: Floats) -> Search[_Seen]:
        inner, ends = (yield from self._look_at(path[1:-1])), self._ends
        return _Seen(
            path,
            np.concatenate([ends.energies[:1], inner.energies, ends.energies[1:]]),
            np.concatenate([ends.forces[:1], inner.forces, ends.forces[1:]]),
            np.concatenate([ends.spreads[:1], inner.spreads, ends.spreads[1:]]),
            inner.contact,
        )

    def _within_reach(self, wanted: Floats) -> tuple[Floats, bool]:
        """Inner images pulled back to at most `move` from where they began, and whether any was."""
        away = wanted - self._origin[1:-1]
        reach = np.linalg.norm(away, axis=2).max(axis=1)
        share = np.minimum(1.0, self._settings.move / np.maximum(reach, 1e-12))
        return self._origin[1:-1] + share[:, None, None] * away, bool((share < 1.0).any())

    def _note(self, pull: BandForces) -> None:
        now = self._now
        self._history.append(BandStep(pull.largest, float(now.spreads.max()), float(now.energies.max())))

    def _band(self, seen: _Seen, *, steps: int, capped: bool) -> Band:
        top = _top(seen.energies)
        if top is None:
            top = int(np.argmax(seen.energies[1:-1])) + 1
        pull = self._pull(seen)
        return Band(
            positions=seen.path,
            energies=seen.energies,
            spreads=seen.spreads,
            climbing_index=top,
            tangent=tangents(seen.path, seen.energies)[0][top - 1],
            force_max=pull.largest,
            steps=steps,
            converged=not capped and self._settled(pull, len(self._history) - 1),
            climbed=self._climbing is not None,
            capped=capped,
            limited=self._limited,
            history=tuple(self._history),
        )


def _top(energies: Floats) -> int | None:
    """The highest inner image that stands out as a hill; None on a slope or a plain, where none may climb."""
    maxima, _ = profile_extrema(energies, least_depth=LEAST_HILL)
    return max(maxima, key=lambda hill: hill.energy).index if maxima else None
