"""Exploration on a model against ASE's: replicas moved a second, and gradients that a climbing band costs.

The dynamics run on a committee of untrained networks of the default size, which costs what a trained one does. The band
is that of H + H2 on the London-Eyring-Polanyi-Sato surface; ASE may take whichever of its two optimisers needs less.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import numpy as np
from figure import Figure, rates, report, versus

from reactal.chem import Frames, Structure
from reactal.chem.convert import to_ase
from reactal.exploration.dynamics import langevin
from reactal.exploration.guards import Guards
from reactal.exploration.neb import BandSettings, relax_band
from reactal.exploration.paths import align, geodesic_path
from reactal.labeling.leps import leps
from reactal.potentials.architecture import Architecture
from reactal.potentials.base import Prediction
from reactal.potentials.calculator import ReactalCalculator
from reactal.potentials.committee import Committee
from reactal.potentials.priors import ScreenedRepulsion
from reactal.potentials.references import References
from reactal.potentials.schnetpack import build_network

FREE = Guards(trust=1e9, cap=1e9, energy_window=1e9, contact=0.0, temperature_factor=1e9, separation=1e9)
FORCE = 0.05  # eV/angstrom
ALCOHOL = Structure.from_symbols(
    ["C", "C", "O", "H", "H", "H", "H"],
    [
        [-1.21, -0.20, 0.0], [0.00, 0.38, 0.0], [1.17, -0.31, 0.0],
        [-2.08, 0.44, 0.0], [-1.33, -1.27, 0.0], [0.09, 1.46, 0.0], [0.96, -1.25, 0.0],
    ],
)  # fmt: skip


def committee(members: int = 4) -> Committee:
    architecture = Architecture()
    references = References(tuple((z, 0.0) for z in sorted(set(ALCOHOL.numbers))))
    networks = tuple(build_network(architecture, seed=seed) for seed in range(members))
    return Committee(networks, references, ScreenedRepulsion())


def dynamics_figure(*, replicas: int, steps: int, runs: int) -> Figure:
    """Langevin dynamics of many replicas: all in one batch here, one after another there, on the same committee."""
    from ase import units
    from ase.md.langevin import Langevin

    potential = committee()
    starts = Frames.repeat(ALCOHOL, np.stack([ALCOHOL.positions] * replicas))

    def ours() -> None:
        langevin(potential, starts, temperatures=300, steps=steps, guards=FREE, rng=np.random.default_rng(0), stride=steps)

    def theirs() -> None:
        for _ in range(replicas):
            atoms = to_ase(ALCOHOL)
            atoms.calc = ReactalCalculator(potential)
            settings = {"temperature_K": 300, "friction": 0.02 / units.fs, "fixcm": False, "rng": np.random.RandomState(0)}
            Langevin(atoms, 0.5 * units.fs, **settings).run(steps)

    measured = rates(replicas * steps, [ours, theirs], runs=runs)
    return versus("replica_steps_vs_ase", "replica steps/s", *measured, at_least=4.0)


class Counted:
    """The surface as a `Potential`, counting gradients."""

    def __init__(self) -> None:
        self.gradients = 0

    def predict(self, frames: Frames) -> Prediction:
        self.gradients += len(frames)
        found = [leps(place) for place in frames.positions.reshape(-1, 3, 3)]
        atoms = len(frames.numbers)
        forces = np.concatenate([force for _, force in found])
        return Prediction(np.asarray([energy for energy, _ in found]), forces, np.zeros(len(frames)), np.zeros(atoms))


def ends() -> tuple[Structure, Structure]:
    start = Structure((1, 1, 1), np.asarray([[-0.742, 0, 0], [0, 0, 0.1], [2.6, 0, 0]]), charge=1)
    return start, align(start.moved([[-2.6, 0, 0], [0, 0, 0.1], [0.742, 0, 0]]), start)


def ours_band(images: int, seed: int) -> int:
    surface, (start, end) = Counted(), ends()
    path = geodesic_path(start, end, images=images, rng=np.random.default_rng(seed))
    band = relax_band(surface, start, path, settings=BandSettings(force_max=FORCE, move=3.0), max_steps=500)
    if not band.converged:
        raise SystemExit("our band does not converge")
    return surface.gradients


def ase_band(images: int, seed: int, optimiser: Callable[..., object]) -> int:
    from ase.calculators.calculator import Calculator, all_changes
    from ase.mep import NEB

    counted = Counted()

    class Surface(Calculator):
        implemented_properties = ["energy", "forces"]  # noqa: RUF012

        def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:  # noqa: ANN001
            super().calculate(atoms, properties, system_changes)
            seen = counted.predict(Frames.repeat(start, self.atoms.get_positions()))
            self.results = {"energy": float(seen.energy[0]), "forces": seen.forces}

    start, end = ends()
    path = geodesic_path(start, end, images=images, rng=np.random.default_rng(seed))
    chain = [to_ase(start.moved(place)) for place in path]
    for image in chain:
        image.calc = Surface()
    band = NEB(chain, climb=True, method="improvedtangent", k=1.0, allow_shared_calculator=False)
    optimiser(band).run(fmax=FORCE, steps=500)
    return counted.gradients


def band_figure(*, images: int, runs: int) -> Figure:
    """Bands for a thousand gradients, the same first path for both."""
    from ase.mep.neb import NEBOptimizer
    from ase.optimize import FIRE

    ours, peer = [], []
    for seed in range(runs):
        ours.append(1000 / ours_band(images, seed))
        costs = [ase_band(images, seed, lambda band, how=how: how(band, logfile=None)) for how in (FIRE, NEBOptimizer)]
        peer.append(1000 / min(costs))
    return versus("band_gradients_vs_ase", "bands per 1000 gradients", ours, peer, at_least=1.5)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the same on less work, within two minutes")
    quick = parser.parse_args().quick
    figures = [
        dynamics_figure(replicas=16 if quick else 32, steps=10 if quick else 40, runs=3 if quick else 5),
        band_figure(images=11, runs=3 if quick else 7),
    ]
    report(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
