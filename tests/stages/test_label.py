"""The honest test of a model: what it said before the label was known, against the label. Every number worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reactal.campaign.events import BatchChosen, Labelled
from reactal.campaign.state import CampaignState
from reactal.chem import Frames, Structure
from reactal.config import CampaignConfig
from reactal.labeling.leps import leps
from reactal.stages.bench import Bench
from reactal.stages.label import label
from reactal.units import KCAL_PER_MOL
from tests.stages.conftest import bench_of
from tests.stages.geometries import PRODUCT, REACTANT, SADDLE, explored, moved, pool_of, seeded

MODEL_ZERO = 0.3  # eV by which the model's reactant lies above the reference's: it must cancel
SADDLE_OFF = 0.05  # eV by which the model's barrier is wrong besides
PRODUCT_OFF = -0.02
FORCE_OFF = 0.2  # eV/angstrom in every component

REACTANT_EV, PRODUCT_EV, SADDLE_EV = (leps(structure.positions)[0] for structure in (REACTANT, PRODUCT, SADDLE))
SIDES = (moved(SADDLE, 0.1), moved(SADDLE, -0.1))
NEAR = moved(SADDLE, 0.03, sideways=0.05)
MIDDLE = moved(SADDLE, 0.0, sideways=0.2)


def batch_of(*rows: tuple[Structure, str, str]) -> Frames:
    """(structure, role, arm) each."""
    structures, roles, arms = zip(*rows, strict=True)
    return pool_of(structures, roles, energy_off=MODEL_ZERO + SADDLE_OFF, force_off=FORCE_OFF, arm=arms)


def assessed(bench: Bench, batch: Frames, **saddle: bool | int) -> Labelled:
    """The batch labelled after an exploration that said so of its saddle."""
    ends = (REACTANT_EV + MODEL_ZERO, PRODUCT_EV + MODEL_ZERO + PRODUCT_OFF)
    name = bench.pools.put(batch)
    state = CampaignState(
        seeded=seeded(bench),
        pending=BatchChosen(iteration=1, batch=name, batch_size=len(batch), focus=False, dropped={}),
        explored=explored(name, ends_ev=ends, **saddle),  # type: ignore[arg-type]
    )
    return label(bench, state)


def test_the_ways_down(bench: Bench) -> None:
    """The largest errors of a proof's points; the model's zero does not count."""
    batch = batch_of((NEAR, "way down", "test"), (MIDDLE, "way down", "test"), (SIDES[0], "descent", "random"))
    name = bench.pools.put(batch)
    pending = BatchChosen(iteration=1, batch=name, batch_size=len(batch), focus=True, dropped={}, proof=True)
    zero = explored(name, ends_ev=(REACTANT_EV + MODEL_ZERO, PRODUCT_EV))
    ways = label(bench, CampaignState(seeded=seeded(bench), pending=pending, explored=zero)).ways
    assert ways is not None
    assert (ways.asked, ways.points) == (2, 2)
    assert ways.force_error_max == pytest.approx(FORCE_OFF * 3**0.5)
    assert ways.energy_error_kcal == pytest.approx(SADDLE_OFF / KCAL_PER_MOL)
    assert assessed(bench, batch).ways is None  # only a proof is one


def test_the_saddle_test(bench: Bench) -> None:
    rows = [(SADDLE, "saddle", "test"), *((side, "mode", "test") for side in SIDES), (NEAR, "near saddle", "active")]
    test = assessed(bench, batch_of(*rows)).saddle
    assert test is not None
    reference = (SADDLE_EV - REACTANT_EV) / KCAL_PER_MOL
    assert test.key == SADDLE.key
    assert test.reference_kcal == pytest.approx(reference)
    assert test.error_kcal == pytest.approx(SADDLE_OFF / KCAL_PER_MOL)
    assert test.model_kcal == pytest.approx(reference + SADDLE_OFF / KCAL_PER_MOL)
    assert test.product_error_kcal == pytest.approx(PRODUCT_OFF / KCAL_PER_MOL)
    assert test.force_max == pytest.approx(np.linalg.norm(leps(SADDLE.positions)[1], axis=1).max())
    assert (test.negative_modes, test.joins, test.disagreement, test.downhill) == (1, True, 0.07, True)
    assert test.intermediate_force is None


def test_a_point_with_lower_ground_around_it_on_no_side_is_no_saddle(bench: Bench) -> None:
    """Both neighbours along the mode lie higher: what the model takes for a saddle is a minimum of the reference."""
    rows = [(REACTANT, "saddle", "test"), (moved(REACTANT, 0.1), "mode", "test"), (moved(REACTANT, -0.1), "mode", "test")]
    test = assessed(bench, batch_of(*rows)).saddle
    assert test is not None
    assert test.downhill is False


def test_with_one_side_unknown_downhill_is_unknown(bench: Bench) -> None:
    test = assessed(bench, batch_of((SADDLE, "saddle", "test"), (SIDES[0], "mode", "test"))).saddle
    assert test is not None
    assert test.downhill is None


def test_an_intermediate_is_tested_too(bench: Bench) -> None:
    test = assessed(bench, batch_of((SADDLE, "saddle", "test"), (MIDDLE, "valley", "test")), joins=False).saddle
    energy, forces = leps(MIDDLE.positions)
    assert test is not None
    assert test.intermediate_kcal == pytest.approx((energy - REACTANT_EV) / KCAL_PER_MOL)
    assert test.intermediate_force == pytest.approx(np.linalg.norm(forces, axis=1).max())
    assert not test.joins


def test_no_saddle_in_the_batch_no_test(bench: Bench) -> None:
    assert assessed(bench, batch_of((NEAR, "top", "test"))).saddle is None


def test_the_random_arm_alone_is_measured(bench: Bench) -> None:
    event = assessed(bench, batch_of((NEAR, "path", "random"), (MIDDLE, "path", "active"), (SADDLE, "saddle", "test")))
    (point,) = event.arm
    assert point.key == NEAR.key
    assert point.force_mae == pytest.approx(FORCE_OFF)
    assert point.force_error_max == pytest.approx(FORCE_OFF * np.sqrt(3))
    assert point.energy_error == pytest.approx(SADDLE_OFF)
    assert point.disagreement == 0.3


def test_the_dataset_grows_by_what_was_labelled_with_labels_not_predictions(bench: Bench) -> None:
    event = assessed(bench, batch_of((SADDLE, "saddle", "test"), (NEAR, "path", "random")))
    rows = bench.dataset(event.dataset)
    assert [rows.structure(i).key for i in range(len(rows))] == [SADDLE.key, NEAR.key]
    assert rows.energy == pytest.approx([SADDLE_EV, leps(NEAR.positions)[0]])
    assert rows.forces == pytest.approx(np.concatenate([leps(s.positions)[1] for s in (SADDLE, NEAR)]))
    assert rows.extra["arm"].tolist() == ["test", "random"]
    assert set(rows.extra) == {"role", "arm", "iteration"}
    shown = bench.datasets.show(bench.config.name, event.dataset)
    assert (shown.theory, shown.parent) == (bench.theory.fingerprint, None)


def test_labelled_before_is_reused(bench: Bench) -> None:
    batch = batch_of((SADDLE, "saddle", "test"), (NEAR, "path", "random"))
    first, again = assessed(bench, batch), assessed(bench, batch)
    assert (first.asked, first.computed, first.reused) == (2, 2, 0)
    assert (again.asked, again.computed, again.reused) == (2, 0, 2)
    assert (again.dataset, again.saddle, again.arm) == (first.dataset, first.saddle, first.arm)


def test_labels_of_the_relaxation_are_in_the_dataset_and_not_asked_for_again(bench: Bench) -> None:
    event = assessed(bench, batch_of((REACTANT, "relax", "seed"), (NEAR, "seed", "seed")))
    assert (event.asked, event.rows, event.computed + event.reused) == (1, 2, 1)


def test_an_absurd_label_is_kept_in_store_and_dataset_and_counted(bench: Bench) -> None:
    crushed = moved(REACTANT, -0.41)
    event = assessed(bench, batch_of((crushed, "path", "active"), (NEAR, "path", "active")))
    assert np.abs(leps(crushed.positions)[1]).max() > bench.config.training.force_limit
    assert (event.absurd, event.rows) == (1, 2)
    assert bench.label_of(crushed.key).energy == pytest.approx(leps(crushed.positions)[0])


def test_what_fails_is_counted_by_kind_and_stays_out(config: CampaignConfig, request: pytest.FixtureRequest) -> None:
    bench = bench_of(config, request)
    ends = seeded(bench)
    hydrogen_only = Structure.from_symbols(["H", "He", "H"], SADDLE.positions, charge=1, multiplicity=2)
    batch = Frames.of([NEAR, hydrogen_only], role=["path"] * 2, arm=["random"] * 2, disagreement=[0.1, 0.1])
    name = bench.pools.put(batch)
    pending = BatchChosen(iteration=1, batch=name, batch_size=2, focus=False, dropped={})
    state = CampaignState(seeded=ends, pending=pending)
    event = label(bench, state)
    assert (event.asked, event.computed, event.failed, event.failures) == (2, 1, 1, {"invalid_input": 1})
    assert "three hydrogen atoms" in event.failure_text
    assert (event.rows, event.arm, event.saddle) == (1, (), None)
    again = label(bench, replace(state, labelled=(event,)))
    assert again.failed == 1
