"""What is learnt beside energies and forces: how noisy labels are, or how far they may lie from what is said.

Both are read from features that do not change for their sake (`EnergyNetwork`), and from errors that are taken as they are: the
energies are learnt as without them, but for `tempered`.
"""

from __future__ import annotations

import math

import torch

from reactal.potentials.architecture import Says
from reactal.potentials.evidence import Evidence, evidence, noise
from reactal.training.batches import TrainingBatch

__all__ = ["loss_beside", "tempered"]

Off = tuple[torch.Tensor, torch.Tensor]
TEMPER = 0.5  # beta of the beta-NLL: 0 is the likelihood, 1 the squared error as it is
REGULAR = 0.01  # of the product of error and evidence: Amini's lambda
SHARE = 0.01  # of the loss: an optimiser that scales each slope for itself does not mind, the clipping of all of them does


def tempered(off: Off, aside: torch.Tensor, batch: TrainingBatch, *, says: Says) -> Off:
    """Errors to be squared: those of noisy labels count less, by noise^(2 beta - 2), in the mean of the batch as ever.

    That is the slope of the beta-NLL: Seitzer, Tavakoli, Antic, Martius, ICLR 2022.
    """
    if says != "noise":
        return off
    energy, forces = (part.detach() ** (TEMPER - 1) for part in noise(aside, batch.atoms))
    return off[0] * (energy / energy.mean()).sqrt(), off[1] * (forces / forces.mean()).sqrt()[:, None]


def loss_beside(off: Off, aside: torch.Tensor, batch: TrainingBatch, *, says: Says) -> torch.Tensor:
    """Of noise, the other part of the beta-NLL; of evidence, the likelihood of the errors and what keeps it from boasting."""
    of_energy, of_forces = (part.detach() for part in off)
    if says == "noise":
        energy_noise, force_noise = noise(aside, batch.atoms)
        each, of_components = _beta_nll(of_energy, energy_noise), _beta_nll(of_forces, force_noise[:, None])
    else:
        energy_said, force_said = evidence(aside, batch.atoms)
        each, of_components = _evidential(of_energy, energy_said), _evidential(of_forces, force_said.of_components())
    of_structures = each.index_add(0, batch.atoms.owner, (of_components * batch.component_share).sum(1))
    return SHARE * (of_structures * batch.weight).sum() / batch.weight.sum()


def _beta_nll(error: torch.Tensor, square: torch.Tensor) -> torch.Tensor:
    return square.detach() ** TEMPER * 0.5 * (square.log() + error.square() / square)


def _evidential(error: torch.Tensor, said: Evidence) -> torch.Tensor:
    """Amini's equations 8 and 9, with the error in units of s: electronvolts would make it a matter of units."""
    nu, alpha = said.nu, said.alpha
    omega = 2 * said.beta * (1 + nu)
    likelihood = (
        0.5 * (math.log(math.pi) - nu.log())
        - alpha * omega.log()
        + (alpha + 0.5) * (error.square() * nu + omega).log()
        + torch.lgamma(alpha)
        - torch.lgamma(alpha + 0.5)
    )
    boast = error.abs() / said.square.detach().sqrt() * (2 * nu + alpha)
    return likelihood + REGULAR * boast
