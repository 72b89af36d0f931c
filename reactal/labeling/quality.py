"""How sound a label is by itself: on a free molecule the forces add up to no net force and no net torque.

What is left of them is an error of the forces, of the integration grid or of thin thresholds: some 1e-9 eV/angstrom per atom with
Psi4's HF/6-31G*, up to 3e-3 with its wB97X-D/6-31G* on the default grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from reactal.chem import Frames

__all__ = ["QualityRule", "flagged", "flags", "net_force", "net_torque", "weighted", "weights"]

NET_FORCE, NET_TORQUE = "net_force", "net_torque"

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True)
class QualityRule:
    """A label with more than `net_force` (eV/angstrom per atom) or `net_torque` (eV per atom) is flagged.

    With r the larger of both over its limit, it weighs 1/r^2 in training, and nothing from r = `exclude` on.
    """

    net_force: float = 5e-3
    net_torque: float = 1e-2
    exclude: float = 10.0

    def __str__(self) -> str:
        return (
            f"flagged above {self.net_force:g} eV/Å net force or {self.net_torque:g} eV net torque per atom; "
            f"at r times a limit a label weighs 1/r² in training, from r = {self.exclude:g} on nothing"
        )


def net_force(frames: Frames) -> Floats:
    """Length of the sum of the forces over the number of atoms (n,), eV/angstrom; NaN without a label."""
    return np.asarray(np.linalg.norm(_sums(frames, frames.forces), axis=1) / frames.sizes)


def net_torque(frames: Frames) -> Floats:
    """Length of the sum of (r - centroid) x F over the number of atoms (n,), eV; 0 where the structure is periodic."""
    centroid = _sums(frames, frames.positions) / frames.sizes[:, None]
    torque = _sums(frames, np.cross(frames.positions - centroid[frames.owner], frames.forces))
    length = np.linalg.norm(torque, axis=1) / frames.sizes
    return np.asarray(length if frames.pbc is None else np.where(frames.pbc.any(axis=1), 0.0, length))


def flags(frames: Frames, rule: QualityRule | None = None) -> NDArray[np.str_]:
    """`net_force`, `net_torque`, both, or nothing for each label (n,)."""
    rule = rule or QualityRule()
    force, torque = net_force(frames) > rule.net_force, net_torque(frames) > rule.net_torque
    both = np.where(force & torque, f"{NET_FORCE} {NET_TORQUE}", "")
    return np.where(both != "", both, np.where(force, NET_FORCE, np.where(torque, NET_TORQUE, "")))


def flagged(frames: Frames, rule: QualityRule | None = None) -> dict[str, int]:
    """How many labels have each flag, and how many have none to weigh left."""
    rows = flags(frames, rule)
    counts = {name: int(np.char.find(rows, name).__ge__(0).sum()) for name in (NET_FORCE, NET_TORQUE)}
    return {"any": int((rows != "").sum()), **counts, "left_out": int((weights(frames, rule) == 0).sum())}


def weights(frames: Frames, rule: QualityRule | None = None) -> Floats:
    """What each label counts in training (n,): 1 for a sound one, and for one without forces, which others judge."""
    rule = rule or QualityRule()
    excess = np.nan_to_num(np.maximum(net_force(frames) / rule.net_force, net_torque(frames) / rule.net_torque))
    return np.where(excess <= 1, 1.0, np.where(excess < rule.exclude, 1 / np.maximum(excess, 1.0) ** 2, 0.0))


def weighted(frames: Frames, rule: QualityRule | None = None) -> Frames:
    """The labels that count, their column `weight` times what they count."""
    factors = weights(frames, rule)
    if (factors == 1).all():
        return frames
    counted = np.asarray(frames.extra.get("weight", np.ones(len(frames)))) * factors
    return frames.with_extra(weight=counted)[factors > 0]


def _sums(frames: Frames, values: Floats) -> Floats:
    """Of rows for each atom (A, 3) over each structure (n, 3)."""
    return np.add.reduceat(values, frames.offsets[:-1], axis=0) if len(frames) else np.zeros((0, 3))
