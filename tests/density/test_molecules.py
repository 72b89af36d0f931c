"""Free atoms, fitting functions, and what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reactal.chem import Structure
from reactal.density.molecules import atoms_density, fitting_molecule, fitting_shells, molecule
from reactal.density.theory import DensityTheory
from reactal.errors import ConfigError, InputError, UnknownElement
from tests.density.conftest import COARSE, water


def test_free_atoms_have_their_valence_electrons_and_are_round() -> None:
    mole = molecule(water(), COARSE)
    density = atoms_density(mole, COARSE)
    assert np.trace(density @ mole.intor("int1e_ovlp")) == pytest.approx(8.0, abs=1e-6)
    dipole = np.einsum("xij,ji->x", mole.intor("int1e_r"), density)
    centres = np.asarray([6.0, 1.0, 1.0]) @ mole.atom_coords()
    np.testing.assert_allclose(dipole, centres, atol=1e-6)


def test_fitting_functions_stand_as_their_shells_say() -> None:
    mole = molecule(water(), COARSE)
    functions = fitting_molecule(mole, COARSE)
    wanted = [one for number in water().numbers for one in fitting_shells(number, COARSE)]
    assert [functions.bas_angular(shell) for shell in range(functions.nbas)] == wanted


def test_what_cannot_be_learned_of_is_refused() -> None:
    with pytest.raises(InputError, match="multiplicity 3"):
        molecule(Structure((8, 8), np.asarray([[0, 0, 0], [0, 0, 1.2]]), multiplicity=3), COARSE)
    with pytest.raises(InputError, match="periodic cell"):
        molecule(Structure((1, 1), np.asarray([[0, 0, 0], [0, 0, 0.74]]), cell=np.eye(3) * 8, pbc=(True,) * 3), COARSE)
    with pytest.raises(UnknownElement, match="U"):
        molecule(Structure((92,), np.zeros((1, 3))), COARSE)


@pytest.mark.parametrize("functional", ["b3lyp", "scan", "wb97m_v", "nothing"])
def test_functionals_that_one_step_cannot_have_are_refused(functional: str) -> None:
    """They would be left out in part, without a word."""
    with pytest.raises(ConfigError, match=f"functional {functional}.*write for example pbe"):
        molecule(water(), replace(COARSE, functional=functional))


@pytest.mark.parametrize("wrong", [{"grid_level": 12}, {"fitting_ratio": 9.0}, {"fitting_angular": 0}])
def test_theories_out_of_range_are_refused(wrong: dict) -> None:
    with pytest.raises(ConfigError, match="write"):
        DensityTheory(**wrong)


def test_a_theory_is_the_same_after_its_json() -> None:
    assert DensityTheory.from_json(COARSE.as_json()).fingerprint == COARSE.fingerprint != DensityTheory().fingerprint
