"""Geometries around one structure that dynamics near its minimum would rarely meet, all made from the geometry alone.

Every method returns positions (n, N, 3) in angstrom with the atoms in the structure's order; those in which atoms lie on each
other are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from itertools import combinations
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Structure
from reactal.errors import InputError
from reactal.exploration.alignment import superpose
from reactal.exploration.bonds import bonds, connected, fragments
from reactal.exploration.contacts import least_contact
from reactal.exploration.modes import normal_mode_samples, rattle

__all__ = ["METHODS", "SampleSettings", "rotatable", "sample_structure"]

Floats = NDArray[np.float64]

_CONTACT = 0.65  # of a bond; closer together no sample is kept
_TRIES = 4  # conformers embedded for each that is wanted, because many fall into the same shape


@final
@dataclass(frozen=True, eq=False)
class SampleSettings:
    """How many and how far. hessian (3N, 3N) eV/angstrom^2 is what `modes` draws from."""

    count: int = 20
    temperature: float = 600.0  # K, of modes
    sigma: float = 0.05  # angstrom, of rattle
    strain: float = 0.15  # largest, of deform: part of a length
    bond_range: tuple[float, float] = (0.8, 1.5)  # of strain: shortest and longest a bond becomes, times its length
    reach: float = 3.0  # angstrom that dissociate draws parts from each other
    least_rmsd: float = 0.0  # angstrom from the structure that a conformer must at least be
    hessian: Floats | None = None


def sample_structure(structure: Structure, method: str, settings: SampleSettings, rng: np.random.Generator) -> Floats:
    """Positions (n, N, 3) by one of `METHODS`; about `count` of them, or as many as there are to be had."""
    if method not in METHODS:
        raise InputError(f"there is no sampling method {method!r}; write one of: {', '.join(METHODS)}")
    made = METHODS[method](structure, settings, rng)
    if not len(made):
        return made.reshape(0, len(structure), 3)
    return np.asarray(made[least_contact(structure.numbers, made) >= _CONTACT])


def rotatable(structure: Structure) -> tuple[tuple[int, int, frozenset[int]], ...]:
    """Bonds whose two sides hang together by nothing else: (i, j, the atoms on j's side)."""
    joined = bonds(structure)
    out = []
    for i, j in sorted(joined):
        parts = connected(len(structure), joined - {(i, j)})
        side = next(part for part in parts if j in part)
        if i not in side:
            out.append((i, j, side))
    return tuple(out)


def _modes(structure: Structure, settings: SampleSettings, rng: np.random.Generator) -> Floats:
    if settings.hessian is None:
        raise InputError("method modes needs a Hessian, and so a model; name one with --model (gfn2 will do)")
    return normal_mode_samples(
        structure.positions, settings.hessian, count=settings.count, temperature=settings.temperature, rng=rng, largest=1.0
    )


def _rattle(structure: Structure, settings: SampleSettings, rng: np.random.Generator) -> Floats:
    return np.stack([rattle(structure.positions, settings.sigma, rng) for _ in range(settings.count)])


def _torsions(structure: Structure, settings: SampleSettings, _rng: np.random.Generator) -> Floats:
    """Each bond that more than one atom on either side hangs on, turned evenly all the way round."""
    turning = [(i, j, side) for i, j, side in rotatable(structure) if _hangs(structure, i, j) and _hangs(structure, j, i)]
    if not turning:
        raise InputError("the structure has no bond to turn about: torsions need a chain of four atoms outside a ring")
    each = max(2, round(settings.count / len(turning)))
    angles = 2 * np.pi * np.arange(1, each) / each
    return np.stack([_turned(structure.positions, bond, angle) for bond in turning for angle in angles])


def _hangs(structure: Structure, atom: int, other: int) -> bool:
    return any(atom in bond and other not in bond for bond in bonds(structure))


def _turned(positions: Floats, bond: tuple[int, int, frozenset[int]], angle: float) -> Floats:
    from scipy.spatial.transform import Rotation

    i, j, side = bond
    axis = positions[j] - positions[i]
    rows = sorted(side)
    out = positions.copy()
    turn = Rotation.from_rotvec(angle * axis / np.linalg.norm(axis))
    out[rows] = turn.apply(positions[rows] - positions[j]) + positions[j]
    return out


def _deform(structure: Structure, settings: SampleSettings, rng: np.random.Generator) -> Floats:
    """Sheared, stretched and squeezed as a whole, then turned at random."""
    from scipy.spatial.transform import Rotation

    centre = structure.positions.mean(axis=0)
    strains = rng.uniform(-settings.strain, settings.strain, (settings.count, 3, 3))
    strains = np.eye(3) + (strains + np.swapaxes(strains, 1, 2)) / 2
    turns = Rotation.random(settings.count, rng=rng).as_matrix()
    return np.asarray((structure.positions - centre) @ strains @ turns + centre)


def _strain(structure: Structure, settings: SampleSettings, _rng: np.random.Generator) -> Floats:
    """Each bond outside rings from its shortest to its longest, the parts on its two sides rigid."""
    loose = rotatable(structure)
    if not loose:
        raise InputError("the structure has no bond outside a ring to stretch; method deform strains it as a whole")
    each = max(2, round(settings.count / len(loose)))
    factors = np.linspace(*settings.bond_range, each)
    return np.stack([_stretched(structure.positions, bond, factor) for bond in loose for factor in factors])


def _stretched(positions: Floats, bond: tuple[int, int, frozenset[int]], factor: float) -> Floats:
    i, j, side = bond
    out = positions.copy()
    out[sorted(side)] += (factor - 1.0) * (positions[j] - positions[i])
    return out


def _dissociate(structure: Structure, settings: SampleSettings, _rng: np.random.Generator) -> Floats:
    """Fragments drawn apart, or, of one molecule, the parts on both sides of every bond outside rings."""
    parts = fragments(structure)
    pulls: list[tuple[Floats, frozenset[int]]] = []
    if len(parts) > 1:
        for first, second in combinations(parts, 2):
            way = structure.positions[sorted(second)].mean(axis=0) - structure.positions[sorted(first)].mean(axis=0)
            pulls.append((way, second))
    else:
        pulls = [(structure.positions[j] - structure.positions[i], side) for i, j, side in rotatable(structure)]
    if not pulls:
        raise InputError("the structure has no parts to draw apart: it is one ring, or one atom")
    each = max(1, round(settings.count / len(pulls)))
    out = []
    for way, side in pulls:
        for distance in settings.reach * np.arange(1, each + 1) / each:
            moved = structure.positions.copy()
            moved[sorted(side)] += distance * way / np.linalg.norm(way)
            out.append(moved)
    return np.asarray(out)


def _conformers(structure: Structure, settings: SampleSettings, rng: np.random.Generator) -> Floats:
    """RDKit's distance geometry with its knowledge of torsions (ETKDG); shapes closer than 0.1 angstrom are one."""
    if find_spec("rdkit") is None:
        raise InputError("method conformers needs RDKit: pip install rdkit; method torsions does without")
    chem, embedding, perception = (import_module(f"rdkit.Chem{part}") for part in ("", ".AllChem", ".rdDetermineBonds"))
    import_module("rdkit.rdBase").DisableLog("rdApp.*")
    lines = [f"{s} {x:.6f} {y:.6f} {z:.6f}" for s, (x, y, z) in zip(structure.symbols, structure.positions, strict=True)]
    molecule = chem.MolFromXYZBlock(f"{len(structure)}\n\n" + "\n".join(lines) + "\n")
    try:
        perception.DetermineBonds(molecule, charge=structure.charge)
    except ValueError as error:
        raise InputError(f"RDKit finds no Lewis structure for {structure.formula}: {' '.join(str(error).split())}") from error
    seed = int(rng.integers(1, 2**31 - 1))
    wanted = embedding.ETKDGv3()
    wanted.randomSeed, wanted.pruneRmsThresh = seed, 0.1
    found = embedding.EmbedMultipleConfs(molecule, numConfs=_TRIES * settings.count, params=wanted)
    places = np.asarray([molecule.GetConformer(i).GetPositions() for i in found]).reshape(-1, len(structure), 3)
    if not len(places):
        return places
    laid = superpose(places, np.broadcast_to(structure.positions, places.shape))
    away = np.sqrt(((laid - structure.positions) ** 2).sum(axis=2).mean(axis=1))
    return np.asarray(laid[away >= settings.least_rmsd][: settings.count])


METHODS: Mapping[str, Callable[[Structure, SampleSettings, np.random.Generator], Floats]] = {
    "modes": _modes,
    "rattle": _rattle,
    "torsions": _torsions,
    "conformers": _conformers,
    "deform": _deform,
    "strain": _strain,
    "dissociate": _dissociate,
}
