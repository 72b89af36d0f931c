"""The labeler for ASE's calculators: what it knows, and what it refuses in one sentence."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Label, Structure, Theory
from reactal.errors import ConfigError, UnknownTheory
from reactal.labeling.ase import ase_labeler
from reactal.labeling.programs import check_theory
from tests.labeling.molecules import hydrogen_trios, not_hydrogen, water


def theory(name: str, **keywords: object) -> Theory:
    return Theory.parse(name, program="ase", keywords=keywords)  # type: ignore[arg-type]


def test_lennard_jones_has_its_well_where_the_keywords_put_it() -> None:
    sigma, depth = 2.2, 0.3
    pair = Structure.from_symbols(["Ar", "Ar"], [[0.0, 0.0, 0.0], [0.0, 0.0, 2 ** (1 / 6) * sigma]])
    label = ase_labeler(theory("lj/none", sigma=sigma, epsilon=depth, rc=20.0)).compute(pair)
    assert isinstance(label, Label)
    assert label.energy == pytest.approx(-depth, abs=1e-3)
    assert np.abs(label.forces).max() < 1e-3


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (theory("pm7/none"), UnknownTheory, "known are emt/none, leps/none"),
        (theory("emt/sto-3g"), UnknownTheory, "did you mean emt/none"),
        (theory("lj/none", depth=1.0), ConfigError, "epsilon, rc, sigma"),
        (theory("morze/none"), UnknownTheory, "did you mean morse/none"),
        (theory("lj/none", sigma="wide"), ConfigError, "must be a number above zero"),
        (Theory.parse("hf/sto-3g"), ConfigError, "not of ase"),
    ],
)
def test_what_it_does_not_know(wrong: Theory, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ase_labeler(wrong)


def test_elements_are_checked_before_a_label_is_spent() -> None:
    check_theory(theory("leps/none"), hydrogen_trios(1)[0])
    with pytest.raises(UnknownTheory, match="does not work for"):
        check_theory(theory("leps/none"), not_hydrogen())
    with pytest.raises(UnknownTheory, match="does not work for H2O"):
        check_theory(theory("leps/none"), water())
    with pytest.raises(ConfigError, match="known are psi4, ase"):
        check_theory(Theory.parse("hf/sto-3g", program="orca"), water())
