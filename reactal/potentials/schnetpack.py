"""SchNetPack's representations with an energy head: energies of a batch in eV."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import nn

from reactal.potentials.architecture import Architecture, Kind
from reactal.potentials.batch import AtomBatch
from reactal.potentials.evidence import OUTPUTS
from reactal.potentials.familiarity import Familiarity
from reactal.potentials.harmonics import ANGULAR, SphericalHarmonics
from reactal.potentials.masks import fixed_masks
from reactal.potentials.schnetpack_compat import nn as layers
from reactal.potentials.schnetpack_compat import properties, representation
from reactal.potentials.states import AtomsInStates

__all__ = ["EnergyNetwork", "build_network"]


def _representation(architecture: Architecture) -> nn.Module:
    radial = layers.GaussianRBF(n_rbf=architecture.radial, cutoff=architecture.cutoff)
    cutoff = layers.CosineCutoff(architecture.cutoff)
    kinds: dict[Kind, tuple[Any, dict[str, Any]]] = {
        "painn": (representation.PaiNN, {"epsilon": architecture.smoothing}),
        "schnet": (representation.SchNet, {}),
        "so3net": (representation.SO3net, {"lmax": ANGULAR}),
        # without the name of a field it would have no dipoles, and be SchNet
        "field_schnet": (representation.FieldSchNet, {"external_fields": [properties.electric_field]}),
    }
    kind, more = kinds[architecture.kind]
    built: nn.Module = kind(architecture.features, architecture.interactions, radial_basis=radial, cutoff_fn=cutoff, **more)
    if architecture.kind == "so3net":
        built.sphharm = SphericalHarmonics()
        for part in built.modules():  # a plain attribute of SchNetPack's gates, which would stay on the CPU
            if "lidx" in vars(part):
                part.register_buffer("lidx", vars(part).pop("lidx"), persistent=False)
    return built


@final
class EnergyNetwork(nn.Module):
    """Energies relative to the reference energies and without the prior, (n,) eV.

    SchNetPack's `Atomwise` reads the number of structures from the device, which breaks tracing and vmap; its head is
    built here with the same function and summed with the number that the batch knows.

    With several heads, structure i of a batch is answered by head i modulo their number: trained on batches that are drawn at
    random, each head learns from other structures than its siblings, at the price of one. `every_head` asks them all, (heads, n).
    With dropout the heads are one, each with its own hidden units.

    What is said beside the energy (`with_aside`: energies, and OUTPUTS numbers of each atom) is read from features that it leaves
    as they are: learning it does not change them. To evidence belongs how far the features are from familiar ones.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.representation = _representation(architecture)
        self.states: AtomsInStates | None = None
        if architecture.states:
            elements = self.representation.get_submodule("embedding")
            self.states = AtomsInStates(elements, features=architecture.features)
            # FieldSchNet takes no embedding of states: in every kind alike, the atoms come to it embedded
            self.representation.embedding = nn.Identity()
        whole = 1 if architecture.dropout else architecture.heads
        first, *others = (layers.build_mlp(n_in=architecture.features, n_out=1, n_layers=2) for _ in range(whole))
        self.outnet, self.others = first, nn.ModuleList(others)
        self.masks: torch.Tensor | None
        masks = None
        if architecture.dropout:
            masks = fixed_masks(architecture.heads, self.outnet[1].in_features, dropout=architecture.dropout).float()
        self.register_buffer("masks", masks, persistent=False)  # they follow from the architecture
        count = OUTPUTS[architecture.says]
        self.aside = layers.build_mlp(n_in=architecture.features, n_out=count, n_layers=2) if count else None
        self.familiarity = Familiarity(architecture.features) if architecture.says == "evidence" else None

    def forward(
        self, batch: AtomBatch, *, every_head: bool = False, with_aside: bool = False
    ) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        features = self.features(batch)
        energies = self._energies(features, batch, every_head=every_head)
        if not with_aside or self.aside is None:
            return energies
        aside = _single(self.aside(features.detach()))
        if self.familiarity is not None:
            aside = torch.cat([aside, self.familiarity(features.detach(), batch.numbers)[:, None]], dim=1)
        return energies, aside

    def _energies(self, features: torch.Tensor, batch: AtomBatch, *, every_head: bool) -> torch.Tensor:
        said = _single(self._said(features))
        if said.ndim == 2:
            if every_head:
                return said.new_zeros(len(said), batch.structures).index_add(1, batch.owner, said)
            said = said.gather(0, (batch.owner % len(said))[None]).squeeze(0)
        total = torch.zeros(batch.structures, dtype=said.dtype, device=said.device).index_add(0, batch.owner, said)
        return total[None] if every_head else total

    def _said(self, features: torch.Tensor) -> torch.Tensor:
        """The energy of each atom: (A,), or of several heads (heads, A)."""
        if self.masks is not None:
            hidden, last = self.outnet[0](features), self.outnet[1]
            return nn.functional.linear(hidden, self.masks * last.weight, last.bias.expand(len(self.masks))).T
        atomic: torch.Tensor = self.outnet(features).squeeze(-1)
        if not len(self.others):
            return atomic
        return torch.stack([atomic, *(head(features).squeeze(-1) for head in self.others)])

    def features(self, batch: AtomBatch) -> torch.Tensor:
        """What the heads read: (A, F)."""
        inputs = {
            properties.Z: batch.numbers if self.states is None else self.states(batch),
            properties.Rij: batch.vectors(),
            properties.idx_i: batch.first,
            properties.idx_j: batch.second,
        }
        if self.architecture.kind == "field_schnet":
            inputs[properties.idx_m] = batch.owner
            inputs[properties.electric_field] = batch.positions.new_zeros(batch.structures, 3)
        features: torch.Tensor = self.representation(inputs)["scalar_representation"]
        return features


def _single(said: torch.Tensor) -> torch.Tensor:
    """What a network of mixed precision says of atoms is added up in single precision."""
    return said.float() if said.dtype == torch.bfloat16 else said


def build_network(architecture: Architecture, *, seed: int) -> EnergyNetwork:
    """Freshly initialised from the seed; the process's random state is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return EnergyNetwork(architecture)
