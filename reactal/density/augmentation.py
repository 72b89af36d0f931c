"""More geometries of a molecule to learn from: strained, moved along its soft modes, shaken, turned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Structure
from reactal.errors import ReactalError, StructureError
from reactal.units import KELVIN

__all__ = ["varied"]

Floats = NDArray[np.float64]
STEP = 0.01  # angstrom, of the differences that give the modes
SOFTEST = 1.0  # eV/angstrom^2; softer modes are moved along as if they were as stiff
TRIES = 50  # to find a geometry whose atoms keep apart


def varied(
    structures: Sequence[Structure],
    *,
    count: int,
    seed: int,
    strain: float = 0.02,
    kelvin: float = 600.0,
    shake: float = 0.02,
) -> list[Structure]:
    """`count` geometries of each structure: a random strain of standard deviation `strain`, a step along every normal mode (of
    GFN2-xTB) as heat of `kelvin` makes them, `shake` angstrom on every coordinate, and a random rotation.

    The same seed gives the same."""
    made: list[Structure] = []
    for number, structure in enumerate(structures):
        generator = np.random.default_rng((seed, number))
        modes = _modes(structure) if kelvin > 0 and count > 0 and len(structure) > 1 else None
        made += [_one(structure, modes, generator, strain=strain, kelvin=kelvin, shake=shake) for _ in range(count)]
    return made


def _one(
    structure: Structure,
    modes: tuple[Floats, Floats] | None,
    generator: np.random.Generator,
    *,
    strain: float,
    kelvin: float,
    shake: float,
) -> Structure:
    from scipy.spatial.transform import Rotation

    centred = structure.positions - structure.positions.mean(axis=0)
    for _ in range(TRIES):
        drawn = generator.normal(0.0, strain, (3, 3))
        places = centred @ (np.eye(3) + (drawn + drawn.T) / 2)
        if modes is not None:
            stiffness, directions = modes
            steps = generator.normal(0.0, 1.0, len(stiffness)) * np.sqrt(KELVIN * kelvin / stiffness)
            places = places + (directions @ steps).reshape(-1, 3)
        places = places + generator.normal(0.0, shake, places.shape)
        try:
            return structure.moved(places @ Rotation.random(random_state=generator).as_matrix().T)
        except StructureError:
            continue
    raise StructureError(f"no varied geometry of {structure.formula} has its atoms apart; lower strain, heat or shaking")


def _modes(structure: Structure) -> tuple[Floats, Floats] | None:
    """Stiffness (M,) in eV/angstrom^2 and Cartesian directions (3N, M); None where GFN2-xTB has no answer."""
    from reactal.potentials.xtb import Xtb, xtb_is_installed

    if not xtb_is_installed():
        return None
    program = Xtb("gfn2")
    flat, size = structure.positions.reshape(-1), 3 * len(structure)
    hessian = np.zeros((size, size))
    try:
        for place in range(size):
            for sign in (1, -1):
                moved = flat.copy()
                moved[place] += sign * STEP
                found = program.single_point(
                    structure.numbers, moved.reshape(-1, 3), charge=structure.charge, multiplicity=structure.multiplicity
                )
                hessian[place] -= sign * found.forces.reshape(-1) / (2 * STEP)
    except ReactalError:
        return None
    stiffness, directions = np.linalg.eigh((hessian + hessian.T) / 2)
    inner = np.abs(stiffness) > SOFTEST / 10  # translations and rotations have none
    return np.maximum(np.abs(stiffness[inner]), SOFTEST), directions[:, inner]
