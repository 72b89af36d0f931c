"""What ends a replica: physical limits and the model's own doubt. It never ends a campaign."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames
from reactal.exploration.contacts import PairTable
from reactal.exploration.modes import masses_of
from reactal.potentials.base import Prediction

__all__ = ["Ended", "Guards"]

Floats = NDArray[np.float64]


class Ended(StrEnum):
    """Why a replica ended; the later in this list, the worse, and the worst is what is told."""

    COMPLETED = "completed"
    DOUBTFUL = "doubtful"  # left the trust region: worth a label
    SEPARATED = "separated"
    REACTED = "reacted"  # bonds made or broken where that was not wanted
    DRIFTED = "drifted"
    HOT = "hot"
    ENERGY = "energy"
    CRUSHED = "crushed"
    RUNAWAY = "runaway"  # far beyond the trust region: a dream of the model, worth nothing
    NOT_FINITE = "not_finite"


_BY_RANK = np.asarray([reason.value for reason in Ended])
_RANK = {reason: rank for rank, reason in enumerate(Ended)}


@final
@dataclass(frozen=True)
class Guards:
    """Limits of one exploration. A structure is doubtful above `trust`, and a runaway above `cap`."""

    trust: float = 1.0  # eV/angstrom of disagreement
    cap: float = 2.0  # eV/angstrom of disagreement; nothing above it is ever proposed for a label
    energy_window: float = 15.0  # eV above or below where the replica began
    contact: float = 0.6  # of a bond, or 0.9 of the closest contact at the start if that is closer still
    temperature_factor: float = 6.0  # kinetic over bath temperature; small molecules fluctuate by factors of three
    separation: float = 6.0  # angstrom between parts that no longer belong together
    bonds: bool = False  # end where a bond of the start breaks (1.7 covalent lengths) or another forms (1.15)
    drift: float | None = None  # angstrom that the centre of mass may move
    distances: tuple[tuple[int, int, float], ...] = ()  # two atomic numbers and the least distance of such a pair, angstrom

    @property
    def looks_back(self) -> bool:
        """Whether a check needs the geometries at the start."""
        return self.bonds or self.drift is not None

    def check(
        self,
        frames: Frames,
        seen: Prediction,
        *,
        start_energies: Floats,
        start_contacts: Floats,
        heat: Floats | None = None,
        begun: Frames | None = None,
    ) -> NDArray[np.str_]:
        """For each structure (n,) one of `Ended`, `completed` where no limit is passed.

        start_energies (n,) eV, start_contacts (n,) and `begun`, asked for by `looks_back`, belong to where each replica began;
        heat (n,) is its kinetic temperature over that of its bath.
        """
        doubt, pairs = seen.disagreement(frames), PairTable.of(frames)
        finite = np.isfinite(seen.energy) & np.isfinite(frames.per_structure_max(np.abs(seen.forces).max(axis=1)))
        findings = {
            Ended.DOUBTFUL: doubt > self.trust,
            Ended.SEPARATED: pairs.scattered(self.separation),
            Ended.HOT: np.zeros(len(frames), dtype=bool) if heat is None else heat > self.temperature_factor,
            Ended.ENERGY: np.abs(seen.energy - start_energies) > self.energy_window,
            Ended.CRUSHED: pairs.closest() < np.minimum(self.contact, 0.9 * start_contacts),
            Ended.RUNAWAY: doubt > self.cap,
            Ended.NOT_FINITE: ~finite,
        }
        if self.bonds and begun is not None:
            findings[Ended.REACTED] = pairs.reacted(PairTable.of(begun))
        if self.drift is not None and begun is not None:
            findings[Ended.DRIFTED] = np.linalg.norm(_centres(frames) - _centres(begun), axis=1) > self.drift
        if self.distances:
            findings[Ended.CRUSHED] = findings[Ended.CRUSHED] | pairs.too_close(self.distances)
        worst = np.zeros(len(frames), dtype=np.int64)
        for reason, found in findings.items():
            worst = np.where(found, np.maximum(worst, _RANK[reason]), worst)
        return np.asarray(_BY_RANK[worst])


def _centres(frames: Frames) -> Floats:
    """Centres of mass (n, 3) angstrom."""
    mass = masses_of(frames.numbers)[:, None]
    start = frames.offsets[:-1]
    return np.asarray(np.add.reduceat(mass * frames.positions, start) / np.add.reduceat(mass, start))
