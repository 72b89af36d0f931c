"""Net forces and torques tell unsound labels; the stated rule says what becomes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reactal.chem import Frames, Label, Theory
from reactal.labeling.base import LabelingResources
from reactal.labeling.leps import leps
from reactal.labeling.pool import LocalLabelPool
from reactal.labeling.quality import QualityRule, flagged, flags, net_force, net_torque, weighted, weights
from reactal.labeling.recheck import INCONSISTENT, STEP, recheck, tightened
from reactal.progress import NoProgress
from reactal.store.labels import LabelEntry, LabelStore
from reactal.store.opening import open_store
from tests.labeling.molecules import hydrogen_trios, waters

LEPS = Theory.parse("leps/none", program="ase")
RULE = QualityRule()
EXACT = 1e-12


def exact(count: int) -> Frames:
    structures = hydrogen_trios(count)
    results = [leps(structure.positions) for structure in structures]
    return Frames.of(structures, [Label(s.key, "t", *result) for s, result in zip(structures, results, strict=True)])


def pushed(frames: Frames, row: int, push: list[float], atom: int = 0) -> Frames:
    """With a force (eV/angstrom) more on one atom of one structure."""
    forces = frames.forces.copy()
    forces[frames.atoms(row).start + atom] += push
    return replace(frames, forces=forces)


def test_exact_forces_have_no_net_force_and_no_net_torque() -> None:
    frames = exact(5)
    assert net_force(frames).max() < EXACT and net_torque(frames).max() < EXACT
    assert flags(frames).tolist() == [""] * 5
    assert weighted(frames) is frames


def test_a_push_is_found_in_its_own_structure() -> None:
    frames = pushed(exact(4), 2, [0.3, 0.0, 0.0])
    assert net_force(frames) == pytest.approx([0.0, 0.0, 0.1, 0.0], abs=EXACT)
    assert net_torque(frames)[2] > RULE.net_torque
    assert flags(frames).tolist() == ["", "", "net_force net_torque", ""]
    assert flagged(frames) == {"any": 1, "net_force": 1, "net_torque": 1, "left_out": 1}


def test_a_couple_turns_the_molecule_without_moving_it() -> None:
    frames = pushed(pushed(exact(1), 0, [0.1, 0.0, 0.0], atom=0), 0, [-0.1, 0.0, 0.0], atom=2)
    assert net_force(frames) == pytest.approx([0.0], abs=EXACT)
    assert net_torque(frames) == pytest.approx([0.1 * 1.8 / 3], abs=1e-9), "arm of 1.8 angstrom, three atoms"
    assert flags(frames).tolist() == ["net_torque"]


def test_in_a_crystal_only_the_net_force_means_something() -> None:
    frames = pushed(pushed(exact(1), 0, [0.1, 0.0, 0.0], atom=0), 0, [-0.1, 0.0, 0.0], atom=2)
    periodic = replace(frames, cell=np.eye(3)[None] * 9, pbc=np.ones((1, 3), dtype=bool))
    assert flags(periodic).tolist() == [""]


def test_the_weight_falls_with_the_excess_and_ends() -> None:
    frames = exact(4)
    for row, excess in enumerate((0.9, 2.0, 9.9, 10.1)):
        along = frames.positions[0] - frames.positions[2]  # through two atoms, so that it hardly turns the molecule
        frames = pushed(frames, row, (3 * RULE.net_force * excess * along / np.linalg.norm(along)).tolist(), atom=1)
    expected = np.maximum(net_force(frames) / RULE.net_force, net_torque(frames) / RULE.net_torque)
    assert weights(frames) == pytest.approx([1.0, *(1 / expected[1:3] ** 2), 0.0])
    counted = weighted(frames.with_extra(weight=[1.0, 3.0, 1.0, 1.0]))
    assert len(counted) == 3
    assert counted.extra["weight"] == pytest.approx([1.0, 3 / expected[1] ** 2, 1 / expected[2] ** 2])


def test_a_structure_without_a_label_has_no_flag() -> None:
    assert flags(Frames.of(hydrogen_trios(2))).tolist() == ["", ""]
    assert flags(Frames.of([])).tolist() == []


# -- the noise, measured -------------------------------------------------------------------------------------------------


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[LocalLabelPool]:
    pool = LocalLabelPool(LabelStore(open_store(str(tmp_path / "store"))), LEPS, LabelingResources(slots=1))
    yield pool
    pool.close()


def entries(frames: Frames) -> list[LabelEntry]:
    structures = list(frames.structures())
    rows = [(float(frames.energy[i]), frames.forces[frames.atoms(i)]) for i in range(len(frames))]
    return [LabelEntry(s, Label(s.key, LEPS.fingerprint, *row)) for s, row in zip(structures, rows, strict=True)]


def test_forces_of_the_surface_are_the_slope_of_its_energies(pool: LocalLabelPool) -> None:
    result = recheck(entries(exact(5)), pool, LEPS, random=np.random.default_rng(0), progress=NoProgress())
    assert (result.sample, result.failed) == (5, 0)
    assert result.inconsistency is not None and result.inconsistency < STEP**4 * 100
    assert result.energy_noise is None, "there is nothing to tighten"


def test_forces_that_are_not_the_slope_are_found(pool: LocalLabelPool) -> None:
    wrong = pushed(exact(5), 3, [0.2, 0.2, 0.2])
    result = recheck(entries(wrong), pool, LEPS, random=np.random.default_rng(0), progress=NoProgress())
    assert result.inconsistency is not None and result.inconsistency > INCONSISTENT


def test_tighter_settings_never_loosen_what_the_theory_has() -> None:
    theory = Theory.parse("hf/sto-3g", keywords={"e_convergence": 1e-12, "d_convergence": 1e-6, "dft_spherical_points": 770})
    tight = tightened(theory)
    assert tight is not None and tight.fingerprint != theory.fingerprint
    keywords = dict(tight.keywords)
    assert (keywords["e_convergence"], keywords["dft_spherical_points"]) == (1e-12, 770)
    assert float(keywords["d_convergence"]) < 1e-6
    assert tightened(LEPS) is None


@pytest.mark.psi4
def test_the_noise_of_psi4_is_small_and_its_forces_consistent(tmp_path: Path) -> None:
    theory = Theory.parse("hf/sto-3g")
    labels = LabelStore(open_store(str(tmp_path)))
    pool = LocalLabelPool(labels, theory, LabelingResources(slots=1))
    list(pool.label(waters(2)))
    known = [entry for entry in labels.entries(theory.fingerprint, labels.keys(theory.fingerprint)) if entry]
    result = recheck(known, pool, theory, random=np.random.default_rng(0), progress=NoProgress())
    pool.close()
    assert (result.sample, result.failed) == (2, 0)
    assert result.force_noise is not None and 0 < result.force_noise < 1e-4
    assert result.energy_noise is not None and result.energy_noise < 1e-5
    assert result.inconsistency is not None and result.inconsistency < 1e-3
