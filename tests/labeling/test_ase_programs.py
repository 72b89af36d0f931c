"""Programs that ASE drives: what is refused before anything starts, and CP2K itself where it is installed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import numpy as np
import pytest

from reactal.chem import FailureKind, Label, LabelFailure, Structure, Theory
from reactal.errors import ConfigError, LabelerUnavailable, UnknownTheory
from reactal.labeling.ase_programs import calculator_labeler, check_calculator
from reactal.labeling.base import Labeler, LabelingResources
from reactal.labeling.programs import check_theory, make_labeler
from tests.labeling.molecules import hydroxyl, water

RESOURCES = LabelingResources(slots=1)


def theory(name: str, **keywords: object) -> Theory:
    return Theory.parse(name, program="ase", keywords=keywords)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (theory("pbe/dzvp", calculator="cp3k"), UnknownTheory, "did you mean cp2k"),
        (theory("pbe/dzvp", calculator=7), ConfigError, "must be a name such as cp2k"),
        (theory("pbe/dzvp", calculator="cp2k", cutof_ry=300), ConfigError, "did you mean cutoff_ry"),
        (theory("pbe/dzvp", calculator="cp2k", cutoff_ry=-1), ConfigError, "a number above zero"),
        (theory("pbe/dzvp", calculator="cp2k", pseudo_potential="a; rm"), ConfigError, "must be a name"),
        (theory("lda/none", calculator="espresso", command="touch /tmp/x"), ConfigError, "ASE's configuration"),
        (theory("lda/none", calculator="cp2k", inp="&END"), ConfigError, "inp"),
    ],
)
def test_what_is_refused_before_anything_starts(wrong: Theory, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        calculator_labeler(wrong, RESOURCES)


def test_a_program_that_is_not_here_is_named() -> None:
    with pytest.raises(LabelerUnavailable, match="ASE cannot start turbomole"):
        check_calculator(theory("pbe/svp", calculator="turbomole"), water(), RESOURCES)


def test_any_other_calculator_is_asked_for_neutral_closed_shells_only() -> None:
    tersoff_like = theory("lj/none", calculator="lj", sigma=2.5, rc=8.0)
    labeler = calculator_labeler(tersoff_like, RESOURCES)
    assert isinstance(labeler.compute(water()), Label)
    refused = labeler.compute(hydroxyl())
    assert isinstance(refused, LabelFailure)
    assert (refused.kind, "multiplicity" in refused.message) == (FailureKind.INVALID_INPUT, True)


@pytest.fixture(scope="module")
def cp2k() -> Iterator[Labeler]:
    """Small: 100 rydberg, a single zeta basis."""
    if shutil.which("cp2k.psmp") is None:
        pytest.skip("cp2k is not installed")
    labeler = make_labeler(CP2K, RESOURCES)
    yield labeler
    labeler.close()


CP2K = theory("pade/szv-molopt-sr-gth", calculator="cp2k", cutoff_ry=120, vacuum=2.0)


def hydrogen(bond: float) -> Structure:
    return Structure.from_symbols(["H", "H"], [[0.0, 0.0, 0.0], [0.0, 0.0, bond]])


@pytest.mark.slow
def test_cp2k_forces_are_the_slope_of_its_energy_and_a_label_comes_again(cp2k: Labeler) -> None:
    check_theory(CP2K, hydrogen(0.8))
    ahead, here, behind = (cp2k.compute(hydrogen(bond)) for bond in (0.81, 0.80, 0.79))
    assert isinstance(ahead, Label) and isinstance(here, Label) and isinstance(behind, Label), (ahead, here, behind)
    assert here.program_version.startswith("ase") and "cp2k" in here.program_version
    assert -(ahead.energy - behind.energy) / 0.02 == pytest.approx(here.forces[1, 2], abs=0.05)
    assert np.abs(here.forces.sum(axis=0)).max() < 1e-3
    again = cp2k.compute(hydrogen(0.80))
    assert isinstance(again, Label)
    assert again.energy == pytest.approx(here.energy, abs=1e-6)
