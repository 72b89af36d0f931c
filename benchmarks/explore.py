"""Exploration on a model against ASE's: replicas moved a second, and gradients that a climbing band costs.

The dynamics run on a committee of four untrained PaiNN of 64 features, which costs what a trained one does: ours in one batch,
with every member asked at every step and by the default plan (one member leads, all are looked at every ten steps); the peer's
with SchNetPack's ensemble in ASE, in the number of threads that suits it better. It moves one molecule after another, so its rate
is measured on one. The band is that of H + H2 on the London-Eyring-Polanyi-Sato surface; ASE may take whichever of its two
optimisers needs less.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import ase_peer
import numpy as np
import torch
from figure import Figure, rates, report, versus

from reactal.chem import Frames, Structure
from reactal.chem.convert import to_ase
from reactal.exploration.dynamics import Plan, simulate
from reactal.exploration.guards import Guards
from reactal.exploration.neb import BandSettings, relax_band
from reactal.exploration.paths import align, geodesic_path
from reactal.exploration.replicas import Replicas
from reactal.exploration.swarms import SwarmSettings
from reactal.labeling.leps import leps
from reactal.potentials.architecture import Architecture
from reactal.potentials.base import Prediction
from reactal.potentials.committee import Committee
from reactal.potentials.device import CPU, device_of, gpus
from reactal.potentials.driving import DrivenCommittee
from reactal.potentials.priors import ScreenedRepulsion
from reactal.potentials.references import References
from reactal.potentials.schnetpack import build_network
from reactal.potentials.threads import torch_threads

FREE = Guards(trust=1e9, cap=1e9, energy_window=1e9, contact=0.0, temperature_factor=1e9, separation=1e9)
FORCE = 0.05  # eV/angstrom
ARCHITECTURE = Architecture(features=64)
MEMBERS = 4
CHECK_EVERY = SwarmSettings().check_every
ETHANOL = Structure.from_symbols(
    ["C", "C", "O", "H", "H", "H", "H", "H", "H"],
    [
        [1.17, -0.40, 0.0], [0.0, 0.55, 0.0], [-1.19, -0.23, 0.0], [-1.95, 0.38, 0.0], [2.11, 0.16, 0.0],
        [1.14, -1.04, 0.89], [1.14, -1.04, -0.89], [0.05, 1.20, 0.89], [0.05, 1.20, -0.89],
    ],
)  # fmt: skip
SN2 = Structure.from_symbols(
    ["C", "Cl", "Cl", "H", "H", "H"],
    [[0, 0, 0], [0, 0, 1.83], [0, 0, -3.27], [1.03, 0, -0.32], [-0.515, 0.892, -0.32], [-0.515, -0.892, -0.32]],
    charge=-1,
)
MOLECULES = {"ethanol": ETHANOL, "sn2": SN2}


def committee(device: torch.device = CPU) -> DrivenCommittee:
    references = References(tuple((z, 0.0) for z in (1, 6, 8, 17)))
    networks = tuple(build_network(ARCHITECTURE, seed=seed) for seed in range(MEMBERS))
    return DrivenCommittee(Committee(networks, references, ScreenedRepulsion()).on(device))


def swarm(potential: DrivenCommittee, start: Structure, *, replicas: int, steps: int, check_every: int) -> Callable[[], None]:
    starts = Replicas.of(Frames.repeat(start, np.stack([start.positions] * replicas)))

    def run() -> None:
        simulate(potential, starts, plan=Plan(steps, steps, check_every), guards=FREE)

    return run


def peer_threads(atoms: object) -> int:
    """One or all of torch's: what the peer is faster with."""
    took = {}
    for threads in {1, torch.get_num_threads()}:
        with torch_threads(threads):
            ase_peer.dynamics(atoms, steps=1)
            start = time.perf_counter()
            ase_peer.dynamics(atoms, steps=4)
            took[threads] = time.perf_counter() - start
    return min(took, key=lambda threads: took[threads])


