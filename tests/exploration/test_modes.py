"""Hessians, rigid motions, frequencies, samples: against formulas."""

from __future__ import annotations

import numpy as np
import pytest

from reactal.chem import Structure
from reactal.exploration.hessian import hessian_of
from reactal.exploration.modes import frequencies, masses_of, normal_mode_samples, rattle, rigid_motions, vibrations
from reactal.exploration.stiffness import guess_hessian
from reactal.units import KELVIN
from tests.exploration.reactions import REACTIONS, formaldehyde, hydrogen_cyanide
from tests.exploration.surfaces import Surface, hcch, morse_pair, rotor, tethered

HYDROGEN = Structure((1, 1), [[0, 0, 0], [0.74, 0, 0]])
STIFFNESS = 2 * 4.5 * 1.9**2  # eV/angstrom² of the Morse pair at its minimum


def test_frequency_of_a_diatomic() -> None:
    hessian = hessian_of(Surface(morse_pair), HYDROGEN, HYDROGEN.positions)
    reduced = masses_of(HYDROGEN.numbers)[0] / 2
    # sqrt(k / m) with k = 1 eV/angstrom² and m = 1 u is 521.47 cm^-1
    expected = 521.4709 * np.sqrt(STIFFNESS / reduced)
    found = frequencies(hessian, HYDROGEN.positions, masses_of(HYDROGEN.numbers))
    assert found.shape == (1,)
    assert found[0] == pytest.approx(expected, rel=2e-3)  # the finite step sees a little of the quartic term


def test_hessian_takes_one_call() -> None:
    surface = Surface(rotor)
    hessian = hessian_of(surface, hcch(1.2), hcch(1.2).positions)
    assert surface.calls == 1
    assert np.abs(hessian - hessian.T).max() == 0


def test_rigid_motions_are_five_for_linear_molecules() -> None:
    bent, linear = formaldehyde()[0], hydrogen_cyanide()[0]
    assert rigid_motions(bent.positions).shape == (12, 6)
    assert rigid_motions(linear.positions).shape == (9, 5)
    assert rigid_motions(np.zeros((1, 3))).shape == (3, 3)
    assert rigid_motions(linear.positions, masses_of(linear.numbers)).shape == (9, 5)


def test_vibrations_forget_where_the_molecule_is_and_how_it_is_turned() -> None:
    here = hcch(1.3, 0.4)
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    there = here.moved(here.positions @ turn + 5.0)
    values = [vibrations(hessian_of(Surface(rotor), s, s.positions), s.positions)[0] for s in (here, there)]
    assert len(values[0]) == 6
    assert np.allclose(values[0], values[1], rtol=1e-3)  # the finite step is along other axes


def test_modes_are_unit_and_free_of_rigid_motions() -> None:
    here = hcch(1.3, 0.4)
    _, modes = vibrations(hessian_of(Surface(rotor), here, here.positions), here.positions)
    assert np.allclose(modes @ modes.T, np.eye(6), atol=1e-10)
    assert np.abs(modes @ rigid_motions(here.positions)).max() < 1e-10


def test_samples_have_the_variance_of_a_classical_oscillator() -> None:
    hessian = hessian_of(Surface(morse_pair), HYDROGEN, HYDROGEN.positions)
    moved = normal_mode_samples(HYDROGEN.positions, hessian, count=4000, temperature=300.0, rng=np.random.default_rng(0))
    lengths = np.linalg.norm(moved[:, 0] - moved[:, 1], axis=1)
    assert lengths.var() == pytest.approx(KELVIN * 300 / STIFFNESS, rel=0.1)


def test_samples_of_soft_modes_stay_close() -> None:
    moved = normal_mode_samples(
        HYDROGEN.positions, np.zeros((6, 6)), count=200, temperature=5000.0, rng=np.random.default_rng(0), largest=0.2
    )
    assert np.linalg.norm(moved - HYDROGEN.positions, axis=2).max() < 0.2 + 1e-9


def test_rattle_has_its_width() -> None:
    moved = rattle(np.zeros((500, 3)), 0.02, np.random.default_rng(0))
    assert moved.std() == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize("name", list(REACTIONS))
def test_guessed_hessian_is_positive_and_symmetric(name: str) -> None:
    for end in REACTIONS[name]():
        hessian = guess_hessian(end.numbers, end.positions)
        assert np.allclose(hessian, hessian.T)
        assert np.linalg.eigvalsh(hessian).min() > 0.29


def test_guessed_hessian_knows_bonds_from_nothing() -> None:
    close = guess_hessian((6, 1), np.asarray([[0, 0, 0], [1.09, 0, 0]]))
    apart = guess_hessian((6, 1), np.asarray([[0, 0, 0], [4.0, 0, 0]]))
    assert 20 < close[0, 0] < 60  # a C-H stretch has about 30 eV/angstrom²
    assert apart[0, 0] < 1


def test_guessed_hessian_turns_with_the_molecule() -> None:
    here = formaldehyde()[0]
    turn, _ = np.linalg.qr(np.random.default_rng(2).normal(size=(3, 3)))
    turned = guess_hessian(here.numbers, here.positions @ turn)
    whole = np.kron(np.eye(len(here)), turn)
    assert np.allclose(turned, whole.T @ guess_hessian(here.numbers, here.positions) @ whole, atol=1e-8)


def test_tethered_atoms_have_the_hessian_of_their_springs() -> None:
    here = formaldehyde()[0]
    hessian = hessian_of(Surface(tethered(3.0, here.positions)), here, here.positions)
    assert np.allclose(hessian, 3.0 * np.eye(12), atol=1e-5)
