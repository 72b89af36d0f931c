"""SchNetPack's representations with an energy head: energies of a batch in eV."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import nn

from reactal.potentials.architecture import Architecture
from reactal.potentials.batch import AtomBatch
from reactal.potentials.schnetpack_compat import nn as layers
from reactal.potentials.schnetpack_compat import properties, representation

__all__ = ["EnergyNetwork", "build_network"]


def _representation(architecture: Architecture) -> nn.Module:
    radial = layers.GaussianRBF(n_rbf=architecture.radial, cutoff=architecture.cutoff)
    cutoff = layers.CosineCutoff(architecture.cutoff)
    kind: Any = {"painn": representation.PaiNN, "schnet": representation.SchNet}[architecture.kind]
    more = {"epsilon": architecture.smoothing} if architecture.kind == "painn" else {}
    built: nn.Module = kind(architecture.features, architecture.interactions, radial_basis=radial, cutoff_fn=cutoff, **more)
    return built


@final
class EnergyNetwork(nn.Module):
    """Energies relative to the reference energies and without the prior, (n,) eV.

    SchNetPack's `Atomwise` reads the number of structures from the device, which breaks tracing and vmap; its head is
    built here with the same function and summed with the number that the batch knows.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.representation = _representation(architecture)
        self.outnet = layers.build_mlp(n_in=architecture.features, n_out=1, n_layers=2)

    def forward(self, batch: AtomBatch) -> torch.Tensor:
        inputs = {
            properties.Z: batch.numbers,
            properties.Rij: batch.vectors(),
            properties.idx_i: batch.first,
            properties.idx_j: batch.second,
        }
        atomic = self.outnet(self.representation(inputs)["scalar_representation"]).squeeze(-1)
        return torch.zeros(batch.structures, dtype=atomic.dtype, device=atomic.device).index_add(0, batch.owner, atomic)


def build_network(architecture: Architecture, *, seed: int) -> EnergyNetwork:
    """Freshly initialised from the seed; the process's random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return EnergyNetwork(architecture)
