"""Why frequencies are off: where, by how much of it the members differ, and how many labels there were to learn them from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames, Structure
from reactal.exploration.alignment import superpose
from reactal.exploration.modes import frequencies
from reactal.potentials.base import Potential
from reactal.potentials.committee import Committee
from reactal.potentials.curvature import central_hessian, curvature
from reactal.validation.vibrations import Pair

__all__ = ["labels_near", "reasons"]

Floats = NDArray[np.float64]

NEAR = 0.1  # angstrom, root mean square after turning: within it a surface is all but harmonic


def reasons(potential: Potential, pairs: Sequence[Pair], training: Frames | None) -> tuple[str, ...]:
    """Sentences on the points whose reference is known; nothing where there is none."""
    known = [pair for pair in pairs if pair.reference is not None]
    if not known:
        return ()
    said = [_by_point(known), _by_member(potential, known), _by_arithmetic(potential, known)]
    if training is not None:
        counts = ", ".join(f"{labels_near(training, pair.model.structure)} of the {pair.name}" for pair in known)
        said.append(f"of the labels it was trained on, within {NEAR:g} Å lie {counts}")
    return tuple(sentence for sentence in said if sentence)


def labels_near(frames: Frames, point: Structure) -> int:
    """Structures that tell how stiff it is there."""
    numbers = np.asarray(point.numbers)
    rows = [i for i in range(len(frames)) if np.array_equal(frames.numbers[frames.atoms(i)], numbers)]
    if not rows:
        return 0
    places = np.stack([frames.positions[frames.atoms(i)] for i in rows])
    gaps = superpose(places, np.broadcast_to(point.positions, places.shape)) - point.positions
    return int((np.sqrt(np.square(gaps).sum(axis=2).mean(axis=1)) < NEAR).sum())


def _by_point(known: Sequence[Pair]) -> str:
    means = ", ".join(f"{pair.name} {np.abs(pair.errors).mean():.0f}" for pair in known)
    worst = max(known, key=lambda pair: np.abs(pair.errors).max())
    mode = int(np.argmax(np.abs(worst.errors)))
    assert worst.reference is not None
    here, there = worst.model.wavenumbers[mode], worst.reference.wavenumbers[mode]
    return f"by point: {means} cm⁻¹; worst is mode {mode + 1} of the {worst.name}, {here:.0f} instead of {there:.0f}"


def _by_member(potential: Potential, known: Sequence[Pair]) -> str:
    """Where members differ by as much as they err, more labels would help them to agree."""
    if not isinstance(potential, Committee) or len(potential.networks) < 2:
        return ""
    errors, spreads = [], []
    for pair in known:
        assert pair.reference is not None
        each = np.stack([_wavenumbers(one, pair.model.structure) for one in _members(potential)])
        errors.append(np.abs(each - np.sort(pair.reference.wavenumbers)).ravel())
        spreads.append(each.std(axis=0))
    alone, apart = float(np.concatenate(errors).mean()), float(np.concatenate(spreads).mean())
    return f"a member by itself is {alone:.0f} off, and members differ by {apart:.0f} cm⁻¹ (one standard deviation)"


def _by_arithmetic(potential: Potential, known: Sequence[Pair]) -> str:
    """Another step of differences must not change what is claimed."""
    changes = []
    for pair in known:
        structure = pair.model.structure
        wide = frequencies(central_hessian(potential, structure), structure.positions, _masses(structure))
        changes.append(np.abs(np.sort(wide) - np.sort(pair.model.wavenumbers)).max())
    return f"differences over another step change a frequency of the model by at most {max(changes):.1f} cm⁻¹"


def _members(committee: Committee) -> list[Committee]:
    folds = committee.folds if len(committee.folds) == len(committee.networks) else ()
    return [
        replace(committee, networks=(network,), folds=(folds[i],) if folds else committee.folds)
        for i, network in enumerate(committee.networks)
    ]


def _wavenumbers(potential: Potential, structure: Structure) -> Floats:
    return np.sort(frequencies(curvature(potential, structure), structure.positions, _masses(structure)))


def _masses(structure: Structure) -> Floats:
    from ase.data import atomic_masses_common

    return np.asarray(atomic_masses_common[np.asarray(structure.numbers)], dtype=np.float64)
