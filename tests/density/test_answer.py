"""A model as it is used: in one step where it knows, by the SCF where it does not, and it says which."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from reactal.chem import Structure
from reactal.density.answer import NotTrusted, answer
from reactal.density.evaluation import evaluated, summary_of
from reactal.density.figures import draw_errors, draw_isosurfaces, draw_slices
from reactal.density.guard import Guard
from reactal.density.layout import Layout
from reactal.density.model import DensityModel
from reactal.density.network import build_network
from reactal.density.oneshot import Stage
from reactal.density.reference import ReferenceDensity, reference_density
from reactal.density.room import NotEnoughMemory, enough_memory, require_room
from reactal.density.settings import NetworkSpec
from reactal.errors import DamagedPotential, InputError
from reactal.units import HARTREE
from tests.density.conftest import COARSE, fluoride, water

MILLI = 1e3 / HARTREE


def test_a_molecule_that_was_learned_takes_one_step(fluoride_model: DensityModel) -> None:
    unseen = fluoride(0.95, seed=50)
    found, true = answer(fluoride_model, unseen, forces=True), reference_density(unseen, COARSE)
    assert (found.route, found.because, found.iterations) == ("one-shot", None, 1)
    assert found.bound_mha is not None
    assert abs(found.energy - true.energy) * MILLI < found.bound_mha < 5.0
    assert found.forces is not None
    np.testing.assert_allclose(found.forces, true.forces, atol=0.1)


@pytest.mark.parametrize(
    ("structure", "because"),
    [
        (water(), "not trained on O"),
        (Structure((9, 1), np.asarray([[0, 0, 0], [0, 0, 1.6]])), "may be off by"),
        (Structure((9,), np.zeros((1, 3)), charge=-1), "charge -1 was not trained on"),
    ],
    ids=["element", "far", "ion"],
)
def test_what_was_not_learned_goes_to_the_scf_and_says_why(
    fluoride_model: DensityModel, structure: Structure, because: str
) -> None:
    found = answer(fluoride_model, structure)
    assert found.route == "scf"
    assert because in (found.because or "")
    assert found.energy == pytest.approx(reference_density(structure, COARSE).energy, abs=1e-5)
    with pytest.raises(NotTrusted, match=because):
        answer(fluoride_model, structure, otherwise_scf=False)


def test_a_mesh_that_does_not_fit_leaves_the_answer_to_the_scf() -> None:
    spec = NetworkSpec("unet", "tiny", spacing=0.01, elements=(1, 9))
    model = DensityModel(COARSE, spec, (build_network(spec, Layout((1, 9), COARSE), seed=0),), Guard.of([fluoride(0.9)]), {})
    found = answer(model, fluoride(0.9))
    assert (found.route, found.bound_mha) == ("scf", None)
    assert "a mesh of" in (found.because or "") and "does not fit" in (found.because or "")


def test_a_molecule_without_room_is_refused_before_it_is_begun() -> None:
    with pytest.raises(NotEnoughMemory, match=r"FH needs 9\d+\.\d GiB of memory and .* are free"):
        require_room(fluoride(0.9), 1e12)
    with pytest.raises(NotEnoughMemory, match="what it says needs more memory than there is"), enough_memory("what it says"):
        np.empty((10**9, 10**9))
    with pytest.raises(NotEnoughMemory, match="needs more memory"), enough_memory("a tensor"):
        torch.empty((10**7, 10**9))


def test_an_evaluation_says_what_was_not_even_predicted(fluoride_model: DensityModel, tmp_path: Path) -> None:
    cases = evaluated(fluoride_model, [reference_density(water(), COARSE)], forces=False)
    summary = summary_of(cases)
    assert (summary.cases, summary.refused, summary.trusted, summary.guard_recall) == (1, 1, 0.0, 1.0)
    assert cases[0].because == "not trained on O"
    assert summary.iterations == summary.iterations_from_guess == cases[0].iterations > 0


def test_open_shells_are_refused(fluoride_model: DensityModel) -> None:
    with pytest.raises(InputError, match="multiplicity 3"):
        answer(fluoride_model, Structure((9, 1), fluoride(0.9).positions, multiplicity=3))


def test_a_model_says_the_same_after_it_was_written(fluoride_model: DensityModel, tmp_path: Path) -> None:
    fluoride_model.write(tmp_path / "model")
    again, stage = DensityModel.read(tmp_path / "model"), Stage(fluoride(0.9), COARSE)
    here, there = fluoride_model.predict(stage), again.predict(stage)
    np.testing.assert_array_equal(here.coefficients, there.coefficients)
    assert here.spread == there.spread > 0
    assert again.guard.strange(fluoride(0.9)) == fluoride_model.guard.strange(fluoride(0.9))
    shutil.copy(tmp_path / "model" / "guard.safetensors", tmp_path / "model" / "member-0.safetensors")
    with pytest.raises(DamagedPotential, match="train it again"):
        DensityModel.read(tmp_path / "model")
    with pytest.raises(InputError, match="no density model"):
        DensityModel.read(tmp_path)


def test_an_evaluation_counts_what_was_wrong_and_draws_it(
    fluoride_model: DensityModel, fluorides: Sequence[ReferenceDensity], tmp_path: Path
) -> None:
    cases = evaluated(fluoride_model, [fluorides[3]])
    summary = summary_of(cases)
    assert summary.rho_error < 15
    assert cases[0].fit_error <= cases[0].rho_error
    assert summary.energy_mha < 1.0
    assert summary.iterations_from_guess <= summary.iterations
    draw_errors(cases, tmp_path / "errors.png")
    draw_slices(fluoride_model, fluorides[3], tmp_path / "slices.png")
    draw_isosurfaces(fluoride_model, fluorides[3], tmp_path / "iso.png")
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in ("errors.png", "slices.png", "iso.png"))


def test_the_guard_asks_for_as_much_as_errors_showed() -> None:
    guard = Guard.of([fluoride(0.85), fluoride(0.95)])
    assert guard.calibrated([], []).factor == guard.factor
    wild = guard.calibrated([4.5] * 10, [1.0] * 10)
    assert wild.factor == pytest.approx(4.0)
    assert wild.bound_mha(1.0) == pytest.approx(4.5)
    assert guard.after(bound_mha=float("nan"), limit_mha=5.0, strange=0.0) is not None
    assert guard.after(bound_mha=3.0, limit_mha=5.0, strange=0.0) is None
    assert "unlike" in (guard.after(bound_mha=3.0, limit_mha=5.0, strange=0.5) or "")
    assert guard.strange(fluoride(0.9)) < 0.05 < guard.strange(fluoride(2.0))
