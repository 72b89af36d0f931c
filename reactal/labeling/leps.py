"""The London-Eyring-Polanyi-Sato surface of H + H2: a real reactive surface that costs microseconds.

For whole campaigns in fast tests. Any three hydrogen atoms in three dimensions:

    E = 1/(1 + k) * [ Q1 + Q2 + Q3 - sqrt( ((J1 - J2)^2 + (J2 - J3)^2 + (J3 - J1)^2) / 2 ) ]
    Q = (1 + k)/2 * S + (1 - k)/2 * T          J = (1 + k)/2 * S - (1 - k)/2 * T
    S(r) = D [exp(-2b(r - r0)) - 2 exp(-b(r - r0))]         T(r) = D/2 [exp(-2b(r - r0)) + 2 exp(-b(r - r0))]

S. Sato, J. Chem. Phys. 23, 592 (1955). S is the Morse curve of the bond, T Sato's curve of its triplet, Q and J the
Coulomb and exchange parts for each of the three distances, k Sato's parameter. Zero is three atoms far apart.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["BOND", "DEPTH", "SATO", "STEEPNESS", "leps"]

DEPTH = 4.7466  # eV, D of H2 (109.46 kcal/mol)
STEEPNESS = 1.9420  # 1/angstrom, b
BOND = 0.7419  # angstrom, r0
SATO = 0.1475  # k; puts the barrier at 8.5 kcal/mol and 0.926 angstrom (ab initio: 9.6 kcal/mol, 0.930 angstrom)
PAIRS = ((0, 1), (1, 2), (2, 0))

Floats = NDArray[np.float64]


def leps(positions: Floats) -> tuple[float, Floats]:
    """Energy (eV) and forces (3, 3) (eV/angstrom) of three hydrogen atoms at positions (3, 3) (angstrom)."""
    first, second = np.array(PAIRS).T
    vectors = positions[first] - positions[second]
    distances = np.linalg.norm(vectors, axis=1)
    coulomb, exchange, coulomb_slope, exchange_slope = _pair_parts(distances)
    differences = exchange - np.roll(exchange, -1)  # J1 - J2, J2 - J3, J3 - J1
    root = float(np.sqrt(0.5 * (differences**2).sum()))
    energy = (coulomb.sum() - root) / (1 + SATO)
    # d root / dJ_i = (2 J_i - J_j - J_k) / (2 root); on the seam of three equal J the lower sheet has no slope: take none
    root_slope = (differences - np.roll(differences, 1)) / (2 * root) if root > 0 else np.zeros(3)
    slope = (coulomb_slope - root_slope * exchange_slope) / (1 + SATO)  # dE/dr of each pair
    forces = np.zeros((3, 3))
    along = slope[:, None] * vectors / distances[:, None]
    np.add.at(forces, first, -along)
    np.add.at(forces, second, along)
    return float(energy), forces


def _pair_parts(distances: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Q, J, dQ/dr, dJ/dr for each distance."""
    decay = np.exp(-STEEPNESS * (distances - BOND))
    singlet = DEPTH * (decay**2 - 2 * decay)
    triplet = 0.5 * DEPTH * (decay**2 + 2 * decay)
    singlet_slope = -2 * STEEPNESS * DEPTH * (decay**2 - decay)
    triplet_slope = -STEEPNESS * DEPTH * (decay**2 + decay)
    bonding, repelling = 0.5 * (1 + SATO), 0.5 * (1 - SATO)
    return (
        bonding * singlet + repelling * triplet,
        bonding * singlet - repelling * triplet,
        bonding * singlet_slope + repelling * triplet_slope,
        bonding * singlet_slope - repelling * triplet_slope,
    )
