"""An analytic energy surface with the reach of real bonds, and molecules labelled by it."""

from __future__ import annotations

from typing import Any, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from reactal.chem import Frames, Label, Structure
from reactal.potentials.architecture import Architecture, Kind
from reactal.potentials.committee import Committee
from reactal.potentials.priors import ScreenedRepulsion
from reactal.potentials.references import References
from reactal.potentials.schnetpack import EnergyNetwork, build_network

Floats = NDArray[np.float64]
KINDS: tuple[Kind, ...] = get_args(Kind)

WATER = Structure.from_symbols("OHH", [[0.0, 0.0, 0.12], [0.0, 0.76, -0.48], [0.0, -0.76, -0.48]])
METHANOL = Structure.from_symbols(
    "COHHHH",
    [
        [-0.046, 0.662, 0.0],
        [-0.046, -0.758, 0.0],
        [-1.087, 0.976, 0.0],
        [0.860, -1.057, 0.0],
        [0.438, 1.071, 0.890],
        [0.438, 1.071, -0.890],
    ],
)
# depth (eV) and length (angstrom) of a Morse bond by the two atomic numbers, steepness of all
BONDS = {(1, 1): (0.4, 1.55), (1, 6): (4.3, 1.09), (1, 8): (4.8, 0.97), (6, 8): (3.9, 1.42)}
STEEPNESS = 1.7  # 1/angstrom
ATOMS = {1: -13.6, 6: -1030.0, 8: -2040.0}  # eV, so that the totals are as large as real ones


def label(structure: Structure) -> Label:
    """Morse bonds between all pairs."""
    energy = sum(ATOMS[z] for z in structure.numbers)
    forces = np.zeros((len(structure), 3))
    for i in range(len(structure)):
        for j in range(i):
            depth, length = BONDS[
                min(structure.numbers[i], structure.numbers[j]), max(structure.numbers[i], structure.numbers[j])
            ]
            vector = structure.positions[i] - structure.positions[j]
            distance = float(np.linalg.norm(vector))
            decay = float(np.exp(-STEEPNESS * (distance - length)))
            energy += depth * ((1 - decay) ** 2 - 1)
            pull = -2 * depth * STEEPNESS * decay * (1 - decay) * vector / distance
            forces[i] += pull
            forces[j] -= pull
    return Label(structure.key, "morse", energy, forces)


def labelled(*molecules: Structure, count: int, seed: int = 0, rattle: float = 0.06) -> Frames:
    """`count` rattled copies, the molecules taking turns."""
    rng = np.random.default_rng(seed)
    turns = [molecules[i % len(molecules)] for i in range(count)]
    shaken = [m.moved(m.positions + rng.normal(0, rattle, m.positions.shape)) for m in turns]
    return Frames.of(shaken, [label(s) for s in shaken])


def committee_of_random_networks(kind: Kind = "painn", *, members: int = 2, cutoff: float = 5.0, **more: Any) -> Committee:
    """Untrained networks, whose physics must be right all the same; `more` of an `Architecture`."""
    architecture = Architecture(kind=kind, features=16, interactions=2, cutoff=cutoff, **more)
    networks = tuple(build_network(architecture, seed=seed) for seed in range(members))
    return Committee(networks, References(tuple(ATOMS.items())), ScreenedRepulsion(), {"campaign": "test"})


def stirred(network: EnergyNetwork, *, size: float = 0.1, seed: int = 0) -> EnergyNetwork:
    """As after training: some weights and all biases of a new network are zero, and what they do would not show."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for values in network.parameters():
            kick = size * torch.randn(values.shape, generator=generator).to(values)
            values.copy_((values + kick).float())  # what a file can hold
    return network
