"""Potentials whose answers are known on paper. Forces by central differences of the energy, exact to about 1e-8 eV/angstrom."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from ase.calculators.calculator import Calculator, all_changes

from reactal.chem import Frames, Structure
from reactal.potentials.base import Prediction

Energies = Callable[[np.ndarray], np.ndarray]
STEP = 1e-5  # angstrom


class Surface:
    """A `Potential` from a function of positions (n, N, 3); `doubt` (n,) eV/angstrom plays the committee's disagreement."""

    def __init__(self, energy: Energies, doubt: Energies | None = None) -> None:
        self.energy, self.doubt = energy, doubt
        self.calls = 0

    def predict(self, frames: Frames) -> Prediction:
        self.calls += 1
        n = len(frames)
        x = frames.positions.reshape(n, -1, 3)
        size = x[0].size
        moves = STEP * np.eye(size).reshape(size, 1, *x.shape[1:])
        ahead, back = (self.energy((x + sign * moves).reshape(-1, *x.shape[1:])).reshape(size, n) for sign in (1, -1))
        forces = -(ahead - back).T.reshape(n, -1, 3) / (2 * STEP)
        doubt = np.zeros(n) if self.doubt is None else self.doubt(x)
        return Prediction(self.energy(x), forces.reshape(-1, 3), np.zeros(n), np.repeat(doubt, x.shape[1]))


class BySize:
    """A `Potential` that answers each structure on the surface for its number of atoms, and counts its calls."""

    def __init__(self, surfaces: dict[int, Surface]) -> None:
        self.surfaces, self.calls = surfaces, 0

    def predict(self, frames: Frames) -> Prediction:
        self.calls += 1
        parts = [self.surfaces[int(size)].predict(frames[[row]]) for row, size in enumerate(frames.sizes)]
        names = ("energy", "forces", "energy_spread", "force_spread")
        return Prediction(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


class SurfaceCalculator(Calculator):
    """The same surface for ASE."""

    implemented_properties = ("energy", "forces")

    def __init__(self, surface: Surface, template: Structure) -> None:
        super().__init__()
        self.surface, self.template = surface, template

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        seen = self.surface.predict(Frames.repeat(self.template, self.atoms.get_positions()))
        self.results = {"energy": float(seen.energy[0]), "forces": seen.forces}


def distance(x: np.ndarray, i: int, j: int) -> np.ndarray:
    return np.linalg.norm(x[:, i] - x[:, j], axis=-1)


# -- H + H2: London-Eyring-Polanyi-Sato ------------------------------------------------------------------------------------


def leps(x: np.ndarray) -> np.ndarray:
    """Three hydrogens, parameters of Jonsson, Mills, Jacobsen (1998) with A = C: symmetric, so the saddle has r_AB = r_BC."""
    d, alpha, r0, sato = 4.746, 1.942, 0.742, 0.05
    r = [distance(x, 0, 1), distance(x, 1, 2), distance(x, 0, 2)]
    q = [d / 2 * (1.5 * np.exp(-2 * alpha * (s - r0)) - np.exp(-alpha * (s - r0))) / (1 + sato) for s in r]
    j = [d / 4 * (np.exp(-2 * alpha * (s - r0)) - 6 * np.exp(-alpha * (s - r0))) / (1 + sato) for s in r]
    exchange = 0.5 * ((j[0] - j[1]) ** 2 + (j[1] - j[2]) ** 2 + (j[2] - j[0]) ** 2)
    return sum(q) - np.sqrt(exchange)


def h3(ab: float, bc: float, bend: float = 0.0) -> Structure:
    return Structure((1, 1, 1), np.asarray([[-ab, 0, 0], [0, 0, bend], [bc, 0, 0]]), charge=1)


def leps_saddle() -> tuple[float, float]:
    """r_AB = r_BC at the saddle and its energy, from a search along the symmetric collinear line."""
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(_along_the_diagonal, bounds=(0.7, 1.5), method="bounded", options={"xatol": 1e-10})
    return float(found.x), float(found.fun)


def _along_the_diagonal(r: float) -> float:
    return float(leps(h3(r, r).positions[None])[0])


# -- a rotor on a double well: a first- and a second-order saddle at known places -------------------------------------------

WELLS = (1.2, 2.0)  # angstrom, the minima of the central bond; the saddle is half-way
HILL = 1.0  # eV
TWIST = 0.4  # eV, from the planar minimum to the perpendicular maximum


def rotor(x: np.ndarray) -> np.ndarray:
    """H-C-C-H: stiff C-H bonds and angles, a C-C bond with two wells, a twofold torsion."""
    r = distance(x, 1, 2)
    middle, half = (WELLS[0] + WELLS[1]) / 2, (WELLS[1] - WELLS[0]) / 2
    well = HILL * (((r - middle) / half) ** 2 - 1) ** 2
    bonds = 15.0 * (distance(x, 0, 1) - 1.1) ** 2 + 15.0 * (distance(x, 2, 3) - 1.1) ** 2
    axis = (x[:, 2] - x[:, 1]) / r[:, None]
    arms = [x[:, 0] - x[:, 1], x[:, 3] - x[:, 2]]
    lean = [np.einsum("ni,ni->n", arm, axis) / np.linalg.norm(arm, axis=1) for arm in arms]
    angles = 3.0 * (lean[0] + 0.3) ** 2 + 3.0 * (lean[1] - 0.3) ** 2
    flat = [arm - np.einsum("ni,ni->n", arm, axis)[:, None] * axis for arm in arms]
    cosine = np.einsum("ni,ni->n", *flat) / (np.linalg.norm(flat[0], axis=1) * np.linalg.norm(flat[1], axis=1))
    return well + bonds + angles + TWIST * (1 - cosine**2)


def hcch(r: float, twist: float = 0.0) -> Structure:
    """The rotor with its central bond at r angstrom, twisted by an angle (radians) from its planar minimum."""
    across = 1.1 * np.sqrt(1 - 0.09)
    return Structure(
        (1, 6, 6, 1),
        np.asarray([[-0.33, across, 0], [0, 0, 0], [r, 0, 0], [r + 0.33, across * np.cos(twist), across * np.sin(twist)]]),
    )


# -- wells ---------------------------------------------------------------------------------------------------------------------


def morse_pair(x: np.ndarray) -> np.ndarray:
    """A diatomic: depth 4.5 eV, width 1.9 per angstrom, length 0.74 angstrom."""
    return 4.5 * (1 - np.exp(-1.9 * (distance(x, 0, 1) - 0.74))) ** 2


def tethered(stiffness: float, origin: np.ndarray) -> Energies:
    """Every atom on its own spring (eV/angstrom²)."""
    return lambda x: 0.5 * stiffness * ((x - origin) ** 2).sum(axis=(1, 2))


def morse_cluster(x: np.ndarray) -> np.ndarray:
    """All pairs attract: depth 1 eV, width 1.5 per angstrom, length 2.5 angstrom."""
    i, j = np.triu_indices(x.shape[1], 1)
    r = np.linalg.norm(x[:, i] - x[:, j], axis=-1)
    return ((1 - np.exp(-1.5 * (r - 2.5))) ** 2 - 1).sum(axis=1)
