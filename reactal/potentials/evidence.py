"""What a network says beside the energy: how far its labels may lie from it.

Evidence: Amini, Schwarting, Soleimany, Rus, NeurIPS 2020 (deep evidential regression). Mean and variance of a label have a
normal-inverse-gamma distribution with nu, alpha, beta, so that the label has a Student t distribution about the energy (or a
force component), of 2 alpha degrees of freedom, scale² = beta (1 + nu) / (nu alpha), variance beta (1 + nu) / (nu (alpha - 1)).
The head gives s² = beta / (alpha - 1), nu and alpha. Labels fix the variance, s² (1 + 1 / nu); how much of it is noise (s²) and
how much ignorance (s² / nu) they do not (Meinert, Gawlikowski, Lavin, AAAI 2023, 9134). The labels of a converged calculation
have next to no noise: all of the variance counts as doubt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch

from reactal.potentials.architecture import Says
from reactal.potentials.batch import AtomBatch

__all__ = ["OUTPUTS", "Evidence", "doubt", "evidence", "noise"]

OUTPUTS: dict[Says, int] = {"energy": 0, "noise": 2, "evidence": 6}  # numbers of each atom
TYPICAL = (0.01, 0.1)  # eV of an atom's share of the energy, eV/angstrom of a force component: where a new network begins
GAIN = 4.0  # of the outputs: logarithms of variances have a long way to go at a learning rate made for energies
LARGEST = 15.0  # of a logarithm
FEWEST = 1e-3  # keeps nu from 0 and alpha from 1, where the variance has no end


@final
@dataclass(frozen=True, eq=False)
class Evidence:
    """square: s², nu and alpha as in the module's text; all of one shape."""

    square: torch.Tensor
    nu: torch.Tensor
    alpha: torch.Tensor

    @property
    def beta(self) -> torch.Tensor:
        return self.square * (self.alpha - 1)

    def of_components(self) -> Evidence:
        """The same for each of three components: (A, 1)."""
        return Evidence(self.square[:, None], self.nu[:, None], self.alpha[:, None])

    @property
    def variance(self) -> torch.Tensor:
        return self.square * (1 + 1 / self.nu)


def noise(aside: torch.Tensor, batch: AtomBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Variances of the labels: energies (n,) eV², force components of each atom (A,) eV²/angstrom²."""
    of_energy, of_forces = (_square(aside[:, place], typical) for place, typical in enumerate(TYPICAL))
    return _sum(of_energy, batch), of_forces


def evidence(aside: torch.Tensor, batch: AtomBatch, *, distance: torch.Tensor | float = 1.0) -> tuple[Evidence, Evidence]:
    """For the energies (n,) and for the force components of each atom (A,); nu of the atoms divided by their `distance` (A,).

    The atoms' shares of an energy vary independently: both parts of the variance of two far molecules are the sums of theirs.
    """
    of_energy, of_forces = (
        Evidence(
            _square(aside[:, 3 * place], typical),
            (torch.nn.functional.softplus(aside[:, 3 * place + 1]) + FEWEST) / distance,
            torch.nn.functional.softplus(aside[:, 3 * place + 2]) + 1 + FEWEST,
        )
        for place, typical in enumerate(TYPICAL)
    )
    square, ignorance = _sum(of_energy.square, batch), _sum(of_energy.square / of_energy.nu, batch)
    alpha = _sum(of_energy.alpha, batch) / _sum(torch.ones_like(of_energy.alpha), batch)
    return Evidence(square, square / ignorance, alpha), of_forces


def doubt(aside: torch.Tensor, batch: AtomBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Variances of the energies (n,) eV², and of each atom's force (A,) eV²/angstrom²: of its three components together, as
    members' spread is.

    Evidence counts for as much less as the squared distance of an atom's features from those that were trained on exceeds what
    is usual there (`Familiarity`): elsewhere nothing has taught the network what to say.
    """
    of_energy, of_forces = evidence(aside, batch, distance=aside[:, OUTPUTS["evidence"]].clamp_min(1.0))
    return of_energy.variance, 3 * of_forces.variance


def _square(raw: torch.Tensor, typical: float) -> torch.Tensor:
    return torch.exp((GAIN * raw).clamp(-LARGEST, LARGEST) + 2 * math.log(typical))


def _sum(of_atoms: torch.Tensor, batch: AtomBatch) -> torch.Tensor:
    return of_atoms.new_zeros(batch.structures).index_add(0, batch.owner, of_atoms)
