"""The peer of dynamics: ASE's Langevin with SchNetPack's ensemble of networks as calculator, one molecule after another."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from ase import Atoms, units
from ase.calculators.calculator import Calculator, all_changes
from ase.md.langevin import Langevin

from reactal.potentials.architecture import Architecture
from reactal.potentials.schnetpack import build_network

__all__ = ["Ensemble", "dynamics"]


class Ensemble(Calculator):
    """As SchNetPack's `SpkCalculator`, in single precision with a Verlet skin, on its `NNEnsemble`, which has none."""

    implemented_properties = ["energy", "forces"]  # noqa: RUF012

    def __init__(self, architecture: Architecture, *, members: int, device: str = "cpu") -> None:
        # after our own import, which mends SchNetPack for newer torch
        from schnetpack import transform
        from schnetpack.interfaces.ase_interface import AtomsConverter
        from schnetpack.interfaces.batchwise_optimization import NNEnsemble

        super().__init__()
        lists = transform.SkinNeighborList(transform.MatScipyNeighborList(architecture.cutoff), cutoff_skin=0.6)
        self._converter = AtomsConverter(neighbor_list=lists, dtype=torch.float32, device=device)
        models = torch.nn.ModuleList(_model(architecture, seed) for seed in range(members))
        self._model = NNEnsemble(models, ["energy", "forces"]).float().eval().to(device)

    def calculate(self, atoms: Atoms | None = None, properties: Any = ("energy",), system_changes: Any = all_changes) -> None:
        super().calculate(atoms, properties, system_changes)
        means, spreads = self._model(self._converter(self.atoms))
        forces, spread = (found["forces"].detach().double().cpu().numpy() for found in (means, spreads))
        self.results = {"energy": means["energy"].item(), "forces": forces, "spread": np.linalg.norm(spread, axis=1).max()}


def dynamics(atoms: Atoms, *, steps: int) -> None:
    """Langevin dynamics at 300 K, the committee's disagreement known at every step."""
    settings = {"temperature_K": 300, "friction": 0.02 / units.fs, "fixcm": False, "rng": np.random.RandomState(0)}
    Langevin(atoms, 0.5 * units.fs, **settings).run(steps)


def _model(architecture: Architecture, seed: int) -> Any:
    import schnetpack

    return schnetpack.model.NeuralNetworkPotential(
        build_network(architecture, seed=seed).representation,
        input_modules=[schnetpack.atomistic.PairwiseDistances()],
        output_modules=[
            schnetpack.atomistic.Atomwise(n_in=architecture.features, output_key="energy"),
            schnetpack.atomistic.Forces(energy_key="energy", force_key="forces"),
        ],
    ).requires_grad_(False)