def dynamics_figures(*, counts: tuple[int, ...], looks: int, runs: int) -> list[Figure]:
    """For each molecule and number of replicas both plans; the least of each plan is the figure of the name alone."""
    potential = committee()
    found: dict[str, list[Figure]] = {"every_step": [], "default": []}
    for molecule, start in MOLECULES.items():
        atoms = to_ase(start)
        atoms.calc = ase_peer.Ensemble(ARCHITECTURE, members=MEMBERS)
        threads = peer_threads(atoms)

        def theirs(atoms: object = atoms, threads: int = threads) -> None:
            with torch_threads(threads):
                ase_peer.dynamics(atoms, steps=20)

        for count in counts:
            for plan, every, goal in (("every_step", 1, 5.0), ("default", CHECK_EVERY, 10.0)):
                steps = looks * every
                ours = swarm(potential, start, replicas=count, steps=steps, check_every=every)
                ours()  # traces
                mine, peers = rates(1.0, [ours, theirs], runs=runs)
                scaled = [count * steps * rate for rate in mine], [20 * rate for rate in peers]
                name = f"explore.rate_vs_ase_{plan}_{molecule}_{count}"
                found[plan].append(versus(name, "replica steps/s", *scaled, at_least=goal))
    least = [min(figures, key=lambda figure: figure.value) for figures in found.values()]
    named = [
        Figure(f"explore.rate_vs_ase_{plan}", f.value, f.unit, f.ours, f.peer, f.goal, f.met, f.runs)
        for plan, f in zip(found, least, strict=True)
    ]
    return [*found["every_step"], *found["default"], *named]


def gpu_figures(*, counts: tuple[int, ...], looks: int, runs: int) -> list[Figure]:
    """Ours on a GPU, every member asked at every step, against the peer where it is faster, there or on the CPU: ethanol, the
    best of so many replicas at once."""
    if not gpus():
        print("explore.gpu_rate_vs_ase: left out, torch sees no GPU here", file=sys.stderr)
        return []
    potential, found = committee(device_of("cuda:0")), []
    took = {}
    for device in ("cpu", "cuda:0"):
        atoms = to_ase(ETHANOL)
        atoms.calc = ase_peer.Ensemble(ARCHITECTURE, members=MEMBERS, device=device)
        ase_peer.dynamics(atoms, steps=5)
        start = time.perf_counter()
        ase_peer.dynamics(atoms, steps=20)
        took[time.perf_counter() - start] = atoms
    peer = took[min(took)]
    for count in counts:
        ours = swarm(potential, ETHANOL, replicas=count, steps=looks, check_every=1)
        ours()  # traces and recordings
        mine, peers = rates(1.0, [ours, lambda: ase_peer.dynamics(peer, steps=20)], runs=runs)
        scaled = [count * looks * rate for rate in mine], [20 * rate for rate in peers]
        found.append(versus(f"explore.gpu_rate_vs_ase_{count}", "replica steps/s", *scaled, at_least=100.0))
    best = max(found, key=lambda figure: figure.value)
    return [*found, replace(best, name="explore.gpu_rate_vs_ase")]


class Timed:
    """A potential that knows how long it was asked for."""

    def __init__(self, potential: DrivenCommittee) -> None:
        self._potential = potential
        self.seconds = 0.0

    def predict(self, frames: Frames) -> Prediction:
        start = time.perf_counter()
        seen = self._potential.predict(frames)
        self.seconds += time.perf_counter() - start
        return seen


def overhead_figure(*, replicas: int, steps: int, runs: int) -> Figure:
    """What the engine, guards on, takes beside the committee it asks at every step."""
    potential, shares = committee(), []
    starts = Replicas.of(Frames.repeat(ETHANOL, np.stack([ETHANOL.positions] * replicas)))
    guards = Guards(trust=1e9, cap=1e9, energy_window=1e9, temperature_factor=1e9)
    for _ in range(runs + 1):
        timed = Timed(potential)
        start = time.perf_counter()
        simulate(timed, starts, plan=Plan(steps, steps), guards=guards)
        shares.append((time.perf_counter() - start) / timed.seconds - 1)
    share = float(np.median(shares[1:]))
    return Figure("explore.engine_overhead", round(share, 4), "of the model", None, None, "<= 0.15", share <= 0.15, runs)


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
    figures = dynamics_figures(counts=(32,) if quick else (32, 256), looks=2 if quick else 5, runs=3 if quick else 5)
    figures += gpu_figures(counts=(256,) if quick else (256, 1024, 4096), looks=20, runs=3 if quick else 5)
    figures.append(overhead_figure(replicas=64 if quick else 256, steps=3, runs=3))
    figures.append(band_figure(images=11, runs=3 if quick else 7))
    report(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
