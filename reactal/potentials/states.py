"""One network for several charges and multiplicities: what the electrons of a structure add to the features of its atoms.

As in SpookyNet (Unke, Chmiela, Gastegger, Schütt, Sauceda, Müller, Nat. Commun. 12, 7273 (2021), "electronic embeddings"): the
charge Q and the number of unpaired electrons S are dealt out to the atoms, atom i getting the share a_i / sum_j a_j over the
structure's atoms, a = ln(1 + exp(q · k / sqrt(F))), q from the atom's F features and k from Q or S. The shares follow from the
elements, not from the positions, so that the energy is as smooth as without. A neutral singlet adds nothing: two far molecules
of that kind have the sum of their energies. Two far ions have not, as nothing says which of them has the charge.

The layers are those of SchNetPack's `ElectronicEmbedding`. Its own shares run over all atoms of a batch before they are divided,
so that an atom's share depends on what other structures are there, up to losing it wholly.
"""

from __future__ import annotations

from typing import final

import torch
from torch import nn

from reactal.errors import InputError
from reactal.potentials.batch import AtomBatch
from reactal.potentials.schnetpack_compat import nn as layers
from reactal.potentials.schnetpack_compat import properties

__all__ = ["AtomsInStates"]

NOTHING = 1e-8  # keeps a sum of shares that has vanished from dividing by zero


@final
class AtomsInStates(nn.Module):
    """The features of the elements, from `elements`, with what charge and unpaired electrons add: (A, F)."""

    def __init__(self, elements: nn.Module, *, features: int) -> None:
        super().__init__()
        self.elements = elements
        self.charge = _Dealt(features, key=properties.total_charge, signs=2)
        self.unpaired = _Dealt(features, key=properties.spin_multiplicity, signs=1)

    def forward(self, batch: AtomBatch) -> torch.Tensor:
        if batch.states is None:
            raise InputError(
                "this potential tells charges and multiplicities apart, and a batch does not say them; add its states"
            )
        features = self.elements(batch.numbers)
        charge, unpaired = batch.states.to(features).unbind(1)
        features = features + self.charge(features, charge, batch)
        out: torch.Tensor = features + self.unpaired(features, unpaired, batch)
        return out


class _Dealt(nn.Module):
    """A number of each structure (n,), dealt out to its atoms; with two signs, each sign has weights of its own."""

    def __init__(self, features: int, *, key: str, signs: int) -> None:
        super().__init__()
        self.layers = layers.ElectronicEmbedding(key, features, is_charged=signs == 2)

    def forward(self, features: torch.Tensor, number: torch.Tensor, batch: AtomBatch) -> torch.Tensor:
        signed = torch.stack([number, -number], dim=1).relu() if self.layers.is_charged else number[:, None]
        # the key says which sign there is, the value how much of it
        key = self.layers.linear_k(signed / signed.clamp(min=1.0)).index_select(0, batch.owner)
        value = self.layers.linear_v(signed).index_select(0, batch.owner)
        likeness = (key * self.layers.linear_q(features)).sum(1) / features.shape[1] ** 0.5
        weight = nn.functional.softplus(likeness)
        whole = weight.new_zeros(batch.structures).index_add(0, batch.owner, weight) + NOTHING
        out: torch.Tensor = self.layers.resblock((weight / whole.index_select(0, batch.owner))[:, None] * value)
        return out
