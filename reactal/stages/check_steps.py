"""A reaction in several steps: each from minimum to minimum, searched for on the model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reactal.campaign.state import CampaignState
from reactal.chem import Structure
from reactal.exploration.alignment import superpose
from reactal.exploration.paths import align
from reactal.labeling.base import LabelPool
from reactal.stages.bench import Bench
from reactal.stages.check_suite import check_suite
from reactal.stages.subject import Subject
from reactal.stages.suite import SuiteReaction
from reactal.units import KCAL_PER_MOL
from reactal.validation.base import Findings

__all__ = ["check_steps", "intermediates", "steps_of"]


def intermediates(state: CampaignState) -> tuple[str, ...]:
    """Keys of the minima between the ends that the reference confirmed, each once."""
    return tuple(dict.fromkeys(probe.key for probe in state.probes if probe.intermediate))


def check_steps(bench: Bench, state: CampaignState, subject: Subject, *, pool: LabelPool | None, refine: bool) -> Findings:
    """Without a `pool` the reference knows the minima alone."""
    rng = bench.rng("validate", "steps")
    return check_suite(subject, steps_of(bench, state), rng=rng, progress=bench.progress, pool=pool, refine=refine)


def steps_of(bench: Bench, state: CampaignState) -> tuple[SuiteReaction, ...]:
    """From end to end through every intermediate, in the order in which the path meets them."""
    assert state.seeded is not None
    keys = [state.seeded.reactant, *_ordered(bench, state, intermediates(state)), state.seeded.product]
    count = len(keys) - 2
    between = [f"intermediate {number}" if count > 1 else "intermediate" for number in range(1, count + 1)]
    names = ["reactant", *between, "product"]
    points = [bench.structure_of(key) for key in keys]
    heights = [bench.label_of(key).energy / KCAL_PER_MOL for key in keys]
    return tuple(
        SuiteReaction(
            f"{names[i]} to {names[i + 1]}",
            points[i],
            align(points[i + 1], points[i]),
            reaction=heights[i + 1] - heights[i],
        )
        for i in range(len(keys) - 1)
    )


def _ordered(bench: Bench, state: CampaignState, keys: Sequence[str]) -> list[str]:
    """By the nearest image of the last band."""
    if state.explored is None:
        return list(keys)
    band = bench.pools.get(state.explored.path)
    images = band.positions.reshape(len(band), -1, 3)

    def place(structure: Structure) -> int:
        turned = superpose(np.broadcast_to(structure.positions, images.shape), images)
        return int(np.argmin(np.square(turned - images).sum(axis=(1, 2))))

    return sorted(keys, key=lambda key: place(bench.structure_of(key)))
