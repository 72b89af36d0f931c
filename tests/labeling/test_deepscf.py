"""Labels from a learned density: which way they took stands in them, and a model that changed is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from reactal.chem import FailureKind, Label, LabelFailure, Structure
from reactal.density.guard import Guard
from reactal.density.layout import Layout
from reactal.density.model import DensityModel
from reactal.density.network import build_network
from reactal.density.reference import reference_density
from reactal.density.settings import NetworkSpec
from reactal.density.theory import DensityTheory
from reactal.errors import ConfigError, UnknownTheory
from reactal.labeling.base import LabelingResources
from reactal.labeling.deepscf import FALLBACK, check_deepscf_theory, deepscf_labeler, deepscf_theory, require_deepscf_names

COARSE = DensityTheory(grid_level=0, fitting_ratio=2.4, fitting_angular=3)
HF = Structure((9, 1), np.asarray([[0.0, 0.0, 0.0], [0.0, 0.0, 0.93]]))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that has learned nothing: its guard sends everything to the SCF, unless the limit lets anything pass."""
    spec = NetworkSpec("atoms", "tiny", elements=(1, 9))
    network = build_network(spec, Layout((1, 9), COARSE), seed=0)
    folder = tmp_path_factory.mktemp("density") / "model"
    DensityModel(COARSE, spec, (network,), Guard.of([HF]), {}).write(folder)
    return folder


def test_a_label_says_that_it_was_one_step(model: Path) -> None:
    label = deepscf_labeler(deepscf_theory(model, limit_mha=1e9), LabelingResources()).compute(HF)
    assert isinstance(label, Label)
    said = dict(label.attempts[0].settings)
    assert (said["route"], label.flags, label.scf_iterations) == ("one-shot", (), 1)
    assert float(said["bound_mha"]) > 0
    assert Label.from_json(label.as_json()).flags == ()


def test_a_label_says_that_the_scf_took_over(model: Path) -> None:
    label = deepscf_labeler(deepscf_theory(model, limit_mha=0.5001), LabelingResources()).compute(HF)
    assert isinstance(label, Label)
    said = dict(label.attempts[0].settings)
    assert (said["route"], label.flags) == ("scf", (FALLBACK,))
    assert "may be off by" in said["because"]
    assert label.energy == pytest.approx(reference_density(HF, COARSE).energy, abs=1e-4)
    assert Label.from_json(label.as_json()).flags == (FALLBACK,)


def test_failures_are_values(model: Path) -> None:
    refusing = deepscf_labeler(deepscf_theory(model, limit_mha=0.5001, otherwise="fail"), LabelingResources()).compute(HF)
    triplet = Structure((9, 1), HF.positions, multiplicity=3)
    open_shell = deepscf_labeler(deepscf_theory(model), LabelingResources()).compute(triplet)
    for answer, words in ((refusing, "does not answer for FH"), (open_shell, "multiplicity 3")):
        assert isinstance(answer, LabelFailure)
        assert answer.kind is FailureKind.INVALID_INPUT
        assert words in answer.message


def test_a_theory_is_of_one_model_and_of_what_it_was_made_for(model: Path) -> None:
    theory = deepscf_theory(model)
    assert theory.name == "pbe/gth-dzvp"
    with pytest.raises(ConfigError, match="write that"):
        deepscf_labeler(type(theory)("deepscf", "b3lyp", "gth-dzvp", theory.keywords), LabelingResources())
    with pytest.raises(ConfigError, match="scf or fail"):
        require_deepscf_names(theory.with_keywords(otherwise="guess"))
    check_deepscf_theory(theory, HF, LabelingResources())
    uranium = Structure((92,), np.zeros((1, 3)))
    with pytest.raises(UnknownTheory, match="does not work for U"):
        check_deepscf_theory(theory, uranium, LabelingResources())


def test_a_model_that_changed_is_refused(model: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(model, tmp_path / "model")
    theory = deepscf_theory(tmp_path / "model")
    shown = json.loads((tmp_path / "model" / "density.json").read_text())
    (tmp_path / "model" / "density.json").write_text(json.dumps({**shown, "about": {"changed": True}}))
    with pytest.raises(ConfigError, match="has changed"):
        deepscf_labeler(theory, LabelingResources())
