"""When a predicted density is not to be trusted: strange atoms, disagreeing networks, or a step that was too long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch

from reactal.chem import Structure
from reactal.chem.elements import SYMBOLS
from reactal.density.fingerprints import Fingerprints
from reactal.density.lessons import Geometry
from reactal.units import HARTREE

__all__ = ["Guard"]

MARGIN = 0.3  # of the range that was trained on, at either end
LEAST = 0.05  # of a fingerprint, for ranges of no width
SHARE = 0.05  # of the fingerprints that may lie outside: with hundreds, one does by chance
FACTOR = 0.5  # of the residual's Coulomb energy: from free atoms alone the energy is off by a third of it
MILLI = 1e-3 * HARTREE


@final
@dataclass(frozen=True, eq=False)
class Guard:
    """What was trained on: for each element the least and largest of its atoms' fingerprints (F,), and the charges.

    The error of the energy is held to be below `factor` times the residual Coulomb energy of the one step, plus `floor_mha`.
    """

    lowest: Mapping[int, np.ndarray]
    highest: Mapping[int, np.ndarray]
    charges: tuple[int, ...]
    factor: float = FACTOR
    floor_mha: float = 0.5

    @classmethod
    def of(cls, structures: Sequence[Structure]) -> Guard:
        """From the structures that were trained on."""
        elements = sorted({number for structure in structures for number in structure.numbers})
        seen: dict[int, list[np.ndarray]] = {number: [] for number in elements}
        marks = Fingerprints(elements)
        for structure in structures:
            for number, row in zip(structure.numbers, _at_atoms(structure, marks), strict=True):
                seen[number].append(row)
        lowest = {number: np.min(rows, axis=0) for number, rows in seen.items()}
        highest = {number: np.max(rows, axis=0) for number, rows in seen.items()}
        return cls(lowest, highest, tuple(sorted({structure.charge for structure in structures})))

    @property
    def elements(self) -> tuple[int, ...]:
        return tuple(sorted(self.lowest))

    def calibrated(self, errors_mha: Sequence[float], residuals_mha: Sequence[float]) -> Guard:
        """With the factor that nineteen in twenty of these errors ask for, and never less than the physical one."""
        asked = [
            max(0.0, abs(error) - self.floor_mha) / max(residual, 1e-3)
            for error, residual in zip(errors_mha, residuals_mha, strict=True)
        ]
        factor = max(FACTOR, float(np.quantile(asked, 0.95))) if asked else FACTOR
        return Guard(self.lowest, self.highest, self.charges, factor, self.floor_mha)

    def before(self, structure: Structure) -> str | None:
        """Why this structure should not even be predicted; None if nothing speaks against it."""
        if structure.multiplicity != 1:
            return f"multiplicity {structure.multiplicity}: only closed shells were trained on"
        if structure.charge not in self.charges:
            return f"charge {structure.charge:+d} was not trained on"
        if unknown := sorted(set(structure.numbers) - set(self.elements)):
            return f"not trained on {', '.join(SYMBOLS[number] for number in unknown)}"
        return None

    def strange(self, structure: Structure) -> float:
        """The largest share of an atom's fingerprints that lie outside what was trained on, 0 to 1."""
        rows = _at_atoms(structure, Fingerprints(self.elements))
        worst = 0.0
        for number, row in zip(structure.numbers, rows, strict=True):
            low, high = self.lowest[number], self.highest[number]
            margin = MARGIN * (high - low) + LEAST
            worst = max(worst, float(np.mean((row < low - margin) | (row > high + margin))))
        return worst

    def bound_mha(self, residual_mha: float, spread_mha: float = 0.0) -> float:
        """What the error of the energy should stay below: from the step's residual or the networks' disagreement, the larger."""
        return self.floor_mha + self.factor * max(residual_mha, spread_mha)

    def after(self, *, bound_mha: float, limit_mha: float, strange: float) -> str | None:
        """Why a one-shot is not to be trusted; None if it is. Strange atoms halve what is let pass."""
        limit = limit_mha / 2 if strange > SHARE else limit_mha
        if not np.isfinite(bound_mha) or bound_mha > limit:
            words = f", for atoms {100 * strange:.0f} % unlike those trained on" if strange > SHARE else ""
            return f"the energy may be off by {bound_mha:.1f} mHa, more than {limit:g}{words}"
        return None

    def tensors(self) -> dict[str, torch.Tensor]:
        parts = (("low", self.lowest), ("high", self.highest))
        return {f"{name}.{number}": torch.tensor(row) for name, rows in parts for number, row in rows.items()}

    def as_json(self) -> dict[str, Any]:
        return {"charges": list(self.charges), "factor": self.factor, "floor_mha": self.floor_mha}

    @classmethod
    def from_parts(cls, tensors: Mapping[str, torch.Tensor], about: Mapping[str, Any]) -> Guard:
        rows: dict[str, dict[int, np.ndarray]] = {"low": {}, "high": {}}
        for name, row in tensors.items():
            part, _, number = name.partition(".")
            rows[part][int(number)] = row.numpy()
        return cls(rows["low"], rows["high"], tuple(about["charges"]), float(about["factor"]), float(about["floor_mha"]))


def _at_atoms(structure: Structure, marks: Fingerprints) -> np.ndarray:
    geometry = Geometry.of(structure)
    with torch.no_grad():
        return np.asarray(marks(geometry, geometry.positions).double().numpy())
