"""A potential as one TorchScript file that needs no reactal: for one molecule, any geometry, in Python or C++.

The atoms are fixed, so that all pairs are known and the whole computation (every member, its derivative, prior and reference
energies, the spread) unrolls into plain operations on the positions. A baseline is no such operation: those models are refused.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from torch.fx.experimental.proxy_tensor import make_fx

from reactal.chem import Frames, Structure
from reactal.errors import InputError
from reactal.potentials.batch import ALL_PAIRS_UP_TO, AtomBatch, collate
from reactal.potentials.committee import Committee
from reactal.potentials.evaluation import REPLAYED, answer
from reactal.potentials.evidence import doubt

__all__ = ["OUTPUTS", "write_standalone"]

OUTPUTS = ("energy", "forces", "energy_spread", "force_spread")  # eV, eV/angstrom (N, 3), eV, eV/angstrom (N,)
ABOUT = "reactal.json"  # inside the file: what it is of


def write_standalone(committee: Committee, like: Structure, file: Path) -> None:
    """Of the atoms, charge and multiplicity of `like`. The file takes positions (N, 3) in angstrom, float64, and gives OUTPUTS;
    `InputError` where the model cannot be told in that way."""
    _require_fit(committee, like)
    frames = Frames.of([like])
    committee.predict(frames)  # refuses elements and states that it does not know
    batch = collate(frames, committee.architecture.cutoff, dtype=torch.float64)
    graph = make_fx(_Molecule(committee, batch, float(committee.references.sum(frames)[0])))(batch.positions.clone())
    with torch.no_grad():
        script = torch.jit.trace(graph, batch.positions.detach().clone(), check_trace=False)
    about: dict[str, Any] = {
        "numbers": list(like.numbers),
        "charge": like.charge,
        "multiplicity": like.multiplicity,
        "inputs": {"positions": "angstrom, float64, (atoms, 3)"},
        "outputs": list(OUTPUTS),
        "units": {"energy": "eV", "length": "angstrom"},
        "about": dict(committee.about),
    }
    torch.jit.save(torch.jit.freeze(script.eval()), str(file), _extra_files={ABOUT: json.dumps(about)})


def _require_fit(committee: Committee, like: Structure) -> None:
    periodic = like.pbc is not None and bool(np.any(like.pbc))
    for wrong, why in (
        (committee.baseline is not None, f"it is trained on top of {committee.baseline and committee.baseline.method}"),
        (committee.architecture.kind not in REPLAYED, f"a {committee.architecture.kind} network cannot be unrolled"),
        (periodic or len(like) > ALL_PAIRS_UP_TO, f"that is for free molecules of up to {ALL_PAIRS_UP_TO} atoms"),
    ):
        if wrong:
            raise InputError(f"the model cannot be written as a file of its own: {why}; use it through reactal.load_potential")


@final
class _Molecule:
    """Everything that `Committee.predict` says of one molecule, from its positions alone."""

    def __init__(self, committee: Committee, batch: AtomBatch, constant: float) -> None:
        self.committee, self.batch, self.constant = committee, batch, constant

    def __call__(self, positions: torch.Tensor) -> tuple[torch.Tensor, ...]:
        architecture = self.committee.architecture
        batch = replace(self.batch, positions=positions.detach().requires_grad_(True))
        said = [answer(network, batch, architecture) for network in self.committee.networks]
        repulsion, slope = self._prior(batch)
        energies = torch.cat([one[0] for one in said])[:, 0] + repulsion + self.constant
        forces = -(torch.cat([one[1] for one in said]) + slope)
        mean = forces.mean(0)
        energy_variance = energies.var(0, correction=0)
        force_variance = (forces - mean).square().sum(2).mean(0)
        if architecture.says == "evidence":
            doubts = [doubt(one[2], batch) for one in said]
            energy_variance = energy_variance + torch.stack([energy[0] for energy, _ in doubts]).mean(0)
            force_variance = force_variance + torch.stack([of_forces for _, of_forces in doubts]).mean(0)
        return energies.mean(0), mean, energy_variance.sqrt(), force_variance.sqrt()

    def _prior(self, batch: AtomBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Of all pairs: which are close depends on the positions."""
        first, second = (batch.numbers[atoms] for atoms in (batch.first, batch.second))
        energy = 0.5 * self.committee.prior.pair_energy(first, second, batch.vectors().norm(dim=1)).sum()
        (slope,) = torch.autograd.grad(energy, batch.positions)
        return energy.detach(), slope
