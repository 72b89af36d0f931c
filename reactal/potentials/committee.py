"""Several networks that were trained apart: their mean is the potential, their disagreement its doubt."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray

from reactal.chem import Frames, Structure
from reactal.errors import ConfigError
from reactal.potentials.architecture import Architecture
from reactal.potentials.base import Prediction
from reactal.potentials.baseline import Baseline
from reactal.potentials.batch import PAIRS_ON_GPU, PAIRS_PER_CHUNK, AtomBatch, chunks, collate
from reactal.potentials.device import CPU
from reactal.potentials.evaluation import eager, energies_and_slopes
from reactal.potentials.evidence import doubt
from reactal.potentials.known_states import refuse_unknown_states
from reactal.potentials.portions import Portions
from reactal.potentials.priors import ScreenedRepulsion
from reactal.potentials.references import References
from reactal.potentials.schnetpack import EnergyNetwork
from reactal.potentials.threads import torch_threads
from reactal.potentials.weights import Member

__all__ = ["Committee"]

Floats = NDArray[np.float64]
PAIRS_FOR_THREADS = 4_000  # from here on several threads gain something


@final
@dataclass(frozen=True, eq=False)
class Committee:
    """Networks of one architecture with the reference energies, the prior and the baseline they were trained against.

    The heads of a network count as members. `about` is provenance in plain JSON values (theory, campaign, iteration, dataset):
    carried along; only charges and multiplicities that it names matter, as others are refused. `folds` are those of `Member`, a
    network each, for training further.
    Evaluation is in float64 by default: saddle searches and finite differences need smooth forces. The networks compute on the
    `device`; prior, baseline and all sums are the CPU's.
    """

    networks: tuple[EnergyNetwork, ...]
    references: References
    prior: ScreenedRepulsion
    about: Mapping[str, Any] = field(default_factory=dict)
    folds: tuple[int, ...] = ()
    dtype: torch.dtype = torch.float64
    baseline: Baseline | None = None
    device: torch.device = CPU
    portions: Portions = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.networks:
            raise ConfigError("a committee needs at least one member")
        if any(network.architecture != self.architecture for network in self.networks):
            raise ConfigError("all members of a committee must have the same architecture")
        for network in self.networks:
            network.to(self.device, self.dtype).eval().requires_grad_(False)
        object.__setattr__(self, "portions", Portions(self.device, on_cpu=PAIRS_PER_CHUNK, on_gpu=PAIRS_ON_GPU))

    @classmethod
    def of(cls, members: Sequence[Member], **about: Any) -> Committee:
        """From members that were trained against the same references, prior and baseline. Takes their networks over."""
        if len({(member.references, member.prior, member.baseline) for member in members}) > 1:
            raise ConfigError("the members of a committee must share reference energies, prior and baseline; train them together")
        if not members:
            raise ConfigError("a committee needs at least one member")
        folds = tuple(member.fold for member in members)
        first = members[0]
        return cls(tuple(m.network for m in members), first.references, first.prior, about, folds, baseline=first.baseline)

    def on(self, device: torch.device) -> Committee:
        """The same committee, computed there."""
        return self if device == self.device else replace(self, networks=copy.deepcopy(self.networks), device=device)

    def members(self) -> tuple[Member, ...]:
        folds = self.folds or (0,) * len(self.networks)
        pairs = zip(self.networks, folds, strict=True)
        return tuple(Member(network, self.references, self.prior, fold, self.baseline) for network, fold in pairs)

    @property
    def architecture(self) -> Architecture:
        return self.networks[0].architecture

    def __len__(self) -> int:
        """How many answers there are to every question: each head of each network gives one."""
        return len(self.networks) * self.architecture.heads

    def predict(self, frames: Frames) -> Prediction:
        """The mean of the members and their spread, as `Prediction` defines it. Where each has evidence for what it says, the
        variances of that are added, in the mean of the members."""
        energies, forces, (energy_doubt, force_doubt) = self._answers(frames)
        mean = forces.mean(axis=0)
        deviation = np.square(forces - mean).sum(axis=2)
        energy_spread = energies.std(axis=0)
        if self.architecture.says == "evidence":
            energy_spread = np.sqrt(np.square(energy_spread) + energy_doubt)
        return Prediction(
            energy=energies.mean(axis=0),
            forces=mean,
            energy_spread=energy_spread,
            force_spread=np.sqrt(deviation.mean(axis=0) + force_doubt),
        )

    def energies_and_forces_members(self, frames: Frames) -> tuple[Floats, Floats]:
        """What each of M members says: energies (M, n) eV and forces (M, A, 3) eV/angstrom."""
        energies, forces, _ = self._answers(frames)
        return energies, forces

    def _answers(self, frames: Frames) -> tuple[Floats, Floats, tuple[Floats, Floats]]:
        """Of each member energies and forces; and the mean of the variances that they give themselves, energies (n,) eV² and
        forces (A,) eV²/angstrom²."""
        constant = self.references.sum(frames)
        refuse_unknown_states(frames, self.about)
        energies, forces, doubts = self.portions.fitted(lambda pairs: self._in_chunks(frames, pairs))
        if self.baseline is not None:
            cheap = self.baseline.predict(frames)
            return energies + constant + cheap.energy, forces + cheap.forces, doubts
        return energies + constant, forces, doubts

    def _in_chunks(self, frames: Frames, pairs: int) -> tuple[Floats, Floats, tuple[Floats, Floats]]:
        """What networks and prior say, of so many pairs at once."""
        energies = np.zeros((len(self), len(frames)))
        forces = np.zeros((len(self), len(frames.numbers), 3))
        doubts = np.zeros(len(frames)), np.zeros(len(frames.numbers))
        for run in chunks(frames, pairs=pairs):
            atoms = slice(int(frames.offsets[run.start]), int(frames.offsets[run.stop]))
            part = frames if run == slice(0, len(frames)) else frames[run]
            energies[:, run], forces[:, atoms], (doubts[0][run], doubts[1][atoms]) = self._evaluate(part)
        return energies, forces, doubts

    def _evaluate(self, frames: Frames) -> tuple[Floats, Floats, tuple[Floats | float, Floats | float]]:
        batch = collate(frames, self.architecture.cutoff, dtype=self.dtype)
        small = len(batch.first) < PAIRS_FOR_THREADS
        with torch_threads(1 if small else torch.get_num_threads()):
            there = batch.to(self.device)
            answers = [energies_and_slopes(network, there) for network in self.networks]
            energy, slope = (part.detach().double().numpy() for part in eager(self.prior.energy, batch))
        energies = np.concatenate([answer[0].double().cpu().numpy() for answer in answers])
        slopes = np.concatenate([answer[1].double().cpu().numpy() for answer in answers])
        return energies + energy, -(slopes + slope), self._doubts([answer[2] for answer in answers if len(answer) > 2], there)

    def _doubts(self, asides: Sequence[torch.Tensor], batch: AtomBatch) -> tuple[Floats | float, Floats | float]:
        if not asides:
            return 0.0, 0.0
        energy, forces = zip(*(doubt(aside.double(), batch) for aside in asides), strict=True)
        return torch.stack(energy).mean(0).cpu().numpy(), torch.stack(forces).mean(0).cpu().numpy()

    def hessian(self, structure: Structure, *, step: float = 3e-4) -> Floats:
        """Second derivatives (3N, 3N) eV/angstrom^2 of the mean energy: central differences (step in angstrom), one batch."""
        size = 3 * len(structure)
        shifts = step * np.eye(size).reshape(size, len(structure), 3)
        places = np.concatenate([structure.positions + shifts, structure.positions - shifts])
        forces = self.predict(Frames.repeat(structure, places)).forces.reshape(2, size, size)
        rough = (forces[1] - forces[0]) / (2 * step)
        symmetric: Floats = 0.5 * (rough + rough.T)
        return symmetric
