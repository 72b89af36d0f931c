"""Large molecules in blocks: what is left out is nothing, and forces are those of PySCF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from reactal.chem import Structure
from reactal.density.coulomb import Coulomb
from reactal.density.exchange import reaching
from reactal.density.metric import Metric
from reactal.density.molecules import atoms_density, molecule
from reactal.density.oneshot import Stage
from reactal.density.reference import ReferenceDensity, forces_of, mean_field, reference_density
from reactal.density.slopes import forces_of_orbitals
from tests.density.conftest import COARSE, fluoride

APART = 20.0  # angstrom
EXACT = 1e-9  # hartree, and of a moment
SAME_FORCE = 1e-5  # eV/angstrom
SLOPE = 0.02  # eV/angstrom, of differences of 0.01 angstrom


@pytest.fixture(scope="module")
def two() -> Coulomb:
    """Two molecules that do not touch, with room for nothing."""
    one = fluoride(0.93)
    pair = Structure((*one.numbers, *one.numbers), np.concatenate([one.positions, one.positions + np.asarray([APART, 0.0, 0.0])]))
    return Coulomb(molecule(pair, COARSE), COARSE, memory_mib=0)


def test_pairs_that_do_not_touch_are_left_out_and_missed_by_nothing(two: Coulomb) -> None:
    every = Coulomb(two.mole, COARSE)
    every.pairs.near[:] = True
    assert two.pairs.near.sum() == 8 < every.pairs.near.size
    assert two.pairs.size(two.functions) < every.pairs.size(every.functions)
    density = atoms_density(two.mole, COARSE)
    wild = np.random.default_rng(0).normal(0.0, 0.01, two.functions.nao)
    np.testing.assert_allclose(two.moments(density), every.moments(density), atol=EXACT)
    np.testing.assert_allclose(two.moments(density, of_atoms=True), every.moments(density), atol=EXACT)
    np.testing.assert_allclose(two.potential(wild), every.potential(wild), atol=EXACT)


def test_points_see_the_functions_near_to_them(two: Coulomb) -> None:
    points = two.mole.atom_coord(0) + np.random.default_rng(0).normal(0.0, 1.0, (30, 3))
    near, at = reaching(two.mole, points)
    whole = two.mole.eval_gto("GTOval_sph", points)
    assert 0 < len(at) < two.mole.nao
    np.testing.assert_array_equal(near.eval_gto("GTOval_sph", points), whole[:, at])
    assert np.abs(np.delete(whole, at, axis=1)).max() < EXACT
    assert len(reaching(two.mole, points + 500.0)[1]) < two.mole.nao


def test_one_square_holds_the_metric_and_its_factor(two: Coulomb) -> None:
    metric, square = Metric(two.functions), two.metric
    wild = np.random.default_rng(0).normal(size=len(square))
    np.testing.assert_allclose(metric.times(wild), square @ wild, rtol=1e-12, atol=1e-9)
    np.testing.assert_allclose(metric.times(metric.solved(square @ wild)), square @ wild, rtol=1e-6, atol=1e-6)


def test_forces_of_converged_orbitals_are_those_of_pyscf(fluorides: Sequence[ReferenceDensity]) -> None:
    stage = Stage(fluorides[0].structure, COARSE, memory_mib=0)
    field = mean_field(stage.mole, COARSE)
    field.kernel(dm0=fluorides[0].density)
    density = np.asarray(field.make_rdm1())
    mine = forces_of_orbitals(
        stage.coulomb.pairs,
        stage.coulomb.functions,
        stage.grids,
        density=density,
        weighted=(field.mo_coeff * field.mo_occ * field.mo_energy) @ field.mo_coeff.T,
        fitted=stage.coulomb.fit(density),
        theory=COARSE,
    )
    np.testing.assert_allclose(mine, forces_of(field, COARSE), atol=SAME_FORCE)


def test_hydrogen_alone_has_forces_too() -> None:
    theory = replace(COARSE, grid_level=4)  # on coarse grids energies are no smooth function of the length

    def computed(length: float) -> ReferenceDensity:
        return reference_density(Structure((1, 1), np.asarray([[0.0, 0.0, 0.0], [0.0, 0.0, length]])), theory)

    slope = (computed(0.61).energy - computed(0.59).energy) / 0.02
    np.testing.assert_allclose(computed(0.6).forces, [[0.0, 0.0, slope], [0.0, 0.0, -slope]], atol=SLOPE)
