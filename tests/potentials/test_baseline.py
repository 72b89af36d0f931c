"""Delta-learning: the networks learn what GFN-xTB misses, and every prediction has it again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from reactal.chem import Frames, Structure
from reactal.errors import ConfigError, DamagedPotential, UnknownElement
from reactal.learning import Training
from reactal.potentials.baseline import Baseline
from reactal.potentials.committee import Committee
from reactal.potentials.export import INDEX, load_committee, save_committee
from reactal.potentials.xtb import METHODS, XtbPotential
from tests.potentials.surface import METHANOL, WATER, committee_of_random_networks, labelled

STEP = 1e-3  # angstrom
FORCE_IS_SLOPE = 1e-3  # eV/angstrom; GFN-xTB's own, at tblite's usual accuracy
GFN2 = Baseline("gfn2")


@pytest.fixture(scope="module")
def plain() -> Committee:
    return committee_of_random_networks(members=2)


@pytest.fixture(scope="module")
def committee(plain: Committee) -> Committee:
    return replace(plain, baseline=GFN2)


def test_a_prediction_is_the_networks_and_the_baseline(plain: Committee, committee: Committee) -> None:
    frames = labelled(METHANOL, WATER, count=4)
    said, networks, cheap = committee.predict(frames), plain.predict(frames), XtbPotential().predict(frames)
    assert said.energy == pytest.approx(networks.energy + cheap.energy, abs=1e-9)
    assert said.forces == pytest.approx(networks.forces + cheap.forces, abs=1e-9)
    assert said.energy_spread == pytest.approx(networks.energy_spread, abs=1e-9)
    assert said.force_spread == pytest.approx(networks.force_spread, abs=1e-9)


def test_what_is_left_of_labels_is_what_the_networks_shall_say(plain: Committee, committee: Committee) -> None:
    frames = labelled(WATER, count=4)
    said = committee.predict(frames)
    left = GFN2.less(replace(frames, energy=said.energy, forces=said.forces))
    networks = plain.predict(frames)
    assert left.energy == pytest.approx(networks.energy, abs=1e-9)
    assert left.forces == pytest.approx(networks.forces, abs=1e-9)


def test_forces_are_minus_the_slope_of_the_energy(committee: Committee) -> None:
    start = METHANOL.positions + np.random.default_rng(0).normal(0, 0.05, METHANOL.positions.shape)
    direction = np.random.default_rng(1).normal(size=start.shape)
    direction /= np.linalg.norm(direction)
    said = committee.predict(Frames.repeat(METHANOL, [start, start + STEP * direction, start - STEP * direction]))
    slope = (said.energy[1] - said.energy[2]) / (2 * STEP)
    assert -slope == pytest.approx((said.forces[: len(METHANOL)] * direction).sum(), abs=FORCE_IS_SLOPE)


def test_saved_and_loaded_it_says_the_same(committee: Committee) -> None:
    frames = labelled(WATER, count=3)
    blobs = save_committee(committee)
    again = load_committee(blobs)
    assert again.baseline == GFN2
    assert again.predict(frames).forces == pytest.approx(committee.predict(frames).forces, abs=1e-6)
    assert save_committee(again) == blobs
    assert json.loads(blobs[INDEX])["baseline"] == {"name": "gfn2"}


def test_files_without_a_baseline_are_as_they_were_and_with_one_no_older_version_reads_them(
    plain: Committee, committee: Committee
) -> None:
    files, with_baseline = save_committee(plain), save_committee(committee)
    assert b"member-1" in files["member-00.safetensors"]
    assert b"baseline" not in b"".join(files.values())
    assert load_committee(files).baseline is None
    assert b"member-2" in with_baseline["member-00.safetensors"]
    strange = with_baseline["member-00.safetensors"].replace(b"member-2", b"member-9")
    with pytest.raises(DamagedPotential, match="update reactal"):
        load_committee({**with_baseline, "member-00.safetensors": strange})


def test_members_of_different_baselines_make_no_committee(plain: Committee, committee: Committee) -> None:
    with pytest.raises(ConfigError, match="must share"):
        Committee.of([*plain.members(), *committee.members()])


def test_where_the_baseline_does_not_converge_nothing_is_finite(committee: Committee) -> None:
    """A crystal with too small a cell; the molecule beside it keeps its numbers."""
    cell = 3.2 * np.array([[1.102, -0.128, 0.021], [-0.028, 0.977, -0.011], [-0.101, -0.012, 0.957]])
    lithium_fluoride = Structure.from_symbols(
        ["Li", "F"], np.array([[0.02, 0.0, 0.01], [0.5, 0.51, 0.47]]) @ cell, cell=cell, pbc=(True, True, True)
    )
    said = Baseline("gfn1").predict(Frames.of([lithium_fluoride, WATER]))
    assert np.isfinite(said.energy).tolist() == [False, True]
    assert np.isfinite(said.forces).all(axis=1).tolist() == [False, False, True, True, True]


def test_elements_it_does_not_know_are_named() -> None:
    with pytest.raises(UnknownElement, match="up to Rn, not U"):
        GFN2.predict(Frames.of([Structure.from_symbols(["U"], [[0.0, 0.0, 0.0]])]))
    with pytest.raises(ConfigError, match="no baseline 'gfn7'"):
        Baseline("gfn7")


def test_a_campaign_file_may_name_baselines_that_exist() -> None:
    assert set(get_args(Training.model_fields["baseline"].annotation)) - {"none", "auto"} < set(METHODS)


def test_the_same_numbers_to_the_bit_on_any_number_of_threads() -> None:
    """GFN-xTB's own threads would add up in whatever order they end."""
    frames = labelled(METHANOL, WATER, count=8)
    first = XtbPotential().predict(frames)
    for threads in (1, 2, 3) * 5:
        again = XtbPotential(threads=threads).predict(frames)
        assert again.energy.tobytes() == first.energy.tobytes()
        assert again.forces.tobytes() == first.forces.tobytes()
