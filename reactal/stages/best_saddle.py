"""The model's saddle: from where the last one was nearly right, else from the top of the band."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reactal.campaign.decide import nearly_right
from reactal.campaign.state import CampaignState
from reactal.exploration.descent import Descent, descend
from reactal.exploration.irc import follow_irc
from reactal.exploration.neb import Band
from reactal.exploration.saddle import SaddleLimits, SaddlePoint, find_saddle
from reactal.potentials.base import Potential
from reactal.stages.bench import Bench
from reactal.stages.ends import Ends

__all__ = ["best_saddle"]

Floats = NDArray[np.float64]


def best_saddle(
    bench: Bench, state: CampaignState, potential: Potential, band: Band, ends: Ends
) -> tuple[SaddlePoint, tuple[Descent, ...]]:
    """The saddle, and the ways down from it where it is one.

    A new model may bend the band far from the saddle; that must not lose what the rounds before have found. Where neither
    start leads to a saddle that joins both ends, a saddle of first order is better than none, and the band's better than the old.
    """
    rule = bench.config.exploration
    limits = SaddleLimits(disagreement=rule.saddle_cap, energy=rule.saddle_energy)
    starts: list[tuple[Floats, Floats | None]] = [(band.climbing, band.tangent)]
    if state.tests and nearly_right(state.tests[-1], bench.config):
        starts.insert(0, (bench.structure_of(state.tests[-1].key).positions, None))
    found: list[tuple[SaddlePoint, tuple[Descent, ...]]] = []
    for start, hint in starts:
        saddle = find_saddle(potential, ends.reactant, start, mode_hint=hint, limits=limits)
        descents = _down(bench, potential, ends, saddle) if saddle.refused is None and saddle.negative_modes else ()
        if saddle.first_order and {ends.name(way.positions) for way in descents} == {"reactant", "product"}:
            return saddle, descents
        found.append((saddle, descents))
    return max(reversed(found), key=lambda one: one[0].first_order)


def _down(bench: Bench, potential: Potential, ends: Ends, saddle: SaddlePoint) -> tuple[Descent, ...]:
    """Both ways down, as `verification.descent` says."""
    if bench.config.verification.descent == "irc":
        return tuple(side.descent(ends.reactant.numbers) for side in follow_irc(potential, ends.reactant, saddle))
    return descend(potential, ends.reactant, saddle)
