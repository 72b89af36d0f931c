"""Acquisitions that look at the doubt of the model alone, and the lot, which looks at nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from reactal.selection.base import Candidates, Known, Round

__all__ = ["Disagreement", "Entropy", "Lot", "Variance", "member_information"]

BLOCK = 65_536  # candidates at a time, so that their matrices stay small

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


@final
@dataclass(frozen=True)
class Lot:
    """By lot: the control that every other strategy is held against."""

    needs: ClassVar[tuple[str, ...]] = ()

    def scores(self, candidates: Candidates, *, known: Known, at: Round, rng: np.random.Generator) -> Floats:
        return rng.random(len(candidates))


@final
@dataclass(frozen=True)
class Disagreement:
    """The largest force spread, eV/angstrom."""

    needs: ClassVar[tuple[str, ...]] = ()

    def scores(self, candidates: Candidates, *, known: Known, at: Round, rng: np.random.Generator) -> Floats:
        return candidates.disagreement


@final
@dataclass(frozen=True)
class Variance:
    """The variance of the predicted energy, eV²."""

    needs: ClassVar[tuple[str, ...]] = ("energy_spread",)

    def scores(self, candidates: Candidates, *, known: Known, at: Round, rng: np.random.Generator) -> Floats:
        assert candidates.energy_spread is not None
        return np.square(candidates.energy_spread)


@final
@dataclass(frozen=True)
class Entropy:
    """How much the answer would tell about which member is right, nats: all that the members say together, as a Gaussian.

    Houlsby, Huszár, Ghahramani, Lengyel, arXiv:1112.5745 (2011): I = H(y) - H(y | member) = 1/2 log det(1 + S / noise²), S the
    covariance over the members. `noise` is in the unit of `member_outputs`; less disagreement than it tells nothing.
    """

    noise: float = 0.05

    needs: ClassVar[tuple[str, ...]] = ("member_outputs",)

    def scores(self, candidates: Candidates, *, known: Known, at: Round, rng: np.random.Generator) -> Floats:
        assert candidates.member_outputs is not None
        information = member_information(candidates.member_outputs, noise=self.noise)
        return np.asarray(0.5 * np.linalg.slogdet(np.eye(information.shape[1]) + information)[1])


def member_information(outputs: Singles, *, noise: float) -> Floats:
    """Of n candidates and M members (n, M, M): G = D Dᵀ / (M noise²), D (M, outputs) the deviations from the members' mean.

    det(1 + Dᵀ D / (M noise²)) = det(1 + G), a matrix of the members instead of one of all outputs; over a batch the G add up.
    """
    out = np.empty((len(outputs), outputs.shape[1], outputs.shape[1]))
    for start in range(0, len(outputs), BLOCK):
        some = outputs[start : start + BLOCK].astype(np.float64)
        some -= some.mean(axis=1, keepdims=True)
        out[start : start + BLOCK] = some @ some.transpose(0, 2, 1)
    out /= outputs.shape[1] * noise**2
    return out
