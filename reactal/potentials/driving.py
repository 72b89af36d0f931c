"""A committee made for dynamics: one precision, lists of pairs kept while nobody moved far, and one network asked alone.

Molecules of up to 32 atoms go through the dense form of PaiNN in small portions, each small enough for a core's cache and of few
sizes, so that each is traced once; the portions of all networks are spread over the threads that torch may use. On a GPU the
portions are large, and all networks answer at once from stacks of their weights. Positions, prior and all that moves replicas are
the CPU's: a step carries a few kilobytes to the GPU and back.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.potentials.architecture import Architecture
from reactal.potentials.base import Prediction
from reactal.potentials.batch import ALL_PAIRS_UP_TO, PAIRS_ON_GPU, PAIRS_PER_CHUNK, AtomBatch, chunks, collate
from reactal.potentials.committee import Committee
from reactal.potentials.dense import dense_energies_and_slopes, dense_form, dense_stack, has_dense_form
from reactal.potentials.device import CPU, sent
from reactal.potentials.evaluation import eager, energies_and_slopes
from reactal.potentials.portions import Portions
from reactal.potentials.schnetpack import EnergyNetwork
from reactal.potentials.threads import torch_threads

__all__ = ["DrivenCommittee"]

Floats = NDArray[np.float64]
SKIN = 0.6  # angstrom beyond the cutoff: a list holds until an atom has moved half of it
DENSE_PAIRS = 800  # of a portion; at 64 features and single precision some two megabytes, a core's cache
DENSE_PAIRS_ON_GPU = 131_072  # likewise some three gigabytes


@final
class DrivenCommittee:
    """A `Potential` with the committee's numbers at `dtype`: single precision is right to about 1e-5 eV/angstrom.

    `lead` asks its first network alone. The committee itself stays as it is.
    """

    def __init__(self, committee: Committee, *, dtype: torch.dtype = torch.float32) -> None:
        self.committee = committee
        self._dtype = dtype
        self._networks = [copy.deepcopy(network).to(dtype).eval().requires_grad_(False) for network in committee.networks]
        self._device = committee.device
        self._dense = Portions(self._device, on_cpu=DENSE_PAIRS, on_gpu=DENSE_PAIRS_ON_GPU)
        self._listed = Portions(self._device, on_cpu=PAIRS_PER_CHUNK, on_gpu=PAIRS_ON_GPU)
        weights = zip(*(network.parameters() for network in self._networks), strict=True)
        self._stacks = [] if self._device == CPU else [torch.stack(each) for each in weights]
        self._lists = _Lists(committee.architecture.cutoff, dtype)
        self._lists_there = self._lists if self._device == CPU else _Lists(committee.architecture.cutoff, dtype, self._device)

    def predict(self, frames: Frames) -> Prediction:
        energies, forces = self.members(frames)
        mean = forces.mean(axis=0)
        spread = np.sqrt(np.square(forces - mean).sum(axis=2).mean(axis=0))
        return Prediction(energies.mean(axis=0), mean, energies.std(axis=0), spread)

    def lead(self, frames: Frames) -> tuple[Floats, Floats]:
        """What the first network says (its heads' mean): energies (n,) eV and forces (A, 3) eV/angstrom."""
        energies, forces = self._evaluated(self._networks[:1], frames)
        return energies.mean(axis=0), forces.mean(axis=0)

    def members(self, frames: Frames) -> tuple[Floats, Floats]:
        """What each of M members says: energies (M, n) eV and forces (M, A, 3) eV/angstrom."""
        return self._evaluated(self._networks, frames)

    def _evaluated(self, networks: Sequence[EnergyNetwork], frames: Frames) -> tuple[Floats, Floats]:
        heads = self.committee.architecture.heads
        energies = np.zeros((len(networks) * heads, len(frames)))
        forces = np.zeros((len(networks) * heads, len(frames.numbers), 3))
        listed = np.ones(len(frames), dtype=bool)
        if has_dense_form(self.committee.architecture):
            answer = self._by_threads if self._device == CPU else self._at_once
            for rows in self._dense.fitted(lambda pairs: answer(networks, frames, pairs, energies, forces)):
                listed[rows] = False
        rest = np.flatnonzero(listed)
        self._listed.fitted(lambda pairs: self._by_lists(networks, frames, rest, energies, forces, pairs=pairs))
        return self._completed(frames, energies, forces)

    def _by_threads(
        self, networks: Sequence[EnergyNetwork], frames: Frames, pairs: int, energies: Floats, forces: Floats
    ) -> list[NDArray[np.int64]]:
        """What has a dense form, portion by portion and network by network; its rows."""
        jobs: list[Callable[[], None]] = []
        portions = _dense_portions(frames, pairs)
        for rows in portions:
            portion = _Portion(frames, rows, self._dtype)
            dense_form(self.committee.architecture, self._dtype, portion.shape, device=CPU)
            jobs += [portion.job(net, energies[i], forces[i]) for i, net in enumerate(networks)]
        threads = torch.get_num_threads()
        with torch_threads(1):
            _spread(jobs, threads)
        return portions

    def _at_once(
        self, networks: Sequence[EnergyNetwork], frames: Frames, pairs: int, energies: Floats, forces: Floats
    ) -> list[NDArray[np.int64]]:
        """Likewise on a GPU, with all networks as a stack."""
        portions = _dense_portions(frames, pairs)
        for rows in portions:
            portion = _Portion(frames, rows, self._dtype, self._device)
            if len(networks) == 1:
                portion.job(networks[0], energies[0], forces[0])()
            else:
                portion.write_all(self.committee.architecture, self._stacks, energies, forces)
        return portions

    def _by_lists(
        self,
        networks: Sequence[EnergyNetwork],
        frames: Frames,
        rows: NDArray[np.int64],
        energies: Floats,
        forces: Floats,
        *,
        pairs: int,
    ) -> None:
        """What has no dense form."""
        if not len(rows):
            return
        heads, whole = self.committee.architecture.heads, len(rows) == len(frames)
        part = frames if whole else frames[rows]
        atoms = np.arange(len(frames.numbers)) if whole else np.flatnonzero(np.isin(frames.owner, rows))
        for run, inside, batch in self._lists_there.of(part, pairs=pairs):
            for i, network in enumerate(networks):
                energy, slope = (part.double().cpu().numpy() for part in energies_and_slopes(network, batch))
                energies[i * heads : (i + 1) * heads, rows[run]] = energy
                forces[i * heads : (i + 1) * heads, atoms[inside]] = -slope

    def _completed(self, frames: Frames, energies: Floats, forces: Floats) -> tuple[Floats, Floats]:
        """With the prior, the reference energies and the baseline."""
        committee = self.committee
        constant = committee.references.sum(frames)
        with torch_threads(1):
            for run, inside, batch in self._lists.of(frames):
                energy, slope = (part.detach().double().numpy() for part in eager(committee.prior.energy, batch))
                energies[:, run] += energy
                forces[:, inside] -= slope
        if committee.baseline is None:
            return energies + constant, forces
        cheap = committee.baseline.predict(frames)
        return energies + constant + cheap.energy, forces + cheap.forces


@final
class _Portion:
    """Some molecules of one size; a portion that is not full repeats its first, so that few shapes are ever traced."""

    def __init__(self, frames: Frames, rows: NDArray[np.int64], dtype: torch.dtype, device: torch.device = CPU) -> None:
        size = int(frames.sizes[rows[0]])
        full = 1 << (len(rows) - 1).bit_length()
        padded = np.concatenate([rows, np.full(full - len(rows), rows[0])])
        atoms = frames.offsets[padded][:, None] + np.arange(size)
        self._rows, self._atoms = rows, atoms[: len(rows)]
        self._positions = sent(torch.tensor(frames.positions[atoms], dtype=dtype), device)
        self._numbers = sent(torch.from_numpy(frames.numbers[atoms].astype(np.int64)), device)
        self.shape = (full, size)

    def job(self, network: EnergyNetwork, energies: Floats, forces: Floats) -> Callable[[], None]:
        """To write a network's energies (n,) and forces (A, 3) where they belong."""

        def evaluate() -> None:
            energy, slope = dense_energies_and_slopes(network, self._positions, self._numbers)
            energies[self._rows] = energy.cpu().numpy()[: len(self._rows)]
            forces[self._atoms] = -slope.cpu().numpy()[: len(self._rows)]

        return evaluate

    def write_all(self, architecture: Architecture, stacks: Sequence[torch.Tensor], energies: Floats, forces: Floats) -> None:
        """Energies (M, n) and forces (M, A, 3) of all networks, from stacks of their weights."""
        energy, slope = dense_stack(architecture, stacks, self._positions, self._numbers)
        energies[:, self._rows] = energy.cpu().numpy()[:, : len(self._rows)]
        forces[:, self._atoms] = -slope.cpu().numpy()[:, : len(self._rows)]


def _dense_portions(frames: Frames, pairs: int) -> list[NDArray[np.int64]]:
    """Rows of molecules of one size, two atoms at least and small, in portions of a power of two."""
    sizes = frames.sizes
    free = np.ones(len(frames), dtype=bool) if frames.pbc is None else ~frames.pbc.any(axis=1)
    found: list[NDArray[np.int64]] = []
    for size in np.unique(sizes[free]):
        if 2 <= size <= ALL_PAIRS_UP_TO:
            rows = np.flatnonzero(free & (sizes == size))
            portion = 1 << max(0, int(pairs // size**2).bit_length() - 1)
            found += [rows[i : i + portion] for i in range(0, len(rows), portion)]
    return found


def _spread(jobs: Sequence[Callable[[], None]], threads: int) -> None:
    """Over threads with one core each; what a job writes does not depend on which."""
    if threads < 2 or len(jobs) < 2:
        for job in jobs:
            job()
        return
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        list(pool.map(lambda job: job(), jobs))


@final
@dataclass(frozen=True, eq=False)
class _Held:
    """The lists of one crew: batches, and where its atoms were."""

    crew: Frames
    pairs: int
    batches: list[tuple[slice, slice, AtomBatch]]

    def holds(self, frames: Frames) -> bool:
        """Whether the crew is the same and nobody came from beyond the lists."""
        same = frames.numbers is self.crew.numbers and frames.offsets is self.crew.offsets and frames.cell is self.crew.cell
        if not same or (frames.pbc is None and (frames.sizes <= ALL_PAIRS_UP_TO).all()):
            return same
        moved = np.square(frames.positions - self.crew.positions).sum(axis=1).max(initial=0.0)
        return bool(moved < (SKIN / 2) ** 2)


@final
class _Lists:
    """Batches of frames, with their lists of pairs kept from call to call while they hold."""

    def __init__(self, cutoff: float, dtype: torch.dtype, device: torch.device = CPU) -> None:
        self._reach, self._dtype, self._device = cutoff + SKIN, dtype, device
        self._held: _Held | None = None

    def of(self, frames: Frames, *, pairs: int = PAIRS_PER_CHUNK) -> list[tuple[slice, slice, AtomBatch]]:
        """Rows, atoms and batch of each portion of so many pairs."""
        held = self._held
        if held is None or held.pairs != pairs or not held.holds(frames):
            held = self._held = _Held(frames, pairs, [self._listed(frames, run) for run in chunks(frames, pairs=pairs)])
        places = sent(torch.tensor(frames.positions, dtype=self._dtype), self._device)
        return [(run, inside, replace(batch, positions=places[inside].clone())) for run, inside, batch in held.batches]

    def _listed(self, frames: Frames, run: slice) -> tuple[slice, slice, AtomBatch]:
        inside = slice(int(frames.offsets[run.start]), int(frames.offsets[run.stop]))
        whole = run == slice(0, len(frames))
        return run, inside, collate(frames if whole else frames[run], self._reach, dtype=self._dtype).to(self._device)
