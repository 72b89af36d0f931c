"""How far an atom's features lie from those that were trained on, where what a network says of its own error means little.

Mahalanobis distance from the mean of the atom's element, in the covariance within elements: Lee, Lee, Lee, Shin, NeurIPS 2018.
Measured at once after training; nothing here is learnt.
"""

from __future__ import annotations

from typing import final

import torch
from torch import nn

from reactal.chem.elements import SYMBOLS

__all__ = ["Familiarity"]

RIDGE = 1e-3  # of the mean variance: directions in which the features never moved are no reason for boundless doubt
USUAL = 0.95  # of the atoms trained on are at a distance of 1 or less


@final
class Familiarity(nn.Module):
    """centres (elements, F) and whitening (F, F); zeros until they are measured: everything is familiar."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.zeros(len(SYMBOLS), features))
        self.whitening = nn.Parameter(torch.zeros(features, features))

    def forward(self, features: torch.Tensor, numbers: torch.Tensor) -> torch.Tensor:
        """The squared distance of atoms (A,) with features (A, F)."""
        off = features - self.centres.index_select(0, numbers)
        return (off @ self.whitening).square().sum(1)

    def measure(self, features: torch.Tensor, numbers: torch.Tensor) -> None:
        """Of all atoms that were trained on."""
        known = features.double()
        centres = known.new_zeros(len(self.centres), known.shape[1])
        count = known.new_zeros(len(centres)).index_add(0, numbers, known.new_ones(len(known))).clamp_min(1)
        centres = centres.index_add(0, numbers, known) / count[:, None]
        off = known - centres[numbers]
        covariance = off.T @ off / len(off)
        ridge = RIDGE * covariance.diagonal().mean().clamp_min(1e-12) * torch.eye(len(covariance)).to(known)
        values, vectors = torch.linalg.eigh(covariance + ridge)
        whitening = vectors / values.sqrt()
        usual = torch.quantile((off @ whitening).square().sum(1), USUAL).clamp_min(1e-12)
        with torch.no_grad():
            self.centres.copy_(centres)
            self.whitening.copy_(whitening / usual.sqrt())
