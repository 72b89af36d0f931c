"""The string method: images fall across their string and are spread evenly along it after every step.

E, Ren, Vanden-Eijnden, Phys. Rev. B 2002, 66, 052301. No springs; a stiffness guessed from the geometry makes moves of forces,
which is why they are projected first. No image climbs: the saddle search starts from the highest one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames, Structure
from reactal.exploration.alignment import unroll
from reactal.exploration.band_forces import band_forces, tangents
from reactal.exploration.contacts import least_contact
from reactal.exploration.lockstep import Search, in_lockstep
from reactal.exploration.neb import Band, BandSettings, BandStep
from reactal.exploration.stiffness import guess_hessian
from reactal.potentials.base import Potential

__all__ = ["relax_strings"]

Floats = NDArray[np.float64]

_FLOOR = 10.0  # eV/angstrom^2, least stiffness by which forces become moves, as for a band
_SHARE = 0.5  # of a step to where the stiffness would have the image at rest


def relax_strings(
    potential: Potential,
    paths: Sequence[tuple[Structure, Floats]],
    *,
    settings: BandSettings | None = None,
    max_steps: int = 150,
) -> tuple[Band, ...]:
    """The string from each path (n, N, 3), ends fixed: one call of the potential a step for all of them. Of the settings
    `force_max`, `step`, `cap`, `least_steps` and `contact` count."""
    settings = settings or BandSettings()
    return tuple(in_lockstep(potential, [_falling(template, path, settings, max_steps) for template, path in paths]))


def _falling(template: Structure, path: Floats, settings: BandSettings, max_steps: int) -> Search[Band]:
    path = unroll(np.asarray(path, dtype=np.float64))
    softness = np.stack([np.linalg.inv(guess_hessian(template.numbers, image, floor=_FLOOR)) for image in path[1:-1]])
    contact = min(settings.contact, 0.9 * float(least_contact(template.numbers, path).min()))
    kept: Band | None = None
    history: list[BandStep] = []
    for step in range(max_steps + 1):
        frames = Frames.repeat(template, path)
        said = yield frames
        forces = np.asarray(said.forces, dtype=np.float64).reshape(path.shape)
        spreads, energies = np.asarray(said.disagreement(frames)), np.asarray(said.energy, dtype=np.float64)
        sound = np.isfinite(energies).all() and np.isfinite(forces).all()
        trusted = bool((spreads <= settings.cap).all()) or step < settings.least_steps
        if kept is not None and not (sound and trusted and least_contact(template.numbers, path).min() >= contact):
            return _as_band(kept.positions, kept.energies, kept.spreads, kept.force_max, step - 1, history, capped=True)
        across = band_forces(path, energies, forces, climbing=None)
        pull = across.largest if sound else float("inf")
        history.append(BandStep(pull, float(spreads.max()), float(energies.max())))
        kept = _as_band(path, energies, spreads, pull, step, history, capped=not sound, converged=pull <= settings.force_max)
        if kept.converged or step == max_steps or not sound:
            return kept
        move = _SHARE * np.einsum("mij,mj->mi", softness, across.true.reshape(len(softness), -1)).reshape(path[1:-1].shape)
        reach = np.linalg.norm(move, axis=2).max(axis=1)
        move *= np.minimum(1.0, settings.step / np.maximum(reach, 1e-12))[:, None, None]
        path = _even(np.concatenate([path[:1], path[1:-1] + move, path[-1:]]))
    raise AssertionError("the last step returns")


def _even(path: Floats) -> Floats:
    """The same string with even spacing, by a spline through its images; ends stay."""
    from scipy.interpolate import CubicSpline

    path = unroll(path)
    gaps = np.linalg.norm(np.diff(path, axis=0), axis=(1, 2))
    arc = np.concatenate([[0.0], np.cumsum(np.maximum(gaps, 1e-9))])
    places = np.linspace(0.0, arc[-1], len(path))
    return np.asarray(CubicSpline(arc, path.reshape(len(path), -1))(places)).reshape(path.shape)


def _as_band(
    path: Floats,
    energies: Floats,
    spreads: Floats,
    pull: float,
    steps: int,
    history: Sequence[BandStep],
    *,
    capped: bool,
    converged: bool = False,
) -> Band:
    top = int(np.argmax(np.nan_to_num(energies[1:-1], nan=-np.inf))) + 1
    return Band(
        positions=path,
        energies=energies,
        spreads=spreads,
        climbing_index=top,
        tangent=tangents(path, energies)[0][top - 1],
        force_max=pull,
        steps=steps,
        converged=converged and not capped,
        climbed=False,
        capped=capped,
        limited=False,
        history=tuple(history),
    )
