"""Where the saddle is looked for: what the rounds before have found is not lost to a band that a new model has bent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reactal.campaign.state import CampaignState
from reactal.chem import Structure
from reactal.exploration.neb import Band
from reactal.stages.bench import Bench
from reactal.stages.best_saddle import best_saddle
from reactal.stages.ends import Ends
from tests.campaign.journals import labelled, saddle_test
from tests.stages.geometries import PRODUCT, REACTANT, SADDLE, moved, seeded
from tests.stages.test_valley import band_of, leps_surface

ENDS = Ends(REACTANT, PRODUCT)
BEFORE = moved(SADDLE, 0.03)


def state_with(bench: Bench, *, force: float) -> CampaignState:
    """A saddle was tested in the last round, and the reference's force there was this."""
    list(bench.label_pool().label([BEFORE]))
    test = saddle_test(force=force).model_copy(update={"key": BEFORE.key})
    return CampaignState(seeded=seeded(bench), labelled=(labelled(1, saddle=test),))


def bent_band() -> Band:
    """It never leaves the reactant but for its last image; its top is a squeezed bond."""
    squeezed, stretched = (REACTANT.moved([[0, 0, 0], [0, 0, bond], [0, 0, 2.8]]) for bond in (0.6, 0.8))
    return replace(band_of(REACTANT, stretched, squeezed, stretched, PRODUCT), tangent=np.eye(3)[[0, 2, 0]])


def distances(structure: Structure, positions: np.ndarray) -> np.ndarray:
    return np.linalg.norm(np.diff(structure.moved(positions).positions, axis=0), axis=1)


def test_the_last_saddle_is_found_again(bench: Bench) -> None:
    saddle, descents = best_saddle(bench, state_with(bench, force=0.3), leps_surface(), bent_band(), ENDS)
    assert saddle.first_order
    assert distances(SADDLE, saddle.positions) == pytest.approx([0.926, 0.926], abs=5e-3)
    assert {ENDS.name(way.positions) for way in descents} == {"reactant", "product"}


def test_a_saddle_that_was_wrong_is_no_place_to_begin(bench: Bench) -> None:
    wrong = state_with(bench, force=bench.config.selection.focus_force + 0.1)
    lost, _ = best_saddle(bench, wrong, leps_surface(), bent_band(), ENDS)
    alone, _ = best_saddle(bench, replace(wrong, labelled=()), leps_surface(), bent_band(), ENDS)
    assert np.array_equal(lost.positions, alone.positions)
    assert not np.allclose(distances(SADDLE, lost.positions), 0.926, atol=5e-3)


def test_without_a_test_the_top_of_the_band_is_where_to_begin(bench: Bench) -> None:
    band = band_of(REACTANT, moved(SADDLE, 0.12), moved(SADDLE, -0.03), moved(SADDLE, -0.12), PRODUCT)
    band = replace(band, tangent=np.array([[0.0, 0, 0], [0, 0, 1], [0, 0, 0]]))
    saddle, _ = best_saddle(bench, CampaignState(seeded=seeded(bench)), leps_surface(), band, ENDS)
    assert saddle.first_order
    assert distances(SADDLE, saddle.positions) == pytest.approx([0.926, 0.926], abs=5e-3)


def test_the_intrinsic_reaction_coordinate_goes_down_where_it_is_asked_for(bench: Bench) -> None:
    state = state_with(bench, force=0.3)
    steep = bench.config.verification.model_copy(update={"descent": "irc"})
    asked = replace(bench, config=bench.config.model_copy(update={"verification": steep}))
    _, ways = best_saddle(asked, state, leps_surface(), bent_band(), ENDS)
    assert {ENDS.name(way.positions) for way in ways} == {"reactant", "product"}
    for way in ways:  # three hydrogens: equal mass-weighted steps are equal steps
        steps = np.linalg.norm(np.diff(way.trajectory, axis=0).reshape(len(way.trajectory) - 1, -1), axis=1)
        assert steps[1:-1] == pytest.approx(steps[1], rel=0.05)
